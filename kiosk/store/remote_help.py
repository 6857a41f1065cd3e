"""What the server may do to help remotely: so much an hour, whatever it says; the pause; what ends
later.

A stolen server has this kiosk's trust. So the kiosk counts itself, and what keeps people from their
packages ends by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kiosk.model.actor import SERVER
from kiosk.model.clock import DAY_MS, HOUR_MS, Instant
from kiosk.model.commands import (
    REMOTE_SETTINGS,
    ChangeSettings,
    CommandType,
    HelpOutcome,
    Pause,
    PauseReason,
)
from kiosk.model.event_bodies import HelpEnded
from kiosk.store import meta
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Writer

AN_HOUR_MAX: Final = {
    CommandType.RESTART: 3,
    CommandType.PAUSE: 12,
    CommandType.RESUME: 12,
    CommandType.SCREEN_PICTURE: 12,
    CommandType.SUPPORT_FILE: 4,
    CommandType.CHANGE_SETTINGS: 6,
}
"""How often each is done within an hour, at most."""
CLOSED_MAX_MS: Final = DAY_MS
"""A location that gives nothing out is open again after so long, if nobody says so once more."""
_DONE: Final = "remote_help_done"
_PAUSE: Final = "pause"
_SETTINGS: Final = "remote_settings"
_BEGUN: Final = "remote_help_begun"
BEGUN_MAX: Final = 20
_NOT_NAMED: Final = "pause"
"""In the place of its command's id, of a pause that an earlier version kept."""


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause as it is now."""

    reason: PauseReason
    until_ms: int | None
    is_closed: bool


def require_may(writer: Writer, kind: CommandType) -> None:
    """Count a command of this kind. Raises `RefusedError` when too many came within an hour."""
    now_ms, most = writer.now.wall_ms, AN_HOUR_MAX[kind]
    done: dict[str, list[int]] = json.loads(meta.value(writer, _DONE) or "{}")
    # Also what lies ahead, where the clock was set back.
    lately = [at_ms for at_ms in done.get(kind, []) if abs(now_ms - at_ms) < HOUR_MS]
    if len(lately) >= most:
        raise RefusedError(f"{kind} came {most} times within an hour")
    meta.set_value(writer, _DONE, json.dumps({**done, kind.value: [*lately, now_ms]}))


def pause(writer: Writer, command: Pause, command_id: str = "") -> None:
    """Pause this location. Raises `RefusedError`."""
    now, until_ms = writer.now, command.until_ms
    if (command.is_closed or until_ms is not None) and not now.is_trusted:
        raise RefusedError("this kiosk does not know what time it is: pause it without an end")
    if until_ms is not None and until_ms <= now.wall_ms:
        raise RefusedError("the pause would be over already")
    if command.is_closed:
        latest_ms = now.wall_ms + CLOSED_MAX_MS
        until_ms = latest_ms if until_ms is None else min(until_ms, latest_ms)
    kept = {
        "reason": command.reason.value,
        "until_ms": until_ms,
        "is_closed": command.is_closed,
        "since_ms": now.wall_ms,
        "command": command_id,
    }
    meta.set_value(writer, _PAUSE, json.dumps(kept))


def resume(writer: Writer) -> None:
    """Take a pause back."""
    meta.forget(writer, _PAUSE)


def take_back(writer: Writer, actor: str) -> None:
    """Somebody at the panel takes the pause back; the server hears it as what came of its command.
    Nothing, where the location is paused no more."""
    kept: dict[str, Any] = json.loads(meta.value(writer, _PAUSE) or "{}")
    if paused(writer) is None:
        return
    meta.forget(writer, _PAUSE)
    end = HelpEnded(
        actor=actor,
        id=kept.get("command") or _NOT_NAMED,
        outcome=HelpOutcome.DONE,
        detail="taken back at the panel",
    )
    writer.record(end)


def paused(writer: Writer) -> Paused | None:
    """The pause that counts now. One that keeps people from their packages is over, too, where the
    clock says that it did not begin yet: nobody knows how long it has been."""
    kept: dict[str, Any] = json.loads(meta.value(writer, _PAUSE) or "{}")
    if not kept or _is_over(kept, writer.now):
        return None
    return Paused(PauseReason(kept["reason"]), kept["until_ms"], kept["is_closed"])


def _is_over(kept: dict[str, Any], now: Instant) -> bool:
    until_ms = kept["until_ms"]
    if kept["is_closed"] and not now.is_trusted:
        return True
    if not now.is_trusted or until_ms is None:
        return False
    return bool(now.wall_ms >= until_ms or (kept["is_closed"] and now.wall_ms < kept["since_ms"]))


def settings(writer: Writer) -> dict[str, Any]:
    """The settings that the server has changed, by their names in the site file."""
    kept: dict[str, Any] = json.loads(meta.value(writer, _SETTINGS) or "{}")
    return kept


def change_settings(writer: Writer, command: ChangeSettings) -> None:
    """Keep what is changed; of what is taken back nothing is kept. Raises `RefusedError`."""
    for name in command.settings:
        if name not in REMOTE_SETTINGS:
            raise RefusedError(f"{name} is not changed remotely")
    meta.set_value(writer, _SETTINGS, json.dumps(changed(settings(writer), command)))


def changed(kept: Mapping[str, Any], command: ChangeSettings) -> dict[str, Any]:
    """What is kept of settings after a change."""
    both = {**kept, **command.settings}
    return {name: value for name, value in both.items() if value is not None}


def begin(writer: Writer, command: str) -> None:
    """Note that something is begun that ends when the program has started again."""
    begun = [*_begun(writer), command][-BEGUN_MAX:]
    meta.set_value(writer, _BEGUN, json.dumps(begun))


def _begun(writer: Writer) -> list[str]:
    begun: list[str] = json.loads(meta.value(writer, _BEGUN) or "[]")
    return begun


def end(writer: Writer, command: str, outcome: HelpOutcome, detail: str = "") -> int:
    """Write what came of a command, for the server to hear; the event's number."""
    return writer.record(HelpEnded(actor=SERVER, id=command, outcome=outcome, detail=detail))


def end_begun(writer: Writer) -> int:
    """The program has started: what was begun before is done; how many that were."""
    begun = _begun(writer)
    for command in begun:
        end(writer, command, HelpOutcome.DONE)
    if begun:
        meta.forget(writer, _BEGUN)
    return len(begun)
