"""The JSON schema of the feed's documents, for programs in other languages.

`python -m central.feed.document_schema` writes it to `document.json`, which is kept in the
repository, so that a change of what readers get is seen as a change of that file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from central.feed.document import (
    VERSION,
    WITHHELD,
    Document,
    ServerHold,
    ServerKind,
    ServerLocation,
    ServerOutage,
    ServerPackage,
    ServerPower,
    ServerUnreachable,
)
from kiosk.model.images import IMAGES

FILE: Final = Path(__file__).parent / "document.json"
_REFERENCE: Final = "#/$defs/{model}"
_SERVER: Final[Mapping[ServerKind, type[BaseModel]]] = {
    ServerKind.PACKAGE: ServerPackage,
    ServerKind.LOCATION: ServerLocation,
    ServerKind.LOCATION_OUT: ServerOutage,
    ServerKind.LOCATION_BACK: ServerOutage,
    ServerKind.LOCATION_POWER_LOST: ServerPower,
    ServerKind.LOCATION_POWER_BACK: ServerPower,
    ServerKind.HOLD_PAUSED: ServerHold,
    ServerKind.HOLD_RESUMED: ServerHold,
    ServerKind.UNREACHABLE: ServerUnreachable,
}


def document_schema() -> dict[str, Any]:
    """A document: of the server's kinds what the body says, of a kiosk's what its rows say."""
    whole = Document.model_json_schema(ref_template=_REFERENCE)
    parts: dict[str, Any] = whole.pop("$defs", {})
    models: list[type[BaseModel]] = [*dict.fromkeys(_SERVER.values()), *IMAGES.values()]
    for model in models:
        part = model.model_json_schema(ref_template=_REFERENCE)
        parts |= part.pop("$defs", {})
        # Newer versions may say more.
        part.pop("additionalProperties", None)
        for name in sorted(WITHHELD & part["properties"].keys() - {"sender"}):
            del part["properties"][name]
        parts[model.__name__] = part
    del parts["PackageImage"]["properties"]["sender"]
    row = {
        "oneOf": [
            {"prefixItems": [{"const": name}, {"$ref": f"#/$defs/{model.__name__}"}]}
            for name, model in IMAGES.items()
        ],
        "type": "array",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What happened: one document of the feed",
        "version": VERSION,
        **{name: whole[name] for name in ("type", "properties", "required")},
        "oneOf": [
            *(
                {
                    "properties": {
                        "source": {"const": "server"},
                        "kind": {"const": kind.value},
                        "body": {"$ref": f"#/$defs/{model.__name__}"},
                    }
                }
                for kind, model in _SERVER.items()
            ),
            {
                "properties": {
                    "source": {"const": "kiosk"},
                    "body": {
                        "type": "object",
                        "properties": {
                            "actor": {"type": "string"},
                            "rows": {"type": "array", "items": row},
                        },
                        "required": ["actor", "rows"],
                    },
                }
            },
        ],
        "$defs": {name: parts[name] for name in sorted(parts)},
    }


def text() -> str:
    """The file as it is kept."""
    return json.dumps(document_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
