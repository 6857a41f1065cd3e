"""The power goes at every write of an update: there is always a kiosk that starts, and it is the
right one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from config.base import parcel_keeper
from tests.appliance.machine import (
    CONTENT,
    FACTORY,
    TriedKeeper,
    hand_over,
    machine_with,
    new_machine,
)
from tests.appliance.recorded_disk import Point, RecordedDisk, lay_down
from tests.crash.budget import budget
from tests.crash.power import scratch

Say = Callable[[str], None]
Story = Callable[[TriedKeeper, Path, Say], None]
TORN = max(2, budget().images // 2_000)
"""Disks on which parts of what was not synced have landed, for each point."""


def first_release(keeper: TriedKeeper, root: Path, promise: Say) -> None:
    keeper.put("1.1.0")
    keeper.try_release("1.1.0")
    promise("1.1.0")
    keeper.choose()
    keeper.is_well("1.1.0")
    promise("1.1.0")


def good_update(keeper: TriedKeeper, root: Path, promise: Say) -> None:
    hand_over(root, "1.1.0")
    keeper.take()
    promise("1.1.0")
    keeper.choose()
    keeper.is_well("1.1.0")
    promise("1.1.0")


def two_updates(keeper: TriedKeeper, root: Path, promise: Say) -> None:
    good_update(keeper, root, promise)
    promise("1.1.0 or 1.2.0")
    hand_over(root, "1.2.0")
    keeper.take()
    promise("1.2.0")
    keeper.choose()
    keeper.is_well("1.2.0")
    promise("1.2.0")


def one_that_crashes(keeper: TriedKeeper, root: Path, promise: Say) -> None:
    hand_over(root, "1.1.0")
    keeper.take()
    for _ in range(parcel_keeper.STARTS):
        assert keeper.runs() == "1.1.0"
    assert keeper.runs() == "1.0.0"
    promise("1.0.0")


def one_that_is_ill(keeper: TriedKeeper, root: Path, promise: Say) -> None:
    hand_over(root, "1.1.0")
    keeper.take()
    keeper.choose()
    keeper.is_ill("1.1.0", "the database is closed")
    promise("1.0.0")


def one_that_is_refused(keeper: TriedKeeper, root: Path, promise: Say) -> None:
    hand_over(root, "1.1.0", sha256="0" * 64)
    with pytest.raises(parcel_keeper.RefusedError):
        keeper.take()
    promise("1.0.0")


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        first_release,
        good_update,
        two_updates,
        one_that_crashes,
        one_that_is_ill,
        one_that_is_refused,
    )
}


def record(
    story: Story, root: Path, monkeypatch: pytest.MonkeyPatch, *, is_synced: bool = True
) -> list[Point]:
    """Play a story on a recorded disk."""
    is_first = story is first_release
    keeper = new_machine(root) if is_first else machine_with(root, "1.0.0")
    if not is_first:
        # What the kiosk hands over is durable before the keeper hears of it.
        hand_over(root, "1.1.0", **({"sha256": "0" * 64} if story is one_that_is_refused else {}))
    disk = RecordedDisk(root, is_synced=is_synced)
    with monkeypatch.context() as patched:
        patched.setattr(parcel_keeper, "os", disk)
        story(keeper, root, disk.promised)
    return disk.points


def judge(promise: str, is_first: bool, root: Path) -> list[str]:
    """Start the machine again after the cut; everything that is wrong then."""
    wrong: list[str] = []
    keeper = TriedKeeper(root)
    keeper.tried.boot = "boot 2"
    runs = keeper.runs()
    if runs == FACTORY and not is_first:
        wrong.append("the factory release runs")
    if promise and runs not in promise.split(" or "):
        wrong.append(f"{promise} was promised, {runs} runs")
    try:
        keeper.take()  # what was handed over may lie there still
    except (parcel_keeper.RefusedError, OSError) as error:
        assert keeper.status()["refused"]["reason"] == str(error)
    hand_over(root, "1.3.0")
    keeper.take()
    if keeper.runs() != "1.3.0":
        wrong.append("the next update does not run")
    return wrong


def search(points: list[Point], is_first: bool, root: Path, torn: int) -> tuple[int, list[str]]:
    random, seen, found = Random(1), set[int](), []
    for number, point in enumerate(points):
        for kind, files in point.images(random, torn):
            key = hash((point.promise, *sorted(files.items())))
            if key not in seen:
                seen.add(key)
                lay_down(files, root)
                found += [
                    f"{number}, {kind}: {each}" for each in judge(point.promise, is_first, root)
                ]
    return len(seen), found


@pytest.mark.parametrize("name", STORIES)
def test_a_power_cut_at_any_write_leaves_the_right_kiosk(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scratch() as folder:
        root = Path(folder).resolve()
        points = record(STORIES[name], root, monkeypatch)
        images, wrong = search(points, name == first_release.__name__, root, TORN)
    assert wrong == []
    assert images > 25


@pytest.mark.parametrize("name", ["good_update", "two_updates"])
def test_a_keeper_that_syncs_nothing_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    with scratch() as folder:
        root = Path(folder).resolve()
        points = record(STORIES[name], root, monkeypatch, is_synced=False)
        _, wrong = search(points, False, root, TORN)
    assert any("was promised" in each for each in wrong)


def test_a_release_that_always_crashes_is_left_whenever_the_power_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scratch() as folder:
        root = Path(folder).resolve()
        points = record(one_that_crashes, root, monkeypatch)
        for point in points:
            for _, files in point.images(Random(2), 1):
                lay_down(files, root)
                keeper = TriedKeeper(root)
                keeper.tried.boot = "boot 2"
                starts = [keeper.runs() for _ in range(parcel_keeper.STARTS + 2)]
                assert starts[-1] == "1.0.0", starts
                assert set(starts) <= {"1.0.0", "1.1.0"}


def test_every_kept_file_may_be_damaged(tmp_path: Path) -> None:
    """Each file of the keeper's: gone, empty, short, with garbage, with one bit turned."""
    machine_with(tmp_path, "1.0.0")
    keeper = TriedKeeper(tmp_path)
    for version in ("1.1.0", "1.2.0"):
        keeper.put(version)
        keeper.try_release(version)
        keeper.choose()
        keeper.is_well(version) if version == "1.1.0" else None
    home = tmp_path / "var/lib/parcel-keeper"
    whole = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert len(whole) == 4
    for path, content in whole.items():
        for damaged in damages(content):
            for each, data in whole.items():
                each.write_bytes(data)
            path.unlink() if damaged is None else path.write_bytes(damaged)
            assert TriedKeeper(tmp_path).runs() in ("1.1.0", "1.2.0"), (path.name, damaged)
    for path in whole:
        path.unlink()
    assert TriedKeeper(tmp_path).runs() == FACTORY


def damages(content: bytes) -> list[bytes | None]:
    turned = [
        content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
        for at in range(0, len(content), max(1, len(content) // 60))
    ]
    return [None, b"", content[: len(content) // 2], Random(3).randbytes(500), b"[]", *turned]


def test_the_releases_of_the_tests_differ() -> None:
    assert len(set(CONTENT.values())) == len(CONTENT)
