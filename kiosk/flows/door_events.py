"""What happens at the doors without anybody's asking, written down and acted on.

The bank reports every movement; this decides what it means: a start-up finding, a late opening
after a jam, a latch that did not hold, or a door that somebody opened by force.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from drivers.bank import BankTiming
from drivers.door import BoardChange, DoorChange, DoorState, OpeningCause
from kiosk.flows.context import Kiosk
from kiosk.model.actor import KIOSK
from kiosk.model.event_bodies import DoorMovedUnasked, VisitFailed
from kiosk.model.invariants import BrokenInvariantError
from kiosk.model.location import Service, ServiceReason, SuspectReason
from kiosk.store import boards, intents, openings, recovery, slots
from kiosk.store.errors import StoreError
from kiosk.store.intents import OpenIntent
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk")
STOPPED, FAILED = "the kiosk stopped", "a visit failed"
"""Why a door was left in play: at the first look after a start, and at every later one."""
NOT_LATCHED_S = 5.0
"""A door that opens again this soon after it was shut has not latched."""
SPRINGS_TO_REPAIR = 3
"""How often in a row a latch may fail before its slot goes out of service."""
SPRINGS_TOGETHER_S = 60.0
LATE_OPENING_S = BankTiming().late_s
"""An opening this long after a pulse that seemed to jam is still that pulse's."""

SEEN_WITHIN_S = 2.0
"""How long a start with doors in play waits for the boards to report them."""


class Watch:
    """Listens to the bank and keeps the store true to the steel."""

    def __init__(self, kiosk: Kiosk) -> None:
        self._kiosk = kiosk
        self._shut_at_s: dict[str, float] = {}
        self._sprang: dict[str, int] = {}
        self.not_latched: str | None = None
        """A door that has just sprung open again; the session deals with it."""
        self.why_in_play = STOPPED
        self._unwritten: dict[str, DoorChange | BoardChange] = {}
        self._failed: dict[str, int] = {}

    async def moved(self, move: DoorChange | BoardChange) -> None:
        """A door or a board changed. Whatever is refused is tried again in a simpler way, and again
        before the next person is served."""
        key = f"door {move.slot}" if isinstance(move, DoorChange) else f"board {move.board}"
        if isinstance(move, BoardChange):
            self._unwritten.pop(key, None)  # what was true before no longer is
        try:
            if isinstance(move, DoorChange):
                await self.door_moved(move)
            else:
                await self.board_changed(move)
        except Exception:
            LOG.exception("a door's or board's change could not be written: %s", move)
            self._unwritten[key] = move
            await self.catch_up()

    async def visit_failed(self, error: Exception) -> None:
        """A visit ended by an error: staff read so in the journal, by the error's name. Its text,
        which may name people, is in the log alone."""
        name = type(error).__name__
        self._failed[name] = self._failed.get(name, 0) + 1
        await self.catch_up()

    async def catch_up(self) -> None:
        """Write what was refused when it happened; what is refused again stays for later."""
        try:
            for key, move in tuple(self._unwritten.items()):
                if isinstance(move, BoardChange):
                    await self.board_changed(move)
                elif move.now is DoorState.OPEN and move.slot in self._kiosk.location.slot_by_label:
                    await self._kiosk.store.run(opened_unwritten, move.slot)
                if self._unwritten.get(key) is move:
                    del self._unwritten[key]
            for name, times in tuple(self._failed.items()):
                await self._kiosk.store.run(visit_failed, name, times)
                self._failed[name] -= times
                if not self._failed[name]:
                    del self._failed[name]
        except Exception:
            LOG.exception("what was refused is refused again; it is tried before the next visit")

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


def opened_unwritten(writer: Writer, slot: str) -> None:
    """A door opened, and to write how was refused: what is inside is in doubt, unless a flow has
    the door in play."""
    if not any(intent.slot == slot for intent in intents.open_intents(writer)):
        held = slots.record_of(writer, slot)
        reason = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
        why = "the door opened, and it could not be written how"
        slots.mark_suspect(writer, slot, held.suspect or reason, why)


def visit_failed(writer: Writer, error: str, times: int) -> int:
    """Somebody was sent away by an error; return the event's number."""
    return writer.record(VisitFailed(actor=KIOSK, error=error, times=times))


def opened_unasked(writer: Writer, slot: str, found_at_start: bool) -> None:
    """A door stands open that nobody was to open: what is inside is in doubt.

    One with an intent in play is left to its flow.
    """
    if any(intent.slot == slot for intent in intents.open_intents(writer)):
        return
    held = slots.record_of(writer, slot)
    reason = SuspectReason.MAY_BE_EMPTY if held.package else SuspectReason.MAY_HOLD_SOMETHING
    writer.record(DoorMovedUnasked(actor=KIOSK, slot=slot, found_at_start=found_at_start))
    slots.mark_suspect(writer, slot, held.suspect or reason, "the door was open unasked")


async def recover(kiosk: Kiosk, what: str = STOPPED) -> int:
    """After a start or a visit that failed: every door in play is looked at, never pulsed.

    Its intent is closed as unknown and its slot is in doubt until a person looked inside; so is a
    slot whose reservation was left behind. Returns how many there were.
    """
    in_play = await kiosk.store.run(intents.open_intents)
    if in_play:
        await seen(kiosk)
    for intent in in_play:
        await _close(kiosk, intent, what)
    await kiosk.store.run(openings.settle)
    try:
        return len(in_play) + await kiosk.store.run(recovery.release_stranded)
    except (StoreError, BrokenInvariantError):
        LOG.exception("a reservation that was left behind could not be ended; its slot is in doubt")
        return len(in_play) + await kiosk.store.run(recovery.doubt_stranded)


async def seen(kiosk: Kiosk) -> None:
    """Right after a start no port is open yet, which is no fault of any door: wait until the doors
    were seen. A board that is away must not hold up the screen."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SEEN_WITHIN_S):
            await kiosk.bank.settled()


async def _close(kiosk: Kiosk, intent: OpenIntent, what: str) -> None:
    """End one opening; where its deposit cannot be ended with it, the slot alone is in doubt."""
    door = await kiosk.bank.read(intent.slot)
    try:
        await kiosk.store.run(recovery.recover, intent, door.value, what)
    except (StoreError, BrokenInvariantError) as error:
        LOG.exception("an opening could not be ended: %s", intent)
        why = f"{what} during {intent.purpose}, its end was refused ({type(error).__name__})"
        await kiosk.store.run(recovery.doubt_intent, intent, why)
