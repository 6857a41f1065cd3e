"""Power cuts: at every point of every story the disk is rebuilt, and the kiosk started on it again.

`explore` spreads a number of images over all points of all recordings; the same seed gives the same
images. A control is a store with a weakness put in by hand: the same search must find it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from drivers.simulator.virtual import VirtualSite
from kiosk.flows.views.customer import First
from kiosk.model.events import EventKind
from kiosk.store import journal
from kiosk.store.store import Store
from tests.crash.disk import NAMES_LOST, Disk, Files
from tests.crash.recording import (
    Mark,
    Recording,
    Tamper,
    lay_down,
    often_checkpointed,
    only_a_start,
    pick_up,
    record,
    stand_as,
    untouched,
    world_at,
)
from tests.support.flow_site import running
from tests.support.invariants import findings, gather
from tests.support.stories import STORIES
from tests.support.virtual_loop import run_virtually

MEMORY = Path("/dev/shm")
"""Where the many small disks live; they need no sync of their own."""
AFTER_A_CUT_MS = 60_000
TRIES_FOR_A_NEW_IMAGE = 4
FRUITLESS_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """An image on which something did not hold."""

    recording: str
    point: int
    kind: str
    what: str


@dataclass
class Tally:
    """What a search did and found."""

    points: int = 0
    images: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    bad: list[Finding] = field(default_factory=list)


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for disks, in memory where there is such a place."""
    return tempfile.TemporaryDirectory(
        prefix="kiosk-crash-", dir=MEMORY if MEMORY.is_dir() else None
    )


# --- recording --------------------------------------------------------------------------------


def installed(folder: Path, tamper: Tamper = untouched) -> Recording:
    """The very first start, on an empty disk."""
    return record("first start", only_a_start, folder, {}, tamper)


def record_all(folder: Path, names: Sequence[str] | None = None) -> list[Recording]:
    """Every story on an installed disk, the first start, and starts after cuts."""
    first = installed(folder)
    before = pick_up(folder)
    recordings = [first]
    for number, name in enumerate(STORIES if names is None else names):
        # Every other story with many checkpoints, which else would come once a month.
        tamper = often_checkpointed if number % 2 else untouched
        recordings.append(record(name, STORIES[name], folder, before, tamper))
    recordings.append(record("start", only_a_start, folder, before))
    by_name = {each.name: each for each in recordings}
    for name in ("deposit", "pickup", "technician_opens_an_empty_slot"):
        if name in by_name:
            recordings.append(_start_after_a_cut(by_name[name], folder))
    return recordings


def _start_after_a_cut(recording: Recording, folder: Path) -> Recording:
    """The start after a cut with the first door of the story open: cut once more."""
    disk, mark = Disk.holding(recording.before), Mark()
    for index, entry in enumerate(recording.log):
        if isinstance(entry, Mark):
            mark = entry
        else:
            disk.apply(entry)
        if mark.open_doors and index > recording.first_point:
            break
    name = f"start after a cut in {recording.name}"
    return record(name, only_a_start, folder, disk.all_applied(), untouched, mark)


# --- cutting ----------------------------------------------------------------------------------


def explore(recordings: Sequence[Recording], images: int, seed: int, folder: Path) -> Tally:
    """Build so many different disks over all points, and start the kiosk on each.

    Fewer only where the points have no more to give.
    """
    tally = Tally(points=sum(len(each.log) - each.first_point for each in recordings))
    random, seen = Random(seed), set[bytes]()
    fruitless = 0
    while tally.images < images and fruitless < FRUITLESS_ROUNDS:
        before, owed = tally.images, random.random()
        share = (images - tally.images) / tally.points
        for recording, point, disk, mark in _points(recordings):
            owed += share
            while owed >= 1.0 and tally.images < images:
                owed -= 1.0
                found = _new_image(disk, mark, random, seen)
                if found is not None:
                    kind, files = found
                    tally.images += 1
                    tally.by_kind[kind] = tally.by_kind.get(kind, 0) + 1
                    wrong = judge(files, mark, folder)
                    tally.bad.extend(Finding(recording, point, kind, what) for what in wrong)
        fruitless = fruitless + 1 if tally.images == before else 0
    return tally


def _points(recordings: Sequence[Recording]) -> Iterator[tuple[str, int, Disk, Mark]]:
    """Every point of every recording, with the disk and the promises as they are there."""
    for recording in recordings:
        disk, mark = Disk.holding(recording.before), Mark()
        first = recording.first_point
        for index, entry in enumerate(recording.log):
            if isinstance(entry, Mark):
                mark = entry
            else:
                disk.apply(entry)
            if index >= first:
                yield recording.name, index, disk, mark


def _new_image(
    disk: Disk, mark: Mark, random: Random, seen: set[bytes]
) -> tuple[str, Files] | None:
    """A way in which this disk may be found that was not tried yet."""
    kinds = dict(disk.kinds())
    for attempt in range(TRIES_FOR_A_NEW_IMAGE):
        # Points with a name in doubt are few: they are looked at in that way first.
        is_rare = attempt == 0 and NAMES_LOST in kinds
        kind = NAMES_LOST if is_rare else random.choice(list(kinds))
        make = kinds[kind]
        files = make(random)
        digest = hashlib.blake2b(repr((mark.acknowledged, len(mark.shown))).encode())
        for name, data in sorted(files.items()):
            digest.update(f"{name} {len(data)} ".encode())
            digest.update(data)
        if digest.digest() not in seen:
            seen.add(digest.digest())
            return kind, files
    return None


def judge(files: Files, mark: Mark, folder: Path) -> list[str]:
    """Start the kiosk on a disk as it would start after the cut; everything that is wrong then."""
    lay_down(files, folder)
    world = world_at(mark, folder, AFTER_A_CUT_MS)
    pulsed: list[str] = []

    def on_site(site: VirtualSite) -> None:
        stand_as(mark)(site)
        pulse = site.steel.pulse

        def noted(slot: str, at_s: float) -> None:
            pulsed.append(slot)
            pulse(slot, at_s)

        site.steel.pulse = noted  # type: ignore[method-assign]

    async def start() -> list[str]:
        async with running(world, on_site=on_site) as kiosk:
            await kiosk.player.until(First)
            evidence = gather(
                kiosk.kiosk.store,
                acknowledged=mark.acknowledged,
                shown=mark.shown,
                contents=mark.contents,
                pulses=mark.pulses,
            )
            lives = await kiosk.kiosk.store.run(journal.after, 0, 9, [EventKind.DATABASE_RESTORED])
            doubts = [f"nothing was lost, but: {event.body}" for event in lives]
            return findings(evidence) + doubts

    try:
        wrong = run_virtually(start())
    except Exception as error:  # noqa: BLE001 - whatever stops a start is a finding
        return [f"the kiosk does not start: {type(error).__name__}: {error}"]
    return wrong + [f"door {slot} was pulsed by a start" for slot in pulsed]


# --- controls ---------------------------------------------------------------------------------


def synchronous_normal(store: Store) -> None:
    """A weakness: commits are not synced."""
    store._database.conn.execute("PRAGMA synchronous = NORMAL").fetchall()


def synchronous_off(store: Store) -> None:
    """A weakness: nothing is synced."""
    store._database.conn.execute("PRAGMA synchronous = OFF").fetchall()


def two_transactions(store: Store) -> None:
    """A weakness: the rows are committed before the journal's line."""
    writer, append = store._writer, store._writer._append

    def late(kind: EventKind, body: str) -> int:
        execute = writer.db.conn.execute
        is_among_others = True
        try:
            execute("RELEASE caller")
        except sqlite3.OperationalError:
            is_among_others = False  # alone in its group it has no savepoint
        execute("COMMIT")
        execute("BEGIN IMMEDIATE")
        if is_among_others:
            execute("SAVEPOINT caller")
        return append(kind, body)

    writer._append = late  # type: ignore[method-assign]


CONTROLS: dict[str, Tamper] = {
    "synchronous=NORMAL": synchronous_normal,
    "synchronous=OFF": synchronous_off,
    "two transactions": two_transactions,
}
CONTROL_IMAGES = 120


def controls_caught(folder: Path, seed: int) -> list[str]:
    """The weaknesses that a search of the same kind finds in a deposit."""
    caught = []
    for name, tamper in CONTROLS.items():
        installed(folder)
        recording = record("deposit", STORIES["deposit"], folder, pick_up(folder), tamper)
        if explore([recording], CONTROL_IMAGES, seed, folder).bad:
            caught.append(name)
    return caught
