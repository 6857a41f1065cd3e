"""What the demo's first start leaves behind for the people who try it: real flows, at a simulated
bank that shuts its own doors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from central.cluster import plan as plans
from config import DEMO_PACKAGES, DEMO_SITE, load_site
from kiosk.app import open_kiosk
from kiosk.demo.player import (
    DEMO_COURIER_PIN,
    Player,
    code_that_opens,
    pickup_by_typing,
    playing,
    seed_demo,
)
from kiosk.demo.server import DemoServer, DemoServerError
from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import EnterPin, View
from tests.support.simulator_process import SimulatorProcess

SITE = load_site(DEMO_SITE)
SEEDED = 2


@dataclass
class FirstStart:
    """The demo's folder after its first packages were put in."""

    data: Path
    used: list[str]
    """The slots they lie in."""
    seen: list[View] = field(default_factory=list)

    def fetch(self, code: str) -> str:
        """Start the kiosk, fetch a package by its code as it is printed; its slot."""

        async def visit() -> str:
            player = Player(self.seen.append)
            async with open_kiosk(SITE, self.data, player) as kiosk, playing(kiosk, player):
                slot = await pickup_by_typing(player, code.replace(" ", ""))
                await player.until(First)
                return slot

        return asyncio.run(visit())


@pytest.fixture
def first_start(tmp_path: Path) -> Iterator[FirstStart]:
    with SimulatorProcess(DEMO_SITE, tmp_path) as bank:
        # A door that is shut within two seconds is asked about.
        bank.tell("close-after 3.5")
        yield FirstStart(tmp_path, seed_demo(SITE, tmp_path, DEMO_PACKAGES, SEEDED))


def test_the_first_courier_signs_in_with_one_press_and_sees_no_receipt_of_the_seeding(
    first_start: FirstStart,
) -> None:
    async def visit() -> None:
        player = Player(first_start.seen.append)
        async with open_kiosk(SITE, first_start.data, player) as kiosk, playing(kiosk, player):
            await player.until(First)
            player.do(Pressed(Choice.COURIER))
            await player.until(EnterPin)
            player.do(Entered(DEMO_COURIER_PIN))
            scan = await player.until(ScanPackage)
            assert scan.stored_count == 0
            player.do(Pressed(Choice.DONE))
            await player.until(First)

    asyncio.run(visit())
    assert not [view for view in first_start.seen if isinstance(view, Receipt)]


def test_the_printed_code_opens_and_after_a_fetch_another_one_is_printed(
    first_start: FirstStart,
) -> None:
    data, last, other = first_start.data, first_start.used[-1], first_start.used[0]
    code = code_that_opens(data)
    assert first_start.fetch(code) == last
    second = code_that_opens(data)
    assert second not in ("", code)
    assert first_start.fetch(second) == other
    assert code_that_opens(data) == "", "nothing lies there any more"


def test_a_demo_at_a_cluster_says_how_to_bring_one_up(tmp_path: Path) -> None:
    with pytest.raises(DemoServerError, match="make cluster, in another terminal"):
        DemoServer.join(SITE, tmp_path, tmp_path / "cluster")
    plan = plans.on_this_machine(plans.FIRST_PORT).model_copy(update={"is_made": True})
    (tmp_path / "cluster").mkdir()
    plan.save(tmp_path / "cluster" / "cluster.json")
    with pytest.raises(DemoServerError, match="no cluster runs in"):
        DemoServer.join(SITE, tmp_path, tmp_path / "cluster")
    (tmp_path / "cluster" / "cluster.json").write_text("{}")
    with pytest.raises(DemoServerError, match="this is no cluster's file"):
        DemoServer.join(SITE, tmp_path, tmp_path / "cluster")
