"""What a crash left open is closed at the next start: the slots are in doubt."""

from __future__ import annotations

from kiosk.model.events import EventKind
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.store.deposits import Deposit, end_deposit, is_held_for
from kiosk.store.intents import IntentPurpose, IntentState, OpenIntent
from kiosk.store.slots import mark_suspect, record_of
from kiosk.store.writer import Writer, update


def release_stranded(writer: Writer) -> int:
    """End reservations that no opening stands behind any more; return how many there were.

    A crash fell between an opening that failed and the end of its deposit or move. The door was
    perhaps pulsed, so a person looks into the slot before it is given out.
    """
    stranded = writer.all(
        "SELECT slot.label, package.id AS package FROM slot"
        " LEFT JOIN package ON package.slot = slot.label"
        " WHERE slot.status = 'RESERVED' AND NOT EXISTS ("
        "SELECT 1 FROM intent WHERE intent.slot = slot.label AND state IN ('INTENDED', 'OPENED'))"
    )
    why = "the kiosk stopped after an opening that failed"
    for row in stranded:
        if row["package"] is None:
            mark_suspect(writer, row["label"], SuspectReason.MAY_BE_EMPTY, why)
        else:
            deposit = Deposit(row["package"], row["label"], intent="")
            end_deposit(writer, deposit, SuspectReason.MAY_BE_EMPTY, why)
    return len(stranded)


def recover(writer: Writer, intent: OpenIntent, door: str) -> int:
    """Close an intent that a crash left open, without pulsing: the slot is in doubt.

    `door` is what the sensor says now.
    """
    why = f"the kiosk stopped during {intent.purpose}; the door is {door}"
    if intent.purpose is IntentPurpose.DEPOSIT and intent.package is not None:
        deposit = Deposit(intent.package, intent.slot, intent.id)
        if is_held_for(writer, deposit):
            doubt = SuspectReason.MAY_HOLD_SOMETHING
            return end_deposit(writer, deposit, doubt, why, IntentState.UNKNOWN)
    held = record_of(writer, intent.slot)
    doubt = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
    return writer.record(
        EventKind.SLOT_SUSPECT,
        update(
            "slot",
            label=intent.slot,
            status=SlotStatus.SUSPECT,
            suspect=held.suspect or doubt,
        ),
        update("intent", id=intent.id, state=IntentState.UNKNOWN),
        why=why,
        actor="kiosk",
    )
