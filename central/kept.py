"""What is kept as JSON, read so that a bad row hurts nobody: it is as if nothing had been said.

Rows of earlier versions, of other hands and of damaged disks are shown beside the others. What was
taken in from a kiosk was held against its form then, and is held against it again here.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from kiosk.model.fields import is_in_time
from kiosk.sync.contract import Layout, Status

LOG = logging.getLogger("central")


def object_of(text: str | None) -> dict[str, Any]:
    """A JSON object; {} for anything else."""
    found = value_of(text)
    return found if isinstance(found, dict) else {}


def names_of(text: str | None) -> list[str]:
    """A list of texts; what is none is left out, and [] stands for anything else."""
    found = value_of(text)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def status_of(text: str | None) -> dict[str, Any]:
    """How a kiosk said that it is; {} where nothing is known. What the server wrote beside it is
    among it."""
    return _fit(text, Status)


def layout_of(text: str | None) -> dict[str, Any]:
    """What a kiosk said that its location is made of; {} where nothing is known."""
    return _fit(text, Layout)


def zone_of(name: str) -> str:
    """A time zone that this server can reckon with; another must not keep messages back."""
    try:
        return ZoneInfo(name).key
    except (ValueError, KeyError, OSError):
        LOG.warning("the time zone %r is not known: UTC is taken", name)
        return "UTC"


def moment_of(at_ms: int, zone: str) -> datetime | None:
    """A moment there; None for a number that is no time."""
    if not is_in_time(at_ms, is_trusted=False):
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone_of(zone)))


def _fit(text: str | None, model: type[BaseModel]) -> dict[str, Any]:
    found = object_of(text)
    try:
        model.model_validate(found)
    except ValidationError:
        return {}
    return found


def value_of(text: str | None) -> Any:
    """Whatever stands there; None for what is no JSON."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
