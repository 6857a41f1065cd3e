"""The JSON schema of all events, for programs in other languages.

`python -m kiosk.model.event_schema` writes it to `schemas/events.json`, which is kept in the
repository, so that a change of what events say is seen as a change of that file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from kiosk.model.event_bodies import BODIES, adapter
from kiosk.model.images import IMAGES

VERSION: Final = 1
"""The version of what is declared. Fields and kinds may be added under the same one; journals are
kept for ever, so nothing is taken away or given another meaning."""
FILE = Path(__file__).parent / "schemas" / "events.json"


def event_schema() -> dict[str, Any]:
    """What an event of each kind says, and which after-images it may carry."""
    _, images = models_json_schema([(image, "validation") for image in IMAGES.values()])
    parts: dict[str, Any] = dict(images["$defs"])
    kinds = {}
    for kind in sorted(BODIES):
        body = adapter(kind).json_schema(ref_template="#/$defs/{model}")
        parts |= body.pop("$defs", {})
        name = BODIES[kind].__name__
        body["properties"]["rows"] = {"$ref": "#/$defs/Rows"}
        parts[name] = body
        kinds[kind.value] = {"$ref": f"#/$defs/{name}"}
    parts["Rows"] = {
        "description": "What the event changed: pairs of the name of an image, and the image.",
        "type": "array",
        "items": {"oneOf": [_row(name, image.__name__) for name, image in IMAGES.items()]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The bodies of a kiosk's events, by kind",
        "version": VERSION,
        "properties": kinds,
        "$defs": {name: _without_defaults(parts[name]) for name in sorted(parts)},
    }


def _row(name: str, image: str) -> dict[str, Any]:
    return {
        "type": "array",
        "prefixItems": [{"const": name}, {"$ref": f"#/$defs/{image}"}],
        "minItems": 2,
        "maxItems": 2,
    }


def _without_defaults(part: dict[str, Any]) -> dict[str, Any]:
    """A field that is left out says nothing: it does not say null."""
    for field in part.get("properties", {}).values():
        if field.get("default", "") is None:
            del field["default"]
    return part


def text() -> str:
    """The file as it is kept."""
    return json.dumps(event_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
