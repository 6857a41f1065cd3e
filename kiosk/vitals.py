"""How the computer is doing: its version, disk and temperature, and the line to the server."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tomllib
from importlib import metadata
from pathlib import Path

from kiosk.flows.views.service import ServerReport, Vitals
from kiosk.sync.client import SyncStatus

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
"""The processor's temperature in thousandths of a degree, on a Raspberry Pi and most others."""


@functools.cache
def version() -> str:
    """The version that runs: of the installed package, or of the checkout."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("parcel-kiosk")
    project = Path(__file__).parents[1] / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def vitals(data: Path, sync: SyncStatus | None) -> Vitals:
    """As it is now; `sync` is None where the kiosk belongs to no server."""
    return Vitals(
        version=version(),
        disk_free_mb=round(shutil.disk_usage(data).free / 1e6),
        temperature_c=_temperature_c(),
        server=None
        if sync is None
        else ServerReport(sync.is_reached, sync.last_ms, sync.queue, sync.message, sync.url),
    )


def _temperature_c() -> float | None:
    try:
        return int(THERMAL.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None
