"""Commands to kiosks: numbered per location, sent until the kiosk says that it came so far."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from pydantic import ValidationError
from sqlalchemy import Connection, Select, bindparam, func, insert, or_, select, union, update

from central import schema
from central.adapters import new_id
from central.carriers.visible import announcer
from central.database import wake
from central.database.faults import require_own
from central.locking import lock_location
from central.schema import LIVE
from central.sync import order
from central.sync.staff_list import for_older
from central.tokens import Secrets
from kiosk.model.commands import (
    ENDS_LATER,
    Announce,
    Command,
    CommandRecipient,
    CommandType,
    Contact,
    ListStaff,
    Open,
    OpeningOutcome,
    Reissue,
    UnfitCommandError,
    WireCommand,
    body_of,
    read_command,
)
from kiosk.sync.bodies import how_many_fit
from kiosk.sync.contract import HELP_VALID_MS, OPENING_VALID_MS, command_text, opening_text

LOG = logging.getLogger("central.sync")
COMMANDS_MAX = 50
"""How many go with one answer."""
LATE = "the kiosk was not reached in time"
OPENING_REPORTED_MS = 10 * 60_000
"""How long a kiosk may take to tell what came of an opening that it began."""
NOT_REPORTED = "the kiosk has not reported what came of it"
OPENING_ANSWERS = {
    OpeningOutcome.ASKED: "the kiosk is at it",
    OpeningOutcome.JAMMED: "the lock was released, and the door did not open",
    OpeningOutcome.WRONG_DOOR: "another door opened instead: its wires are swapped",
    OpeningOutcome.SENT: "the lock was released; no sensor tells whether the door opened",
    OpeningOutcome.UNREACHABLE: "its lock board does not answer",
    OpeningOutcome.MISSED: "somebody stepped up to the machine first, or it stopped; try again",
    OpeningOutcome.UNKNOWN: "the machine stopped in between: nobody knows whether the door opened",
}
"""What an operator reads of an opening that did not simply go well."""

BEGUN: Final = {
    CommandType.RESTART: "the kiosk starts its program again as soon as nobody is at the panel",
    CommandType.CHANGE_SETTINGS: "they are kept, and count as soon as nobody is at the panel",
    CommandType.SCREEN_PICTURE: "the kiosk is at it",
    CommandType.SUPPORT_FILE: "the kiosk is at it",
    CommandType.CHOOSE_RELEASE: "the kiosk fetches the release",
}
"""What an operator reads of what is begun and not ended yet."""

_INSERT = insert(schema.command)
_WAITING = (
    select(schema.command)
    .where(
        schema.command.c.location == bindparam("location"),
        schema.command.c.n > bindparam("cursor"),
        schema.command.c.state == "QUEUED",
    )
    .order_by(schema.command.c.n)
    .limit(bindparam("most"))
)


def queue(
    connection: Connection,
    location: str,
    command: Command,
    by: str,
    now_ms: int,
    package: str | None = None,
    *,
    is_first: bool = False,
) -> str:
    """Put a command behind the others of a location, an opening before them, and one of a kind that
    waits already in its place; return its id. `is_first`: none can wait, for its package has only
    just been made."""
    wake(connection, location)
    lock_location(connection, location)
    if not is_first:
        merged = order.merge(connection, location, command, by, now_ms, package)
        if merged is not None:
            return merged
    command_id = new_id()
    row = {
        "location": location,
        "n": order.place_of(connection, location, command),
        "id": command_id,
        "type": command.type.value,
        "body": json.dumps(body_of(command), sort_keys=True),
        "by": by,
        "created_ms": now_ms,
        "package": package,
    }
    connection.execute(_INSERT, row)
    return command_id


def is_waiting(connection: Connection, location: str, cursor: int) -> bool:
    """Whether a command waits for a kiosk that has seen those up to `cursor`."""
    first = {"location": location, "cursor": cursor, "most": 1}
    return connection.execute(_WAITING, first).first() is not None


def locations_waited_for(connection: Connection, now_ms: int) -> list[str]:
    """The locations for whose kiosks something is there: a command, or somebody who looks."""
    table, place = schema.command, schema.location
    queued = select(table.c.location).where(table.c.state == schema.fixed("QUEUED")).distinct()
    watched = select(place.c.id).where(place.c.watched_until_ms > now_ms)
    return list(connection.execute(union(queued, watched)).scalars())


def new_code(connection: Connection, row: Any, by: str, now_ms: int) -> None:
    """Give a package a newer code; the kiosk takes it even before it hears of it."""
    counter = row.code_counter + 1
    package = schema.package
    connection.execute(update(package).where(package.c.id == row.id).values(code_counter=counter))
    queue(connection, row.location, Reissue(package=row.id, counter=counter), by, now_ms, row.id)


class Signer(Protocol):
    """What signs commands."""

    def sign(self, message: bytes) -> str:
        """The signature of a message, in hexadecimal."""


def waiting(
    connection: Connection,
    secrets: Secrets,
    signer: Signer,
    location: str,
    cursor: int,
    now_ms: int,
) -> tuple[WireCommand, ...]:
    """What a kiosk that came as far as `cursor` has not seen, each signed now.

    An opening that was asked for longer ago than it would be valid is not sent any more; nor is
    what no kiosk could carry out, which is answered here.
    """
    rows = connection.execute(
        _WAITING, {"location": location, "cursor": cursor, "most": COMMANDS_MAX}
    ).mappings()
    current: list[WireCommand] = []
    for row in rows:
        if _is_late(dict(row), now_ms):
            answered(connection, location, row["id"], "EXPIRED", LATE, now_ms)
            continue
        try:
            current.append(_wire(connection, secrets, signer, dict(row), now_ms))
        except Exception as error:
            require_own(error)
            is_unfit = isinstance(error, UnfitCommandError | ValidationError)
            why = f"not sent: {error if is_unfit else type(error).__name__}"[:500]
            LOG.error("command %s to %s is %s", row["id"], location, why, exc_info=not is_unfit)
            answered(connection, location, row["id"], "REFUSED", why, now_ms)
    # No more than a kiosk reads of an answer; those behind come with the next one.
    current = current[: how_many_fit(each.model_dump_json() for each in current)]
    if current:
        order.note_sent(connection, location, [each.n for each in current], now_ms)
    return tuple(current)


VALID_MS: Final = {
    CommandType.OPEN: OPENING_VALID_MS,
    CommandType.RESTART: HELP_VALID_MS,
    CommandType.SCREEN_PICTURE: HELP_VALID_MS,
    CommandType.SUPPORT_FILE: HELP_VALID_MS,
}
"""How old a command may be when it is sent; of the others each counts whenever it comes."""


def _is_late(row: Mapping[str, Any], now_ms: int) -> bool:
    """Whether a command is older than it may be when it is sent."""
    valid_ms = VALID_MS.get(row["type"])
    return valid_ms is not None and bool(row["created_ms"] < now_ms - valid_ms)


def count_waiting(connection: Connection, now_ms: int) -> int:
    """How many commands wait for their kiosks, those not among them whose time is over."""
    table = schema.command
    is_late = or_(
        *(
            (table.c.type == kind.value) & (table.c.created_ms < now_ms - valid_ms)
            for kind, valid_ms in VALID_MS.items()
        )
    )
    return connection.execute(
        select(func.count()).where(table.c.state == schema.fixed("QUEUED"), ~is_late)
    ).scalar_one()


def as_it_stands(row: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """A command as it is now: one whose time is over waits no more, though its kiosk has been away
    and the row is written when it asks again. An opening is not done when it is begun."""
    if row["type"] == CommandType.OPEN and row["state"] == "APPLIED":
        if (row["answered_ms"] or 0) < now_ms - OPENING_REPORTED_MS:
            return {**row, "state": OpeningOutcome.UNKNOWN.value, "answer": NOT_REPORTED}
        asked = OpeningOutcome.ASKED
        return {**row, "state": asked.value, "answer": OPENING_ANSWERS[asked]}
    if row["type"] in ENDS_LATER and row["state"] == "APPLIED":
        return {**row, "state": OpeningOutcome.ASKED.value, "answer": BEGUN[row["type"]]}
    if row["state"] == "QUEUED" and _is_late(row, now_ms):
        return {**row, "state": "EXPIRED", "answer": LATE}
    return dict(row)


def _wire(
    connection: Connection, secrets: Secrets, signer: Signer, row: Mapping[str, Any], now_ms: int
) -> WireCommand:
    """A command as it is sent. Raises `UnfitCommandError` or `ValidationError`."""
    command, signature = _stored(row), ""
    match command:
        case Announce() | Contact() if command.recipient is not None:
            command = _with_people(connection, secrets, command)
        case Open(slot=slot):
            command = Open(slot=slot, signed_ms=now_ms)
            signature = signer.sign(opening_text(row["location"], row["id"], slot, now_ms))
        case ListStaff():
            command = for_older(connection, row["location"])
        case _:
            pass
    body = body_of(command)
    text = command_text(row["location"], row["n"], row["id"], row["type"], body, now_ms)
    return WireCommand(
        n=row["n"],
        id=row["id"],
        type=row["type"],
        body=body,
        signature=signature,
        signed_ms=now_ms,
        whole_signature=signer.sign(text),
    )


def _stored(row: Mapping[str, Any]) -> Command:
    """A command as it was written, also by an earlier version. Raises `UnfitCommandError`."""
    try:
        body = json.loads(row["body"])
    except ValueError as error:
        raise UnfitCommandError("its body is no JSON") from error
    if not isinstance(body, dict):
        raise UnfitCommandError("its body is no object")
    return read_command(row["type"], body)


def _with_people(
    connection: Connection, secrets: Secrets, command: Announce | Contact
) -> Announce | Contact:
    """Who a package is for now, whatever it was when the command was written: one that is sent
    late, or once more, brings nobody back. A command keeps nobody's name or number, so that who was
    forgotten is forgotten here, too. Raises `UnfitCommandError` or `ValidationError`."""
    package, person = schema.package, schema.recipient
    row = connection.execute(select(package).where(package.c.id == command.package)).first()
    if row is not None and row.joined is not None:
        row = connection.execute(select(package).where(package.c.id == row.joined)).first()
    known = None
    if row is not None:
        found = connection.execute(select(person).where(person.c.id == row.recipient))
        known = found.first()
    if row is None or known is None:
        raise UnfitCommandError("its package or its recipient is not known here any more")
    who = CommandRecipient(id=known.id, name=known.name, phone=known.phone)
    values: dict[str, Any] = {"recipient": who, "owner": _owner(secrets, row, known)}
    if isinstance(command, Announce) and row.sender is not None:
        values["sender"] = secrets.mark("sender", announcer(row) or "")[:32]
    return command.model_copy(update=values)


def _owner(secrets: Secrets, package: Any, person: Any) -> str | None:
    """The mark that a package has in common with those that its person's code opens, too: of the
    same sender, for the same id there, and the same contact. None: it opens with its own code only.

    The kiosk only compares it, and writes it into a journal that nobody can erase; it differs from
    sender to sender, and tells nothing of the person.
    """
    if not package.owner or not (person.email or person.phone):
        return None
    of = [announcer(package), package.owner, person.email.casefold(), person.phone]
    return secrets.mark("owner", json.dumps(of))[:32]


def answered(
    connection: Connection, location: str, command_id: str, outcome: str, detail: str, now_ms: int
) -> None:
    """A kiosk's event says what came of a command."""
    table = schema.command
    named = (table.c.location == location) & (table.c.id == command_id)
    if outcome == "REFUSED":
        # Who sends a false command with a true one's id changes nothing of what came of that.
        named &= table.c.state == "QUEUED"
    connection.execute(
        update(table).where(named).values(state=outcome, answer=detail, answered_ms=now_ms)
    )


def help_ended(
    connection: Connection, location: str, command_id: str, outcome: str, detail: str, now_ms: int
) -> None:
    """A kiosk says what came of remote help; also in a word of a newer version."""
    answered(connection, location, command_id, outcome[:32], detail[:200], now_ms)


def release_reported(
    connection: Connection, location: str, command_id: str, outcome: str, detail: str, now_ms: int
) -> None:
    """A kiosk says how far it is with a release; also in a word of a newer version. One that is
    refused may be refused long after the command was taken."""
    table = schema.command
    named = (table.c.location == location) & (table.c.id == command_id)
    named &= table.c.type == CommandType.CHOOSE_RELEASE.value
    values = {"state": outcome[:32], "answer": detail[:500], "answered_ms": now_ms}
    connection.execute(update(table).where(named).values(**values))


def opening_ended(
    connection: Connection, location: str, command_id: str, outcome: str, now_ms: int
) -> None:
    """A kiosk says what came of an opening; also in a word of a newer version."""
    answer = ""
    if outcome in set(OpeningOutcome):
        answer = OPENING_ANSWERS.get(OpeningOutcome(outcome), "")
    answered(connection, location, command_id, outcome, answer, now_ms)


def tell_people_again(connection: Connection, location: str, cursor: int) -> None:
    """A kiosk was restored: what it had got of people is sent once more, as far as it still
    matters. Everything else that it had carried out is in its journal."""
    table, package = schema.command, schema.package
    applied = select(table.c.n).where(table.c.location == location, table.c.state == "APPLIED")
    lists = applied.where(table.c.type == CommandType.STAFF.value)
    matters = select(package.c.id).where(
        package.c.status.in_(LIVE) | package.c.joined.is_not(None), package.c.location == location
    )
    of_packages = applied.where(
        table.c.type.in_((CommandType.ANNOUNCE.value, CommandType.CONTACT.value)),
        table.c.package.in_(matters),
    )
    sent = list(connection.execute(of_packages).scalars())
    sent += connection.execute(_of_doors_kept(location)).scalars()
    # Each list is a whole one: the last one holds.
    sent += connection.execute(lists.order_by(table.c.n.desc()).limit(1)).scalars()
    _to_the_end(connection, location, sorted(sent), cursor)


def _of_doors_kept(location: str) -> Select[tuple[int]]:
    """The numbers of the commands to keep the doors that are still to be kept: of reservations that
    run, and of those whose announced package has not come."""
    table, room, package = schema.command, schema.reservation, schema.package
    awaited = select(package.c.id).where(
        package.c.location == location,
        package.c.status == schema.fixed("PENDING"),
        package.c.slot.is_(None),
    )
    run = select(room.c.id).where(
        room.c.location == location,
        or_(room.c.state == schema.fixed("HELD"), room.c.package.in_(awaited)),
    )
    return select(table.c.n).where(
        table.c.location == location,
        table.c.state == "APPLIED",
        table.c.type == CommandType.RESERVE_DOOR.value,
        table.c.package.in_(run),
    )


def number_again(connection: Connection, location: str, cursor: int) -> None:
    """Put what a kiosk cannot have seen, though its number is behind, to the end of the queue."""
    table = schema.command
    stale = connection.execute(
        select(table.c.n)
        .where(table.c.location == location, table.c.n <= cursor, table.c.state == "QUEUED")
        .order_by(table.c.n)
    ).scalars()
    _to_the_end(connection, location, stale.all(), cursor)


def _to_the_end(connection: Connection, location: str, numbers: Sequence[int], cursor: int) -> None:
    if not numbers:
        return
    table = schema.command
    first = order.count_on(connection, location, len(numbers), cursor)
    for place, n in enumerate(numbers, first):
        connection.execute(
            update(table)
            .where(table.c.location == location, table.c.n == n)
            .values(n=place, state="QUEUED", sent_ms=None)
        )


def pending(connection: Connection, location: str) -> Sequence[dict[str, Any]]:
    """The commands to a location that are not answered yet, oldest first."""
    table = schema.command
    rows = connection.execute(
        select(table)
        .where(table.c.location == location, table.c.state == "QUEUED")
        .order_by(table.c.n)
    ).mappings()
    return [dict(row) for row in rows]
