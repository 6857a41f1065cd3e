"""What happens at the doors without anybody's asking, written down and acted on.

The bank tells every movement; this decides what it means: a start-up finding, a late opening after
a jam, a latch that did not hold, or a door that somebody opened by force.
"""

from __future__ import annotations

import asyncio
import contextlib

from drivers.bank import BankTiming
from drivers.door import BoardChange, DoorChange, DoorState, OpeningCause
from kiosk.flows.kiosk import Kiosk
from kiosk.model.events import EventKind
from kiosk.model.location import Service, ServiceReason, SuspectReason
from kiosk.store import boards, intents, recovery, slots
from kiosk.store.writer import Writer

NOT_LATCHED_S = 5.0
"""A door that opens again this soon after it was shut has not latched."""
SPRINGS_TO_REPAIR = 3
"""How often in a row a latch may fail before its slot goes out of service."""
SPRINGS_TOGETHER_S = 60.0
LATE_OPENING_S = BankTiming().late_s
"""An opening this long after a pulse that seemed to jam is still that pulse's."""

SEEN_WITHIN_S = 2.0
"""How long a start with doors in play waits for the boards to tell of them."""


class Watch:
    """Listens to the bank and keeps the store true to the steel."""

    def __init__(self, kiosk: Kiosk) -> None:
        self._kiosk = kiosk
        self._shut_at_s: dict[str, float] = {}
        self._sprang: dict[str, int] = {}
        self.not_latched: str | None = None
        """A door that has just sprung open again; the session deals with it."""

    async def board_changed(self, change: BoardChange) -> None:
        """A board came or went: its slots are given out, or not."""
        labels = [slot.label for slot in self._kiosk.location.slots if slot.board == change.board]
        if change.reachable:
            await self._kiosk.store.run(boards.came, change.board, labels, change.device)
        else:
            await self._kiosk.store.run(boards.went, change.board, labels, change.reason)

    async def door_moved(self, change: DoorChange) -> None:
        """A door moved, or was seen for the first time."""
        if change.now is DoorState.CLOSED:
            if not change.baseline:
                self._forget_springs(change)
                self._shut_at_s[change.slot] = change.at_s
            return
        if (
            change.now is not DoorState.OPEN
            or change.slot not in self._kiosk.location.slot_by_label
        ):
            return
        shut_s = change.at_s - self._shut_at_s.get(change.slot, float("-inf"))
        if change.opening is OpeningCause.PULSED or _is_found_after_pulse(change):
            return
        if change.opening is OpeningCause.LATE:
            await self._kiosk.store.run(opened_late, change.slot)
            return
        if not change.baseline and shut_s <= NOT_LATCHED_S:
            await self._did_not_latch(change.slot)
            return
        await self._kiosk.store.run(opened_unasked, change.slot, change.baseline)

    def _forget_springs(self, change: DoorChange) -> None:
        """Times count only while they follow each other."""
        since_s = change.at_s - self._shut_at_s.get(change.slot, float("-inf"))
        if since_s > SPRINGS_TOGETHER_S:
            self._sprang.pop(change.slot, None)

    async def _did_not_latch(self, slot: str) -> None:
        """A door sprang open right after it was shut; the third time it gets no more packages."""
        self.not_latched = slot
        self._sprang[slot] = self._sprang.get(slot, 0) + 1
        if self._sprang[slot] == SPRINGS_TO_REPAIR:
            await self._kiosk.store.run(
                slots.set_service, slot, Service.NO_DEPOSITS, ServiceReason.DOES_NOT_LATCH, "kiosk"
            )


def _is_found_after_pulse(change: DoorChange) -> bool:
    """Whether a door was found open, and it was pulsed just before its board went away."""
    pulsed_before_s = change.pulsed_before_s
    is_lately = pulsed_before_s is not None and pulsed_before_s <= LATE_OPENING_S
    return change.baseline and is_lately


def opened_late(writer: Writer, slot: str) -> None:
    """A door that jammed opens after all, and perhaps nobody is there: it is no tamper, but what
    is inside is in doubt."""
    if not any(intent.slot == slot for intent in intents.open_intents(writer)):
        held = slots.record_of(writer, slot)
        reason = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
        slots.mark_suspect(writer, slot, held.suspect or reason, "the door opened late")


def opened_unasked(writer: Writer, slot: str, found_at_start: bool) -> None:
    """A door stands open that nobody was to open: what is inside is in doubt.

    One with an intent in play is left to its flow.
    """
    if any(intent.slot == slot for intent in intents.open_intents(writer)):
        return
    held = slots.record_of(writer, slot)
    reason = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
    writer.record(EventKind.DOOR_MOVED_UNASKED, slot=slot, found_at_start=found_at_start)
    slots.mark_suspect(writer, slot, held.suspect or reason, "the door was open unasked")


async def recover(kiosk: Kiosk) -> int:
    """After a start: every door that was in play is looked at, never pulsed.

    Its intent is closed as unknown and its slot is in doubt until a person looked inside; so is a
    slot whose reservation was left behind. Returns how many there were.
    """
    in_play = await kiosk.store.run(intents.open_intents)
    if in_play:
        # Right after a start no port is open yet; a board that is away must not hold up the screen.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEEN_WITHIN_S):
                await kiosk.bank.settled()
    for intent in in_play:
        door = await kiosk.bank.read(intent.slot)
        await kiosk.store.run(recovery.recover, intent, door.value)
    return len(in_play) + await kiosk.store.run(recovery.release_stranded)
