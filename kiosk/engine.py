"""The window and, in a thread beside it, the engine: the loop on which the flows run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import traceback
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from config import Site
from drivers.door import DriverError
from kiosk.adapters import LocationKeyError
from kiosk.app import open_kiosk
from kiosk.flows import session
from kiosk.flows.context import Kiosk
from kiosk.flows.events import LookAgain
from kiosk.flows.person import Event, Person, Screen
from kiosk.flows.views.service import CannotStart, NoPower
from kiosk.flows.views.shared import View
from kiosk.model.power import Power
from kiosk.power import PowerWatch, Supply, while_powered
from kiosk.retirement import RetireError
from kiosk.site_model import location_of, power_rules_of, site_look_of, supply_of
from kiosk.store.errors import StoreError
from kiosk.sync.enrol import EnrolError
from kiosk.ui.jack import Jack
from kiosk.ui.loudspeaker import Loudspeaker
from kiosk.watchdog import Readiness, ServiceManager, Watchdog

if TYPE_CHECKING:
    from kiosk.ui.window import KioskWindow  # its module opens Kivy, which is set up first

LOG = logging.getLogger("kiosk")

SWITCH_INTERVAL_S = 0.0005
"""How long the window's thread may keep the others waiting while it draws."""

REST_S = 5.0
"""How often a kiosk that waits for the mains looks whether they are back."""

PICTURE_WITHIN_S = 10.0
"""How soon the window has to say what it shows."""


class Engine(ABC):
    """The thread with the asyncio loop on which the flows run."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._loop = asyncio.new_event_loop()
        self._person: Person | None = None
        """Whom the flows serve; None before they begin, and once they have ended."""
        self._main: asyncio.Task[None] | None = None
        self.opened: Callable[[], None] | None = None
        """Called on the engine's thread once the store is open and the flows begin."""
        self.restart: Callable[[], None] | None = None
        """What a technician's request to restart calls, on the engine's thread."""
        self.picture: Callable[[], bytes | None] | None = None
        """How the screen is pictured, from another thread than its own."""
        self._is_resting = False
        """It serves nobody on purpose, and is well."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the flows, give the ports back, close the store; waits until all is done."""
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def happened(self, event: Event, shown: View | None = None) -> None:
        """From the main thread: something was pressed or typed on the view `shown`."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the kiosk is ending
            self._loop.call_soon_threadsafe(self._take, event, shown)

    def ask(self, answer: Callable[[], None]) -> None:
        """From the main thread: call this on the engine's, as soon as that can, if it is well. A
        loop that answers although its flows have ended serves nobody."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._answer, answer)

    def _answer(self, answer: Callable[[], None]) -> None:
        if self._person is not None or self._is_resting:
            answer()

    def _take(self, event: Event, shown: View | None) -> None:
        if self._person is not None:
            self._person.happened(event, shown)

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._serve())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _serve(self) -> None:
        try:
            await self._live()
        except Exception as error:  # noqa: BLE001 - shown on the screen and in the log
            self._person = None
            self._screen.show(cannot_start(error))
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # else it is being stopped as it is
                await asyncio.Event().wait()

    @abstractmethod
    async def _live(self) -> None:
        """Run the flows until they end or are cancelled; begins with `_begin`."""

    def _begin(self, person: Person) -> None:
        """The flows begin to serve."""
        self._person = person
        if self.opened is not None:
            self.opened()


class KioskEngine(Engine):
    """Serves people at a kiosk."""

    def __init__(
        self, site: Site, data: Path, screen: Screen, site_file: Path | None = None
    ) -> None:
        super().__init__(screen)
        self._site, self._data, self._site_file = site, data, site_file
        self._kiosk: Kiosk | None = None
        self.drew_s_ago: Callable[[], float | None] | None = None
        """How long ago the window drew last, from any thread."""
        self.rests: Callable[[], None] | None = None
        """Called on the engine's thread again and again while it waits for the mains."""

    async def _live(self) -> None:
        supply = supply_of(self._site)
        if supply is None:
            await self._run_kiosk(None)
        else:
            await self._run_with_supply(supply)

    async def _run_kiosk(self, watch: PowerWatch | None) -> None:
        """Until it is cancelled; where a supply is watched, until its battery ends soon."""
        power = None if watch is None else lambda: watch.power
        async with open_kiosk(
            self._site,
            self._data,
            self._screen,
            drew_s_ago=self.drew_s_ago,
            power=power,
            site_file=self._site_file,
        ) as kiosk:
            self._kiosk = kiosk
            kiosk.restart, kiosk.picture = self.restart, self.picture
            self._begin(kiosk.person)
            try:
                if watch is None:
                    await session.run(kiosk)
                else:
                    await while_powered(kiosk, watch, session.run(kiosk))
            finally:
                self._kiosk = self._person = None

    async def _run_with_supply(self, supply: Supply) -> None:
        """Run while there is power. With little left the store is closed and the ports are given
        back; it goes on by itself when the mains are back, or when the machine starts again."""
        watch = PowerWatch(supply.ask, power_rules_of(self._site), self._power_changed)
        await watch.look()
        watching = asyncio.create_task(watch.run())
        try:
            while True:
                await self._rest(watch)
                await self._run_kiosk(watch)
        finally:
            watching.cancel()

    async def _rest(self, watch: PowerWatch) -> None:
        self._is_resting = watch.power.must_stop
        if self._is_resting:
            LOG.warning("the battery ends soon: the kiosk waits for the mains, all is closed")
            self._screen.show(NoPower())
        while watch.power.must_stop:
            if self.rests is not None:
                self.rests()
            await asyncio.sleep(REST_S)
        self._is_resting = False

    def _power_changed(self, power: Power) -> None:
        if self._kiosk is not None:
            self._kiosk.person.happened(LookAgain())
            self._kiosk.tell_server()


def cannot_start(error: Exception) -> CannotStart:
    """What the screen says of what stops the kiosk; it is one record in the log as well."""
    if isinstance(error, OSError):
        what = f"{error.strerror or error}: {error.filename or 'the data folder'}"
        message = f"{what}. Look at the folder's owner and rights, and whether its disk is full."
    elif isinstance(error, (StoreError, LocationKeyError, EnrolError, RetireError, DriverError)):
        message = str(error)
    else:
        text = "".join(traceback.format_exception(error))
        number = f"{zlib.crc32(text.encode()) % 1_000_000:06d}"
        LOG.error("the kiosk cannot start, reference %s\n%s", number, text)
        name = type(error).__name__
        message = f"The program has a mistake ({name}); the reference finds it in the log."
        return CannotStart(message=message, reference=f"{number[:3]} {number[3:]}")
    LOG.error("the kiosk cannot start: %s", message)
    return CannotStart(message=message)


def run_window(
    site: Site,
    data: Path,
    geometry: tuple[int, int, int, int] | None,
    site_file: Path | None = None,
) -> int:
    """The kiosk in its window, until it is closed or the process is asked to end.

    `geometry` is `(width, height, left, top)` of an ordinary window; None fills the panel.
    Kivy is imported here and not above, after its settings are made. Raises `NoDisplayError` when
    there is nothing to draw on.
    """
    from kiosk.ui import environment
    from kiosk.ui.panel import Panel

    screen = site.screen
    panel = Panel(screen.width_px, screen.height_px, screen.width_mm, screen.height_mm)
    environment.require_display()
    environment.prepare(panel, geometry, rotation=screen.rotation)
    from kiosk.ui.screen_manager import Sound
    from kiosk.ui.window import KioskWindow

    loudspeaker = Loudspeaker(site.sound.speech, site.sound.player, site.sound.volume_percent)
    manager = ServiceManager()
    readiness = Readiness(manager, "window", "store")
    jack = Jack(site.sound.jack) if site.sound.jack is not None else None
    window = KioskWindow(
        location_of(site),
        panel,
        lambda event: engine.happened(event, window.view),
        geometry,
        on_started=lambda: readiness.reached("window"),
        site_look=site_look_of(site, data),
        sound=Sound(loudspeaker, jack, site.sound.speaks_directions),
    )
    engine = KioskEngine(site, data, window, site_file)
    is_wanted_again = threading.Event()

    def restart() -> None:
        is_wanted_again.set()
        window.stop()

    def picture() -> bytes | None:
        pixels = window.pixels().result(PICTURE_WITHIN_S)
        return None if pixels is None else pixels.png()

    engine.restart, engine.picture = restart, picture
    engine.drew_s_ago = window.drew_s_ago
    engine.rests = lambda: manager.tell(f"EXTEND_TIMEOUT_USEC={round(4e6 * REST_S)}")
    engine.opened = lambda: readiness.reached("store")
    return run_until_closed(window, engine, manager, loudspeaker, is_wanted_again)


def run_until_closed(
    window: KioskWindow,
    engine: Engine,
    manager: ServiceManager,
    loudspeaker: Loudspeaker,
    is_wanted_again: threading.Event,
) -> int:
    """The engine beside its window, until that is closed; begins again where that is wanted."""
    # Drawing keeps Python's lock: at the usual 5 ms each hop from thread to thread, of the five
    # between a touch and its door, would wait that long.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: window.stop())
    if manager.feed_every_s is not None:
        window.every(manager.feed_every_s, Watchdog(manager, engine.ask).tick)
    engine.start()
    try:
        window.run()
    finally:
        # A service that says it stops is waited for and then killed: it does not say so to go on.
        if not is_wanted_again.is_set():
            manager.tell("STOPPING=1")
        engine.stop()
        loudspeaker.stop()
    if is_wanted_again.is_set():
        # The same process goes on: whoever started it, systemd or a hand, need not do anything.
        os.execv(sys.executable, sys.orig_argv)
    return 0
