"""The keeper: what is done once over all processes of a cluster, in whichever holds the right to.

Housekeeping is done in small steps that may be cut off anywhere and begun again; so one that is
still under way when another process takes over does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from central.adapters import monotonic_s
from central.context import Central
from central.database import Leadership
from central.housekeeping import keep
from central.monitoring.figures import keep_figures
from central.notify.incoming import read_folder
from central.notify.outages import watch
from central.regions.directory import follow
from central.releases.renewing import keep_new
from central.rollouts import keeping as rollouts

LOG = logging.getLogger("central.keeper")
CLAIM_S = 2.0
"""So often the right is claimed, held or not."""
HELD_S = 6.0
"""So long after it was asked for it counts; the database gives it to another after ten."""
Duty = Callable[[Central], Awaitable[None]]
DUTIES: tuple[Duty, ...] = (
    keep,
    keep_figures,
    follow,
    watch,
    read_folder,
    keep_new,
    rollouts.watch,
)
"""What the keeper does, each for ever."""


class Keeper:
    """Claims the right to keep house, and does it while it has it."""

    def __init__(
        self, central: Central, leadership: Leadership, duties: tuple[Duty, ...] = DUTIES
    ) -> None:
        self._central, self._leadership, self._duties = central, leadership, duties
        self._task: asyncio.Task[None] | None = None
        self._at_work: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End what is done, and let another process take over at once."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._rest()
        await asyncio.to_thread(self._leadership.give_up)

    @property
    def state(self) -> str:
        """How it is, in a word."""
        if self._task is None or self._task.done():
            return "ended"
        return "works" if self._at_work else "stands by"

    async def _run(self) -> None:
        while True:
            try:
                await self._claim()
            except Exception:
                LOG.exception(
                    "the right to keep house could not be claimed; again in %s s", CLAIM_S
                )
                await self._rest()
            await asyncio.sleep(CLAIM_S)

    async def _claim(self) -> None:
        asked_s = monotonic_s()
        claim = asyncio.create_task(asyncio.to_thread(self._leadership.claim))
        await asyncio.wait({claim}, timeout=HELD_S)
        if not claim.done():
            await self._rest()
        if await claim and monotonic_s() - asked_s < HELD_S:
            self._work()
        else:
            await self._rest()

    def _work(self) -> None:
        if not self._at_work:
            LOG.info("this process keeps house now")
            self._at_work = [
                asyncio.create_task(_for_ever(duty, self._central)) for duty in self._duties
            ]

    async def _rest(self) -> None:
        if self._at_work:
            LOG.info("this process keeps house no more")
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        self._at_work = []


async def _for_ever(duty: Duty, central: Central) -> None:
    """A duty that fails in a way it should not begins again: nobody else does it."""
    while True:
        try:
            return await duty(central)
        except Exception:
            LOG.exception("a duty of who keeps house failed; again in %s s", CLAIM_S)
            await asyncio.sleep(CLAIM_S)
