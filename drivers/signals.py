"""Lights and buzzers on the machine: one is on while a door of its locker stands open.

A signal hangs on a spare output of a lock board whose outputs can be held. It is off at the start,
off whenever nobody knows, and off at the end. A signal that does not obey disturbs nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from drivers.bank import Bank, Change
from drivers.door import BoardChange, DoorState
from drivers.wiring import SignalWiring

TRY_AGAIN_S: Final = 5.0
"""How long after an order that was not confirmed it is given again."""
OFF_WITHIN_S: Final = 2.0
"""How long the end waits for the signals to go off."""


class Signals:
    """Keeps every signal as the doors are. Lives on the bank's loop."""

    def __init__(self, bank: Bank, wirings: Sequence[SignalWiring]) -> None:
        self._bank = bank
        self._obeyed: dict[SignalWiring, bool | None] = dict.fromkeys(wirings)
        self._has_news = asyncio.Event()
        self._is_ending = False
        self._forget = bank.listen(self._changed)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with everything off; orders go out as soon as the boards are there."""
        if self._obeyed:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Switch everything off and end. Call it before the bank is stopped."""
        self._forget()
        task, self._task = self._task, None
        if task is None:
            return
        self._is_ending = True
        self._has_news.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(task, OFF_WITHIN_S)

    def _changed(self, change: Change) -> None:
        if isinstance(change, BoardChange):
            # Whatever it obeyed before, its power may have been away since.
            for wiring in self._obeyed:
                if wiring.board == change.board:
                    self._obeyed[wiring] = None
        self._has_news.set()

    def _wanted(self, wiring: SignalWiring) -> bool:
        is_open = any(self._bank.door(slot) is DoorState.OPEN for slot in wiring.slots)
        return is_open and not self._is_ending

    async def _run(self) -> None:
        while True:
            self._has_news.clear()
            for wiring in self._obeyed:
                await self._order(wiring)
            is_done = all(self._obeyed[wiring] is self._wanted(wiring) for wiring in self._obeyed)
            if self._is_ending:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_news.wait(), None if is_done else TRY_AGAIN_S)

    async def _order(self, wiring: SignalWiring) -> None:
        wanted = self._wanted(wiring)
        if self._obeyed[wiring] is wanted:
            return
        if await self._bank.set_output(wiring.board, wiring.channel, wanted):
            self._obeyed[wiring] = wanted
