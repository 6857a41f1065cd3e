"""An asyncio loop with virtual time: when it has nothing to do, it moves its clock.

The same seed gives the same trace, and a year passes in seconds. Nothing may reach into it from a
thread, and nothing may wait for a socket.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Future, Handle
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

# Must exceed the smallest step of a float at large times, or the loop spins for ever.
CLOCK_RESOLUTION_S = 1e-6


class _Jump(selectors.SelectSelector):
    """Instead of waiting, moves the loop's clock."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and nothing is scheduled")
        if timeout > 0:
            self.loop.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything runs, and jumps when nothing does."""

    def __init__(self, start_s: float = 0.0) -> None:
        self.now_s = start_s
        selector = _Jump()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = CLOCK_RESOLUTION_S

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Arguments], T],
        *args: *Arguments,
    ) -> Future[T]:
        """Run it here and now: a thread would tie the trace to the system's scheduler."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed on to whoever awaits it
            future.set_exception(error)
        return future

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> Handle:
        raise RuntimeError("a thread reached into the virtual loop")


def run_virtually(coroutine: Coroutine[Any, Any, T], start_s: float = 0.0) -> T:
    """Run a coroutine to its end on a virtual loop of its own; what it left running is ended."""
    loop = VirtualLoop(start_s)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()
