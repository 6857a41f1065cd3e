"""Why a door is to be opened, written before anything is pulsed, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kiosk.model.actor import KIOSK
from kiosk.model.event_bodies import DoorIntended, DoorOutcome, SlotCleared, SlotSuspect
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.store import delegates
from kiosk.store.compatibility import known_word
from kiosk.store.errors import RefusedError
from kiosk.store.packages import package
from kiosk.store.slots import mark_suspect, record_of
from kiosk.store.writer import RowChange, Writer, insert, update


class IntentPurpose(StrEnum):
    """Why a door is to be opened."""

    DEPOSIT = "DEPOSIT"
    PICKUP = "PICKUP"
    REOPEN = "REOPEN"
    RETURN = "RETURN"
    COLLECTION = "COLLECTION"
    UNDO = "UNDO"
    MOVE = "MOVE"
    MAINTENANCE = "MAINTENANCE"
    LOOK = "LOOK"


ENDS_IN = {
    IntentPurpose.PICKUP: PackageStatus.RETRIEVED,
    IntentPurpose.UNDO: PackageStatus.PENDING,
}
"""What becomes of the package when such an opening goes well: it must be able to become that."""


class IntentState(StrEnum):
    """How far an opening has come."""

    INTENDED = "INTENDED"
    OPENED = "OPENED"
    DONE = "DONE"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


def intended(
    intent: str,
    slot: str,
    package_id: str | None,
    purpose: IntentPurpose,
    actor: str,
    delegate: str | None = None,
) -> RowChange:
    """The row of an opening that is to be written before the door is pulsed."""
    return insert(
        "intent",
        id=intent,
        slot=slot,
        package=package_id,
        purpose=purpose,
        actor=actor,
        state=IntentState.INTENDED,
        **({} if delegate is None else {"delegate": delegate}),
    )


def intend(
    writer: Writer,
    intent: str,
    slot: str,
    purpose: IntentPurpose,
    actor: str,
    package_id: str | None = None,
    delegate: str | None = None,
) -> int:
    """Write, before anything is pulsed, that this door is to be opened; return the event's number.
    `delegate`: whose code it is, where it is not the owner's.

    Refuses a pickup whose package does not lie in that slot: a code never opens a slot whose live
    package is another's; and one of a package that was recalled since. To open an empty slot again
    puts it in doubt until it is shut.
    """
    held = record_of(writer, slot)
    if purpose is IntentPurpose.PICKUP and (package_id is None or held.package != package_id):
        raise RefusedError(f"slot {slot} does not hold package {package_id}")
    _require_still_may(writer, purpose, package_id, delegate)
    is_again = purpose in (IntentPurpose.REOPEN, IntentPurpose.RETURN)
    if is_again and held.status is not SlotStatus.EMPTY:
        raise RefusedError(f"slot {slot} was given to someone else")
    return writer.record(
        DoorIntended(actor=actor), intended(intent, slot, package_id, purpose, actor, delegate)
    )


def intend_again(writer: Writer, before: str, intent: str) -> int:
    """Write, before anything is pulsed, that a door is to be opened once more for the same reason.

    The intent before, of an opening at which the door was said to be still shut, ends so. Refuses
    what would be refused to whoever comes now, such as a delegate who was taken back meanwhile.
    """
    row = writer.one("SELECT * FROM intent WHERE id = ?", (before,))
    if row is None or row["state"] not in (IntentState.INTENDED, IntentState.OPENED):
        raise RefusedError(f"the opening {before} is over")
    _require_still_may(writer, _purpose(row["purpose"]), row["package"], row["delegate"])
    return writer.record(
        DoorIntended(actor=row["actor"], why="the door reads open and was said to be shut"),
        done(before),
        intended(
            intent,
            row["slot"],
            row["package"],
            _purpose(row["purpose"]),
            row["actor"],
            row["delegate"],
        ),
    )


def _purpose(word: str) -> IntentPurpose:
    """Why a door is open; for the reason of a newer program it is one that moves no package."""
    return known_word(word, IntentPurpose.LOOK)


def is_in_play(writer: Writer) -> bool:
    """Whether any door is open, or about to be, for a reason that is not settled yet."""
    row = writer.one("SELECT 1 FROM intent WHERE state IN ('INTENDED', 'OPENED') LIMIT 1")
    return row is not None


def _require_still_may(
    writer: Writer, purpose: IntentPurpose, package_id: str | None, delegate: str | None
) -> None:
    """Raise `RefusedError` where a door is opened no more for this package, or not for this
    delegate."""
    if package_id is not None and purpose in ENDS_IN:
        _require_may_become(writer, package_id, ENDS_IN[purpose])
    if package_id is not None and delegate is not None:
        delegates.require_may_fetch(writer, package_id, delegate)


def _require_may_become(writer: Writer, package_id: str, after: PackageStatus) -> None:
    before = package(writer, package_id).status
    if (before, after) not in LEGAL_CHANGES:
        raise RefusedError(f"package {package_id} is {before}: it cannot become {after}")


def door_outcome(
    writer: Writer,
    intent: str,
    state: IntentState,
    outcome: str,
    elapsed_ms: int | None = None,
    doubts: Mapping[str, SuspectReason] | None = None,
) -> int:
    """What came of an opening; return the event's number, which is the person's reference.

    `doubts` are the slots of which it leaves nobody sure: written in the same transaction, so that
    no power cut falls between the outcome and what follows from it.
    """
    row = writer.one("SELECT slot, actor FROM intent WHERE id = ?", (intent,))
    slot, actor = (None, KIOSK) if row is None else (row["slot"], row["actor"])
    reference = writer.record(
        DoorOutcome(actor=actor, elapsed_ms=elapsed_ms, slot=slot),
        update("intent", id=intent, state=state, outcome=outcome),
    )
    for label, reason in (doubts or {}).items():
        mark_suspect(writer, label, reason, f"an opening ended as {outcome}")
    return reference


def done(intent: str) -> RowChange:
    """The row of an opening that is over, and it is known how."""
    return update("intent", id=intent, state=IntentState.DONE)


def end_opening(
    writer: Writer, intent: str, slot: str, found: SlotStatus, actor: str, why: str = ""
) -> int:
    """An opening that moved no package is over: a look, a test, a door opened again.

    `found` is what the person who looked said: `EMPTY`, `OCCUPIED` (the slot's package is there),
    or `SUSPECT` when nobody said.
    """
    held = record_of(writer, slot)
    values: dict[str, object] = {"label": slot, "status": found, "suspect": None}
    if found is SlotStatus.SUSPECT:
        values["suspect"] = held.suspect or SuspectReason.MAY_HOLD_SOMETHING
    said = SlotSuspect if found is SlotStatus.SUSPECT else SlotCleared
    if found is SlotStatus.EMPTY and held.package is not None:
        raise RefusedError(f"slot {slot} holds a package: it is missing, or it is still there")
    if found is SlotStatus.OCCUPIED and held.package is None:
        raise RefusedError(f"slot {slot} holds no package that is known")
    changes = [done(intent)]
    if found is not held.status or values["suspect"] != held.suspect:
        changes.insert(0, RowChange("slot", values))
    return writer.record(said(actor=actor, why=why), *changes)


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A door that was in play when the program ended."""

    id: str
    slot: str
    package: str | None
    purpose: IntentPurpose
    state: IntentState


def open_intents(writer: Writer) -> list[OpenIntent]:
    """The doors in play, as the store knows them."""
    rows = writer.all("SELECT * FROM intent WHERE state IN ('INTENDED', 'OPENED')")
    return [
        OpenIntent(
            row["id"],
            row["slot"],
            row["package"],
            _purpose(row["purpose"]),
            IntentState(row["state"]),
        )
        for row in rows
    ]
