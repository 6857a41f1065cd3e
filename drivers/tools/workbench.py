"""A port with boards on it for an installer's tools: ask, pulse, and wait for what comes of it.

The bus does the work, one step after another on the caller's own thread; nothing is polled between
two calls. A kiosk has a `Bank` instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from drivers.bus import Bus, BusBoard, BusTiming
from drivers.bus_events import BusEvent, NotPulsed, Pulsed, ReadFailed, Reading, ReadJob, UnlockJob
from drivers.door import DoorState, DriverError
from drivers.port import PORT_ERRORS, Port, PortOpener, ReconnectPlan

NEVER_S: Final = 1e9
AT_ONCE: Final = BusTiming(
    idle_poll_s=NEVER_S,
    reads_until_silent=1,
    reconnect=ReconnectPlan(pause_s=0.0, rest_s=0.0, look_s=0.0),
)
"""A question that stays unanswered is reported to the person who waits, who may ask again."""
READS_TO_SETTLE: Final = 6


class BoardSilentError(DriverError):
    """A board does not answer, or its port is gone; the message says what to do."""


class _LentPort:
    """A port that stays open when whoever it was lent to gives it back."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.has_failed = False

    def read(self, timeout_s: float) -> bytes:
        with self._noting_failure():
            return self._port.read(timeout_s)

    def write(self, data: bytes) -> None:
        with self._noting_failure():
            self._port.write(data)

    def close(self) -> None:
        """Given back, not closed."""

    @contextlib.contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except PORT_ERRORS:
            self.has_failed = True
            raise


class HeldPort:
    """A port that is opened once for many workbenches, and again only when it failed.

    Serial servers take one connection at a time and are slow to notice that one has ended.
    """

    def __init__(self, opener: PortOpener) -> None:
        self.name = opener.name
        self._opener = opener
        self._port: Port | None = None
        self._lent: _LentPort | None = None
        self._baud = 0

    def is_present(self) -> bool:
        return self._opener.is_present()

    def open(self, baud: int) -> Port:
        if self._lent is None or self._lent.has_failed or self._baud != baud:
            self.release()
            self._port = self._opener.open(baud)
            self._lent, self._baud = _LentPort(self._port), baud
        return self._lent

    def release(self) -> None:
        """Close it."""
        port, self._port, self._lent = self._port, None, None
        if port is not None:
            port.close()


class Workbench:
    """One port and its boards."""

    def __init__(
        self,
        opener: PortOpener,
        boards: Sequence[BusBoard],
        clock: Callable[[], float],
        timing: BusTiming = AT_ONCE,
    ) -> None:
        self._bus = Bus(opener, boards, clock, timing)

    def read(self, board: str) -> Mapping[int, DoorState]:
        """Every door of a board as it reads now. Raises `BoardSilentError`."""
        event = self._finish(ReadJob(board))
        if isinstance(event, Reading):
            return event.doors
        raise BoardSilentError(self._bus.report(board).reason)

    def read_settled(self, board: str) -> Mapping[int, DoorState]:
        """Every door as it reads twice in a row; `UNKNOWN` where it never does."""
        before, doors = self.read(board), self.read(board)
        for _ in range(READS_TO_SETTLE):
            if doors == before:
                return doors
            before, doors = doors, self.read(board)
        return {
            channel: state if before[channel] is state else DoorState.UNKNOWN
            for channel, state in doors.items()
        }

    def pulse(self, board: str, channel: int) -> None:
        """Pulse one lock, once. Raises `BoardSilentError` when that is not known to have left."""
        if isinstance(self._finish(UnlockJob(board, channel)), NotPulsed):
            raise BoardSilentError(self._bus.report(board).reason)

    def close(self) -> None:
        """Give the port back."""
        self._bus.close()

    def _finish(self, job: ReadJob | UnlockJob) -> BusEvent:
        """Let the bus work until the job has ended; its last event."""
        if not self._bus.is_open:
            self._bus.step()
        self._bus.submit(job)
        while True:
            for event in self._bus.step().events:
                match event:
                    case Reading() | ReadFailed() | Pulsed() | NotPulsed() if event.job is job:
                        return event
