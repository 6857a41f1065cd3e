"""What the store knows of packages, and that one is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kiosk.model.actor import CONSOLE, SERVER
from kiosk.model.barcode import kept_key, require_barcode
from kiosk.model.carriers import EVERY_CARRIER, OPERATOR, CarrierScope
from kiosk.model.event_bodies import ContactChanged, PackageAnnounced
from kiosk.model.package import Package, PackageStatus
from kiosk.model.person import Recipient
from kiosk.store.compatibility import known_word
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, Writer, insert, live, update

LIVE = live()
CONTESTED = (
    "EXISTS (SELECT 1 FROM package AS other WHERE other.barcode_key = package.barcode_key"
    " AND other.id <> package.id AND other.carrier = package.carrier"
    f" AND {live('other.')})"
)
"""Of a row of `package`: another live one of its carrier has the same barcode. What another
carrier's courier brings is that carrier's, whatever its label says."""

LIVE_BY_KEY = (
    f"SELECT * FROM package WHERE barcode_key = ? AND {LIVE} ORDER BY slot IS NULL, announced_ms"
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A package that is expected here."""

    id: str
    barcode: str
    size: str | None
    recipient: Recipient | None
    owner: str | None = None
    """The server's mark of the person; packages of one owner open with one code."""
    is_alone: bool = False
    """Never opened by the code of another package."""
    needs_low: bool = False
    sender: str | None = None
    """The server's mark of who announces it."""
    carrier: str = OPERATOR


def status_of(word: str) -> PackageStatus:
    """A status as it is written. A package with one of a newer program is nobody's to fetch with a
    code; staff may take it out."""
    return known_word(word, PackageStatus.CANCELLED)


def package_of(row: Row) -> Package:
    return Package(
        id=row["id"],
        barcode=row["barcode"],
        status=status_of(row["status"]),
        size=row["size"],
        slot=row["slot"],
        recipient=row["recipient"],
        locator=row["locator"],
        code_counter=row["code_counter"],
        stored_ms=row["stored_ms"],
        hold_until_ms=row["hold_until_ms"],
        finished_ms=row["finished_ms"],
        carrier=row["carrier"],
    )


def package(writer: Writer, package_id: str) -> Package:
    """One package by its id."""
    row = writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
    if row is None:
        raise RefusedError(f"there is no package {package_id}")
    return package_of(row)


def live_rows(writer: Writer, barcode: str, scope: CarrierScope = EVERY_CARRIER) -> list[Row]:
    """The live packages with this barcode, in whichever spelling, that somebody may touch, those
    that lie here first. There is at most one, but where more than one sender says that it is
    theirs."""
    rows = writer.all(LIVE_BY_KEY, (kept_key(barcode),))
    return [row for row in rows if scope.may_touch(row["carrier"])]


def meant_by(writer: Writer, barcode: str, scope: CarrierScope = EVERY_CARRIER) -> Row | None:
    """The live package that a label means to who may touch this: the one that lies here, else the
    one expected.

    None also where several senders expect one: whose it is the label does not tell.
    """
    return meant_among(live_rows(writer, barcode, scope))


def meant_among(rows: Sequence[Row]) -> Row | None:
    """`meant_by`, of the live packages with one barcode."""
    return rows[0] if len(rows) == 1 or (rows and rows[0]["slot"] is not None) else None


def is_anybodys(writer: Writer, barcode: str) -> bool:
    """Whether a live package has this barcode, or several: somebody is known to wait for it."""
    return bool(live_rows(writer, barcode))


def live_by_barcode(
    writer: Writer, barcode: str, scope: CarrierScope = EVERY_CARRIER
) -> Package | None:
    """The live package that a label means here, in whichever spelling, to who may touch this."""
    row = meant_by(writer, barcode, scope)
    return None if row is None else package_of(row)


def expected(writer: Writer, scope: CarrierScope) -> int:
    """How many packages are announced and have not come, of those that somebody may touch."""
    rows = writer.all(
        "SELECT carrier, count(*) AS expected FROM package"
        " WHERE status = 'PENDING' AND slot IS NULL GROUP BY carrier"
    )
    return sum(row["expected"] for row in rows if scope.may_touch(row["carrier"]))


def is_out_of_scope(writer: Writer, barcode: str, scope: CarrierScope) -> bool:
    """Whether a label is of live packages here, and of none that somebody may touch."""
    return not live_rows(writer, barcode, scope) and bool(live_rows(writer, barcode))


def is_contested(writer: Writer, package_id: str) -> bool:
    """Whether another live package here has the same barcode: then nobody gets the code before an
    operator has said whose it is."""
    row = writer.one(f"SELECT 1 FROM package WHERE {CONTESTED} AND package.id = ?", (package_id,))
    return row is not None


def last_to_fetch(writer: Writer) -> Package | None:
    """The package that was put in last and that its code opens now."""
    row = writer.one(
        "SELECT package.* FROM package JOIN slot ON slot.label = package.slot"
        " WHERE package.status = 'STORED' AND locator IS NOT NULL AND slot.status = 'OCCUPIED'"
        " AND slot.service = 'IN_SERVICE' ORDER BY stored_ms DESC, package.id LIMIT 1"
    )
    return None if row is None else package_of(row)


def recipient_of(writer: Writer, package_id: str) -> Recipient | None:
    """Who a package is for, as far as known."""
    row = writer.one(
        "SELECT recipient.* FROM package JOIN recipient ON recipient.id = package.recipient"
        " WHERE package.id = ?",
        (package_id,),
    )
    if row is None:
        return None
    return Recipient(row["id"], writer.sealer.open(row["name"]), writer.sealer.open(row["phone"]))


def of_recipient(writer: Writer, recipient: str) -> list[str]:
    """The packages that a person has, or had."""
    rows = writer.all("SELECT id FROM package WHERE recipient = ? ORDER BY id", (recipient,))
    return [row["id"] for row in rows]


def announce(writer: Writer, announcement: Announcement, actor: str = SERVER) -> bool:
    """Expect a package; False when a live package of this sender, or of whichever where it names
    none, has this barcode already.

    Raises `NotABarcodeError`.
    """
    require_barcode(announcement.barcode)
    live = live_rows(writer, announcement.barcode)
    if announcement.sender is not None:
        live = [row for row in live if row["sender"] == announcement.sender and row["is_announced"]]
    if live:
        return False
    recipient = announcement.recipient
    if recipient is not None:
        keep_person(writer, recipient)
    writer.record(
        PackageAnnounced(actor=actor),
        insert(
            "package",
            id=announcement.id,
            barcode=announcement.barcode,
            status=PackageStatus.PENDING,
            size=announcement.size,
            recipient=None if recipient is None else recipient.id,
            owner=announcement.owner,
            sender=announcement.sender,
            carrier=announcement.carrier,
            is_alone=int(announcement.is_alone),
            needs_low=int(announcement.needs_low),
            is_announced=1,
            announced_ms=writer.now.wall_ms,
        ),
    )
    return True


def correct(writer: Writer, announcement: Announcement) -> list[str]:
    """Take over what an announcement says otherwise of a live package; what that was, in words.

    What it leaves out stays. Once the package has a slot its size is only a request, and stays.
    Raises `RefusedError` for a person whom the server named: the server would name them again.
    """
    known = live_by_barcode(writer, announcement.barcode)
    if known is None:
        raise RefusedError("several senders announced it: change name and number there")
    values: dict[str, str] = {}
    changed: list[str] = []
    is_waited_for = known.status is PackageStatus.PENDING and known.slot is None
    if is_waited_for and announcement.size not in (None, known.size):
        values["size"] = str(announcement.size)
        changed.append(f"size {announcement.size} instead of {known.size or 'none'}")
    person, fields = _corrected(recipient_of(writer, known.id), announcement.recipient)
    if person is not None:
        row = writer.one("SELECT owner FROM package WHERE id = ?", (known.id,))
        if row is not None and row["owner"] is not None:
            raise RefusedError("the server announced it: change name and number there")
        keep_person(writer, person)
        values["recipient"] = person.id
        changed += [f"another {field}" for field in fields]
    if changed:
        change = update("package", id=known.id, **values)
        said = PackageAnnounced if person is None else ContactChanged
        writer.record(said(actor=CONSOLE), change)
    return changed


def _corrected(
    known: Recipient | None, said: Recipient | None
) -> tuple[Recipient | None, list[str]]:
    """The person with what is said otherwise, and which fields that are; None when nothing is."""
    if said is None:
        return None, []
    before = known or Recipient(said.id)
    after = Recipient(before.id, said.name or before.name, said.phone or before.phone)
    fields = [
        field
        for field, is_other in (
            ("name", after.name != before.name),
            ("number", after.phone != before.phone),
        )
        if is_other
    ]
    return (after, fields) if fields else (None, [])


def keep_person(writer: Writer, person: Recipient) -> None:
    """Keep who somebody is, sealed."""
    writer.db.execute(
        "INSERT INTO recipient (id, name, phone) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET name = excluded.name, phone = excluded.phone",
        (person.id, writer.sealer.seal(person.name), writer.sealer.seal(person.phone)),
    )


def inside(writer: Writer) -> dict[str, str]:
    """The packages that lie inside: the slot's label → the package's id."""
    rows = writer.all("SELECT slot, id FROM package WHERE slot IS NOT NULL ORDER BY slot")
    return {str(row["slot"]): str(row["id"]) for row in rows}
