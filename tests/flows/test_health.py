"""Whether a kiosk says the truth about itself: with each part that may die, and with it back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.simulator.virtual import VirtualSite
from kiosk.flows.events import Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First
from kiosk.health import Health, Verdict, answer_of
from kiosk.keeper_status import BAD_MAX, release_status
from kiosk.server_link import machine_status
from kiosk.store.holds import Contact
from kiosk.sync.contract import Status, WentBack
from tests.support.flow_site import Running, World, running

WELL = Verdict(True, "", is_idle=True)
BOARDS = len(World(Path()).place.boards)


@dataclass
class Watched:
    """A kiosk, and what says how it is."""

    running: Running
    health: Health
    folder: Path

    async def look(self) -> Verdict:
        return await self.health.look()

    def keeper_says(self, **said: Any) -> None:
        self.health.keeper_status.write_text(json.dumps(said))

    def plug(self, *, is_in: bool) -> None:
        for line in self.running.site.lines.values():
            line.is_plugged = is_in

    async def until(self, *, is_well: bool | None) -> Verdict:
        """Once it says so."""
        async with asyncio.timeout(600):
            while (found := await self.look()).is_well is not is_well:
                await asyncio.sleep(1)
        return found


@asynccontextmanager
async def watched(folder: Path, *, is_plugged: bool = True) -> AsyncIterator[Watched]:
    def prepare(site: VirtualSite) -> None:
        for line in site.lines.values():
            line.is_plugged = is_plugged

    async with running(World(folder), on_site=prepare) as kiosk:
        health = Health(kiosk.kiosk, asyncio.get_running_loop(), folder / "status.json")
        await kiosk.player.until(First)
        yield Watched(kiosk, health, folder)


async def test_one_that_works_is_well_and_idle(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        assert await kiosk.until(is_well=True) == WELL


async def test_it_says_which_version_may_still_write_the_database(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        said = answer_of(await kiosk.look())
        assert re.fullmatch(r"\d+\.\d+\.\d+", str(said["oldest_writer"]))


async def test_a_window_that_stands_still_is_missed(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        ago_s: list[float | None] = [0.9]
        kiosk.running.kiosk.drew_s_ago = lambda: ago_s[0]
        assert (await kiosk.look()).is_well
        ago_s[0] = 6.2
        assert await kiosk.look() == Verdict(False, "the window has not drawn for 6 s", True)
        ago_s[0] = None
        assert (await kiosk.look()).why == "the window has not drawn yet"


async def test_a_store_that_is_closed_is_no_kiosk(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        kiosk.running.kiosk.store.close()
        found = await kiosk.look()
        assert found.is_well is False
        assert "store" in found.why


async def test_a_server_that_is_out_of_reach_leaves_it_open(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        contact = [Contact()]
        kiosk.running.kiosk.contact = lambda: contact[0]
        assert (await kiosk.look()).is_well is None
        kiosk.plug(is_in=False)
        assert (await kiosk.until(is_well=False)).reaches_server is False
        kiosk.plug(is_in=True)
        contact[0] = Contact(119_000, None, due_after_ms=60_000)
        found = await kiosk.until(is_well=True)
        assert found.reaches_server is True
        contact[0] = Contact(121_000, None, due_after_ms=60_000)
        found = await kiosk.look()
        assert (found.is_well, found.why) == (None, "the server has not answered for 121 s")


async def test_a_board_that_answered_is_missed_until_it_does_again(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        kiosk.plug(is_in=False)
        found = await kiosk.until(is_well=False)
        assert found.why.startswith(f"{BOARDS} of {BOARDS} boards do not answer")
        status = await asyncio.to_thread(machine_status, kiosk.running.kiosk, tmp_path)
        assert status.is_well is None, "nothing looks here"
        kiosk.plug(is_in=True)
        assert await kiosk.until(is_well=True) == WELL


async def test_a_release_on_trial_is_held_to_the_boards_that_answered_before_it(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        kiosk.keeper_says(running="2.0.0", state="trial", good="1.0.0", trial="2.0.0")
        kiosk.plug(is_in=False)
        await kiosk.until(is_well=False)
    async with watched(tmp_path, is_plugged=False) as again:
        for _ in range(30):
            found = await again.look()
            assert found.is_well is False, "started once more, this is not as it was before"
            await asyncio.sleep(1)
        assert "(it was not asked yet)" not in found.why


async def test_what_was_broken_before_is_no_fault_of_a_release_on_trial(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        kiosk.plug(is_in=False)
        await kiosk.until(is_well=False)
        kiosk.keeper_says(running="2.0.0", state="trial", good="1.0.0", trial="2.0.0")
        assert await kiosk.look() == WELL


async def test_somebody_at_the_panel_or_an_open_door_is_not_idle(tmp_path: Path) -> None:
    async with watched(tmp_path) as kiosk:
        await kiosk.until(is_well=True)
        player = kiosk.running.player
        player.do(Pressed(Choice.PICK_UP))
        await player.until(EnterCode)
        assert not (await kiosk.look()).is_idle
        player.do(Pressed(Choice.BACK))
        await player.until(First)
        assert not (await kiosk.look()).is_idle, "somebody was here just now"
        await asyncio.sleep(121)
        assert (await kiosk.look()).is_idle
        kiosk.running.site.steel.open_by_force("7")
        await player.until(First, lambda view: "7" in view.open_doors)
        await asyncio.sleep(121)
        assert not (await kiosk.look()).is_idle


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"state": 5}', '{"bad": {"1": {}}, "running": 7}', "{" * 9000]
)
def test_a_keepers_file_that_is_damaged_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "status.json"
    assert release_status(path) is None
    path.write_text(text)
    assert release_status(path) is None


def test_what_the_keeper_says_is_never_too_long_for_the_server(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    said = {
        "running": "1.4.0",
        "state": "good",
        "good": "1.4.0",
        "trial": None,
        "went_back": {"version": "1.5.0", "reason": "x" * 9000, "at_ms": 5},
        "bad": {f"0.0.{number}": "y" * 900 for number in range(90)},
    }
    path.write_text(json.dumps(said))
    found = release_status(path)
    assert found is not None
    assert (found.running, found.state, found.trial) == ("1.4.0", "good", "")
    assert found.went_back == WentBack(version="1.5.0", reason="x" * 300, at_ms=5)
    assert len(found.bad) == BAD_MAX
    assert found.python.startswith("cp3")
    assert Status.model_validate_json(Status(release=found).model_dump_json()).release == found
