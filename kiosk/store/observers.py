"""Observers: whoever wants to know what happened here follows the journal, each at its own pace.

Everything that happens is an event. An observer names the kinds it wants and takes them one after
another, in order; how far it has come is kept in the database, so that after a power cut it goes on
where it was (and may take one event twice). Each has a task of its own, so one that is slow or
fails disturbs nobody. It is woken by the store after a commit; nothing is polled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from kiosk.model.events import Event, EventKind
from kiosk.store import journal
from kiosk.store.store import Store

LOG = logging.getLogger("kiosk.store.observers")
PAGE = 500
"""So many events of the journal are looked through at once, and passed over without a note."""
BACK_OFF_S = 1.0
BACK_OFF_MAX_S = 60.0
LAST_WORDS_S = 3.0
"""How long all observers may take at the end for what has not been taken yet."""


class Later(Exception):
    """An observer does not take an event yet: ask again after the next commit, or after a time."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"again in {after_s} s")
        self.after_s = after_s


class Observer(Protocol):
    """Whoever wants to know what happens."""

    @property
    def name(self) -> str:
        """Under which the database keeps how far it has come; never used for another."""
        ...

    @property
    def kinds(self) -> Sequence[EventKind]:
        """What it wants to know of."""
        ...

    async def take(self, event: Event) -> None:
        """Deal with an event. When this raises, the same event comes again: after a back-off, or
        as `Later` says."""
        ...


@contextlib.asynccontextmanager
async def observing(store: Store, observers: Sequence[Observer]) -> AsyncIterator[None]:
    """Let observers follow the journal until the block ends; then each may take what is left."""
    followers = [_Follower(store, observer) for observer in observers]
    loop, thread = asyncio.get_running_loop(), threading.get_ident()

    def wake() -> None:
        for follower in followers:
            follower.woken.set()

    def committed() -> None:
        if threading.get_ident() == thread:
            wake()
        else:
            loop.call_soon_threadsafe(wake)

    end_listening = store.listen(committed)
    tasks = [asyncio.create_task(follower.follow()) for follower in followers]
    try:
        yield
    finally:
        end_listening()
        await _end(tasks)
        tasks = [asyncio.create_task(follower.catch_up()) for follower in followers]
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_S)
            await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, Later):
            LOG.error("an observer ended before it was done: %r", result)


class _Follower:
    """One observer's way along the journal."""

    def __init__(self, store: Store, observer: Observer) -> None:
        self._store = store
        self._observer = observer
        self._seq: int | None = None
        self._noted_seq = 0
        self.woken = asyncio.Event()

    async def follow(self) -> None:
        """Take what comes, for ever."""
        failures = 0
        while True:
            self.woken.clear()
            wait_s: float | None = None
            try:
                await self.catch_up()
                failures = 0
            except Later as later:
                wait_s = later.after_s
            except Exception:
                failures += 1
                pause_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2.0 ** (failures - 1))
                LOG.exception("%s failed; again in %.0f s", self._observer.name, pause_s)
                await asyncio.sleep(pause_s)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.woken.wait()

    async def catch_up(self) -> None:
        """Take every event that is there."""
        name = self._observer.name
        if self._seq is None:
            self._seq = self._noted_seq = await self._store.run(journal.observer_seq, name)
        while True:
            page = await self._store.run(journal.page, self._seq, PAGE, self._observer.kinds)
            for event in page.events:
                await self._observer.take(event)
                await self._note(event.seq)
            if page.until == self._seq:
                return
            self._seq = page.until
            if self._seq - self._noted_seq >= PAGE:
                await self._note(self._seq)

    async def _note(self, seq: int) -> None:
        # First here: the end of the kiosk may come while the store writes it down.
        self._seq = self._noted_seq = seq
        await self._store.run(journal.set_observer_seq, self._observer.name, seq)
