"""The disk fails or is full at any call: nobody gets silence, nothing promised is lost, and the
kiosk serves again when the disk is well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kiosk.store.groups import Job
from kiosk.store.writer import Writer
from tests.crash.budget import budget
from tests.crash.disk import Files
from tests.crash.disk_faults import FaultyDisk, play
from tests.crash.power import installed, scratch
from tests.crash.recording import pick_up
from tests.support.stories import STORIES


def disks(calls: int, offset: int) -> Iterator[FaultyDisk]:
    """The faults of one story's budget: every so many calls, in turn of each kind."""
    kinds = [(False, False), (True, False)]
    if budget().sticky:
        kinds += [(False, True), (True, True)]
    numbers = range(1 + offset % budget().fault_stride, calls + 1, budget().fault_stride)
    for turn, number in enumerate(numbers):
        for is_full, is_sticky in kinds if budget().sticky else [kinds[turn % 2]]:
            yield FaultyDisk(number, is_full, is_sticky)


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Path, Files]]:
    with scratch() as name:
        folder = Path(name).resolve()
        installed(folder)
        yield folder, pick_up(folder)


@pytest.mark.timeout(0)
def test_every_call_of_the_disk_fails_under_every_story(place: tuple[Path, Files]) -> None:
    folder, before = place
    wrong: list[str] = []
    broken_off = 0
    for offset, (name, story) in enumerate(STORIES.items()):
        whole = play(story, folder, before, FaultyDisk())
        assert (whole.wrong, whole.broken_off) == ([], "")
        for disk in disks(whole.disk.calls, offset):
            outcome = play(story, folder, before, disk)
            assert disk.failed, f"{name} makes fewer calls than before: {disk.at_call}"
            broken_off += outcome.broken_off != ""
            wrong += [f"{name}, {disk.failed[0]}: {found}" for found in outcome.wrong]
    assert wrong == []
    assert broken_off > 0


def test_a_store_that_calls_a_failed_commit_done_is_found_bad(
    place: tuple[Path, Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = place

    def hopeful(writer: Writer, group: Sequence[Job], outcomes: Any, *_: Any) -> None:
        if writer.db.conn.in_transaction:
            writer.execute("ROLLBACK")
        for outcome in outcomes:
            outcome.answer.succeed(outcome.result)
        for job in group[len(outcomes) :]:
            job.answer.succeed(None)

    monkeypatch.setattr("kiosk.store.groups._settle", hopeful)
    calls = play(STORIES["deposit"], folder, before, FaultyDisk()).disk.calls
    assert any(
        play(STORIES["deposit"], folder, before, FaultyDisk(number)).wrong
        for number in range(1, calls + 1, 5)
    )
