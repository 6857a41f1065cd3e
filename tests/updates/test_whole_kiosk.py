"""The whole kiosk, enrolled at a real server: a release that is chosen there is answered."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from central import schema
from central.sync import commands
from config import DEMO_SITE, load_site
from kiosk import app
from kiosk.adapters import hash_pin
from kiosk.demo.player import Player
from kiosk.model.clock import Instant
from kiosk.model.commands import ChooseRelease
from kiosk.model.person import Role, Staff
from kiosk.server_link import enrol_kiosk
from kiosk.ui.night import NightHours
from kiosk.update_link import may_switch
from tests.support.central_server import Server, TurnedClock

PATIENCE_S = 60.0
SITE = load_site(DEMO_SITE)


@pytest.mark.parametrize(
    ("hours", "time", "is_trusted", "may"),
    [
        ("02:00-05:00", "02:00", True, True),
        ("02:00-05:00", "04:59", True, True),
        ("02:00-05:00", "05:00", True, False),
        ("02:00-05:00", "14:00", True, False),
        ("02:00-05:00", "14:00", False, True),
        ("23:00-01:00", "00:30", True, True),
        ("23:00-01:00", "12:00", True, False),
        ("", "12:00", True, True),
    ],
)
def test_a_release_takes_over_within_the_sites_hours(
    hours: str, time: str, is_trusted: bool, may: bool
) -> None:
    local = datetime.fromisoformat(f"2026-12-01T{time}+01:00")
    now = Instant(round(local.timestamp() * 1000), 0, "boot", is_trusted)
    assert may_switch(NightHours(hours, "Europe/Berlin"), now) is may


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
