"""The directory of the house: one sealed text, replaced whole with each of its versions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from kiosk.model.directory import Household
from kiosk.store import meta
from kiosk.store.writer import Writer

HOUSEHOLDS = "directory"
VERSION = "directory_version"


def version(writer: Writer) -> int:
    """Which version of the server's directory is here; 0 where there is none."""
    return int(meta.value(writer, VERSION) or 0)


def is_there(writer: Writer) -> bool:
    """Whether anybody is in it."""
    return bool(meta.value(writer, HOUSEHOLDS))


def households(writer: Writer) -> list[Household]:
    """All of it, opened."""
    text = writer.sealer.open(meta.value(writer, HOUSEHOLDS) or "")
    return [Household.model_validate(each) for each in json.loads(text)] if text else []


def replace(writer: Writer, listed: Sequence[Household], number: int) -> None:
    """Take a version of the directory in the place of the one before: who is not in it any more is
    not here any more."""
    text = json.dumps([each.model_dump(mode="json") for each in listed]) if listed else ""
    meta.set_value(writer, HOUSEHOLDS, writer.sealer.seal(text))
    meta.set_value(writer, VERSION, str(number))


def forget(writer: Writer) -> None:
    """What is here is of another server."""
    for key in (HOUSEHOLDS, VERSION):
        meta.forget(writer, key)
