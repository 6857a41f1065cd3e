"""What the tables of a site file are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict


class Table(BaseModel):
    """A table of the file: nothing is guessed, converted, ignored or changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _begins_and_ends(hours: str) -> str:
    begin, _, end = hours.partition("-")
    if hours and begin == end:
        raise ValueError("begins when it ends")
    return hours


Hours = Annotated[
    str,
    Field(pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])$"),
    AfterValidator(_begins_and_ends),
]
"""From one local time of day to another, over midnight or not, or nothing."""


def _plain_path(path: Path) -> Path:
    if str(path) == ".":
        raise ValueError("is the data folder itself")
    if str(path).startswith(("~", "$")):
        raise ValueError("has a shortcut in it, which only a shell knows")
    return path


PlainPath = Annotated[Path, Strict(False), AfterValidator(_plain_path)]
"""A file or a folder, absolute or inside the kiosk's data folder."""
