"""The systemd units: what somebody who takes over a service could do with the machine."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "config" / "systemd").glob("*.service"))
MOST_EXPOSED = 2.5
"""Of 10, by `systemd-analyze security`: below it is a service that can do its own work and little
else."""


def exposure(unit: Path) -> float:
    line = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    shown = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    (found,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", shown)
    return float(found)


def test_there_is_a_unit_for_the_kiosk_and_one_for_the_server() -> None:
    assert [unit.name for unit in UNITS] == ["parcel-central.service", "parcel-kiosk.service"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_service_that_was_taken_over_can_do_little(unit: Path, tmp_path: Path) -> None:
    assert exposure(unit) <= MOST_EXPOSED
    opened = tmp_path / unit.name
    opened.write_text(re.sub(r"(?m)^(SystemCall|Restrict|Capab|Protect).*$", "", unit.read_text()))
    assert exposure(opened) > MOST_EXPOSED, "what is measured can fail"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_what_a_service_writes_is_its_own(unit: Path) -> None:
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(unit.read_text(encoding="utf-8"))
    service = parsed["Service"]
    assert (service["UMask"], service["StateDirectoryMode"]) == ("0077", "0700")
    assert service["User"] != "root"
    assert service["Restart"] == "always"
