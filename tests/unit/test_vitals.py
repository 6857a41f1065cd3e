"""What the machine tells of itself."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from kiosk.command_line import main
from kiosk.sync.status import SyncStatus
from kiosk.vitals import version, vitals


def test_the_command_line_tells_its_version() -> None:
    ran = CliRunner().invoke(main, ["--version"], prog_name="kiosk")

    assert ran.output == f"kiosk, version {version()}\n"


def test_disk_and_server_are_reported(tmp_path: Path) -> None:
    reading = vitals(tmp_path, SyncStatus(is_reached=False, last_ms=5, queue=3, message="no route"))

    assert reading.version == version()
    assert reading.disk_free_mb is not None
    assert reading.server is not None
    assert (reading.server.waiting, reading.server.message) == (3, "no route")
    assert vitals(tmp_path, None).server is None
