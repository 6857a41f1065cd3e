"""How the computer is doing: its version, disk and temperature, and the line to the server."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tomllib
from importlib import metadata
from pathlib import Path

from kiosk.flows.views.service import ServerReport, Vitals
from kiosk.sync.status import SyncStatus

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
"""The processor's temperature in thousandths of a degree, on a Raspberry Pi and most others."""
READ_MAX = 64
MINIMUM_C, MAXIMUM_C = -60.0, 125.0
"""What such sensors measure. A 1-wire sensor without power says 85.0 and is believed."""


@functools.cache
def version() -> str:
    """The version that runs: of the installed package, or of the checkout."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("parcel-kiosk")
    project = Path(__file__).parents[1] / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def vitals(data: Path, sync: SyncStatus | None, bank_sensor: Path | None = None) -> Vitals:
    """As it is now; `sync` is None where the kiosk belongs to no server, `bank_sensor` where none
    tells how warm it is in the bank."""
    return Vitals(
        version=version(),
        disk_free_mb=round(shutil.disk_usage(data).free / 1e6),
        temperature_c=temperature_c(THERMAL),
        bank_temperature_c=None if bank_sensor is None else temperature_c(bank_sensor),
        server=None
        if sync is None
        else ServerReport(sync.is_reached, sync.last_ms, sync.queue, sync.message, sync.url),
    )


def temperature_c(sensor: Path) -> float | None:
    """What a sensor of the kernel says; None where it says nothing, or what no air is."""
    try:
        with sensor.open("rb") as file:
            degrees_c = int(file.read(READ_MAX)) / 1000
    except (OSError, ValueError):
        return None
    return degrees_c if MINIMUM_C < degrees_c < MAXIMUM_C else None
