"""A door that the server had opened: what came of it is reported, whatever it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.door import Outcome
from kiosk.flows.events import Pressed, RemoteOpen
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Ask
from kiosk.model.commands import OpeningOutcome
from kiosk.model.events import EventKind
from kiosk.server_link import RemoteDoors
from kiosk.store import intents, journal, openings
from kiosk.store.intents import IntentPurpose
from kiosk.store.writer import Writer
from tests.support.flow_site import BOARDS, Place, Running, World, require_sound, running

BLIND = Place(boards=tuple(replace(board, has_door_sensors=False) for board in BOARDS))
SLOT = "7"


@contextlib.asynccontextmanager
async def serving(world: World) -> AsyncIterator[Running]:
    async with running(world) as kiosk:
        await kiosk.player.until(First)
        yield kiosk
        require_sound(kiosk.kiosk.store)


async def ask_for(kiosk: Running, command: str) -> None:
    """The server's command was taken in, and the door is to be opened."""
    now_ms = kiosk.world.clock.now().wall_ms
    await kiosk.kiosk.store.run(openings.note, command, SLOT, OpeningOutcome.ASKED, now_ms)
    RemoteDoors(kiosk.kiosk, asyncio.get_running_loop()).begin(SLOT, command)


async def outcomes(kiosk: Running) -> list[tuple[str, str]]:
    """What the server will hear: of which command, and what came of it."""
    ended = await kiosk.kiosk.store.run(journal.after, 0, 9999, [EventKind.OPENING_ENDED])
    bodies = [json.loads(event.body) for event in ended]
    return [(body["id"], body["outcome"]) for body in bodies if body["slot"] == SLOT]


async def test_a_door_that_jams_is_not_reported_as_opened(tmp_path: Path) -> None:
    async with serving(World(tmp_path)) as kiosk:
        kiosk.site.steel.jam(SLOT)
        await ask_for(kiosk, "c-1")
        await asyncio.sleep(30)
        assert await outcomes(kiosk) == [("c-1", "JAMMED")]
        kiosk.site.steel.unjam(SLOT)
        kiosk.site.steel.close_after_s = 3.0
        await kiosk.player.until(First)
        await ask_for(kiosk, "c-2")
        await asyncio.sleep(30)
        assert await outcomes(kiosk) == [("c-1", "JAMMED"), ("c-2", "OPENED")]


@pytest.mark.parametrize(
    ("said", "outcome"), [(Choice.YES, "SENT"), (Choice.NO, "JAMMED"), (None, "SENT")]
)
async def test_where_no_sensor_tells_the_word_of_who_stands_there_is_reported(
    tmp_path: Path, said: Choice | None, outcome: str
) -> None:
    async with serving(World(tmp_path, place=BLIND)) as kiosk:
        await ask_for(kiosk, "c-1")
        await kiosk.player.until(Ask)
        if said is not None:
            kiosk.player.do(Pressed(said))
        await asyncio.sleep(150)
        assert await outcomes(kiosk) == [("c-1", outcome)]


@pytest.mark.parametrize(
    ("is_intended", "found", "outcome"),
    [(False, "", "MISSED"), (True, "", "UNKNOWN"), (True, "JAMMED", "JAMMED")],
)
async def test_what_a_power_cut_left_open_is_reported_at_the_next_start(
    tmp_path: Path, is_intended: bool, found: str, outcome: str
) -> None:
    world = World(tmp_path)
    async with serving(world) as kiosk:
        store = kiosk.kiosk.store
        await store.run(openings.note, "c-1", SLOT, OpeningOutcome.ASKED, 0)
        if is_intended:
            purpose = IntentPurpose.MAINTENANCE
            await store.run(intents.intend, "c-1", SLOT, purpose, openings.ACTOR)
        if found:
            failed = intents.IntentState.FAILED
            await store.run(intents.door_outcome, "c-1", failed, found)
    async with serving(world) as kiosk:
        await asyncio.sleep(5)
        assert await outcomes(kiosk) == [("c-1", outcome)]


async def test_a_visit_that_fails_before_its_intent_is_reported_as_missed(tmp_path: Path) -> None:
    async with serving(World(tmp_path)) as kiosk:
        now_ms = kiosk.world.clock.now().wall_ms
        await kiosk.kiosk.store.run(openings.note, "c-1", "700", OpeningOutcome.ASKED, now_ms)
        kiosk.player.do(RemoteOpen("700", "c-1"))
        await asyncio.sleep(5)

        def outcome(writer: Writer) -> str:
            return str(writer.all("SELECT outcome FROM opening")[0]["outcome"])

        assert await kiosk.kiosk.store.run(outcome) == "MISSED"


def test_every_outcome_of_an_unlock_can_be_reported() -> None:
    assert {each.value for each in Outcome} <= {each.value for each in OpeningOutcome}
