"""A command of the server as it comes: whatever it is, it can be answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from kiosk.model.commands import (
    UnfitCommandError,
    Whole,
    WireCommand,
    read_command,
    what_is_wrong,
)
from kiosk.model.fields import NUMBER_MAX, Id
from kiosk.store.commands import Received

T = TypeVar("T")
_NUMBER: TypeAdapter[int] = TypeAdapter(Annotated[Whole, Field(ge=1, le=NUMBER_MAX)])
_NAME: TypeAdapter[str] = TypeAdapter(Id)


def receive(sent: JsonValue) -> Received:
    """A command; or what is wrong with it, and what can be read of its number, id and type."""
    try:
        wire = WireCommand.model_validate(sent)
        command = read_command(wire.type, wire.body)
    except ValidationError as error:
        return _unfit(sent, what_is_wrong(error, ""))
    except UnfitCommandError as error:
        return _unfit(sent, str(error))
    return Received(wire.n, wire.id, wire.type, command, signature=wire.signature)


def last_number(sent: Iterable[JsonValue], cursor: int) -> int:
    """The highest number among commands as they came; `cursor` where none is higher."""
    fields = (each.get("n") for each in sent if isinstance(each, Mapping))
    return max([cursor, *(_read(_NUMBER, each, 0) for each in fields)])


def _unfit(sent: JsonValue, problem: str) -> Received:
    fields = sent if isinstance(sent, Mapping) else {}
    return Received(
        _read(_NUMBER, fields.get("n"), 0),
        _read(_NAME, fields.get("id"), ""),
        _read(_NAME, fields.get("type"), ""),
        problem=problem,
        digest=sha256(repr(sent).encode("utf-8", "replace")).hexdigest(),
    )


def _read(adapter: TypeAdapter[T], value: JsonValue, default: T) -> T:
    """A field as far as it can be read."""
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return default
