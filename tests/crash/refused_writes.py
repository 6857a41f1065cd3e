"""A database that refuses single writes, under every story.

Not the disk fails but a rule of the database or of the program is broken: everything before and
after is written, and the same write may be refused as often as it is tried.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from kiosk.flows.views.choices import Problem
from kiosk.flows.views.shared import Opening, Trouble
from kiosk.model.events import EventKind
from kiosk.model.invariants import BrokenInvariantError
from kiosk.store import journal
from kiosk.store.answers import Answer
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.crash.disk import Files
from tests.crash.disk_faults import serves_again
from tests.crash.recording import Mark, Recorder, lay_down, untouched, world_at
from tests.support.flow_site import running
from tests.support.invariants import findings, gather
from tests.support.stories import Story
from tests.support.virtual_loop import run_virtually

SETTLED_S = 1.0
"""A door that moved is written down a moment after it is seen."""


class Times(StrEnum):
    """How often a write is refused."""

    ONCE = "once"
    WITH_THE_NEXT = "with the next write"
    ALWAYS = "whenever it is tried"


@dataclass
class Refusal:
    """Counts the writes while it is armed, and refuses the one with this number."""

    at_write: int = 0
    """0 refuses none."""
    times: Times = Times.ONCE
    is_by_program: bool = False
    """An invariant of the program is broken, and not a rule of the database."""
    is_armed: bool = False
    is_over: bool = False
    writes: int = 0
    name: str = ""
    """The operation that was refused first."""
    on_first: Callable[[], None] = lambda: None

    def refuses(self, name: str) -> bool:
        """Whether this write, of this operation, is refused."""
        if not self.is_armed or self.is_over:
            return False
        self.writes += 1
        if self.writes == self.at_write:
            self.name = name
            self.on_first()
            return True
        is_next = self.writes == self.at_write + 1 and self.times is Times.WITH_THE_NEXT
        return is_next or (self.times is Times.ALWAYS and name == self.name)

    def store(self, recorder: Recorder) -> Callable[..., Store]:
        """Makes stores whose writes are refused so."""
        refusal = self

        def make(*arguments: Any, **named: Any) -> Store:
            store = recorder.store(*arguments, **named)
            submit = store.submit

            def refusing(operation: Any, *arguments: Any, **named: Any) -> Answer[Any]:
                def refused(writer: Writer, *arguments: Any, **named: Any) -> Any:
                    before = writer.head.seq
                    result = operation(writer, *arguments, **named)
                    name = getattr(operation, "__name__", "?")
                    if writer.head.seq > before and refusal.refuses(name):
                        refusal.refuse(writer)
                    return result

                return submit(refused, *arguments, **named)

            store.submit = refusing  # type: ignore[method-assign]
            return store

        return make

    def refuse(self, writer: Writer) -> None:
        """Break a rule."""
        if self.is_by_program:
            raise BrokenInvariantError("a rule of the program was broken")
        try:
            writer.db.execute("INSERT INTO slot SELECT * FROM slot")
        except sqlite3.IntegrityError as error:
            raise error from None


@dataclass
class Outcome:
    """What came of one story with one refusal."""

    refusal: Refusal
    wrong: list[str] = field(default_factory=list)


def play(story: Story, folder: Path, before: Files, refusal: Refusal) -> Outcome:
    """Play a story with a refused write, then see what became of the slot and of the person."""
    lay_down(before, folder)
    recorder = Recorder(untouched)
    witness = recorder.witness
    world = world_at(Mark(), folder)
    recorder.clock_of(world)
    outcome = Outcome(refusal)
    seen_before = 0

    def note_views() -> None:
        nonlocal seen_before
        seen_before = len(witness.views)

    refusal.on_first = note_views

    def arm() -> None:
        is_pulsed = bool(recorder.newest.pulses)
        refusal.is_armed = refusal.is_armed or (witness.is_prepared and is_pulsed)
        recorder.mark()

    async def play_it() -> None:
        witness.on_change = arm
        async with running(world, refusal.store(recorder), witness.see, recorder.watch) as kiosk:
            kiosk.site.steel.listen(lambda moved: arm())
            is_whole = True
            try:
                await story(kiosk, witness)
            except Exception as error:  # noqa: BLE001 - the refusal broke the story off
                is_whole = False
                if not refusal.name:
                    outcome.wrong.append(f"the story itself fails: {error}")
            await asyncio.sleep(SETTLED_S)
            witness.on_change = recorder.mark
            witness.expect_nothing()
            refusal.is_over = True
            after = witness.views[seen_before:]
            is_answered = bool(after) and not isinstance(witness.views[-1], Opening)
            if refusal.name and not is_whole and not is_answered:
                outcome.wrong.append("the person got no answer")
            outcome.wrong.extend(f"serving: {each}" for each in await serves_again(kiosk))
            store = kiosk.kiosk.store
            outcome.wrong.extend(_not_shown(store, after))
            evidence = gather(
                store,
                acknowledged=recorder.newest.acknowledged,
                shown=witness.shown,
                contents=witness.contents,
                pulses=recorder.newest.pulses,
            )
            outcome.wrong.extend(findings(evidence))

    run_virtually(play_it())
    return outcome


def _not_shown(store: Store, views: list[Any]) -> list[str]:
    """A person who was sent away because nothing could be written stands in the journal."""
    sent_away = sum(
        isinstance(view, Trouble) and view.problem is Problem.CANNOT_RECORD for view in views
    )
    events = store.submit(journal.after, 0, 10**9, [EventKind.VISIT_FAILED]).result()
    return [] if len(events) >= min(1, sent_away) else ["a failed visit is not in the journal"]
