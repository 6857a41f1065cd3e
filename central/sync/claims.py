"""Whose a package is: a barcode is its sender's, and is no proof.

Two senders may announce the same barcode at one location, and neither is shown anything of the
other. What lies there unannounced is an announced package only where nobody else could have sent
it, or when an operator says so. Until then it is *disputed*: nobody gets a code for it, operators
are alarmed, and it waits for their yes. What its recipient was sent before stays as it is.

A sender is an API key of the operator's. Carriers stand above that: the keys of one are one sender,
and what its courier brought is that carrier's, so its barcodes are disputed by nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, insert, select, update

from central import schema
from central.adapters import new_id
from central.auth import Scope
from central.carriers.visible import announcer
from central.context import alarm, audit
from central.errors import RequestError, not_found
from central.feed import writing as feeding
from central.feed.document import Change
from central.locking import lock_location
from central.notify import outbox
from central.notify.outbox import Kind
from central.schema import LIVE
from central.settings import Notifications
from central.sync import commands
from central.sync.room import note_room, tell_of_room
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import Announce, Cancel, CommandRecipient, CommandType
from kiosk.model.events import EventKind
from kiosk.model.package import PackageStatus

LYING = (PackageStatus.STORED.value, PackageStatus.EXPIRED.value)
NOT_THEIRS = "an operator has said that it is another's"

_PACKAGE = schema.package
_IS_LIVE = schema.is_live()
_GROUP = (
    select(_PACKAGE)
    .where(
        _PACKAGE.c.location == bindparam("location"),
        _PACKAGE.c.barcode_key == bindparam("key"),
        _PACKAGE.c.carrier == bindparam("carrier"),
        _IS_LIVE,
    )
    .order_by(_PACKAGE.c.announced_ms)
)
_IS_ONE_OF = (
    (_PACKAGE.c.location == bindparam("location"))
    & _PACKAGE.c.barcode_key.in_(bindparam("keys", expanding=True))
    & _IS_LIVE
)
_SHARED = (
    select(_PACKAGE.c.barcode_key)
    .where(_IS_ONE_OF)
    .group_by(_PACKAGE.c.barcode_key, _PACKAGE.c.carrier)
    .having(func.count() > 1)
)
_WITH_KEYS = select(_PACKAGE).where(_IS_ONE_OF)
_SENDERS_BESIDE = (
    select(schema.api_key.c.id)
    .where(
        schema.api_key.c.id != bindparam("sender"),
        schema.api_key.c.carrier == OPERATOR,
        schema.api_key.c.revoked_ms.is_(None),
        schema.api_key.c.scopes.contains(f'"{Scope.ANNOUNCE.value}"', autoescape=True),
    )
    .limit(1)
)


def group(connection: Connection, location: str, key: str, carrier: str) -> list[Any]:
    """A carrier's live packages with one barcode at a location."""
    asked = {"location": location, "key": key, "carrier": carrier}
    return list(connection.execute(_GROUP, asked))


def _senders_beside(connection: Connection, sender: str) -> bool:
    """Whether anybody else could have sent a package: another key that may announce."""
    return connection.execute(_SENDERS_BESIDE, {"sender": sender}).first() is not None


def may_join(connection: Connection, sender: str, carrier: str, rows: Sequence[Any]) -> bool:
    """Whether what a sender announces may be what lies there unannounced, by its barcode alone:
    `rows` are the live ones that have it. Only where nobody else could have sent it, or an operator
    has said that the barcode is this sender's."""
    if carrier != OPERATOR:
        return True
    if any(row.sender not in (None, sender) for row in rows):
        return False
    is_decided = any(row.sender == sender and row.decided_ms is not None for row in rows)
    return is_decided or not _senders_beside(connection, sender)


def _named(location: str, keys: Iterable[str]) -> dict[str, Any]:
    return {"location": location, "keys": sorted(keys)}


def look(
    connection: Connection,
    rules: Notifications,
    location: str,
    keys: Iterable[str],
    now_ms: int,
) -> None:
    """See whether these barcodes are disputed at a location now: those of whom nobody was sent a
    code yet wait for an operator, who is alarmed once."""
    asked = _named(location, set(keys) - {""})
    # Nearly every barcode is that of one package: of those no more is read.
    shared = connection.execute(_SHARED, asked).scalars().all()
    if not shared:
        return
    by_key: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(_WITH_KEYS, _named(location, set(shared))):
        by_key[row.carrier, row.barcode_key].append(row)
    for some in by_key.values():
        if _is_clash(connection, some):
            _dispute(connection, rules, location, some, now_ms)
        else:
            _give_as_decided(connection, rules, some, now_ms)


def _is_clash(connection: Connection, rows: Sequence[Any]) -> bool:
    if rows[0].carrier != OPERATOR:
        return False
    announced = [row for row in rows if row.sender is not None]
    if len({row.sender for row in announced}) > 1:
        return True
    is_unclaimed = len(announced) < len(rows)
    if not announced or not is_unclaimed:
        return False
    return not may_join(connection, announced[0].sender, OPERATOR, rows)


def _give_as_decided(
    connection: Connection, rules: Notifications, rows: Sequence[Any], now_ms: int
) -> None:
    """What came unannounced is that of the sender whose an operator has said the barcode is."""
    winner = next((row for row in rows if row.decided_ms and row.status not in LYING), None)
    lying = next((row for row in rows if row.sender is None and row.status in LYING), None)
    if winner is not None and lying is not None:
        _give(connection, winner, lying, "server", now_ms)
        outbox.stored(connection, rules, lying.id, now_ms)


def _dispute(
    connection: Connection,
    rules: Notifications,
    location: str,
    rows: Sequence[Any],
    now_ms: int,
) -> None:
    news = [row.id for row in rows if row.disputed_ms is None and not _is_settled(connection, row)]
    if not news:
        return
    connection.execute(update(_PACKAGE).where(_PACKAGE.c.id.in_(news)).values(disputed_ms=now_ms))
    feeding.packages(connection, location, news, now_ms, Change.DISPUTED)
    barcode = rows[0].barcode
    details = {"location": location, "barcode": barcode}
    alarm(connection, now_ms, "disputed", news[0], location, **details)
    details = {"what": f"whose is the package with the barcode {barcode}? Nobody gets its code"}
    outbox.tell_operators(connection, rules, Kind.DISPUTED, location, details, now_ms)


def is_anothers(connection: Connection, sender: str, carrier: str, rows: Sequence[Any]) -> bool:
    """Whether one of the packages with a barcode goes on as another sender's, whatever this one
    announces: its kiosk need not hear of that before an operator has decided."""
    if carrier != OPERATOR:
        return False
    return any(row.sender not in (None, sender) and _is_settled(connection, row) for row in rows)


def _is_settled(connection: Connection, row: Any) -> bool:
    """Whether an operator has said whose a package is, or its person has the code already."""
    if row.decided_ms is not None:
        return True
    if row.sender is None or row.status not in LYING:
        return False
    table = schema.notification
    found = connection.execute(
        select(table.c.id)
        .where(
            table.c.package == row.id,
            table.c.recipient == row.recipient,
            table.c.status == "sent",
            table.c.kind.in_(outbox.WITH_CODE),
        )
        .limit(1)
    )
    return found.first() is not None


def join(
    connection: Connection,
    rules: Notifications,
    location: str,
    announced: str,
    lying: str,
    now_ms: int,
) -> bool:
    """A kiosk says that an announced package lay there already, under another id; whether it is
    so. Where it is not for the kiosk to say, an operator is asked."""
    wanted, found = _one(connection, announced), _one(connection, lying)
    if wanted is None or found is None or wanted.status != PackageStatus.PENDING:
        return False
    rows = group(connection, location, wanted.barcode_key, wanted.carrier)
    is_free = found.carrier == wanted.carrier and announcer(found) in (None, announcer(wanted))
    if not is_free or not may_join(connection, wanted.sender, wanted.carrier, rows):
        _dispute(connection, rules, location, [wanted, found], now_ms)
        return False
    _make_one(connection, wanted, lying, now_ms)
    if found.recipient is not None:
        # Its courier had named somebody, who has its code so far.
        commands.new_code(connection, found, "server", now_ms)
    return True


def _one(connection: Connection, package: str) -> Any:
    return connection.execute(select(_PACKAGE).where(_PACKAGE.c.id == package)).first()


def _make_one(connection: Connection, announced: Any, lying: str, now_ms: int) -> None:
    """What lies there is the announced package, for whom that is."""
    connection.execute(
        update(_PACKAGE)
        .where(_PACKAGE.c.id == announced.id)
        .values(status=PackageStatus.CANCELLED.value, finished_ms=now_ms, joined=lying)
    )
    connection.execute(
        update(_PACKAGE)
        .where(_PACKAGE.c.id == lying)
        .values(
            recipient=announced.recipient,
            sender=announced.sender,
            carrier=announced.carrier,
            owner=announced.owner,
            shop=announced.shop,
            is_announced=True,
            is_alone=announced.is_alone,
            needs_low=announced.needs_low,
            decided_ms=announced.decided_ms,
            disputed_ms=None,
            reference=announced.reference,
            known_as=announced.id,
        )
    )
    note_room(connection, announced.location)
    ids = [announced.id, lying]
    feeding.packages(connection, announced.location, ids, now_ms, Change.JOINED)
    tell_of_room(connection, announced.location, now_ms)


# --- an operator's yes ---------------------------------------------------------------------------


def decide(
    connection: Connection,
    rules: Notifications,
    by: str,
    package: str,
    why: str,
    now_ms: int,
) -> None:
    """An operator says that a barcode at a location is this announcement's.

    What lies there is its package, and its recipient is sent the code; what others announced under
    that barcode is recalled. Raises `RequestError`.
    """
    winner = _one(connection, package)
    if winner is None:
        raise not_found("package", package)
    lock_location(connection, winner.location)
    winner = _one(connection, package)
    if winner.status not in LIVE or winner.sender is None:
        raise RequestError(409, "too_late", "there is no announcement of it any more")
    rows = group(connection, winner.location, winner.barcode_key, winner.carrier)
    rows += _taken_for(connection, winner)
    if all(row.disputed_ms is None for row in rows):
        raise RequestError(409, "not_disputed", "nobody disputes whose this package is")
    connection.execute(
        update(_PACKAGE)
        .where(_PACKAGE.c.id == winner.id)
        .values(disputed_ms=None, decided_ms=now_ms)
    )
    lying = next((row for row in rows if row.status in LYING), None)
    for row in rows:
        if row.sender not in (None, winner.sender):
            _recall(connection, row, by, NOT_THEIRS, now_ms, is_lying=row is lying)
    if lying is not None and lying.id != winner.id:
        _give(connection, _one(connection, winner.id), lying, by, now_ms)
    else:
        _name(connection, winner, winner.id, by, now_ms)
    if lying is not None and lying.status == PackageStatus.STORED:
        outbox.stored(connection, rules, lying.id, now_ms)
    elif lying is not None:
        outbox.tell(connection, rules, Kind.CODE, lying.id, now_ms)
    others = [row.id for row in rows if row.id != winner.id]
    feeding.packages(connection, winner.location, [winner.id], now_ms, Change.DECIDED)
    audit(
        connection,
        now_ms,
        by,
        "package.decide",
        winner.id,
        place=winner.location,
        why=why,
        others=others,
    )


def _taken_for(connection: Connection, winner: Any) -> list[Any]:
    """What lies there as another carrier's, announced by nobody, and is disputed: its kiosk took an
    announcement of this carrier for it."""
    found = connection.execute(_WITH_KEYS, _named(winner.location, [winner.barcode_key]))
    return [
        row
        for row in found
        if row.carrier != winner.carrier and row.sender is None and row.disputed_ms is not None
    ]


def withdraw(connection: Connection, row: Any, by: str, why: str, now_ms: int) -> None:
    """A sender recalls what is disputed: its announcement ends. What lies there stays, for it may
    be the other's, and is now nobody's who said that it is theirs."""
    is_lying = row.status in LYING
    _recall(connection, row, by, why, now_ms, is_lying=is_lying)
    if is_lying:
        nobodys = {
            "recipient": None,
            "sender": None,
            "owner": "",
            "shop": "",
            "is_announced": False,
        }
        nobodys |= {"reference": None, "known_as": None}
        connection.execute(update(_PACKAGE).where(_PACKAGE.c.id == row.id).values(**nobodys))
    left = group(connection, row.location, row.barcode_key, row.carrier)
    if all(each.sender is None for each in left):
        ids = [each.id for each in left]
        connection.execute(update(_PACKAGE).where(_PACKAGE.c.id.in_(ids)).values(disputed_ms=None))
    changed = {row.id, *(each.id for each in left)}
    feeding.packages(connection, row.location, changed, now_ms)


def _recall(
    connection: Connection, row: Any, by: str, why: str, now_ms: int, *, is_lying: bool
) -> None:
    """This announcement is not of the package that has its barcode here."""
    ended = {"status": PackageStatus.CANCELLED.value, "finished_ms": now_ms}
    if is_lying:
        # The package goes on under its id as another's; the sender keeps a story of its own.
        kept = {**row._mapping, **ended, "id": new_id(), "known_as": row.known_as or row.id}
        kept |= {"slot": None, "locator": None, "disputed_ms": None}
        connection.execute(insert(_PACKAGE).values(**kept))
        feeding.packages(connection, row.location, [kept["id"]], now_ms, Change.RECALLED)
        return
    connection.execute(update(_PACKAGE).where(_PACKAGE.c.id == row.id).values(**ended))
    note_room(connection, row.location)
    feeding.packages(connection, row.location, [row.id], now_ms, Change.RECALLED)
    tell_of_room(connection, row.location, now_ms)
    if _is_known_at_kiosk(connection, row):
        command = Cancel(package=row.id, barcode=row.barcode, why=why)
        commands.queue(connection, row.location, command, by, now_ms, row.id)


def _is_known_at_kiosk(connection: Connection, row: Any) -> bool:
    """Whether the kiosk has, or is to have, this announcement under its own id. One that it took
    for another package must not be recalled: that would be the other."""
    event, command = schema.event, schema.command
    is_there = exists().where(
        event.c.location == row.location,
        event.c.package == row.id,
        event.c.package != schema.fixed(""),
        event.c.kind == EventKind.PACKAGE_ANNOUNCED.value,
    )
    is_to_come = exists().where(
        command.c.package == row.id,
        command.c.type == CommandType.ANNOUNCE.value,
        command.c.state == "QUEUED",
    )
    return bool(connection.execute(select(is_there | is_to_come)).scalar())


def _give(connection: Connection, winner: Any, lying: Any, by: str, now_ms: int) -> None:
    """What lies there under another id is the winner's: its earlier code opens it no more."""
    _make_one(connection, winner, lying.id, now_ms)
    _name(connection, winner, lying.id, by, now_ms)
    if lying.sender is not None or lying.recipient is not None:
        commands.new_code(connection, lying, by, now_ms)


def _name(connection: Connection, winner: Any, package: str, by: str, now_ms: int) -> None:
    """Tell the kiosk whose a package is, whatever it has taken it for."""
    command = Announce(
        package=package,
        barcode=winner.barcode,
        size=winner.size,
        recipient=CommandRecipient(id=winner.recipient),
        is_alone=winner.is_alone,
        needs_low=winner.needs_low,
        carrier=winner.carrier,
    )
    commands.queue(connection, winner.location, command, by, now_ms, package)
