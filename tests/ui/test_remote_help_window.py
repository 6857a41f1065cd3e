"""Remote help with every part real: a server, a kiosk with its window, an operator at the pages."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from central import schema
from central.auth import Role
from kiosk.remote_helper import SETTINGS_FILE
from kiosk.server_link import enrol_kiosk
from kiosk.vitals import version
from tests.support.central_server import EVA, Server, announce, wait_until
from tests.support.operators import Browser
from tests.support.panel_spots import ROOT, Spots
from tests.support.window_bench import PLACE, SITE, bench

PATH = f"/locations/{SITE.location.id}"
PATIENCE_S = 120.0
IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "central")
    made.clock.wall_ms = time.time_ns() // 1_000_000
    made.start()
    yield made
    made.stop()


class Desk:
    """An operator who asks a kiosk for help, and waits for what comes of it."""

    def __init__(self, server: Server) -> None:
        self.server, self.browser = server, Browser(server, Role.ADMIN)

    def ask(self, action: str, state: str, **form: object) -> Any:
        """Ask for it; the command's row once it has come so far."""
        answer = self.browser.post(f"{PATH}/{action}", why="a look", **form)
        assert "The kiosk is asked" in answer.text, answer.text
        [row] = [row for row in self.server.rows(schema.command) if row.state == "QUEUED"] or [
            self.server.rows(schema.command)[-1]
        ]

        def now() -> Any:
            return next(each for each in self.server.rows(schema.command) if each.id == row.id)

        wait_until(lambda: now().state not in ("QUEUED", "APPLIED") or now().state == state, 120)
        assert (now().state, now().answer) == (state, ""), now()
        return now()

    def file(self, action: str) -> bytes:
        row = self.ask(action, "DONE")
        answer = self.browser.get(f"/files/{row.id}")
        assert answer.ok
        return answer.content

    def picture(self) -> Image.Image:
        picture = Image.open(io.BytesIO(self.file("picture")))
        picture.load()
        return picture


def test_a_location_is_helped_remotely(tmp_path: Path, where: Spots, server: Server) -> None:
    data, token = tmp_path / "kiosk", server.add_location(SITE.location.id)
    data.mkdir()

    def enrol(folder: Path) -> None:
        enrol_kiosk(SITE, folder, server.url, token)

    with bench(data, where, enrol) as machine:
        desk = Desk(server)
        require_well(server, data)
        announce(server, server.add_key(), "A", location=SITE.location.id)
        wait_until(lambda: all(row.state == "APPLIED" for row in server.rows(schema.command)))
        before = desk.picture()
        assert before.size == PLACE[:2]
        desk.ask("pause", "APPLIED", reason="MAINTENANCE", hours=2)
        paused = desk.picture()
        desk.ask("pause", "APPLIED", reason="OUT_OF_ORDER", is_closed="true")
        closed = desk.picture()
        for name, picture in {"before": before, "paused": paused, "closed": closed}.items():
            picture.save(tmp_path / f"{name}.png")
        assert len({each.tobytes() for each in (before, paused, closed)}) == 3
        machine.picture("closed-by-the-server")
        shown = desk.browser.get(PATH).text
        assert "Paused" in shown
        desk.ask("resume", "APPLIED")
        assert desk.picture().tobytes() == before.tobytes()
        require_nothing_personal(desk.file("support-file"))
        desk.ask("setting", "DONE", setting="policy.hold_days", value="7")
        assert json.loads((data / SETTINGS_FILE).read_text()) == {"policy.hold_days": 7}
        wait_until(lambda: "policy.hold_days = 7" in desk.browser.get(PATH).text, PATIENCE_S)
        starts = [row for row in server.rows(schema.event) if row.kind == "KIOSK_STARTED"]
        assert len(starts) == 2
        if IS_NIGHTLY:
            desk.ask("restart", "DONE")
            assert json.loads((data / SETTINGS_FILE).read_text()) == {"policy.hold_days": 7}
            desk.ask("setting", "DONE", setting="policy.hold_days", value="")
            assert json.loads((data / SETTINGS_FILE).read_text()) == {}


def require_well(server: Server, data: Path) -> None:
    """It says so on its console's socket, and to its server."""
    found: dict[str, Any] = {}

    def is_well() -> bool:
        asked = [sys.executable, "-m", "kiosk", "health", "--data", str(data)]
        answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
        found.update(json.loads(answer.stdout or "{}"))
        return answer.returncode == 0

    wait_until(is_well, PATIENCE_S)
    assert (found["version"], found["why"]) == (version(), "")
    wait_until(lambda: server.rows(schema.location)[0].is_well is True, PATIENCE_S)
    assert server.rows(schema.location)[0].version == version()


def require_nothing_personal(content: bytes) -> None:
    """What helps is in it, and nobody is."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert len(content) < 2_000_000
    assert json.loads(parts["verify.json"])["problem"] == ""
    assert "KIOSK_STARTED" in parts["journal.jsonl"]
    whole = "".join(parts.values())
    people = [str(EVA[name]) for name in ("name", "email", "phone")]
    people += [person.name for person in SITE.staff] + [person.pin_hash for person in SITE.staff]
    assert [text for text in people if text in whole] == []
    assert "argon2" not in whole
