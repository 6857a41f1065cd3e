"""Another life of a database that does not know all of its past."""

from __future__ import annotations

from kiosk.model.actor import KIOSK
from kiosk.model.clock import Reading
from kiosk.model.event_bodies import DatabaseRestored
from kiosk.model.location import SuspectReason
from kiosk.store import commands, holds, intents, recovery, reservations, slots
from kiosk.store.writer import Writer


def begin_again(
    writer: Writer,
    epoch: str,
    doubt: str,
    why: str,
    *,
    heard_ms: int | None = None,
    file: str = "",
    taken_back: int = 0,
) -> int:
    """Begin a new epoch; how many slots are in doubt in it.

    With a `doubt` that is every slot, and `why` is what whoever looks into it reads. `heard_ms` is
    when the kiosk was last heard of, where that is known; `file` is the backup, and `taken_back`
    how many newer events came back from the server.
    """
    before = writer.head
    restored = DatabaseRestored(
        actor=KIOSK,
        from_epoch=before.epoch,
        from_seq=before.seq,
        from_hash=before.hash.hex(),
        file=file,
        taken_back=taken_back,
        doubt=doubt,
    )
    writer.begin_epoch(epoch)
    writer.record(restored)
    for intent in intents.open_intents(writer):
        recovery.recover(writer, intent, "not looked at")
    if doubt:
        for record in slots.records(writer):
            reason = SuspectReason.MAY_HOLD_ANOTHERS
            slots.mark_suspect(writer, record.label, reason, why, KIOSK)
    commands.want_people(writer, are_wanted=True)
    reservations.forget_all(writer)
    # Holds get back the time in which the kiosk was dead: that since the backup is not all of it.
    holds.forget_stamps(writer)
    if heard_ms is not None and not doubt:
        holds.stamp_alive(writer, Reading(heard_ms, 0, ""))
    return len(slots.suspects(writer))


def begin_in_doubt(writer: Writer, epoch: str, loss: str) -> int:
    """The same where the log was lost: nobody knows what happened since it was merged."""
    doubt = f"{loss}: the kiosk died, and what happened last is not known"
    return begin_again(writer, epoch, doubt, doubt)
