"""The bodies of events, read and held against their declarations (`event_bodies`).

Those of earlier versions lack some fields, `actor` among them: they are read as they are. Fields
and kinds of a newer version are carried along and passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kiosk.model.actor import KIOSK, actor_of
from kiosk.model.event_bodies import BODIES, adapter
from kiosk.model.events import EventKind
from kiosk.model.fields import IS_TRUSTED
from kiosk.model.images import IMAGES
from kiosk.model.sound_json import UnfitBodyError, sound_object

SHOWN_MAX = 60
"""How much of a wrong value an error shows."""


def read_body(text: str) -> dict[str, Any]:
    """The body of any event, of this version or another. Raises `UnfitBodyError`."""
    body = sound_object(text)
    rows = body.get("rows", [])
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise UnfitBodyError("rows: each is a pair, the name of an image and an object")
    return body


def require_fit(kind: str, body: Mapping[str, Any], *, is_trusted: bool) -> None:
    """Hold a body, of this version or an earlier one, against the declaration of its kind.

    `is_trusted`: the clock was trusted when it was written. A kind of a newer version is held only
    against the images that are known here. Raises `UnfitBodyError`.
    """
    said = {**body, "actor": who_did(body)}
    _require(kind, said, {IS_TRUSTED: is_trusted})


def require_declared(kind: EventKind, body: Mapping[str, Any]) -> None:
    """Hold a body that this version writes against its declaration. Its times are as the clock is:
    that one may be wrong is no mistake of the program. Raises `UnfitBodyError`."""
    _require(kind, body, {IS_TRUSTED: False})


def _require(kind: str, said: Mapping[str, Any], context: dict[str, bool]) -> None:
    try:
        for name, image in said.get("rows", ()):
            if name in IMAGES:
                IMAGES[name].model_validate(image, context=context)
        if kind in BODIES:
            adapter(EventKind(kind)).validate_python(said, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or kind
        value = ascii(first["input"])[:SHOWN_MAX]
        raise UnfitBodyError(f"{field}: {value}: {first['msg']}") from error


def read_or_nothing(text: str) -> dict[str, Any]:
    """The body of an event that is only to be shown; {} when it cannot be read."""
    try:
        return read_body(text)
    except UnfitBodyError:
        return {}


def who_did(body: Mapping[str, Any]) -> object:
    """Who did it in today's form; events of earlier versions need not say it."""
    if isinstance(body.get("actor", ""), str):
        return actor_of(body) or KIOSK
    return body["actor"]


def _is_row(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 2
        and isinstance(row[0], str)
        and isinstance(row[1], dict)
    )
