"""How far a new kiosk has been set up, kept until it is ready: a power cut loses no step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from kiosk.store import meta
from kiosk.store.writer import Writer

SET_UP = "set_up"
"""The key of it; absent where a kiosk is ready, or was made at the command line."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the installer has done."""

    language: str = ""
    is_access: bool = False
    has_seen_bank: bool = False
    walked: tuple[str, ...] = ()
    """The slots whose doors were tried, or marked."""


def begin(writer: Writer, progress: Progress) -> None:
    """A new kiosk: it is not ready until `end`."""
    meta.set_value(writer, SET_UP, json.dumps(asdict(progress)))


def progress(writer: Writer) -> Progress | None:
    """How far it is; None where it is ready."""
    text = meta.value(writer, SET_UP)
    if text is None:
        return None
    kept = json.loads(text)
    return Progress(**{**kept, "walked": tuple(kept["walked"])})


def prefer(writer: Writer, language: str, *, is_access: bool) -> None:
    """The installer wants the screens like this."""
    _change(writer, language=language, is_access=is_access)


def saw_bank(writer: Writer) -> None:
    """The installer saw boards and bank."""
    _change(writer, has_seen_bank=True)


def walked(writer: Writer, slot: str) -> None:
    """This door was tried, or marked."""
    now = progress(writer)
    if now is not None and slot not in now.walked:
        _change(writer, walked=(*now.walked, slot))


def end(writer: Writer) -> None:
    """It is ready."""
    meta.forget(writer, SET_UP)


def _change(writer: Writer, **values: object) -> None:
    now = progress(writer)
    if now is not None:
        begin(writer, replace(now, **values))  # type: ignore[arg-type]
