"""A disk of which one call fails, or every call from then on, under every story.

The fault comes while the story is played; then the disk is well again, and the same process must
serve again, and a start on its files as well.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kiosk.demo.player import PlayError
from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import Doors
from kiosk.flows.views.shared import EnterPin, View
from kiosk.model.invariants import BrokenInvariantError
from kiosk.store.answers import Answer
from kiosk.store.errors import StoreError
from kiosk.store.store import Store
from tests.crash.disk import Files
from tests.crash.power import judge
from tests.crash.recording import Mark, Recorder, lay_down, pick_up, untouched, world_at
from tests.crash.recording_vfs import FULL, IO_ERROR, RecordingVfs
from tests.support.flow_site import TECHNICIAN_PIN, Running, running
from tests.support.invariants import findings, gather
from tests.support.stories import Story
from tests.support.stories.people import plug
from tests.support.virtual_loop import run_virtually

PATIENCE_S = 1200.0


@dataclass
class FaultyDisk:
    """Counts the calls while it is armed, and fails the one with this number."""

    at_call: int = 0
    """0 fails none."""
    is_full: bool = False
    """Writes fail because the disk is full; everything else with an I/O error."""
    is_sticky: bool = False
    is_armed: bool = False
    calls: int = 0
    failed: list[str] = field(default_factory=list)

    def fault(self, call: str, name: str) -> int:
        if not self.is_armed:
            return 0
        self.calls += 1
        fails = self.calls == self.at_call or (self.is_sticky and self.calls > self.at_call > 0)
        if not fails:
            return 0
        self.failed.append(f"{call} {name}")
        return FULL if self.is_full and call == "write" else IO_ERROR


class AnsweringStore:
    """Makes stores that note every answer that is none: silence, or a raw error of SQLite."""

    def __init__(self, recorder: Recorder) -> None:
        self.wrong: list[str] = []
        self._recorder = recorder

    def __call__(self, *arguments: Any, **named: Any) -> Store:
        store = self._recorder.store(*arguments, **named)
        submit = store.submit

        def answering(operation: Any, *arguments: Any, **named: Any) -> Answer[Any]:
            future: Answer[Any] = submit(operation, *arguments, **named)
            name = getattr(operation, "__name__", "?")
            if not future.done():
                self.wrong.append(f"{name} was answered by silence")
            else:
                error = future.exception()
                if error is not None and not isinstance(error, StoreError | BrokenInvariantError):
                    self.wrong.append(f"{name} was answered by {type(error).__name__}: {error}")
            return future

        store.submit = answering  # type: ignore[method-assign]
        return store


@dataclass
class Outcome:
    """What came of one story on one faulty disk."""

    disk: FaultyDisk
    broken_off: str
    """Why the story did not come to its end; empty when it did."""
    wrong: list[str]


def play(story: Story, folder: Path, before: Files, disk: FaultyDisk) -> Outcome:
    """Play a story on a faulty disk, then see whether all is well once the disk is."""
    lay_down(before, folder)
    recorder = Recorder(untouched)
    answers = AnsweringStore(recorder)
    world = world_at(Mark(), folder)
    recorder.clock_of(world)
    wrong: list[str] = []
    broken_off = ""

    def arm() -> None:
        disk.is_armed = disk.is_armed or recorder.witness.is_prepared
        recorder.mark()

    async def play_it() -> None:
        nonlocal broken_off
        recorder.witness.on_change = arm
        async with running(world, answers, recorder.witness.see, recorder.watch) as kiosk:
            try:
                await story(kiosk, recorder.witness)
            except Exception as error:  # noqa: BLE001 - the fault broke the story off
                broken_off = str(error)
            recorder.witness.on_change = recorder.mark
            recorder.witness.expect_nothing()
            disk.is_armed = False
            wrong.extend(await serves_again(kiosk))
            evidence = gather(
                kiosk.kiosk.store,
                acknowledged=recorder.newest.acknowledged,
                shown=recorder.witness.shown,
                contents=recorder.witness.contents,
                pulses=recorder.newest.pulses,
            )
            wrong.extend(findings(evidence))

    with RecordingVfs(folder, fault=disk.fault):
        run_virtually(play_it())
    mark = replace(recorder.newest, wall_ms=world.clock.now().wall_ms)
    wrong.extend(f"after a start: {each}" for each in judge(pick_up(folder), mark, folder))
    return Outcome(disk, broken_off, answers.wrong + wrong)


async def serves_again(kiosk: Running) -> list[str]:
    """Mend what the story broke, and be a technician who signs in; what is wrong, if anything."""
    plug(kiosk)
    for label, door in kiosk.site.steel.doors.items():
        kiosk.site.steel.unjam(label)
        door.stuck_sensor = None
        kiosk.site.steel.close(label)
    try:
        await _to_the_first_screen(kiosk)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        await kiosk.player.until(Doors)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
    except PlayError as error:
        return [f"the kiosk does not serve again: {error}"]
    # A door that moved is written down a moment after it is seen.
    await asyncio.sleep(1)
    return []


async def _to_the_first_screen(kiosk: Running) -> None:
    """Leave whatever is shown; nobody answers a question that is left over, or comes back to a
    session that is locked."""
    shown: View = kiosk.kiosk.person.view
    while not (isinstance(shown, First) and Choice.SERVICE in shown.choices):
        for choice in (Choice.DONE, Choice.BACK):
            if choice in shown.choices:
                kiosk.player.do(Pressed(choice))
        shown = await kiosk.player.until(View, patience_s=PATIENCE_S)
