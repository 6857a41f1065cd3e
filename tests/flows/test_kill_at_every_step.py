"""The process dies before or after each of its transactions, and starts again on the same disk and
the same steel: nothing is lost, nothing is pulsed, what is in doubt is looked at by a person."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk.demo.player import PlayError
from kiosk.flows.events import Chosen, Entered, Pressed
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.service import DoorPage, Doors
from kiosk.flows.views.shared import Ask, EnterPin
from kiosk.model.location import SlotStatus
from kiosk.store import intents
from kiosk.store.answers import Answer
from kiosk.store.store import Store
from tests.support.flow_site import (
    COURIER_PIN,
    TECHNICIAN_PIN,
    Running,
    World,
    require_sound,
    running,
)
from tests.support.virtual_loop import run_virtually

STRIDE = 1 if os.environ.get("TEST_BUDGET") == "nightly" else 3
"""At every so many transactions."""


class KilledError(BaseException):
    """The process is gone; nothing it would have done happens."""


@dataclass
class Death:
    """When the process dies, counted in transactions; and that it is dead."""

    at_step: int
    after_commit: bool
    steps: int = 0
    is_dead: bool = False
    names: list[str] = field(default_factory=list)

    def store(self, *args: Any, **kwargs: Any) -> Store:
        death = self

        class MortalStore(Store):
            def submit(
                self, operation: Callable[..., Any], *args: Any, **kwargs: Any
            ) -> Answer[Any]:
                if death.is_dead:
                    raise KilledError
                death.steps += 1
                death.names.append(getattr(operation, "__name__", "?"))
                dies = death.steps == death.at_step
                if dies and not death.after_commit:
                    death.is_dead = True
                    raise KilledError
                future = super().submit(operation, *args, **kwargs)
                if dies:
                    death.is_dead = True
                    raise KilledError
                return future

        return MortalStore(*args, **kwargs)


@dataclass
class Seen:
    """What the person was shown before the process died."""

    stored: bool = False
    thanked: bool = False


async def the_day(kiosk: Running, seen: Seen) -> None:
    """A deposit, a pickup and a technician's look."""
    player, steel = kiosk.player, kiosk.site.steel
    steel.close_after_s = 3.0
    await kiosk.announce("P", "S")
    await player.until(First)
    player.do(Pressed(Choice.COURIER))
    await player.until(EnterPin)
    player.do(Entered(COURIER_PIN))
    await player.until(ScanPackage)
    player.do(Entered("P"))
    await player.until(ScanPackage, lambda view: view.stored is not None)
    seen.stored = True
    code = await kiosk.code_of("P")
    player.do(Pressed(Choice.DONE))
    await player.until(Receipt)
    player.do(Pressed(Choice.DONE))
    await player.until(First)
    player.do(Entered(code))
    await player.until(EnterCode)
    player.do(Entered(code))
    await player.until(Thanks)
    seen.thanked = True
    player.do(Pressed(Choice.DONE))
    await player.until(First)
    player.do(Pressed(Choice.SERVICE))
    await player.until(EnterPin)
    player.do(Entered(TECHNICIAN_PIN))
    await player.until(Doors)
    player.do(Chosen("9"))
    await player.until(DoorPage)
    player.do(Pressed(Choice.OPEN_DOOR))
    await player.until(Ask)
    player.do(Pressed(Choice.IT_IS_EMPTY))
    await player.until(DoorPage)


async def until_death(world: World, death: Death, seen: Seen) -> None:
    with contextlib.suppress(KilledError, PlayError):
        async with running(world, death.store) as kiosk:
            await the_day(kiosk, seen)


async def after_the_restart(world: World, seen: Seen) -> str:
    """Start again; returns what became of the package."""
    pulses_before = world.pulses
    async with running(world) as kiosk:
        assert world.pulses == 0, f"a restart pulsed a door (before: {pulses_before})"
        await kiosk.player.until(First)
        await asyncio.sleep(30)
        assert world.pulses == 0
        store = kiosk.kiosk.store
        assert await store.run(intents.open_intents) == []
        require_sound(store)
        rows = await store.run(lambda writer: writer.all("SELECT id, status, slot FROM package"))
        if not rows:
            assert not seen.stored
            return "unknown"
        [row] = rows
        if seen.thanked:
            assert row["status"] == "RETRIEVED"
        elif seen.stored:
            assert row["status"] in ("STORED", "RETRIEVED")
        if row["status"] == "STORED":
            await still_to_be_had(kiosk, row["slot"])
        return str(row["status"])


async def still_to_be_had(kiosk: Running, slot: str) -> None:
    """The code is as good as before; a slot in doubt asks whether the package was there."""
    is_doubtful = (await kiosk.slot(slot)).status is SlotStatus.SUSPECT
    kiosk.site.steel.close_after_s = 3.0
    code = await kiosk.code_of("P")
    kiosk.player.do(Entered(code))
    await kiosk.player.until(EnterCode)
    kiosk.player.do(Entered(code))
    if is_doubtful:
        await kiosk.player.until(Ask, lambda view: view.question is Question.OPEN_DOUBTFUL)
        kiosk.player.do(Pressed(Choice.OPEN_DOOR))
        await kiosk.player.until(Ask, lambda view: view.question is Question.WAS_IT_THERE)
        kiosk.player.do(Pressed(Choice.YES))
    await kiosk.player.until(Thanks)


def test_killed_before_and_after_every_transaction(tmp_path: Path) -> None:
    whole = Death(at_step=0, after_commit=False)
    seen = Seen()
    run_virtually(until_death(make_world(tmp_path, "whole"), whole, seen))
    assert seen.thanked, "the day itself must go well"
    ends = set()
    for step in range(1, whole.steps + 1, STRIDE):
        for after_commit in (False, True):
            world = make_world(tmp_path, f"{step}-{after_commit}")
            death, seen = Death(step, after_commit), Seen()
            run_virtually(until_death(world, death, seen))
            assert death.is_dead
            ends.add(run_virtually(after_the_restart(world, seen)))
    assert ends == {"unknown", "PENDING", "STORED", "RETRIEVED"}


def make_world(folder: Path, name: str) -> World:
    path = folder / name
    path.mkdir()
    return World(path)


def test_a_door_in_play_when_the_process_died_is_in_doubt_until_looked_at(tmp_path: Path) -> None:
    world = make_world(tmp_path, "world")
    counting = Death(0, False)
    run_virtually(until_death(make_world(tmp_path, "count"), counting, Seen()))
    outcome_of_pickup = [i for i, name in enumerate(counting.names, 1) if name == "door_outcome"][1]
    run_virtually(until_death(world, Death(outcome_of_pickup, False), Seen()))

    async def look() -> None:
        async with running(world) as kiosk:
            await kiosk.player.until(First)
            [row] = await kiosk.kiosk.store.run(
                lambda writer: writer.all("SELECT slot FROM package WHERE status = 'STORED'")
            )
            assert (await kiosk.slot(row["slot"])).status is SlotStatus.SUSPECT

    run_virtually(look())
