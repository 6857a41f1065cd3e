"""A location is helped remotely: what is queued for its kiosk, within what a server may ask for."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from central.context import Central, audit
from central.errors import RequestError
from central.limits import Budget, require
from central.sync import commands
from kiosk.model.clock import HOUR_MS
from kiosk.model.commands import (
    REMOTE_SETTINGS,
    SETTING_MAX,
    ChangeSettings,
    Pause,
    PauseReason,
    Restart,
    Resume,
    SendSupportFile,
    TakePicture,
)

AN_HOUR_MAX: Final = 20
"""So many commands of this kind are queued for a location within an hour, whoever asks; the kiosk
counts itself, and takes fewer of most."""
PAUSE_H_MAX: Final = 24 * 31
Help = Restart | Pause | Resume | TakePicture | SendSupportFile | ChangeSettings


def ask(
    connection: Connection, central: Central, location: str, command: Help, by: str, why: str
) -> str:
    """Queue a command that helps, and write down who asked for it and why; its id. Raises
    `RequestError`."""
    budget = Budget("remote_help_by_location", location, AN_HOUR_MAX)
    require(connection, central, "too much remote help for this location", budget)
    now_ms = central.clock.now_ms()
    details = command.model_dump(mode="json", exclude={"type"}, exclude_none=True)
    command_id = commands.queue(connection, location, command, by, now_ms)
    action = f"remote.{command.type.value}"
    audit(connection, now_ms, by, action, location, place=location, why=why, **details)
    return command_id


def pause_of(reason: PauseReason, hours: int | None, now_ms: int, *, is_closed: bool) -> Pause:
    """A pause that ends after some hours, or when it is taken back. Raises `RequestError`."""
    if hours is not None and not 1 <= hours <= PAUSE_H_MAX:
        raise RequestError(422, "invalid", f"hours {hours}: 1 to {PAUSE_H_MAX}, or none")
    until_ms = None if hours is None else now_ms + hours * HOUR_MS
    return Pause(reason=reason, until_ms=until_ms, is_closed=is_closed)


def setting_of(name: str, text: str) -> ChangeSettings:
    """One setting as a form says it: a number, yes or no, a text, or nothing for what the site file
    says. Raises `RequestError`."""
    if name not in REMOTE_SETTINGS:
        right = ", ".join(REMOTE_SETTINGS)
        raise RequestError(422, "invalid", f"setting {name!r}: it is one of {right}")
    if len(text.strip()) > SETTING_MAX:
        raise RequestError(422, "invalid", f"{name}: {SETTING_MAX} characters at most")
    return ChangeSettings(settings={name: _value(text.strip())})


def _value(text: str) -> Any:
    if text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else text
