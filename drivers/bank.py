"""The bank of doors as flows see it: slots instead of boards and channels, edges instead of bits.

A `Bank` lives on one asyncio loop, and its times are that loop's. `OPENED` is only ever a sensor's
edge after the pulse; what a board answers to an unlock is not asked for.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from drivers.bus_events import (
    BoardFound,
    BoardLost,
    BoardUnreachable,
    BusEvent,
    NotPulsed,
    OutputJob,
    OutputSet,
    Pulsed,
    ReadFailed,
    Reading,
    ReadJob,
    UnlockJob,
)
from drivers.door import (
    BoardChange,
    BoardReport,
    DoorChange,
    DoorState,
    DriverError,
    ItemState,
    OpeningCause,
    Outcome,
    Unlocked,
)
from drivers.runners import BusRunner
from drivers.wiring import DoorWiring

log = logging.getLogger(__name__)

SMALLEST_WAIT_S = 1e-3
"""Longer than a clock is inexact."""
READS_TO_SETTLE = 4
"""A sensor that never reads the same twice in so many reads flaps: its last stable state stands."""

Change = DoorChange | BoardChange
Listener = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class BankTiming:
    """How long the bank waits and trusts, in seconds."""

    window_s: float = 10.0
    """How long after a pulse its edge may come."""
    fresh_s: float = 0.3
    """A reading not older than this counts as the read before a pulse."""
    silence_s: float = 1.5
    """A window that ends this long after the last answer says nothing of a jam."""
    late_s: float = 600.0
    """A door that opens this long after a pulse that seemed to jam opened by it, late."""


@dataclass(slots=True)
class _Door:
    """What is known of one door."""

    wiring: DoorWiring
    is_blind: bool = False
    """True when it has no sensor: what its board says of it is nothing."""
    state: DoorState = DoorState.UNKNOWN
    last: DoorState = DoorState.UNKNOWN
    """The newest reading; it becomes the state when the next one is equal."""
    last_since_s: float = -math.inf
    """When the first of the readings that are equal to `last` was taken."""
    read_at_s: float = -math.inf
    surely_read_at_s: float = -math.inf
    """When it was read last by an answer that cannot be a late one."""
    pulsed_at_s: float | None = None
    item: ItemState = ItemState.UNKNOWN
    last_item: ItemState = ItemState.UNKNOWN
    """The newest reading of the item sensor; it becomes `item` when the next one is equal."""


@dataclass(slots=True, eq=False)
class _Attempt:
    """One opening under way."""

    slot: str
    job: UnlockJob
    result: asyncio.Future[Unlocked]
    is_forced: bool = False
    """A person sees the door shut; what its sensor says is not believed."""
    pulsed_at_s: float | None = None
    window: asyncio.TimerHandle | None = None

    def end(self, unlocked: Unlocked) -> None:
        if not self.result.done():
            self.result.set_result(unlocked)


class Bank:
    """All doors of a site."""

    def __init__(
        self,
        runners: Mapping[str, BusRunner],
        doors: Sequence[DoorWiring],
        timing: BankTiming,
        blind_boards: Collection[str] = (),
    ) -> None:
        """`runners` holds for each board the runner of the bus it is on; `blind_boards` have no
        door sensors."""
        self._runners = runners
        self._timing = timing
        self._doors = {door.slot: _Door(door, door.board in blind_boards) for door in doors}
        self._doors_of_board = {
            board: [door for door in self._doors.values() if door.wiring.board == board]
            for board in runners
        }
        self._attempts: dict[str, _Attempt] = {}
        self._reads: dict[ReadJob, asyncio.Future[bool]] = {}
        self._outputs: dict[OutputJob, asyncio.Future[bool]] = {}
        self._settling: dict[str, ReadJob] = {}
        self._reported: dict[str, tuple[bool, str]] = {}
        """By board: whether it was reported reachable, and behind which device."""
        self._listeners: list[Listener] = []
        self._has_news = asyncio.Event()
        self._is_running = False

    # --- what flows use ------------------------------------------------------------------------

    @property
    def slots(self) -> tuple[str, ...]:
        return tuple(self._doors)

    async def start(self) -> None:
        """Begin to open ports and read doors; returns at once (see `settled`)."""
        self._is_running = True
        for runner in self._distinct_runners():
            runner.start(self._take)

    async def settled(self) -> None:
        """Wait until every board's doors were seen, or the board was reported unreachable."""
        while not all(self._is_settled(board) for board in self._runners):
            self._has_news.clear()
            await self._has_news.wait()

    async def stop(self) -> None:
        """End all work; openings under way end as `UNREACHABLE`, ports are given back."""
        self._is_running = False
        for runner in self._distinct_runners():
            await runner.stop()
        for attempt in tuple(self._attempts.values()):
            self._end_unreachable(attempt)
        for read in self._reads.values():
            if not read.done():
                read.set_result(False)
        for output in self._outputs.values():
            if not output.done():
                output.set_result(False)

    def door(self, slot: str) -> DoorState:
        """The door's last stable state; `UNKNOWN` while its board is away."""
        return self._door(slot).state

    def item(self, slot: str) -> ItemState:
        """What the sensor inside the compartment last said, twice in a row.

        `UNKNOWN` while its board is away, and always where there is no such sensor.
        """
        return self._door(slot).item

    def has_sensor(self, slot: str) -> bool:
        """Whether anything tells if this door is open."""
        return not self._door(slot).is_blind

    def boards_away(self) -> tuple[str, ...]:
        """The boards that were reported unreachable: not those that were not asked enough yet."""
        return tuple(board for board, (reachable, _) in self._reported.items() if not reachable)

    def reachable(self, slot: str) -> bool:
        """Whether the slot's board answers now."""
        board = self._door(slot).wiring.board
        return self._runners[board].bus.report(board).reachable

    def reports(self) -> tuple[BoardReport, ...]:
        """How every board is doing."""
        return tuple(runner.bus.report(board) for board, runner in self._runners.items())

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the loop at every change; the returned callable ends that."""
        self._listeners.append(listener)

        def forget() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return forget

    async def read(self, slot: str) -> DoorState:
        """Ask the board now. `UNKNOWN` when it does not answer."""
        door = self._door(slot)
        for _ in range(READS_TO_SETTLE):
            if not await self._read_board(door.wiring.board):
                return DoorState.UNKNOWN
            if door.last is door.state and door.surely_read_at_s == door.read_at_s:
                break
        return door.state

    async def open_slot(self, slot: str, *, force: bool = False) -> Unlocked:
        """Pulse the slot's lock once and watch for its door's edge.

        Never pulses a door that reads open, unless `force` says that a person sees it shut: a dead
        sensor must not keep a package in. Called again while it runs, it gives the same result.
        Once its cancellation has arrived here, a pulse that has not left yet never leaves.
        """
        door = self._door(slot)
        if slot in self._attempts:
            return await asyncio.shield(self._attempts[slot].result)
        job = UnlockJob(door.wiring.board, door.wiring.channel)
        attempt = _Attempt(slot, job, asyncio.get_running_loop().create_future())
        self._attempts[slot] = attempt
        try:
            refusal = await self._refusal(door)
            attempt.is_forced = force and refusal is Outcome.ALREADY_OPEN
            if refusal is not None and not attempt.is_forced:
                attempt.end(Unlocked(refusal, pulsed=False))
            else:
                self._runners[job.board].submit(job)
            return await asyncio.shield(attempt.result)
        finally:
            job.withdrawn = True
            if attempt.window is not None:
                attempt.window.cancel()
            self._end_unreachable(attempt)
            del self._attempts[slot]

    async def set_output(self, board: str, channel: int, is_on: bool) -> bool:
        """Switch a spare output of a board, for a light or a buzzer; whether the board confirmed.

        Refused where a lock hangs: its solenoid would burn.
        """
        if board not in self._runners:
            raise DriverError(f"there is no board {board!r}; there are {', '.join(self._runners)}")
        for door in self._doors_of_board[board]:
            if door.wiring.channel == channel:
                raise DriverError(
                    f"output {channel} of board {board} is the lock of slot {door.wiring.slot}: it "
                    f"is pulsed only, never held"
                )
        if not self._is_running:
            return False
        job = OutputJob(board, channel, is_on)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._outputs[job] = done
        try:
            self._runners[board].submit(job)
            return await done
        finally:
            del self._outputs[job]

    # --- reading -------------------------------------------------------------------------------

    def _door(self, slot: str) -> _Door:
        if slot not in self._doors:
            raise DriverError(f"no slot {slot!r} is wired; wired are {', '.join(self._doors)}")
        return self._doors[slot]

    async def _refusal(self, door: _Door) -> Outcome | None:
        """Why this door is not to be pulsed, after a look at it; None when it is to be."""
        if door.is_blind:
            is_answering = await self._read_board(door.wiring.board)
            return None if is_answering and self._is_running else Outcome.UNREACHABLE
        state = await self._fresh_state(door)
        if state is DoorState.UNKNOWN or not self._is_running:
            return Outcome.UNREACHABLE
        return Outcome.ALREADY_OPEN if state is DoorState.OPEN else None

    async def _fresh_state(self, door: _Door) -> DoorState:
        age_s = asyncio.get_running_loop().time() - door.surely_read_at_s
        is_stable = door.last is door.state and door.state is not DoorState.UNKNOWN
        if is_stable and age_s <= self._timing.fresh_s:
            return door.state
        return await self.read(door.wiring.slot)

    async def _read_board(self, board: str) -> bool:
        if not self._is_running:
            return False
        job = ReadJob(board)
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._reads[job] = answered
        try:
            self._runners[board].submit(job)
            return await answered
        finally:
            del self._reads[job]

    # --- what the buses tell -------------------------------------------------------------------

    def _take(self, event: BusEvent) -> None:
        match event:
            case Reading():
                self._take_reading(event)
            case Pulsed():
                self._take_pulse(event)
            case NotPulsed():
                self._take_missing_pulse(event)
            case OutputSet(job, is_confirmed):
                output = self._outputs.get(job)
                if output is not None and not output.done():
                    output.set_result(is_confirmed)
            case ReadFailed():
                self._answer_read(event.job, is_answered=False)
                self._settling.pop(event.board, None)
            case BoardFound(board, device):
                self._report_board(BoardChange(board, reachable=True, device=device))
            case BoardLost(board):
                self._forget_board(board)
            case BoardUnreachable(board, reason):
                self._report_board(BoardChange(board, reachable=False, reason=reason))
        self._has_news.set()

    def _take_reading(self, reading: Reading) -> None:
        changes = []
        for door in self._doors_of_board[reading.board]:
            now = reading.doors.get(door.wiring.channel, DoorState.UNKNOWN)
            if door.is_blind:
                now = DoorState.UNKNOWN
            door.read_at_s = reading.at_s
            if not reading.may_be_old:
                door.surely_read_at_s = reading.at_s
            if now is door.last and now is not door.state:
                changes.append(self._settle(door, now, reading.at_s))
            if now is not door.last:
                door.last, door.last_since_s = now, reading.at_s
            item = reading.items.get(door.wiring.channel, ItemState.UNKNOWN)
            if item is door.last_item:
                door.item = item
            door.last_item = item
        self._settle_soon(reading)
        self._judge_attempts(changes)
        self._answer_read(reading.job, is_answered=True)
        for change in changes:
            self._notify(change)

    def _settle(self, door: _Door, now: DoorState, at_s: float) -> DoorChange:
        before, door.state = door.state, now
        pulsed_before_s = None if door.pulsed_at_s is None else at_s - door.pulsed_at_s
        opening = None
        if before is DoorState.CLOSED and now is DoorState.OPEN:
            opening = self._cause(door, pulsed_before_s)
        if before is DoorState.OPEN and now is DoorState.CLOSED:
            door.pulsed_at_s = None
        return DoorChange(
            slot=door.wiring.slot,
            before=before,
            now=now,
            at_s=at_s,
            baseline=before is DoorState.UNKNOWN,
            pulsed_before_s=pulsed_before_s,
            opening=opening,
        )

    def _cause(self, door: _Door, pulsed_before_s: float | None) -> OpeningCause:
        """Why a shut door is open now. One that was first read open before its pulse did not open
        by it."""
        if pulsed_before_s is None or door.pulsed_at_s is None:
            return OpeningCause.UNASKED
        if door.last_since_s < door.pulsed_at_s or pulsed_before_s > self._timing.late_s:
            return OpeningCause.UNASKED
        attempt = self._attempts.get(door.wiring.slot)
        is_awaited = attempt is not None and attempt.pulsed_at_s is not None
        return OpeningCause.PULSED if is_awaited else OpeningCause.LATE

    def _settle_soon(self, reading: Reading) -> None:
        """Read once more when a door read differently: a person waits for that second reading."""
        board = reading.board
        was_extra = reading.job is not None and self._settling.get(board) is reading.job
        if was_extra:
            del self._settling[board]
        is_unsettled = any(door.last is not door.state for door in self._doors_of_board[board])
        # One extra read for each ordinary one: a sensor that flaps must not fill the line.
        if is_unsettled and not was_extra and board not in self._settling:
            job = self._settling[board] = ReadJob(board)
            self._runners[board].submit(job)

    def _answer_read(self, job: ReadJob | None, *, is_answered: bool) -> None:
        read = self._reads.get(job) if job is not None else None
        if read is not None and not read.done():
            read.set_result(is_answered)

    def _forget_board(self, board: str) -> None:
        """The next stable reading is a baseline: nobody saw what happened meanwhile."""
        self._settling.pop(board, None)
        for door in self._doors_of_board[board]:
            door.state = door.last = DoorState.UNKNOWN
            door.item = door.last_item = ItemState.UNKNOWN
            attempt = self._attempts.get(door.wiring.slot)
            if attempt is not None and attempt.pulsed_at_s is not None:
                self._end_unreachable(attempt)

    # --- openings ------------------------------------------------------------------------------

    def _take_pulse(self, event: Pulsed) -> None:
        door = self._door_of_job(event.job)
        door.pulsed_at_s = event.at_s
        attempt = self._attempts.get(door.wiring.slot)
        if attempt is None or attempt.job is not event.job:
            return
        attempt.pulsed_at_s = event.at_s
        if door.is_blind or (attempt.is_forced and door.state is DoorState.OPEN):
            attempt.end(Unlocked(Outcome.SENT, pulsed=True))
            return
        if door.state is DoorState.OPEN:
            attempt.end(Unlocked(Outcome.ALREADY_OPEN, pulsed=True))
            return
        loop = asyncio.get_running_loop()
        ends_at_s = event.at_s + self._timing.window_s
        attempt.window = loop.call_at(ends_at_s, self._window_over, attempt, door)
        self._runners[event.job.board].watch(event.job.board, ends_at_s)

    def _take_missing_pulse(self, event: NotPulsed) -> None:
        door = self._door_of_job(event.job)
        if event.may_have_left:
            door.pulsed_at_s = event.at_s
        attempt = self._attempts.get(door.wiring.slot)
        if attempt is not None and attempt.job is event.job:
            attempt.end(Unlocked(Outcome.UNREACHABLE, pulsed=event.may_have_left))

    def _judge_attempts(self, changes: Sequence[DoorChange]) -> None:
        opened = [
            change
            for change in changes
            if change.before is DoorState.CLOSED and change.now is DoorState.OPEN
        ]
        if not opened:
            return
        strangers = [change for change in opened if change.pulsed_before_s is None]
        for attempt in tuple(self._attempts.values()):
            if attempt.pulsed_at_s is None:
                continue
            own = [change for change in opened if change.slot == attempt.slot]
            # A door that was first read open before the pulse did not open by it.
            moved = [
                change.slot
                for change in strangers
                if self._doors[change.slot].last_since_s >= attempt.pulsed_at_s
            ]
            if own and own[0].opening is OpeningCause.PULSED:
                elapsed_s = own[0].at_s - attempt.pulsed_at_s
                attempt.end(Unlocked(Outcome.OPENED, pulsed=True, elapsed_s=elapsed_s))
            elif own:
                attempt.end(Unlocked(Outcome.ALREADY_OPEN, pulsed=True))
            elif moved:
                attempt.end(Unlocked(Outcome.WRONG_DOOR, pulsed=True, wrong_slot=moved[0]))

    def _window_over(self, attempt: _Attempt, door: _Door) -> None:
        """No edge came. Only a board that still answers can say that the door stayed shut, and one
        reading more settles a door that reads open for the first time."""
        loop = asyncio.get_running_loop()
        silent_s = loop.time() - door.read_at_s
        if silent_s > self._timing.silence_s:
            self._end_unreachable(attempt)
        elif door.last is DoorState.OPEN:
            settled_at_s = door.read_at_s + self._timing.silence_s + SMALLEST_WAIT_S
            attempt.window = loop.call_at(settled_at_s, self._window_over, attempt, door)
        else:
            attempt.end(Unlocked(Outcome.JAMMED, pulsed=True))

    def _end_unreachable(self, attempt: _Attempt) -> None:
        was_pulsed = attempt.pulsed_at_s is not None
        attempt.end(Unlocked(Outcome.UNREACHABLE, pulsed=was_pulsed))

    def _door_of_job(self, job: UnlockJob) -> _Door:
        for door in self._doors_of_board[job.board]:
            if door.wiring.channel == job.channel:
                return door
        raise DriverError(f"no slot is wired to lock {job.channel} of board {job.board}")

    # --- notifying -----------------------------------------------------------------------------

    def _report_board(self, change: BoardChange) -> None:
        now = (change.reachable, change.device)
        if self._reported.get(change.board) != now:
            self._reported[change.board] = now
            self._notify(change)

    def _notify(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(change)
            except Exception:
                log.exception("a listener failed at %s; the others are called all the same", change)

    def _is_settled(self, board: str) -> bool:
        if board not in self._reported:
            return False
        is_reachable, _ = self._reported[board]
        doors = self._doors_of_board[board]
        are_seen = all(door.is_blind or door.state is not DoorState.UNKNOWN for door in doors)
        return not is_reachable or are_seen

    def _distinct_runners(self) -> tuple[BusRunner, ...]:
        return tuple(dict.fromkeys(self._runners.values()))
