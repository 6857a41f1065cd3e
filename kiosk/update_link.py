"""How a kiosk is joined to what brings another release, where it has a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config import Site
from kiosk.adapters import key_path
from kiosk.flows.context import Kiosk
from kiosk.health import Health
from kiosk.keeper_status import release_status
from kiosk.model.clock import Instant
from kiosk.server_link import transport_of
from kiosk.sync.contract import ReleaseStatus
from kiosk.sync.enrol import identity_in
from kiosk.sync.servers import servers_of
from kiosk.ui.night import NightHours
from kiosk.updates.fetching import Line, Pause
from kiosk.updates.rehearsal import Rehearsal
from kiosk.updates.spool import Keeper
from kiosk.updates.updater import Updates

ANSWERS_WITHIN_S: Final = 6.0
"""The engine says within so long whether the kiosk is idle; else it is not."""


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """What of this machine an update looks at, from its own thread."""

    kiosk: Kiosk
    health: Health
    window: NightHours

    def status(self) -> ReleaseStatus | None:
        return release_status(self.health.keeper_status)

    def is_idle(self) -> bool:
        """As the keeper hears it; nobody who does not answer is idle."""
        asked = asyncio.run_coroutine_threadsafe(self.health.look(), self.health.loop)
        try:
            return asked.result(ANSWERS_WITHIN_S).is_idle
        except TimeoutError:
            asked.cancel()
            return False

    def now(self) -> Instant:
        return self.kiosk.clock.now()

    def is_time(self) -> bool:
        return may_switch(self.window, self.now())


def may_switch(window: NightHours, now: Instant) -> bool:
    """Whether the site lets a release be switched now. By a clock that is not trusted it always
    does: that nobody is here counts alone then."""
    return not window.hours or not now.is_trusted or window.holds(now.wall_ms)


@contextlib.contextmanager
def updating(
    site: Site, data: Path, kiosk: Kiosk, health: Health, site_file: Path | None
) -> Iterator[None]:
    """Another release comes in the background, where this kiosk is enrolled. `site_file` is what
    the release is rehearsed with."""
    identity = identity_in(data)
    if identity is None:
        yield
        return
    bytes_per_s = site.updates.kilobytes_per_s * 1000

    def line(pause: Pause) -> Line:
        servers = servers_of(transport_of(site, data), identity.url)
        return Line(servers, identity.token, bytes_per_s, pause)

    def rehearse(release: Path) -> str:
        if site_file is None:
            return "nobody says which site file this kiosk was started with"
        return Rehearsal(kiosk.store, data, site_file, key_path(data))(release)

    keeper = Keeper(status_file=health.keeper_status)
    window = NightHours(site.updates.window, site.location.time_zone)
    machine = ThisMachine(kiosk, health, window)
    with Updates(kiosk.store, data, keeper, machine, line, rehearse):
        yield
