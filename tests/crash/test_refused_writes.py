"""The database refuses any one write after a door was pulsed: the slot is in doubt or right, the
person is answered, staff can read of it, and the next person is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.budget import budget
from tests.crash.disk import Files
from tests.crash.power import installed, scratch
from tests.crash.recording import pick_up
from tests.crash.refused_writes import Refusal, Times, play
from tests.support.stories import STORIES


def refusals(writes: int, offset: int) -> Iterator[Refusal]:
    """The refusals of one story's budget: every so many writes, in turn of each kind."""
    kinds = [(times, is_by_program) for times in Times for is_by_program in (False, True)]
    stride = budget().refusal_stride
    for turn, number in enumerate(range(1 + offset % stride, writes + 1, stride)):
        for times, is_by_program in kinds if stride == 1 else [kinds[(offset + turn) % len(kinds)]]:
            yield Refusal(number, times, is_by_program)


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Path, Files]]:
    with scratch() as name:
        folder = Path(name).resolve()
        installed(folder)
        yield folder, pick_up(folder)


@pytest.mark.timeout(0)
def test_every_write_is_refused_under_every_story(place: tuple[Path, Files]) -> None:
    folder, before = place
    wrong: list[str] = []
    for offset, (name, story) in enumerate(STORIES.items()):
        whole = play(story, folder, before, Refusal())
        assert whole.wrong == [], name
        for refusal in refusals(whole.refusal.writes, offset):
            outcome = play(story, folder, before, refusal)
            assert refusal.name, f"{name} writes less than before: {refusal.at_write}"
            kind = "the program" if refusal.is_by_program else "the database"
            where = f"{name}: {refusal.name}, {refusal.times} by {kind}"
            wrong += [f"{where}: {found}" for found in outcome.wrong]
    assert wrong == []
