"""What of this kiosk helps remotely: it starts again, shows its screen, says how it is, takes other
settings.

Called on the sync's thread. The panel belongs to whoever is at it: nothing of this is done, and
nothing is seen of it, until it was left alone for a while.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kiosk.flows.context import Kiosk
from kiosk.flows.events import LookAgain
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.store import remote_help
from kiosk.support_file import SupportFile
from kiosk.sync.remote_help import HelpError

LOG = logging.getLogger("kiosk")
QUIET_S: Final = 30.0
"""The panel is left alone when nobody has touched it for so long."""
LOOK_EVERY_S: Final = 2.0
SUPPORT_WITHIN_S: Final = 180.0
SETTINGS_FILE: Final = "remote-settings.json"
"""In the data folder: the settings that the server has changed, as the program read them when it
started. What counts stands in the database."""


def settings_in(data: Path) -> dict[str, Any]:
    """The settings that were changed remotely; none where the file cannot be read."""
    path = data / SETTINGS_FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        LOG.warning("%s cannot be read, and is made again: %s", path, error)
        return {}
    return kept if isinstance(kept, dict) else {}


def keep_settings(data: Path, settings: Mapping[str, Any]) -> None:
    """Write them whole, for the program to read when it starts."""
    path = data / SETTINGS_FILE
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(settings), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@dataclass(frozen=True, slots=True)
class RemoteHelper:
    """`require_right` refuses settings that the site file could not have."""

    kiosk: Kiosk
    data: Path
    loop: asyncio.AbstractEventLoop
    support: SupportFile
    require_right: Callable[[Mapping[str, Any]], None]

    def is_quiet(self) -> bool:
        """Whether the first screen stands alone, and nobody touched it for a while."""
        person = self.kiosk.person
        view = person.view
        is_alone = isinstance(view, First) and Choice.SERVICE in view.choices
        return is_alone and self.loop.time() - person.by_hand_s >= QUIET_S and not person.has_news

    def can_restart(self) -> bool:
        return self.kiosk.restart is not None

    def restart(self) -> None:
        asyncio.run_coroutine_threadsafe(self._restart_when_quiet(), self.loop)

    def look_again(self) -> None:
        self.loop.call_soon_threadsafe(self.kiosk.person.happened, LookAgain())

    def settle(self) -> None:
        asyncio.run_coroutine_threadsafe(self._settle(), self.loop)

    async def _settle(self) -> None:
        """The program reads its settings when it starts."""
        await self._until_quiet()
        wanted = await self.kiosk.store.run(remote_help.settings)
        try:
            keep_settings(self.data, wanted)
        except OSError as error:
            # They stand in the database: the next start tries again.
            LOG.error("the settings of the server do not count yet: %s", error)
            return
        await self._restart_when_quiet()

    async def _restart_when_quiet(self) -> None:
        await self._until_quiet()
        if self.kiosk.restart is not None:
            self.kiosk.restart()

    async def _until_quiet(self) -> None:
        while not self.is_quiet():
            await asyncio.sleep(LOOK_EVERY_S)

    def picture(self) -> bytes:
        """The first screen, which shows nothing of anybody."""
        if self.kiosk.picture is None:
            raise HelpError("this kiosk has no screen")
        try:
            found = self.kiosk.picture() if self.is_quiet() else None
        except TimeoutError as error:
            raise HelpError("the screen does not answer") from error
        if found is None:
            raise HelpError("somebody is at the panel, or was just now; try again")
        return found

    def support_file(self) -> bytes:
        """The day's journal and logs, how the machine is, the site file."""
        asked = asyncio.run_coroutine_threadsafe(self.support.make(), self.loop)
        try:
            return asked.result(SUPPORT_WITHIN_S)
        except TimeoutError as error:
            asked.cancel()
            raise HelpError(f"it takes longer than {SUPPORT_WITHIN_S:g} s") from error
