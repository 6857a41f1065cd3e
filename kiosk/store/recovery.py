"""What a crash left open is closed at the next start: the slots are in doubt."""

from __future__ import annotations

from kiosk.model.actor import KIOSK
from kiosk.model.event_bodies import SlotSuspect
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.store.compatibility import known_word
from kiosk.store.deposits import Deposit, end_deposit, is_held_for
from kiosk.store.intents import IntentPurpose, IntentState, OpenIntent
from kiosk.store.slots import mark_suspect, record_of
from kiosk.store.writer import Writer, update

_STRANDED = (
    "SELECT slot.label, slot.suspect, package.id AS package FROM slot"
    " LEFT JOIN package ON package.slot = slot.label"
    " WHERE (slot.status = 'RESERVED' OR package.status = 'PENDING') AND NOT EXISTS ("
    "SELECT 1 FROM intent WHERE intent.slot = slot.label AND state IN ('INTENDED', 'OPENED'))"
)
"""Slots that are held for a deposit behind which no opening stands any more; doubt may have come
over the reservation meanwhile."""


def release_stranded(writer: Writer) -> int:
    """End reservations that no opening stands behind any more; return how many there were.

    A crash fell between an opening that failed and the end of its deposit or move, or that end was
    refused. The door was perhaps pulsed, so a person looks into the slot before it is given out.
    """
    stranded = writer.all(_STRANDED)
    why = "an opening failed, and what came of it was not written"
    for row in stranded:
        doubt = known_word(row["suspect"] or "", SuspectReason.MAY_BE_EMPTY)
        if row["package"] is None:
            mark_suspect(writer, row["label"], doubt, why)
        else:
            deposit = Deposit(row["package"], row["label"], intent="")
            end_deposit(writer, deposit, doubt, why)
    return len(stranded)


def doubt_stranded(writer: Writer) -> int:
    """Where `release_stranded` is refused: put those slots in doubt, and nothing else."""
    reserved = [row for row in writer.all(_STRANDED) if row["suspect"] is None]
    for row in reserved:
        why = "a reservation was left behind, and its end was refused"
        mark_suspect(writer, row["label"], SuspectReason.MAY_HOLD_SOMETHING, why)
    return len(reserved)


def recover(writer: Writer, intent: OpenIntent, door: str, what: str = "the kiosk stopped") -> int:
    """Close an intent that was left open, without pulsing: the slot is in doubt.

    `door` is what the sensor says now; `what` happened while the door was in play.
    """
    why = f"{what} during {intent.purpose}; the door is {door}"
    if intent.purpose is IntentPurpose.DEPOSIT and intent.package is not None:
        deposit = Deposit(intent.package, intent.slot, intent.id)
        if is_held_for(writer, deposit):
            doubt = SuspectReason.MAY_HOLD_SOMETHING
            return end_deposit(writer, deposit, doubt, why, IntentState.UNKNOWN)
    return doubt_intent(writer, intent, why)


def doubt_intent(writer: Writer, intent: OpenIntent, why: str) -> int:
    """End an opening of which nobody knows what came: its slot is in doubt, and nothing else
    changes."""
    held = record_of(writer, intent.slot)
    doubt = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
    return writer.record(
        SlotSuspect(actor=KIOSK, why=why),
        update(
            "slot",
            label=intent.slot,
            status=SlotStatus.SUSPECT,
            suspect=held.suspect or doubt,
        ),
        update("intent", id=intent.id, state=IntentState.UNKNOWN),
    )
