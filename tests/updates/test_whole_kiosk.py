"""The whole kiosk, enrolled at a real server: a release that is chosen there is answered."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from central import schema
from central.sync import commands
from config import DEMO_SITE, load_site
from kiosk import app
from kiosk.adapters import hash_pin
from kiosk.demo.player import Player
from kiosk.model.commands import ChooseRelease
from kiosk.model.person import Role, Staff
from kiosk.server_link import enrol_kiosk
from tests.support.central_server import Server, TurnedClock

PATIENCE_S = 60.0
SITE = load_site(DEMO_SITE)


def answer(server: Server, command: str) -> tuple[str, str]:
    """How far the server knows a command to be."""
    (row,) = [row for row in server.rows(schema.command) if row.id == command]
    return row.state, row.answer


def test_a_machine_that_keeps_no_releases_says_so(tmp_path: Path) -> None:
    """By a signed command and the journal, there and back."""
    server = Server(tmp_path / "central", clock=TurnedClock(time.time_ns() // 1_000_000))
    server.start()
    data, place = tmp_path / "kiosk", SITE.location.id
    app.init(SITE, data, Staff("98", "Kim", Role.TECHNICIAN, hash_pin("808080")))
    enrol_kiosk(SITE, data, server.url, server.add_location(place))
    chosen = ChooseRelease(release="9.9.9", rollout="r1")
    command = server.write(commands.queue, place, chosen, "test", server.clock.wall_ms)

    async def run() -> None:
        keeper = tmp_path / "no-keeper.json"
        async with app.open_kiosk(SITE, data, Player(), keeper_status=keeper, site_file=DEMO_SITE):
            async with asyncio.timeout(PATIENCE_S):
                while answer(server, command)[0] != "REFUSED":
                    await asyncio.sleep(0.05)

    asyncio.run(run())
    assert answer(server, command)[1] == "nobody keeps releases on this machine"
    events = [row for row in server.rows(schema.event) if row.kind == "RELEASE_REPORTED"]
    assert [json.loads(row.body)["outcome"] for row in events] == ["REFUSED"]
    server.stop()
