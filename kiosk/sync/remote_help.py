"""Remote help, as the sync's thread goes about it: what is asked before, what is done after a
command was noted, the file that goes up.

The kiosk's own parts do it (`Helper`); nothing here is personal, and nothing is done while somebody
is at the panel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import requests

from kiosk.model.commands import (
    FILES,
    HELP,
    ChangeSettings,
    Command,
    CommandType,
    HelpOutcome,
    Pause,
    Restart,
    Resume,
    SendSupportFile,
    TakePicture,
)
from kiosk.model.invariants import require
from kiosk.store import remote_help
from kiosk.store.commands import Received
from kiosk.store.errors import RefusedError, StoreError
from kiosk.store.store import Store
from kiosk.sync.contract import FILE_MAX_BYTES

LOG = logging.getLogger("kiosk.sync")
MEDIA_TYPES: Final = {
    CommandType.SCREEN_PICTURE: "image/png",
    CommandType.SUPPORT_FILE: "application/zip",
}
Send = Callable[[str, bytes, str], None]
"""Sends the server what a command asked for: its id, the file, of which media type it is."""


class HelpError(Exception):
    """What was asked for cannot be had; the message says why."""


class Helper(Protocol):
    """What of this kiosk helps remotely; called on the sync's thread."""

    def is_quiet(self) -> bool:
        """Whether nobody is at the panel, or was just now."""

    def can_restart(self) -> bool:
        """Whether the program can be started again."""

    def restart(self) -> None:
        """Start the program again; returns at once."""

    def look_again(self) -> None:
        """Have the first screen look whether the location is paused."""

    def picture(self) -> bytes:
        """The screen as a PNG. Raises `HelpError`."""

    def support_file(self) -> bytes:
        """A ZIP of what helps to find a fault. Raises `HelpError`."""

    def require_right(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that the site file could not have. Raises `RefusedError`."""

    def settle(self) -> None:
        """Have the settings that are kept count as soon as nobody is at the panel."""


def require_possible(helper: Helper | None, command: Command, settings: Mapping[str, Any]) -> None:
    """Refuse what cannot be done here and now. `settings` are those that are kept. Raises
    `RefusedError`."""
    if command.type not in HELP:
        return
    if helper is None:
        raise RefusedError("this kiosk helps with nothing remotely")
    is_about_screen = isinstance(command, Restart | TakePicture)
    if is_about_screen and not helper.is_quiet():
        raise RefusedError("somebody is at the panel, or was just now; try again")
    if isinstance(command, Restart | ChangeSettings) and not helper.can_restart():
        raise RefusedError("nobody could start this kiosk again")
    if isinstance(command, ChangeSettings):
        helper.require_right(remote_help.changed(settings, command))


def carry_out(helper: Helper, store: Store, received: Received, send: Send) -> None:
    """Do what was noted just now; what comes of a file is noted, too. Raises `StoreError`."""
    match received.command:
        case Pause() | Resume():
            helper.look_again()
        case Restart():
            helper.restart()
        case ChangeSettings():
            helper.settle()
        case TakePicture():
            _send(store, received, helper.picture, send)
        case SendSupportFile():
            _send(store, received, helper.support_file, send)
        case _:
            pass


def _send(store: Store, received: Received, make: Callable[[], bytes], send: Send) -> None:
    outcome, detail = HelpOutcome.DONE, ""
    try:
        file = make()
        if len(file) > FILE_MAX_BYTES:
            raise HelpError(f"the file has {len(file)} bytes, and {FILE_MAX_BYTES} are taken")
        kind = CommandType(received.type)
        require(kind in FILES, "only some commands send files")
        send(received.id, file, MEDIA_TYPES[kind])
    except (HelpError, requests.RequestException) as error:
        outcome, detail = HelpOutcome.FAILED, str(error)[:200]
    except StoreError:
        raise
    except Exception as error:
        LOG.exception("a file for the server could not be made")
        outcome, detail = HelpOutcome.FAILED, f"the kiosk failed at it: {type(error).__name__}"
    store.submit(remote_help.end, received.id, outcome, detail).result()
