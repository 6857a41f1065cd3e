"""What a webhook says: small, and nothing of a person. Its text is made once and kept, so that each
try has the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from central.webhooks.events import EventType, Fact


def text_of(fact: Fact, package: Any, sequence: int) -> str:
    """The payload of a fact; `package` is the row that it is about, or None."""
    document = fact.document
    said: dict[str, Any] = {"sequence": sequence, "location": document.location}
    if package is not None:
        said |= {"package": package.known_as or package.id, "barcode": package.barcode}
    said |= fact.details
    said |= {"by": document.body.get("actor") or document.source, "name": document.name}
    at_ms = document.recorded_ms if document.at_ms is None else document.at_ms
    return _text(fact.type, at_ms, said)


def test_text(endpoint: str, now_ms: int) -> str:
    """The payload of a test event."""
    return _text(EventType.TEST, now_ms, {"receiver": endpoint})


def _text(type_: EventType, at_ms: int, data: Mapping[str, Any]) -> str:
    body = {"type": type_.value, "timestamp": moment(at_ms), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def moment(at_ms: int) -> str:
    """A time as webhooks have it (RFC 3339)."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
