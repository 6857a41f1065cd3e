"""The doors that the server had opened: each command once, a few an hour, and what came of it.

One row for each command; what came of it is journaled, so that the server hears of it. The intent
of such an opening has the command's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.model.actor import SERVER
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.commands import CommandType, OpeningOutcome
from kiosk.model.event_bodies import OpeningEnded
from kiosk.model.events import EventKind
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Writer

ACTOR = SERVER
PER_HOUR_MAX = 6
"""How many doors may be opened remotely within an hour, whatever the server says."""
KEPT_MS = 30 * DAY_MS


def require_may_open(writer: Writer, command: str) -> None:
    """Raises `RefusedError` when this command came before, or too many came within an hour."""
    if writer.one("SELECT 1 FROM opening WHERE command = ?", (command,)) is not None:
        raise RefusedError("this opening came before")
    since_ms = writer.now.wall_ms - HOUR_MS
    row = writer.one(
        "SELECT count(*) AS number FROM opening WHERE at_ms > ? AND outcome <> 'REFUSED'",
        (since_ms,),
    )
    if row is not None and row["number"] >= PER_HOUR_MAX:
        raise RefusedError(f"{PER_HOUR_MAX} doors were opened remotely within an hour")


def note(writer: Writer, command: str, slot: str, outcome: OpeningOutcome, at_ms: int) -> None:
    """Note a command to open: that it is to be carried out, or that it was refused."""
    writer.db.execute("DELETE FROM opening WHERE at_ms < ?", (at_ms - KEPT_MS,))
    writer.db.execute(
        "INSERT INTO opening (command, slot, at_ms, outcome) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (command, slot, at_ms, outcome.value),
    )


def end(writer: Writer, command: str, outcome: OpeningOutcome) -> int:
    """Write what came of an opening, for the server to hear; return the event's number, or 0 when
    there was no such command."""
    row = writer.one("SELECT slot FROM opening WHERE command = ?", (command,))
    if row is None:
        return 0
    _set_outcome(writer, command, outcome)
    return writer.record(OpeningEnded(actor=ACTOR, id=command, slot=row["slot"], outcome=outcome))


def _set_outcome(writer: Writer, command: str, outcome: OpeningOutcome) -> None:
    writer.db.execute("UPDATE opening SET outcome = ? WHERE command = ?", (outcome, command))


def settle(writer: Writer) -> int:
    """End the openings that nobody works on any more, as far as is known; how many they were.

    One whose intent was never written was not pulsed. Of one whose intent has no outcome nobody
    knows whether the door opened.
    """
    rows = writer.all(
        "SELECT opening.command, intent.id AS intent, intent.outcome FROM opening"
        " LEFT JOIN intent ON intent.id = opening.command WHERE opening.outcome = 'ASKED'"
    )
    for row in rows:
        if row["intent"] is None:
            outcome = OpeningOutcome.MISSED
        elif row["outcome"] in set(OpeningOutcome):
            outcome = OpeningOutcome(row["outcome"])
        else:
            outcome = OpeningOutcome.UNKNOWN
        end(writer, row["command"], outcome)
    return len(rows)


def take_back(writer: Writer, kind: str, body: Mapping[str, Any], at_ms: int) -> None:
    """What an event that is written again after a restore says of an opening."""
    command = str(body.get("id") or "")
    if kind == EventKind.COMMAND_APPLIED and body.get("type") == CommandType.OPEN and command:
        is_refused = body.get("outcome") == OpeningOutcome.REFUSED
        outcome = OpeningOutcome.REFUSED if is_refused else OpeningOutcome.ASKED
        note(writer, command, str(body.get("slot") or ""), outcome, at_ms)
    elif kind == EventKind.OPENING_ENDED:
        reported = str(body.get("outcome"))
        is_known = reported in set(OpeningOutcome)
        _set_outcome(
            writer, command, OpeningOutcome(reported) if is_known else OpeningOutcome.UNKNOWN
        )
    elif kind == EventKind.OPENING_MISSED:
        _set_outcome(writer, command, OpeningOutcome.MISSED)
