"""What the keeper of this machine's releases says: which one runs, and whether it is on trial.

The keeper is another program, which nothing here calls: it writes a file that everybody may read.
"""

from __future__ import annotations

import json
import logging
import platform
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from kiosk.sync.contract import ReleaseStatus

LOG = logging.getLogger("kiosk")
KEEPER_STATUS: Final = Path("/run/parcel-keeper/status.json")
BYTES_MAX: Final = 1_000_000
REASON_MAX: Final = 300
BAD_MAX: Final = 20
"""So many releases that were bad are named; a server is sent no more."""
TRIAL: Final = "trial"


def release_status(path: Path = KEEPER_STATUS) -> ReleaseStatus | None:
    """What it says now; None where no keeper is, or what it wrote cannot be read."""
    try:
        with path.open("rb") as file:
            read = json.loads(file.read(BYTES_MAX))
        found = ReleaseStatus.model_validate(_short(read))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, ValidationError) as error:
        LOG.warning("%s cannot be read: %s", path, error)
        return None
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return found.model_copy(update={"python": python, "machine": platform.machine()})


def _short(read: Any) -> dict[str, Any]:
    """No reason so long that the server would take none of it."""
    if not isinstance(read, dict):
        raise ValueError(f"it is no JSON object: {read!r:.60}")
    short = {name: value for name, value in read.items() if value is not None}
    bad, went_back = short.get("bad"), short.get("went_back")
    if isinstance(bad, dict):
        newest = list(bad.items())[-BAD_MAX:]
        short["bad"] = {name: str(why)[:REASON_MAX] for name, why in newest}
    if isinstance(went_back, dict):
        short["went_back"] = {**went_back, "reason": str(went_back.get("reason", ""))[:REASON_MAX]}
    return short
