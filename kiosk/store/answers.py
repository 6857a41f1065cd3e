"""What a caller of the store waits for: a thread until a lock is let go, a flow on its event loop.

`concurrent.futures.Future` can do more, and takes several times as long: it would be a good part of
what an operation costs. Here there is one who answers, once, and nobody who calls it off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Answer(Generic[T]):
    """What an operation gives, or why it failed, once that is certain."""

    __slots__ = ("_error", "_is_done", "_result", "_unanswered", "_waiter")

    _result: T

    def __init__(self) -> None:
        self._is_done = False
        self._error: BaseException | None = None
        self._unanswered = Lock()
        self._unanswered.acquire()
        self._waiter: asyncio.Future[None] | None = None

    def done(self) -> bool:
        """Whether the answer is there."""
        return self._is_done

    def result(self) -> T:
        """What the operation gave, or raise why it failed; waits for it in the calling thread."""
        self._wait()
        if self._error is not None:
            raise self._error
        return self._result

    def exception(self) -> BaseException | None:
        """Why the operation failed, None when it did not; waits for it in the calling thread."""
        self._wait()
        return self._error

    async def awaited(self) -> T:
        """`result` for a flow. A flow that gives up gets no answer; the operation is done all the
        same."""
        if not self._is_done:
            self._waiter = asyncio.get_running_loop().create_future()
            # In this order: whoever answers looks for a waiter after the answer is there.
            if not self._is_done:
                await self._waiter
        return self.result()

    def succeed(self, result: T) -> None:
        """Give the answer. Who waits on an event loop hears of it by `wake`."""
        self._result = result
        self._be_done()

    def fail(self, error: BaseException) -> None:
        """Say why there is none. Who waits on an event loop hears of it by `wake`."""
        self._error = error
        self._be_done()

    def _be_done(self) -> None:
        self._is_done = True
        self._unanswered.release()

    def _wait(self) -> None:
        if not self._is_done:
            with self._unanswered:
                pass

    def waiter(self) -> asyncio.Future[None] | None:
        """Who waits for it on an event loop."""
        return self._waiter


def wake(answers: Iterable[Answer[object]]) -> None:
    """Tell whoever waits on an event loop for answers that are there: each loop once for all."""
    waiters: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for answer in answers:
        waiter = answer.waiter()
        if waiter is not None:
            waiters.setdefault(waiter.get_loop(), []).append(waiter)
    for loop, waiting in waiters.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_let_go_on, waiting)


def _let_go_on(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
