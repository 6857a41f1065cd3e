"""The JSON schema of all commands, for programs in other languages.

`python -m kiosk.model.command_schema` writes it to `schemas/commands.json`, which is kept in the
repository, so that a change of what commands say is seen as a change of that file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from kiosk.model.commands import COMMANDS, VERSION, WireCommand

FILE: Final = Path(__file__).parent / "schemas" / "commands.json"
REFERENCE: Final = "#/$defs/{model}"


def command_schema() -> dict[str, Any]:
    """A command as it is sent: of each type, what its body says."""
    union = COMMANDS.json_schema(ref_template=REFERENCE)
    parts: dict[str, Any] = union["$defs"]
    wire = WireCommand.model_json_schema(ref_template=REFERENCE)
    wire["properties"]["body"] = {"type": "object"}
    kinds: dict[str, str] = union["discriminator"]["mapping"]
    for reference in kinds.values():
        # On the wire the type stands beside the body.
        del parts[reference.rpartition("/")[2]]["properties"]["type"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A command of the server to a kiosk, as it is sent",
        "version": VERSION,
        **{name: wire[name] for name in ("type", "properties")},
        "required": [*wire["required"], "body"],
        "oneOf": [
            {"properties": {"type": {"const": kind}, "body": {"$ref": kinds[kind]}}}
            for kind in sorted(kinds)
        ],
        "$defs": {name: parts[name] for name in sorted(parts)},
    }


def text() -> str:
    """The file as it is kept."""
    return json.dumps(command_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), encoding="utf-8")
