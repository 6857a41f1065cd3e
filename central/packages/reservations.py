"""Would it fit, and until when; room kept, renewed, given back, used by the announcement that names
it, and ended by itself.

A reservation takes a door in every count, as an announced package of its sender's does: in the room
of its location, in the shares, in what the nearest locations are found by. It is counted in the
transaction that makes or ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from central import schema, simulated
from central.adapters import new_id
from central.auth import Program
from central.carriers import places, shares
from central.carriers.visible import Visible, visible_to
from central.context import Central, audit
from central.errors import RequestError, not_found, wrong_field
from central.locking import lock_location
from central.packages.nearest import neighbours
from central.packages.requests import Announcement, Measured
from central.packages.room_requests import Renew, Reserve, Room
from central.packages.sizes import (
    Asker,
    Dimensions,
    SizeOfDoor,
    room_for,
    size_for,
    sizes_of,
)
from central.regions import directory
from central.sync import commands
from central.sync.room import note_room, tell_of_room
from kiosk.model.clock import HOUR_MS
from kiosk.model.commands import ReleaseDoor, ReserveDoor

HELD, USED, GIVEN_BACK, ENDED = "HELD", "USED", "GIVEN_BACK", "ENDED"
_TABLE = schema.reservation


def check(
    connection: Connection, central: Central, program: Program, location: str, room: Room
) -> dict[str, Any]:
    """Whether a package would fit at a location now, and until when its room could be kept. Raises
    `RequestError`."""
    sizes, size = _fitting(connection, central, program, location, room)
    left = room_for(sizes, size) if sizes else None
    asker = _asker(central, program)
    may_be_kept = left is not None and left > 0 and _left(connection, central, location, "soft") > 0
    longest_ms = central.clock.now_ms() + central.settings.reservations.hours_max * HOUR_MS
    return {
        "location": location,
        "size": size,
        "fits": left is None or left > 0,
        "doors_left": left,
        "until_ms": longest_ms if may_be_kept else None,
        "neighbours": neighbours(connection, location, asker) if left == 0 else [],
    }


def reserve(
    connection: Connection, central: Central, program: Program, wanted: Reserve
) -> dict[str, Any]:
    """Keep room for a package. Raises `RequestError` where there is none, or where reservations
    have the share of the location's doors that is theirs."""
    now_ms = central.clock.now_ms()
    lock_location(connection, wanted.location)
    sizes, size = _fitting(connection, central, program, wanted.location, wanted)
    _require_end(central, wanted.until_ms, now_ms)
    if size is None:
        right = "a size of the location's doors, or dimensions: a reservation is of one size"
        raise wrong_field("size", None, right)
    if not sizes or room_for(sizes, size) == 0:
        asker = _asker(central, program)
        raise RequestError(
            409,
            "full",
            f"no door of {wanted.location!r} that takes size {size} is left",
            neighbours=neighbours(connection, wanted.location, asker),
        )
    known = shares.of_location(connection, wanted.location)
    shares.require_left(connection, wanted.location, known, program.carrier, size)
    if _left(connection, central, wanted.location, wanted.kind) <= 0:
        share = _share(central, wanted.kind)
        raise RequestError(
            409,
            "share_reserved",
            f"{wanted.kind} reservations take {share:.0%} of the doors of {wanted.location!r} at"
            " most, and have them: announce the package, or come again later",
        )
    reservation = new_id()
    values = {
        "id": reservation,
        "location": wanted.location,
        "size": size,
        "sender": program.id,
        "carrier": program.carrier,
        "kind": wanted.kind,
        "reference": wanted.reference,
        "created_ms": now_ms,
        "until_ms": wanted.until_ms,
    }
    connection.execute(insert(_TABLE).values(**values))
    note_room(connection, wanted.location)
    tell_of_room(connection, wanted.location, now_ms)
    if wanted.kind == "hard":
        _ask_kiosk(connection, reservation, wanted.location, size, wanted.until_ms, program, now_ms)
    audit(connection, now_ms, program.id, "room.reserve", reservation, location=wanted.location)
    return find(connection, program, reservation)


def renew(
    connection: Connection, central: Central, program: Program, reservation: str, wanted: Renew
) -> dict[str, Any]:
    """Let a reservation end at another time. Raises `RequestError`."""
    row, now_ms = _held(connection, reservation, _of(program)), central.clock.now_ms()
    _require_end(central, wanted.until_ms, now_ms)
    _change(connection, reservation, until_ms=wanted.until_ms)
    if row.kind == "hard":
        _ask_kiosk(
            connection, reservation, row.location, row.size, wanted.until_ms, program, now_ms
        )
    audit(connection, now_ms, program.id, "room.renew", reservation, until_ms=wanted.until_ms)
    return find(connection, program, reservation)


def give_back(
    connection: Connection, central: Central, program: Program, reservation: str
) -> dict[str, Any]:
    """End a reservation before its time; one that has ended stays as it ended. Raises
    `RequestError`."""
    now_ms = central.clock.now_ms()
    row = _locked(connection, reservation, _of(program))
    if row.state == HELD:
        _end(connection, row, GIVEN_BACK, program.id, now_ms)
        audit(connection, now_ms, program.id, "room.give-back", reservation)
    return find(connection, program, reservation)


def find(connection: Connection, program: Program, reservation: str) -> dict[str, Any]:
    """A reservation of one's own. Raises `RequestError`."""
    row = _row(connection, reservation, _of(program))
    asked = [] if row.command is None else [row.command]
    return described(row, states_of_commands(connection, asked).get(row.command))


def begin_use(
    connection: Connection, visible: Visible, announcement: Announcement, now_ms: int
) -> Any:
    """The reservation that an announcement names, which takes no door any more: the package is
    about to. None where it names none. Raises `RequestError`."""
    reservation = announcement.reservation
    if reservation is None:
        return None
    row = _held(connection, reservation, visible)
    if row.location != announcement.location:
        raise wrong_field("location", announcement.location, f"{row.location!r}, the reservation's")
    if announcement.size not in (None, row.size):
        raise wrong_field("size", announcement.size, f"{row.size}, the reservation's, or left out")
    _change(connection, reservation, state=USED, ended_ms=now_ms)
    return row


def end_use(connection: Connection, row: Any, package: str) -> None:
    """It was used by this package."""
    _change(connection, row.id, package=package)


def end_over(connection: Connection, now_ms: int, most: int = 100) -> bool:
    """End some of those whose time is over; whether there may be more."""
    over = select(_TABLE.c.id, _TABLE.c.location).where(
        _TABLE.c.state == schema.fixed(HELD), _TABLE.c.until_ms <= now_ms
    )
    some = connection.execute(over.order_by(_TABLE.c.until_ms).limit(most)).all()
    lock_location(connection, *(row.location for row in some))
    for each in some:
        row = connection.execute(select(_TABLE).where(_TABLE.c.id == each.id)).one()
        if row.state == HELD and row.until_ms <= now_ms:
            # Its kiosk knows the end itself, also while nobody reaches it.
            _change(connection, row.id, state=ENDED, ended_ms=now_ms)
            note_room(connection, row.location)
            tell_of_room(connection, row.location, now_ms)
    return len(some) == most


def forget(connection: Connection, before_ms: int, most: int = 100) -> bool:
    """Delete some that ended before then; whether there may be more."""
    ended = select(_TABLE.c.id).where(_TABLE.c.ended_ms < before_ms).limit(most)
    ids = connection.execute(ended).scalars().all()
    connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(ids)))
    return len(ids) == most


def described(row: Any, asked: str | None) -> dict[str, Any]:
    """A reservation as its sender sees it; `asked`: the state of the command that its kiosk was
    asked by last."""
    return {
        "id": row.id,
        "reference": row.reference,
        "location": row.location,
        "size": row.size,
        "kind": row.kind,
        "state": row.state,
        "door_kept": _is_door_kept(row, asked),
        "package": row.package,
        "created_ms": row.created_ms,
        "until_ms": row.until_ms,
    }


def states_of_commands(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """How far each of these commands to kiosks is."""
    table = schema.command
    rows = connection.execute(select(table.c.id, table.c.state).where(table.c.id.in_(ids)))
    return {row.id: row.state for row in rows}


def _is_door_kept(row: Any, asked: str | None) -> bool | None:
    """Whether its kiosk keeps a door for it; None: it has not answered yet, or was not asked."""
    if row.state != HELD:
        return None
    return {"APPLIED": True, "REFUSED": False}.get(str(asked))


def _fitting(
    connection: Connection, central: Central, program: Program, location: str, room: Room
) -> tuple[list[SizeOfDoor], str | None]:
    """The location's sizes in the sender's eyes, and the size that the package is to get. Raises
    `RequestError`."""
    directory.require_here(connection, central.settings, location)
    place = schema.location
    known = select(place.c.id).where(place.c.id == location, place.c.revoked_ms.is_(None))
    if connection.execute(known).first() is None:
        raise not_found("location", location)
    simulated.require_own(program, location)
    places.require_works(connection, program.carrier, location)
    sizes = sizes_of(connection, location, _asker(central, program))
    if room.size is not None and room.dimensions is not None:
        raise wrong_field("size", room.size, "size and dimensions: one of the two")
    return sizes, size_for(location, sizes, room.size, _measured(room.dimensions), room.weight_kg)


def _measured(edges: Measured | None) -> Dimensions | None:
    return None if edges is None else Dimensions(**edges.model_dump())


def _asker(central: Central, program: Program) -> Asker:
    return Asker(program.id, central.settings.limits.promised_share, program.carrier)


def _share(central: Central, kind: str) -> float:
    rules = central.settings.reservations
    return rules.hard_share if kind == "hard" else rules.share


def _left(connection: Connection, central: Central, location: str, kind: str) -> int:
    """How many more of a kind a location takes."""
    size = schema.location_size
    doors = select(func.coalesce(func.sum(size.c.total), 0)).where(size.c.location == location)
    held = select(func.count()).where(
        _TABLE.c.location == location, _TABLE.c.state == schema.fixed(HELD)
    )
    if kind == "hard":
        held = held.where(_TABLE.c.kind == "hard")
    total, taken = connection.execute(select(doors.scalar_subquery(), held.scalar_subquery())).one()
    # PostgreSQL's sum of whole numbers is a decimal.
    return int(int(total) * _share(central, kind)) - int(taken)


def _require_end(central: Central, until_ms: int, now_ms: int) -> None:
    hours = central.settings.reservations.hours_max
    if not now_ms < until_ms <= now_ms + hours * HOUR_MS:
        raise wrong_field("until_ms", until_ms, f"a moment of the next {hours} hours")


def _row(connection: Connection, reservation: str, visible: Visible) -> Any:
    found = connection.execute(select(_TABLE).where(_TABLE.c.id == reservation)).first()
    if found is None or not visible.covers(found):
        raise not_found("reservation", reservation)
    return found


def _of(program: Program) -> Visible:
    return visible_to(program.id, program.carrier)


def _locked(connection: Connection, reservation: str, visible: Visible) -> Any:
    row = _row(connection, reservation, visible)
    is_old = lock_location(connection, row.location)
    return _row(connection, reservation, visible) if is_old else row


def _held(connection: Connection, reservation: str, visible: Visible) -> Any:
    row = _locked(connection, reservation, visible)
    if row.state != HELD:
        raise RequestError(409, "not_reserved", f"the reservation is {row.state}")
    return row


def _end(connection: Connection, row: Any, state: str, by: str, now_ms: int) -> None:
    _change(connection, row.id, state=state, ended_ms=now_ms)
    note_room(connection, row.location)
    tell_of_room(connection, row.location, now_ms)
    if row.kind == "hard":
        release = ReleaseDoor(reservation=row.id)
        commands.queue(connection, row.location, release, by, now_ms, row.id)


def _ask_kiosk(
    connection: Connection,
    reservation: str,
    location: str,
    size: str,
    until_ms: int,
    program: Program,
    now_ms: int,
) -> None:
    wanted = ReserveDoor(reservation=reservation, size=size, until_ms=until_ms)
    command = commands.queue(connection, location, wanted, program.id, now_ms, reservation)
    _change(connection, reservation, command=command)


def _change(connection: Connection, reservation: str, **values: Any) -> None:
    connection.execute(update(_TABLE).where(_TABLE.c.id == reservation).values(**values))
