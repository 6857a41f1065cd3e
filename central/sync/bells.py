"""Who waits: each kiosk holds one request, which is answered when something is there for it.

A request that waits is a future and nothing else: no thread, no connection to the database, no work
of its own until somebody rings. All of it happens on the server's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from enum import StrEnum
from typing import Final

from central.counters import KIOSKS_WAITING
from central.database.wakes import EVERY_KIOSK, EVERYBODY

LOG = logging.getLogger("central.sync")
AT_ONCE: Final = 50
EVERY_S: Final = 0.25
"""Where many are rung for, so many hear of it at a time, and then as many again: they all come."""


class Heard(StrEnum):
    """What ends a wait."""

    DUE = "something is there"
    NOTHING = "the time is over"
    AGAIN = "the same kiosk waits with another request"
    STOPPING = "the server stops"
    GONE = "the kiosk hung up"


Bell = asyncio.Future[Heard]


class Bells:
    """Everybody who waits in this process."""

    def __init__(self, due: Callable[[], Awaitable[Collection[str]]]) -> None:
        """`due` tells for which locations something is there."""
        self._due = due
        self._hung: dict[str, list[Bell]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rounds: dict[asyncio.Task[None], None] = {}
        self._is_stopping = False

    def start(self) -> None:
        """Ring on this loop from now on."""
        self._loop = asyncio.get_running_loop()

    def ring(self, locations: Collection[str]) -> None:
        """Something is there for these; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring, set(locations))

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._hung)

    @contextlib.contextmanager
    def hung(self, location: str) -> Iterator[Bell]:
        """A bell of a location, from before anybody looks whether something is there."""
        bell: Bell = asyncio.get_running_loop().create_future()
        self._hung.setdefault(location, []).append(bell)
        if self._is_stopping:
            end(bell, Heard.STOPPING)
        KIOSKS_WAITING.set(len(self._hung))
        try:
            yield bell
        finally:
            here = self._hung[location]
            here.remove(bell)
            if not here:
                del self._hung[location]
            KIOSKS_WAITING.set(len(self._hung))

    def leave_alone(self, location: str, bell: Bell) -> None:
        """This one is of the location's kiosk for sure: what it held before is over. What it asked
        since may have been looked up sooner, and stays."""
        here = self._hung[location]
        for each in here[: here.index(bell)]:
            end(each, Heard.AGAIN)

    async def heard(self, bell: Bell, within_s: float) -> Heard:
        """Wait for what ends it."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(within_s, end, bell, Heard.NOTHING)
        try:
            return await bell
        finally:
            timer.cancel()

    def stop(self) -> None:
        """Whoever waits is answered now, and nobody waits from here on."""
        self._is_stopping = True
        for task in self._rounds:
            task.cancel()
        for bells in self._hung.values():
            for bell in bells:
                end(bell, Heard.STOPPING)

    def _ring(self, locations: set[str]) -> None:
        if EVERYBODY in locations or EVERY_KIOSK in locations:
            some = self._all() if EVERY_KIOSK in locations else self._due()
            task = asyncio.get_running_loop().create_task(self._ring_for_many(some))
            self._rounds[task] = None
            task.add_done_callback(self._rounds.pop)
            return
        for location in sorted(locations):
            for bell in self._hung.get(location, ()):
                end(bell, Heard.DUE)

    async def _all(self) -> Collection[str]:
        return list(self._hung)

    async def _ring_for_many(self, some: Awaitable[Collection[str]]) -> None:
        try:
            due = list(await some)
        except Exception:
            LOG.exception("it could not be read who has something waiting; they come by themselves")
            return
        for first in range(0, len(due), AT_ONCE):
            self._ring(set(due[first : first + AT_ONCE]))
            await asyncio.sleep(EVERY_S)


def end(bell: Bell, heard: Heard) -> None:
    """End a wait; one that has ended stays as it is."""
    if not bell.done():
        bell.set_result(heard)
