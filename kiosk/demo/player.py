"""The main job, played by a script: for the demo in a terminal and the demo's first deposits.

The script is a person with a list of things to do. The flows, the store, the drivers and the ports
are the real ones; only the hands are not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import SystemRandom
from typing import TypeVar

from config import Site
from kiosk.adapters import SystemClock, key_path, location_key
from kiosk.app import make_kiosk, open_kiosk
from kiosk.console.announcements import announce, read_announcements
from kiosk.data_folder import use_location_key
from kiosk.flows import session
from kiosk.flows.context import Kiosk
from kiosk.flows.events import Chosen, Entered, Pressed
from kiosk.flows.person import Event
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.shared import DoorOpen, EnterPin, View
from kiosk.model.pickup_code import make_code
from kiosk.store import packages
from kiosk.store.remains import DATABASE
from kiosk.store.store import Store

V = TypeVar("V", bound=View)

PATIENCE_S = 120.0


class PlayError(Exception):
    """The kiosk did not show what the script waits for."""


class Player:
    """A screen without a panel: it remembers the views for a script to wait for."""

    def __init__(self, tell: Callable[[View], None] = lambda view: None) -> None:
        self._tell = tell
        self._views: asyncio.Queue[View] = asyncio.Queue()
        self.kiosk: Kiosk | None = None

    def show(self, view: View) -> None:
        self._tell(view)
        self._views.put_nowait(view)

    def do(self, event: Event) -> None:
        """Press, type or choose something."""
        if self.kiosk is not None:
            self.kiosk.person.happened(event)

    async def until(
        self,
        kind: type[V],
        so: Callable[[V], bool] = lambda view: True,
        patience_s: float = PATIENCE_S,
    ) -> V:
        """Wait until a view of this kind is shown, for which `so` holds."""
        last: View | None = None
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    last = await self._views.get()
                    if isinstance(last, kind) and so(last):
                        return last
        except TimeoutError:
            raise PlayError(f"waited for {kind.__name__}, the screen shows {last}") from None


@contextlib.asynccontextmanager
async def playing(kiosk: Kiosk, player: Player) -> AsyncIterator[None]:
    """The kiosk serves people, of whom the player is one, until the block ends."""
    player.kiosk = kiosk
    serving = asyncio.create_task(session.run(kiosk))
    settled = asyncio.create_task(kiosk.bank.settled())
    try:
        done, _ = await asyncio.wait(
            {serving, settled}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S
        )
        if serving in done:
            await serving
        yield
    finally:
        for task in (serving, settled):
            task.cancel()
        await asyncio.gather(serving, settled, return_exceptions=True)


Scan = Callable[[str], Awaitable[None]]
"""Holds a label in front of the scanner."""


async def deposit(player: Player, pin: str, barcodes: list[str], scan: Scan | None) -> list[str]:
    """A courier's run; the slots that were used. Without a scanner the barcodes are typed."""
    await player.until(First)
    player.do(Pressed(Choice.COURIER))
    await player.until(EnterPin)
    player.do(Entered(pin))
    await player.until(ScanPackage)
    used = []
    for number, barcode in enumerate(barcodes, 1):
        if scan is not None:
            await scan(barcode)
        else:
            player.do(Entered(barcode))
        slot = await _put_in(player, number)
        used.append(slot)
    player.do(Pressed(Choice.DONE))
    await player.until(Receipt)
    player.do(Pressed(Choice.DONE))
    return used


async def _put_in(player: Player, number: int) -> str:
    """From the scan until the package is stored; the slot."""
    slot = ""
    while True:
        view = await player.until(View)
        if isinstance(view, ChooseSize):
            player.do(Chosen(view.sizes[0].name))
        elif isinstance(view, DoorOpen):
            slot = view.slot
        elif isinstance(view, ScanPackage) and view.refused is not None:
            raise PlayError(f"the package was refused: {view.refused}")
        elif isinstance(view, ScanPackage) and view.stored_count == number:
            return slot


async def pickup_by_typing(player: Player, code: str) -> str:
    """A customer types a code and takes the package; the slot."""
    await player.until(First)
    player.do(Pressed(Choice.PICK_UP))
    await player.until(EnterCode)
    player.do(Entered(code))
    return await _take(player)


async def pickup_by_scanning(player: Player, qr_text: str, scan: Scan) -> str:
    """A customer holds a QR code before the scanner and takes the package; the slot."""
    await player.until(First)
    await scan(qr_text)
    return await _take(player)


async def _take(player: Player) -> str:
    slot = (await player.until(DoorOpen)).slot
    await player.until(Thanks)
    player.do(Pressed(Choice.DONE))
    return slot


# --- the demo's first deposits -------------------------------------------------------------------


DEMO_COURIER_PIN = "114711"
DEMO_TECHNICIAN_PIN = "998080"


async def _seed(site: Site, data: Path, barcodes: list[str]) -> list[str]:
    player = Player()
    async with open_kiosk(site, data, player) as kiosk, playing(kiosk, player):
        used = await deposit(player, DEMO_COURIER_PIN, barcodes, scan=None)
        # Until the kiosk has noted that the receipt was seen: else the next courier is shown it.
        await player.until(First)
        return used


def seed_demo(site: Site, data: Path, packages: Path, count: int) -> list[str]:
    """Expect the demo's packages and put in the first `count`, at a bank that shuts its own doors;
    the slots that were used."""
    make_kiosk(site, data)
    announcements = list(read_announcements(packages, site).expected.values())
    announce(site, data, announcements)
    barcodes = [each.barcode for each in announcements[:count]]
    return asyncio.run(_seed(site, data, barcodes))


def code_that_opens(data: Path) -> str:
    """The code of the package that was put in last and can be fetched, in groups as people read
    it; empty when there is none. Nothing else may have the database open."""
    store = Store(data / DATABASE, SystemClock(), SystemRandom(), threaded=False)
    try:
        store.submit(use_location_key, key_path(data)).result()
        package = store.submit(packages.last_to_fetch).result()
        key = location_key(key_path(data), may_make=False)
    finally:
        store.close()
    if package is None or package.locator is None:
        return ""
    code = make_code(key, package.id, package.locator, package.code_counter)
    return f"{code[:-6]} {code[-6:-3]} {code[-3:]}"
