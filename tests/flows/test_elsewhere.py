"""At a full machine a courier sees where else there is room, and keeps it where that can be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kiosk.flows.events import Chosen, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.unannounced import NearbyRow, RoomElsewhere
from kiosk.model.location import Service
from kiosk.store import slots
from tests.support.flow_site import START_MS, Running, World, running
from tests.support.stories.people import sign_in_courier

ROW = NearbyRow("market", "Market hall", "Main St 1", 450, 1)


@dataclass
class Network:
    """What a server would say."""

    is_reached: bool = True
    has_room: bool = True
    is_known: bool = True
    kept: list[str] = field(default_factory=list)

    async def look(self, carrier: str) -> bool:
        return self.is_reached

    def rows(self, carrier: str, size: str) -> tuple[NearbyRow, ...] | None:
        return (ROW,) if self.is_known else None

    def age_s(self, carrier: str) -> int:
        return 0 if self.is_reached else 7_200

    async def reserve(self, place: str, size: str, carrier: str) -> int | None:
        if self.has_room:
            self.kept.append(f"{place} {size} {carrier}")
        return START_MS if self.has_room else None


async def at_a_full_machine(kiosk: Running, network: Network) -> RoomElsewhere:
    kiosk.kiosk.elsewhere = network
    for slot in kiosk.kiosk.location.slots:
        service = (slot.label, Service.NO_DEPOSITS, "dirty", "kiosk")
        await kiosk.kiosk.store.run(slots.set_service, *service)
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("NEW"))
    await kiosk.player.until(ChooseSize)
    kiosk.player.do(Chosen("M"))
    return await kiosk.player.until(RoomElsewhere)


async def test_room_is_kept_at_the_nearest_one(tmp_path: Path) -> None:
    network = Network()
    async with running(World(tmp_path)) as kiosk:
        view = await at_a_full_machine(kiosk, network)
        assert (view.rows, view.choices) == ((ROW,), (Choice.RESERVE, Choice.BACK))
        kiosk.player.do(Pressed(Choice.RESERVE))
        view = await kiosk.player.until(RoomElsewhere)
        assert view.kept_until_ms == START_MS
        assert network.kept == ["market M operator"]
        kiosk.player.do(Pressed(Choice.DONE))
        refused = (await kiosk.player.until(ScanPackage)).refused
        assert refused is not None
        assert refused.reason is Refusal.NO_SLOT


@pytest.mark.parametrize("is_known", [True, False])
async def test_offline_what_is_known_is_shown_with_its_age_and_nothing_is_kept(
    tmp_path: Path, is_known: bool
) -> None:
    network = Network(is_reached=False, is_known=is_known)
    async with running(World(tmp_path)) as kiosk:
        view = await at_a_full_machine(kiosk, network)
        assert (view.is_reached, view.is_known, view.age_s) == (False, is_known, 7_200)
        assert view.choices == (Choice.DONE,)
        kiosk.player.do(Pressed(Choice.RESERVE))
        await kiosk.player.until(ScanPackage)
        assert network.kept == []


async def test_room_that_is_gone_meanwhile_is_not_said_to_be_kept(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await at_a_full_machine(kiosk, Network(has_room=False))
        kiosk.player.do(Pressed(Choice.RESERVE))
        view = await kiosk.player.until(RoomElsewhere)
        assert (view.kept_until_ms, view.is_gone) == (None, True)


async def test_a_server_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    class Slow(Network):
        async def look(self, carrier: str) -> bool:
            await asyncio.sleep(70)
            return True

        def age_s(self, carrier: str) -> int:
            return 7_200

    async with running(World(tmp_path)) as kiosk:
        began_ms = kiosk.kiosk.clock.now().monotonic_ms
        view = await at_a_full_machine(kiosk, Slow())
        assert (view.is_reached, view.rows, view.age_s) == (False, (ROW,), 7_200)
        assert view.choices == (Choice.DONE,), "what is hours old is not kept"
        assert kiosk.kiosk.clock.now().monotonic_ms - began_ms < 15_000


async def test_room_whose_keeping_is_not_answered_is_not_said_to_be_kept(tmp_path: Path) -> None:
    class Hung(Network):
        async def reserve(self, place: str, size: str, carrier: str) -> int | None:
            self.is_reached = False
            await asyncio.sleep(70)
            return START_MS

    async with running(World(tmp_path)) as kiosk:
        await at_a_full_machine(kiosk, Hung())
        kiosk.player.do(Pressed(Choice.RESERVE))
        view = await kiosk.player.until(RoomElsewhere)
        assert (view.kept_until_ms, view.is_reached, view.choices) == (None, False, (Choice.DONE,))
