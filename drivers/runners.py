"""What makes a bus go: a thread with a real port, or a task in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from drivers.bus import Bus
from drivers.bus_events import BusEvent, Job

log = logging.getLogger(__name__)

Deliver = Callable[[BusEvent], None]

STOP_TIMEOUT_S = 5.0
"""A transaction and its drain end long before this."""


class BusRunner(Protocol):
    """Runs one bus and hands its events to the asyncio loop that started it, in order."""

    @property
    def bus(self) -> Bus: ...

    def start(self, deliver: Deliver) -> None: ...

    async def stop(self) -> None:
        """End after the transaction in flight; what was queued is refused."""

    def submit(self, job: Job) -> None: ...

    def watch(self, board: str, until_s: float) -> None: ...


class ThreadRunner:
    """Runs a bus on a thread of its own."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def start(self, deliver: Deliver) -> None:
        loop = asyncio.get_running_loop()
        self._is_stopping = False
        self._thread = threading.Thread(
            target=self._run, args=(loop, deliver), name=f"bus {self.bus.name}", daemon=True
        )
        self._thread.start()

    async def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._is_stopping = True
        self._wake.set()
        await asyncio.to_thread(thread.join, STOP_TIMEOUT_S)
        # The last events were put on the loop before the thread ended: let them be delivered.
        await asyncio.sleep(0)

    def submit(self, job: Job) -> None:
        self.bus.submit(job)
        self._wake.set()

    def watch(self, board: str, until_s: float) -> None:
        self.bus.watch(board, until_s)
        self._wake.set()

    def _run(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        while not self._is_stopping:
            # Cleared before the step: a job that comes during it wakes the next wait.
            self._wake.clear()
            wait_s = self._step(loop, deliver)
            if wait_s > 0:
                self._wake.wait(wait_s)
        self._hand_over(loop, deliver, self.bus.close())

    def _step(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> float:
        try:
            step = self.bus.step()
        except Exception:
            log.exception("the bus on %s failed by a fault of the software", self.bus.name)
            reason = f"A fault of the software stopped {self.bus.name}: it starts over."
            self._hand_over(loop, deliver, self.bus.fail(reason))
            return 0.0
        self._hand_over(loop, deliver, step.events)
        return step.wait_s

    def _hand_over(
        self, loop: asyncio.AbstractEventLoop, deliver: Deliver, events: tuple[BusEvent, ...]
    ) -> None:
        for event in events:
            # A loop that is closed has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(deliver, event)


class MovableClock:
    """A clock that is set from outside: by a port's reads, and by the loop between steps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class TaskRunner:
    """Runs a bus as a task on a loop with virtual time.

    A step moves the bus's own clock ahead; the task then sleeps as long on the loop before the
    step's events are delivered, so that all see them at the time at which they happened.
    """

    def __init__(self, bus: Bus, clock: MovableClock) -> None:
        self.bus = bus
        self._clock = clock
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._deliver: Deliver | None = None

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._task = asyncio.get_running_loop().create_task(self._run(deliver))

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None or self._deliver is None:
            return
        task.cancel()
        await asyncio.wait([task])
        for event in self.bus.close():
            self._deliver(event)

    def submit(self, job: Job) -> None:
        self.bus.submit(job)
        self._wake.set()

    def watch(self, board: str, until_s: float) -> None:
        self.bus.watch(board, until_s)
        self._wake.set()

    async def _run(self, deliver: Deliver) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            self._clock.now_s = max(self._clock.now_s, loop.time())
            step = self.bus.step()
            ahead_s = self._clock.now_s - loop.time()
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
            for event in step.events:
                deliver(event)
            if step.wait_s > 0:
                # `wait_for` of Python 3.11 forgets a cancellation that comes with the wake.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(step.wait_s):
                        await self._wake.wait()
            else:
                await asyncio.sleep(0)
