"""JSON as events carry it: one object, not too deep, with texts that every database holds."""

from __future__ import annotations

import json
import re
from typing import Any

from kiosk.model.fields import is_sound

_MAY_BE_UNSOUND = re.compile(r"\\u|[\0\ud800-\udfff]").search
DEPTH_MAX = 16
"""How deep a body may be nested; a declared one is at most four deep."""
SHOWN_MAX = 60
"""How much of a wrong text an error shows."""


class UnfitBodyError(ValueError):
    """A body does not fit its declaration; the message names the field and what would be right."""


def sound_object(text: str) -> dict[str, Any]:
    """The object that a text is. Raises `UnfitBodyError`."""
    try:
        body = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise UnfitBodyError(f"the body is no JSON: {error}"[:200]) from error
    if not isinstance(body, dict):
        raise UnfitBodyError("the body is no JSON object")
    if _MAY_BE_UNSOUND(text) or text.count("[") + text.count("{") > DEPTH_MAX:
        _require_sound(body)
    return body


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(parse_constant=_no_number)
"""Made once: `json.loads` makes one for each text that it reads so."""


def _require_sound(value: object, depth: int = 0) -> None:
    """Nothing in it that a database, a page or a message cannot hold."""
    if isinstance(value, str):
        if not is_sound(value):
            raise UnfitBodyError(f"{ascii(value)[:SHOWN_MAX]}: a text without NUL is needed")
    elif isinstance(value, dict | list):
        if depth >= DEPTH_MAX:
            raise UnfitBodyError(f"the body is nested deeper than {DEPTH_MAX}")
        for each in value if isinstance(value, list) else (*value, *value.values()):
            _require_sound(each, depth + 1)
