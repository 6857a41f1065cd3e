"""The window of a machine that is no kiosk yet, and the engine beside it.

No site file describes the panel: what hangs on the machine is asked. When the machine has become a
kiosk, the same process begins again, with its site file.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from config import Scanner as ScannerSettings
from config.schema import Sound as SoundSettings
from kiosk.app import scanning
from kiosk.engine import Engine, run_until_closed
from kiosk.flows.enrolment import set_up
from kiosk.flows.person import Person, Screen
from kiosk.model.location import Location, Rectangle
from kiosk.new_machine import NewMachine
from kiosk.ui.language import languages
from kiosk.ui.loudspeaker import Loudspeaker
from kiosk.watchdog import Readiness, ServiceManager

SCANNER = Path("/dev/parcel-scanner")
"""How a udev rule may name a scanner on a serial port, of which no site file tells yet."""


def nowhere() -> Location:
    """The location of a machine that has none yet: every language, and no door."""
    return Location(
        id="new",
        name="",
        address="",
        time_zone="UTC",
        languages=languages(),
        help_phone="",
        sizes=(),
        lockers=(),
        slots=(),
        screen=Rectangle(0, 0, 1, 1),
        country="",
    )


class SetUpEngine(Engine):
    """Serves the installer of a machine that is no kiosk yet."""

    def __init__(self, machine: NewMachine, screen: Screen) -> None:
        super().__init__(screen)
        self._machine = machine

    async def _live(self) -> None:
        person = Person(self._screen)
        self._begin(person)
        port = ScannerSettings(port=str(SCANNER)) if SCANNER.exists() else None
        with scanning(SCANNER.parent, port, person):
            await set_up(person, self._machine)
        if self.restart is not None:
            self.restart()
        await asyncio.Event().wait()  # the window ends this loop, and then begins again


def run_set_up_window(machine: NewMachine, geometry: tuple[int, int, int, int] | None) -> int:
    """The set-up in its window; where it ends, the program begins again as the kiosk it then is.
    Raises `NoDisplayError` when there is nothing to draw on."""
    from kiosk.ui import environment
    from kiosk.ui.attached_panel import attached_panel

    panel = attached_panel()
    environment.require_display()
    environment.prepare(panel, geometry)
    from kiosk.ui.screen_manager import Sound
    from kiosk.ui.theme import SiteLook
    from kiosk.ui.window import KioskWindow

    settings = SoundSettings()
    loudspeaker = Loudspeaker(settings.speech, settings.player, settings.volume_percent)
    manager = ServiceManager()
    readiness = Readiness(manager, "window", "flows")
    window = KioskWindow(
        nowhere(),
        panel,
        lambda event: engine.happened(event, window.view),
        geometry,
        on_started=lambda: readiness.reached("window"),
        # Whoever walks the doors looks at the steel; nothing has to catch the eye.
        site_look=SiteLook(moves=False),
        sound=Sound(loudspeaker),
    )
    engine = SetUpEngine(machine, window)
    is_wanted_again = threading.Event()

    def restart() -> None:
        is_wanted_again.set()
        window.stop()

    engine.restart = restart
    engine.opened = lambda: readiness.reached("flows")
    return run_until_closed(window, engine, manager, loudspeaker, is_wanted_again)
