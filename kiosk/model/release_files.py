"""The files of releases: how they are called, and what the release maker signs beside their hash.

One declaration for who signs them, for the server that lists them and for the kiosk that fetches
them.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

NAME: Final = re.compile(
    r"parcel-kiosk-(?P<version>\d{1,6}\.\d{1,6}\.\d{1,6})"
    r"-(?P<python>cp3\d{1,2})-(?P<machine>x86_64|aarch64)\.squashfs"
)
"""How the file of a release is called."""
SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
"""How any file may be called."""
WINDOW_LOG_MAX: Final = 28
"""Of a delta: so far apart, 256 MB, may be what is alike in two releases."""


class Kind(StrEnum):
    """What a file is for."""

    RELEASE = "release"
    DELTA = "delta"
    """What turns the file of another release into this one's."""
    MATERIALS = "materials"
    """The bill of materials of a release (CycloneDX)."""


Time = Annotated[int, Field(ge=0, le=8_000_000_000_000)]


class Description(BaseModel):
    """What is signed beside a file's hash."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Kind
    version: str = ""
    python: str = ""
    """As in `cp311`."""
    machine: str = ""
    """As in `x86_64`."""
    notes: str = Field(default="", max_length=4000)
    made_ms: Time = 0
    end_of_support_ms: Time | None = None
    base: str = Field(default="", max_length=200)
    """Of a delta: the file that it starts from."""
    result: str = Field(default="", max_length=200)
    """Of a delta: the file that it makes. Of a bill of materials: the file that it is about."""


def file_name(version: str, python: str, machine: str) -> str:
    """How the file of a release is called for a Python and a machine."""
    return f"parcel-kiosk-{version}-{python}-{machine}.squashfs"


def delta_name(base: str, result: str) -> str:
    """How the delta from one release's file to another's is called."""
    found = NAME.fullmatch(base)
    before = base if found is None else found["version"]
    return f"{result}.from-{before}.zst"
