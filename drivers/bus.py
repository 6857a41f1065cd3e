"""The one owner of a serial port: asks, unlocks, listens and reconnects, one transaction at a time.

`Bus` has no thread, no clock and no port of its own: a runner (`drivers/runners.py`) calls `step()`
and hands its events on. An unlock goes before everything else; it is written once and never again.
Reads may be repeated. What does not answer the question just asked is never taken for its answer.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drivers.boards.family import Answer, LineTiming, LockBoard, Question
from drivers.bus_events import (
    BoardFound,
    BoardLost,
    BoardUnreachable,
    BusEvent,
    Job,
    NotPulsed,
    OutputJob,
    OutputSet,
    Pulsed,
    ReadFailed,
    Reading,
    ReadJob,
    UnlockJob,
)
from drivers.common_line import common_line
from drivers.door import BoardReport, DoorState, ItemState
from drivers.port import (
    PORT_ERRORS,
    Port,
    PortOpener,
    PortProblem,
    PortUnavailableError,
    ReconnectPlan,
    device_of,
)

log = logging.getLogger(__name__)

RECEIVED_LIMIT_BYTES = 512
"""More than this without an answer is noise; only the newest is kept."""
SMALLEST_WAIT_S = 1e-6


@dataclass(frozen=True, slots=True)
class BusTiming:
    """How a bus spends its time; what the line itself needs is in the family's `LineTiming`."""

    idle_poll_s: float = 0.2
    watched_poll_s: float = 0.03
    read_repeats: int = 1
    reads_until_silent: int = 3
    """A board is lost after so many failed reads in a row, repeats not counted."""
    drain_limit_s: float = 0.25
    """A line that never falls quiet is drained no longer than this."""
    reconnect: ReconnectPlan = field(default_factory=ReconnectPlan)


@dataclass(frozen=True, slots=True)
class BusBoard:
    """A board on this bus: its name in the config, its family's name, and its bytes."""

    name: str
    family: str
    lock_board: LockBoard


@dataclass(frozen=True, slots=True)
class Step:
    """What one step brought, and how long the bus has nothing to do unless a job comes."""

    events: tuple[BusEvent, ...]
    wait_s: float


@dataclass(slots=True)
class _Link:
    """What the bus knows of one board."""

    board: BusBoard
    next_poll_s: float = 0.0
    watched_until_s: float = 0.0
    pulsing_until_s: float = 0.0
    is_answering: bool = False
    is_reported: bool = False
    reason: str = "It was not asked yet."
    failed_reads: int = 0
    may_answer_late: bool = False
    """The last question was not answered in time; its answer may still come."""
    frames_sent: int = 0
    frames_received: int = 0
    timeouts: int = 0
    checksum_errors: int = 0
    reconnects: int = 0
    last_request: bytes = b""
    last_heard: bytes = b""
    answer_s: float | None = None


@dataclass(slots=True)
class _Read:
    """A read under way: the questions that are left and what is known so far."""

    link: _Link
    job: ReadJob | None
    questions: deque[Question]
    repeats_left: int
    doors: dict[int, DoorState] = field(default_factory=dict)
    items: dict[int, ItemState] = field(default_factory=dict)
    may_be_old: bool = False


@dataclass(slots=True)
class _Outage:
    """A port that is closed and why."""

    reason: str
    is_missing: bool = False
    failed_tries: int = 0
    next_try_s: float = 0.0
    is_logged: bool = False


class Bus:
    """One serial port and the boards on it.

    `submit`, `watch` and `report` may be called from any thread; all else belongs to the runner.
    """

    def __init__(
        self,
        opener: PortOpener,
        boards: Sequence[BusBoard],
        clock: Callable[[], float],
        timing: BusTiming,
        find_device: Callable[[str], str] = device_of,
    ) -> None:
        self.name = opener.name
        self._find_device = find_device
        self._opener = opener
        self._clock = clock
        self._timing = timing
        self._line = common_line(opener.name, [board.lock_board for board in boards])
        self._links = {board.name: _Link(board) for board in boards}
        self._port: Port | None = None
        self._outage = _Outage("It was not opened yet.")
        self._was_open = False
        self._device = ""
        self._unlocks: deque[tuple[UnlockJob, bytes]] = deque()
        self._outputs: deque[tuple[OutputJob, bytes]] = deque()
        self._reads: deque[ReadJob] = deque()
        self._read: _Read | None = None
        self._free_at_s = 0.0
        self._events: list[BusEvent] = []

    # --- from any thread -----------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether its port is open; jobs are refused while it is not."""
        return self._port is not None

    def submit(self, job: Job) -> None:
        """Queue a job. Its end is an event: `Pulsed`/`NotPulsed`, `OutputSet`,
        `Reading`/`ReadFailed`.

        A channel that the board does not have is refused here, before anything is queued.
        """
        if isinstance(job, UnlockJob):
            request = self._links[job.board].board.lock_board.unlock_request(job.channel)
            self._unlocks.append((job, request))
        elif isinstance(job, OutputJob):
            lock_board = self._links[job.board].board.lock_board
            self._outputs.append((job, lock_board.output_request(job.channel, job.is_on)))
        else:
            self._reads.append(job)

    def watch(self, board: str, until_s: float) -> None:
        """Poll a board fast until then."""
        link = self._links[board]
        link.watched_until_s = max(link.watched_until_s, until_s)
        link.next_poll_s = min(link.next_poll_s, self._clock())

    def report(self, board: str) -> BoardReport:
        """How a board is doing."""
        link = self._links[board]
        return BoardReport(
            board=board,
            family=link.board.family,
            port=self.name,
            address=link.board.lock_board.address,
            reachable=link.is_answering,
            reason="" if link.is_answering else link.reason,
            frames_sent=link.frames_sent,
            frames_received=link.frames_received,
            timeouts=link.timeouts,
            checksum_errors=link.checksum_errors,
            reconnects=link.reconnects,
            last_request=link.last_request,
            last_heard=link.last_heard,
            answer_s=link.answer_s,
        )

    # --- by the runner -------------------------------------------------------------------------

    def step(self) -> Step:
        """Do one transaction, or one try to open the port, or nothing."""
        wait_s = self._work()
        events, self._events = tuple(self._events), []
        return Step(events, wait_s)

    def fail(self, reason: str) -> tuple[BusEvent, ...]:
        """Treat a fault of the software as an outage of the port: close it and start over."""
        self._lose_port(reason)
        events, self._events = tuple(self._events), []
        return events

    def close(self) -> tuple[BusEvent, ...]:
        """Give the port back and refuse what is still queued."""
        self._shut_port("The bus was stopped.")
        self._refuse_jobs()
        events, self._events = tuple(self._events), []
        return events

    def _work(self) -> float:
        if self._port is None:
            self._refuse_jobs()
            return self._try_to_open()
        try:
            return self._transact(self._port)
        except PORT_ERRORS as error:
            self._lose_port(f"{self.name} failed: {error}. It is opened again.")
            return 0.0

    def _transact(self, port: Port) -> float:
        if self._unlocks:
            self._pulse(port, *self._unlocks.popleft())
            return 0.0
        if self._outputs:
            self._switch(port, *self._outputs.popleft())
            return 0.0
        self._read = self._read or self._next_read()
        if self._read is not None:
            self._ask(port, self._read)
            return 0.0
        next_poll_s = min(link.next_poll_s for link in self._links.values())
        return max(0.0, next_poll_s - self._clock())

    # --- unlocking -----------------------------------------------------------------------------

    def _pulse(self, port: Port, job: UnlockJob, request: bytes) -> None:
        """Write one unlock frame; its late answer is not waited for, as it proves nothing."""
        link = self._links[job.board]
        line = link.board.lock_board.timing
        try:
            self._leave_gap(port)
        except PORT_ERRORS:
            self._events.append(NotPulsed(job, may_have_left=False, at_s=self._clock()))
            raise
        if job.withdrawn:
            self._events.append(NotPulsed(job, may_have_left=False, at_s=self._clock()))
            return
        at_s = self._clock()
        try:
            port.write(request)
        except PORT_ERRORS:
            self._events.append(NotPulsed(job, may_have_left=True, at_s=at_s))
            raise
        link.frames_sent += 1
        self._events.append(Pulsed(job, at_s))
        left_to_board_s = max(self._line.gap_s, line.unlock_answer_s)
        self._free_at_s = at_s + line.wire_time_s(len(request)) + left_to_board_s
        link.pulsing_until_s = at_s + line.unlock_settle_s
        link.next_poll_s = at_s

    # --- outputs -------------------------------------------------------------------------------

    def _switch(self, port: Port, job: OutputJob, request: bytes) -> None:
        """Write an output's frame and wait for its echo."""
        line = self._links[job.board].board.lock_board.timing
        is_confirmed = False
        try:
            self._leave_gap(port)
            port.write(request)
            self._links[job.board].frames_sent += 1
            is_confirmed = self._hear_echo(port, line, request)
        finally:
            self._free_at_s = self._clock() + self._line.gap_s
            self._events.append(OutputSet(job, is_confirmed))

    def _hear_echo(self, port: Port, line: LineTiming, request: bytes) -> bool:
        deadline_s = self._clock() + line.wire_time_s(len(request)) + line.read_timeout_s
        received = b""
        while (left_s := deadline_s - self._clock()) > SMALLEST_WAIT_S:
            received += port.read(left_s)
            if request in received:
                return True
        self._drain(port)
        return False

    # --- reading -------------------------------------------------------------------------------

    def _next_read(self) -> _Read | None:
        if self._reads:
            job = self._reads.popleft()
            return self._begin_read(self._links[job.board], job)
        link = min(self._links.values(), key=lambda link: link.next_poll_s)
        if link.next_poll_s - self._clock() > SMALLEST_WAIT_S:
            return None
        return self._begin_read(link, None)

    def _begin_read(self, link: _Link, job: ReadJob | None) -> _Read:
        questions = deque(link.board.lock_board.questions())
        # A board that is away costs every other board its time-out: it is asked once, not twice.
        is_away = link.failed_reads >= self._timing.reads_until_silent
        repeats = 0 if is_away else self._timing.read_repeats
        return _Read(link, job, questions, repeats)

    def _ask(self, port: Port, read: _Read) -> None:
        """Ask the next question of a read; a repeat is a step of its own, so an unlock can pass."""
        link, question = read.link, read.questions[0]
        self._leave_gap(port)
        port.write(question.request)
        asked_s = self._clock()
        link.frames_sent += 1
        link.last_request, link.last_heard, link.answer_s = question.request, b"", None
        answer = self._hear(port, link, question)
        if answer is not None:
            link.answer_s = self._clock() - asked_s
        else:
            link.timeouts += 1
            link.may_answer_late = True
            self._drain(port)
        self._free_at_s = self._clock() + self._line.gap_s
        if answer is None:
            self._not_answered(read)
            return
        link.frames_received += 1
        read.may_be_old |= link.may_answer_late
        link.may_answer_late = False
        read.doors.update(answer.doors)
        read.items.update(answer.items)
        read.questions.popleft()
        if not read.questions:
            self._read_done(read)

    def _hear(self, port: Port, link: _Link, question: Question) -> Answer | None:
        """Listen until the question is answered or its time is over.

        Quiet ends what came before it: a frame that stayed cut is never joined to the next.
        """
        board = link.board.lock_board
        wire_time_s = board.timing.wire_time_s(len(question.request))
        deadline_s = self._clock() + wire_time_s + board.timing.read_timeout_s
        received = b""
        while (left_s := deadline_s - self._clock()) > SMALLEST_WAIT_S:
            data = port.read(min(left_s, board.timing.quiet_s) if received else left_s)
            if data:
                received = (received + data)[-RECEIVED_LIMIT_BYTES:]
                link.last_heard = received
                answer = board.find_answer(question, received)
                if answer is not None:
                    return answer
            elif received:
                link.checksum_errors += board.has_wrong_sum(question, received)
                received = b""
        link.checksum_errors += board.has_wrong_sum(question, received)
        return None

    def _not_answered(self, read: _Read) -> None:
        if read.repeats_left > 0:
            read.repeats_left -= 1
            return
        self._read = None
        link, now_s = read.link, self._clock()
        self._events.append(ReadFailed(link.board.name, read.job))
        # A board that is busy with a pulse may be deaf for a moment; that is no outage.
        if now_s >= link.pulsing_until_s:
            link.failed_reads += 1
        if link.failed_reads < self._timing.reads_until_silent:
            link.next_poll_s = now_s + self._poll_interval_s(link)
            return
        self._lose_board(link, self._silence(link))
        if not link.is_reported:
            log.warning("%s", link.reason)
        self._report_unreachable(link)
        tries = link.failed_reads - self._timing.reads_until_silent
        link.next_poll_s = now_s + self._timing.reconnect.delay_s(tries)

    def _read_done(self, read: _Read) -> None:
        self._read = None
        link, now_s = read.link, self._clock()
        link.failed_reads = 0
        self._outage.failed_tries = 0
        if not link.is_answering:
            self._find_board(link)
        self._events.append(
            Reading(link.board.name, read.doors, now_s, read.job, read.items, read.may_be_old)
        )
        link.next_poll_s = now_s + self._poll_interval_s(link)

    def _poll_interval_s(self, link: _Link) -> float:
        is_watched = link.watched_until_s > self._clock()
        return self._timing.watched_poll_s if is_watched else self._timing.idle_poll_s

    # --- the line ------------------------------------------------------------------------------

    def _leave_gap(self, port: Port) -> None:
        """Keep the line quiet as long as the families want, and drop what comes late."""
        latest_s = self._free_at_s + self._timing.drain_limit_s
        while (left_s := self._free_at_s - self._clock()) > SMALLEST_WAIT_S:
            if port.read(left_s):
                quiet_at_s = self._clock() + self._line.gap_s
                self._free_at_s = max(self._free_at_s, min(quiet_at_s, latest_s))
        port.read(0.0)

    def _drain(self, port: Port) -> None:
        """After a failure, listen until the line is quiet: an answer may still be coming."""
        until_s = self._clock() + self._timing.drain_limit_s
        while port.read(self._line.quiet_s) and self._clock() < until_s:
            pass

    # --- coming and going ----------------------------------------------------------------------

    def _try_to_open(self) -> float:
        now_s, outage = self._clock(), self._outage
        has_come_back = outage.is_missing and self._opener.is_present()
        wait_s = outage.next_try_s - now_s
        if wait_s > SMALLEST_WAIT_S and not has_come_back:
            return min(wait_s, self._timing.reconnect.look_s) if outage.is_missing else wait_s
        try:
            self._port = self._opener.open(self._line.baud)
        except PortUnavailableError as error:
            self._stays_closed(error)
            return 0.0
        self._device = self._find_device(self.name)
        for link in self._links.values():
            link.reconnects += self._was_open
            link.failed_reads = 0
            link.next_poll_s = now_s
        self._was_open = True
        outage.is_missing = False
        return 0.0

    def _stays_closed(self, error: PortUnavailableError) -> None:
        outage, plan = self._outage, self._timing.reconnect
        outage.reason = str(error)
        # A name that is there and yet does not open is waited for like any other fault.
        is_gone = error.problem is PortProblem.MISSING and not self._opener.is_present()
        outage.is_missing = is_gone
        outage.failed_tries += 1
        outage.next_try_s = self._clock() + plan.delay_s(outage.failed_tries)
        self._log_outage(outage.reason)
        for link in self._links.values():
            link.reason = outage.reason
        # A port that worked may only blink; one that never opened, or may not, is reported at once.
        is_lasting = outage.failed_tries >= plan.quick_tries
        if is_lasting or not self._was_open or error.problem is PortProblem.NOT_PERMITTED:
            for link in self._links.values():
                self._report_unreachable(link)

    def _shut_port(self, reason: str) -> None:
        if self._port is not None:
            self._port.close()
            self._port = None
        if self._read is not None:
            self._events.append(ReadFailed(self._read.link.board.name, self._read.job))
            self._read = None
        for link in self._links.values():
            self._lose_board(link, reason)

    def _lose_port(self, reason: str) -> None:
        self._shut_port(reason)
        outage, plan = self._outage, self._timing.reconnect
        outage.reason = reason
        # A port that opens and fails before any board answered counts as one more failed try.
        outage.failed_tries += 1
        outage.next_try_s = self._clock() + plan.delay_s(outage.failed_tries)
        self._log_outage(reason)
        if outage.failed_tries >= plan.quick_tries:
            for link in self._links.values():
                self._report_unreachable(link)

    def _lose_board(self, link: _Link, reason: str) -> None:
        link.reason = reason
        if link.is_answering:
            link.is_answering = False
            self._events.append(BoardLost(link.board.name))

    def _report_unreachable(self, link: _Link) -> None:
        if link.is_reported:
            return
        link.is_reported = True
        self._events.append(BoardUnreachable(link.board.name, link.reason))

    def _find_board(self, link: _Link) -> None:
        if link.is_reported or self._outage.is_logged:
            log.info("board %s answers again on %s", link.board.name, self.name)
        link.is_answering = True
        link.is_reported = False
        self._outage.is_logged = False
        self._events.append(BoardFound(link.board.name, self._device))

    def _log_outage(self, reason: str) -> None:
        if not self._outage.is_logged:
            self._outage.is_logged = True
            log.warning("%s", reason)

    def _silence(self, link: _Link) -> str:
        return (
            f"Board {link.board.name} (address {link.board.lock_board.address}) does not answer "
            f"on {self.name}: check its power, the wires A and B, and its address switches."
        )

    def _refuse_jobs(self) -> None:
        while self._unlocks:
            unlock, _ = self._unlocks.popleft()
            self._events.append(NotPulsed(unlock, may_have_left=False, at_s=self._clock()))
        while self._outputs:
            output, _ = self._outputs.popleft()
            self._events.append(OutputSet(output, is_confirmed=False))
        while self._reads:
            read = self._reads.popleft()
            self._events.append(ReadFailed(read.board, read))
