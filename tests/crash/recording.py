"""Plays a story on a recorded disk: every change of a file, and what was promised by then.

The store, its start, the flows, the drivers and the simulated boards are the real ones, in virtual
time. A *mark* stands in the record where something was acknowledged, shown, pulsed or moved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drivers.simulator.virtual import VirtualSite
from kiosk.flows.views.customer import First
from kiosk.model.events import GENESIS
from kiosk.store import running as running_mark
from kiosk.store.answers import Answer
from kiosk.store.store import Store
from tests.crash.disk import Files
from tests.crash.recording_vfs import (
    Deleted,
    Opened,
    Operation,
    RecordingVfs,
    Synced,
    Truncated,
    Written,
)
from tests.support.flow_site import START_MS, LoopClock, Running, World, running, small_place
from tests.support.invariants import Fact, Pulse, Witness
from tests.support.stories import POLICY, Story
from tests.support.virtual_loop import run_virtually

PLACE = small_place()
DATABASE = "kiosk.db"
LOG_BYTES = 65_536
"""How long a log is made in a recording: thousands of disks are kept in memory."""


@dataclass(frozen=True)
class Mark:
    """What the world is owed, and how the steel stands, from here on."""

    acknowledged: tuple[int, bytes] = (0, GENESIS)
    shown: tuple[Fact, ...] = ()
    contents: Mapping[str, str] = field(default_factory=dict)
    pulses: tuple[Pulse, ...] = ()
    open_doors: frozenset[str] = frozenset()
    wall_ms: int = START_MS
    is_prepared: bool = False


@dataclass(frozen=True)
class Recording:
    """One story: the disk as it was before, and everything in order after it."""

    name: str
    before: Files
    log: tuple[Operation | Mark, ...]

    @property
    def first_point(self) -> int:
        """Where the story proper begins."""
        return next(
            index
            for index, entry in enumerate(self.log)
            if isinstance(entry, Mark) and entry.is_prepared
        )


Tamper = Callable[[Store], None]
"""Changes a store that was just opened: other settings of SQLite, or a fault of the program."""


def untouched(store: Store) -> None:
    """The store as it is."""


def often_checkpointed(store: Store) -> None:
    """Checkpoints after a few pages and not after a thousand, so that a story has some."""
    store._database.conn.execute("PRAGMA wal_autocheckpoint = 12").fetchall()
    store._database.conn.execute("PRAGMA cache_size = 8").fetchall()


class Recorder:
    """Keeps the log and the newest mark while a story is played."""

    def __init__(self, tamper: Tamper, before: Mark | None = None) -> None:
        self.log: list[Operation | Mark] = []
        self.witness = Witness(on_change=self.mark)
        self._tamper = tamper
        self._mark = before or Mark()
        self._clock: LoopClock | None = None
        self._site: VirtualSite | None = None
        if before is not None:
            self.witness.shown = list(before.shown)
            self.witness.contents = dict(before.contents)
            self.witness.is_prepared = True

    @property
    def newest(self) -> Mark:
        """The mark that holds now."""
        return self._mark

    def mark(self) -> None:
        """Something was promised or has moved."""
        steel = self._site.steel if self._site is not None else None
        wall_ms = self._clock.now().wall_ms if self._clock is not None else START_MS
        self._mark = Mark(
            self._mark.acknowledged,
            tuple(self.witness.shown),
            dict(self.witness.contents),
            self._mark.pulses,
            frozenset(label for label, door in steel.doors.items() if door.is_open)
            if steel is not None
            else self._mark.open_doors,
            wall_ms,
            self.witness.is_prepared,
        )
        self.log.append(self._mark)

    def store(self, *arguments: Any, **named: Any) -> Store:
        """A store whose every answer leaves a mark."""
        recorder = self

        class MarkingStore(Store):
            def _open(self) -> None:
                super()._open()
                recorder._tamper(self)

            def submit(self, *arguments: Any, **named: Any) -> Answer[Any]:
                future = super().submit(*arguments, **named)
                if future.done() and future.exception() is None:
                    recorder._acknowledged(self._writer.head.seq, self._writer.head.hash)
                return future

        return MarkingStore(*arguments, **named)

    def _acknowledged(self, seq: int, digest: bytes) -> None:
        if (seq, digest) != self._mark.acknowledged:
            self._mark = replace(self._mark, acknowledged=(seq, digest))
            self.mark()

    def watch(self, site: VirtualSite) -> None:
        """Hear of every pulse and every movement of a door."""
        self._site = site
        pulse = site.steel.pulse

        def recorded(slot: str, at_s: float) -> None:
            made = Pulse(slot, self._mark.acknowledged[0])
            self._mark = replace(self._mark, pulses=(*self._mark.pulses, made))
            self.mark()
            pulse(slot, at_s)

        site.steel.pulse = recorded  # type: ignore[method-assign]
        site.steel.listen(lambda moved: self.mark())

    def clock_of(self, world: World) -> None:
        self._clock = world.clock


def lay_down(files: Files, folder: Path) -> None:
    """Put files where a kiosk will look for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def pick_up(folder: Path) -> Files:
    """The files that a kiosk left; not the shared memory, which no power cut survives."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")
    }


def stand_as(mark: Mark) -> Callable[[VirtualSite], None]:
    """Set the doors of a new site as they stood at a mark."""

    def on_site(site: VirtualSite) -> None:
        for label in mark.open_doors:
            site.steel.doors[label].is_open = True

    return on_site


def world_at(mark: Mark, folder: Path, later_ms: int = 0) -> World:
    """The world at a mark, so much later: the place, the clock, a seed of its own."""
    ahead_ms = mark.wall_ms - START_MS + later_ms
    clock = LoopClock(ahead_ms=ahead_ms)
    return World(folder, place=PLACE, policy=POLICY, clock=clock, seed=mark.wall_ms)


@contextlib.contextmanager
def marks_recorded(tell: Callable[[Operation], None]) -> Iterator[None]:
    """Tell of what the mark of a database in use does to the disk: SQLite does not know of it."""
    make, remove = running_mark.make, running_mark.remove

    def made(database: Path, log_bytes: int) -> int:
        mark, log = running_mark.mark_of(database), running_mark.log_of(database)
        is_new = not mark.exists()
        size = make(database, min(log_bytes, LOG_BYTES))
        tell(Truncated(log.name, size))
        tell(Synced(log.name))
        tell(Opened(mark.name, is_new))
        tell(Truncated(mark.name, 0))
        tell(Written(mark.name, 0, mark.read_bytes()))
        tell(Synced(mark.name))
        return size

    def removed(database: Path) -> None:
        mark = running_mark.mark_of(database)
        was_there = mark.exists()
        remove(database)
        if was_there:
            tell(Deleted(mark.name, is_synced=True))

    running_mark.make, running_mark.remove = made, removed
    try:
        yield
    finally:
        running_mark.make, running_mark.remove = make, remove


def record(
    name: str,
    story: Story,
    folder: Path,
    before: Files,
    tamper: Tamper = untouched,
    at: Mark | None = None,
) -> Recording:
    """Play a story on these files and write down all that it does to them, to the clean end."""
    lay_down(before, folder)
    recorder = Recorder(tamper, at)
    world = world_at(at or Mark(), folder, 60_000 if at else 0)
    recorder.clock_of(world)

    def on_site(site: VirtualSite) -> None:
        stand_as(at or Mark())(site)
        recorder.watch(site)

    async def play() -> None:
        async with running(world, recorder.store, recorder.witness.see, on_site) as kiosk:
            recorder.mark()
            await story(kiosk, recorder.witness)

    tell = recorder.log.append
    with RecordingVfs(folder, tell), marks_recorded(tell):
        run_virtually(play())
    recording = Recording(name, before, tuple(recorder.log))
    assert recorder.witness.is_prepared, f"the story {name} never says that it begins"
    return recording


async def only_a_start(kiosk: Running, witness: Witness) -> None:
    """The kiosk starts, and nobody comes."""
    witness.prepared()
    await kiosk.player.until(First)
