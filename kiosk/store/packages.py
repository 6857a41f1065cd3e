"""What the store knows of packages, and that one is expected."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.model.barcode import kept_key
from kiosk.model.events import EventKind
from kiosk.model.package import Package, PackageStatus
from kiosk.model.person import Recipient
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, Writer, insert

LIVE = "(status IN ('PENDING', 'STORED', 'EXPIRED') OR slot IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A package that is expected here."""

    id: str
    barcode: str
    size: str | None
    recipient: Recipient | None
    owner: str | None = None
    """The centre's id of the person; packages of one owner open with one code."""
    is_alone: bool = False
    """Never opened by the code of another package."""
    needs_low: bool = False


def package_of(row: Row) -> Package:
    return Package(
        id=row["id"],
        barcode=row["barcode"],
        status=PackageStatus(row["status"]),
        size=row["size"],
        slot=row["slot"],
        recipient=row["recipient"],
        locator=row["locator"],
        code_counter=row["code_counter"],
        stored_ms=row["stored_ms"],
        hold_until_ms=row["hold_until_ms"],
        finished_ms=row["finished_ms"],
    )


def package(writer: Writer, package_id: str) -> Package:
    """One package by its id."""
    row = writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
    if row is None:
        raise RefusedError(f"there is no package {package_id}")
    return package_of(row)


def live_by_barcode(writer: Writer, barcode: str) -> Package | None:
    """The live package with this barcode, in whichever spelling; there is at most one."""
    row = writer.one(
        f"SELECT * FROM package WHERE barcode_key = ? AND {LIVE}", (kept_key(barcode),)
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


def announce(writer: Writer, announcement: Announcement) -> bool:
    """Expect a package; False when a live package has this barcode already."""
    if live_by_barcode(writer, announcement.barcode) is not None:
        return False
    recipient = announcement.recipient
    if recipient is not None:
        writer.db.execute(
            "INSERT INTO recipient (id, name, phone) VALUES (?, ?, ?)",
            (recipient.id, writer.sealer.seal(recipient.name), writer.sealer.seal(recipient.phone)),
        )
    writer.record(
        EventKind.PACKAGE_ANNOUNCED,
        insert(
            "package",
            id=announcement.id,
            barcode=announcement.barcode,
            status=PackageStatus.PENDING,
            size=announcement.size,
            recipient=None if recipient is None else recipient.id,
            owner=announcement.owner,
            is_alone=int(announcement.is_alone),
            needs_low=int(announcement.needs_low),
            is_announced=1,
            announced_ms=writer.now.wall_ms,
        ),
    )
    return True
