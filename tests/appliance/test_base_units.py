"""The units of the base: systemd finds no mistake in them, and they may do little."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.test_units import MOST_EXPOSED, exposure

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "config/base/systemd"
ALWAYS_SANDBOXED = ("parcel-keeper.service", "parcel-take.service", "parcel-link.service")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd"
)


def unit(path: Path) -> configparser.RawConfigParser:
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(path.read_text(encoding="utf-8"))
    return parsed


@needs_systemd
def test_systemd_finds_no_mistake_in_the_units(tmp_path: Path) -> None:
    """Beside each other as the package puts them; programs that are not here are put there."""
    shutil.copytree(UNITS, tmp_path, dirs_exist_ok=True)
    shutil.copy(ROOT / "config/systemd/parcel-kiosk.service", tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            text = re.sub(r"(?m)^(Exec\w+=-?)\S+", r"\1/bin/true", path.read_text())
            path.write_text(
                text.replace("ExecStart=/bin/true\nExecStart=", "ExecStart=\nExecStart=")
            )
    names = [path.name for path in tmp_path.iterdir() if path.is_file()]
    assert len(names) >= 7
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "parcel" in line]
    assert ours == []


@needs_systemd
@pytest.mark.parametrize("name", ALWAYS_SANDBOXED)
def test_who_reads_what_the_kiosk_left_may_do_little_else(name: str) -> None:
    assert exposure(UNITS / name) <= MOST_EXPOSED


def test_the_kiosks_settings_stand_in_one_place() -> None:
    """The drop-in says where the program is and where a new site file is put, nothing else."""
    service = unit(UNITS / "parcel-kiosk.service.d/10-release.conf")["Service"]
    assert set(service) == {"WorkingDirectory", "Environment", "ExecStart", "ReadWritePaths"}
    own = (ROOT / "config/systemd/parcel-kiosk.service").read_text()
    (asked,) = re.findall(r"(?m)^ExecStart=\S+ (-m kiosk .*)$", own)
    assert service["ExecStart"] == f"/usr/bin/python3 {asked} --set-up"


def test_nothing_hinders_a_kiosk_that_is_started_again() -> None:
    choosing = unit(UNITS / "parcel-release.service")
    assert choosing["Unit"]["StartLimitIntervalSec"] == "0"
    started = unit(UNITS / "parcel-kiosk.service.d/10-release.conf")["Unit"]
    assert started["Wants"] == started["After"] == "parcel-release.service"
    assert "Requires" not in started
