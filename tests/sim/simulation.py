"""Plays people and faults at simulated sites, one step at a time, and checks after each.

A run is a row of sites: each lives for some hundred steps with rates of its own, then all faults
end and everything must come to rest. The same seed gives the same run.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import traceback
from collections import Counter, deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from drivers.door import DoorState
from drivers.simulator.line import undistorted
from kiosk.flows.door_events import LATE_OPENING_S
from kiosk.flows.views.courier import ScanPackage, StoredNote
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import ScanInside
from kiosk.flows.views.shared import View
from kiosk.model.clock import DAY_MS
from kiosk.store import boards, slots
from tests.sim.audit import Audit
from tests.sim.faults import Rates, all_well, distort
from tests.sim.people import People
from tests.sim.rules import BrokenInvariantError, require
from tests.sim.site import LOCATION, Site
from tests.support.virtual_loop import run_virtually

STEPS_OF_A_SITE = 500
REST_LIMIT_S = 3600.0
"""When faults have ended, all is quiet within this much virtual time (I10). The longest is a
technician who walked off two pages deep in the maintenance screens: each waits ten minutes."""
LAST_EVENTS = 30
SERVER_STEPS = {
    "announce": 0.08,
    "name_delegate": 0.02,
    "reserve": 0.015,
    "recall": 0.01,
    "hear": 0.01,
    "replace_directory": 0.008,
    "release": 0.003,
}
"""How often the server has something to say or hears something, of all steps."""


class Trace:
    """What happened, as a hash and as its last lines."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.last: deque[str] = deque(maxlen=LAST_EVENTS)

    def note(self, line: str) -> None:
        self._hash.update(line.encode("utf-8", "backslashreplace") + b"\n")
        self.last.append(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class Failures(logging.Handler):
    """Keeps what the kiosk logged as failed: on a sound disk nothing does."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        trace = "".join(traceback.format_exception(error)) if error is not None else ""
        if not isinstance(error, BrokenInvariantError):
            self.last = self.last or f"{record.getMessage()}\n{trace}"


class Run:
    """A seeded run: its rng, its counts and its trace."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.folder = folder
        self.trace = Trace()
        self.steps = 0
        self.sites = 0
        self.did: Counter[str] = Counter()
        self.views: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.failures = Failures()
        self.refused_of_others = 0
        """How often a courier scanned another carrier's package."""
        self.let_in: Counter[str] = Counter()
        """How often a badge, or a code of the day, opened a session."""
        self.unannounced: Counter[str] = Counter()
        """What was put in that nobody announced, by how its person was named."""
        self.kept_from_others = 0
        """How often a door was given out while others of its size were kept."""

    def play(self, steps: int) -> None:
        """Site after site, until so many steps were done."""
        logger = logging.getLogger("kiosk")
        logger.addHandler(self.failures)
        propagates, logger.propagate = logger.propagate, False
        try:
            while self.steps < steps:
                self._play_site(min(STEPS_OF_A_SITE, steps - self.steps))
        finally:
            logger.propagate = propagates
            logger.removeHandler(self.failures)

    def _play_site(self, steps: int) -> None:
        folder = self.folder / str(self.sites)
        folder.mkdir()
        self.sites += 1
        run_virtually(SiteLife(self, folder).live(steps))
        shutil.rmtree(folder)

    def counts(self) -> dict[str, Any]:
        """The run as one object that is the same for the same seed."""
        return {
            "seed": self.seed,
            "steps": self.steps,
            "sites": self.sites,
            "deposits": self.events["PACKAGE_STORED"],
            "pickups": self.events["PACKAGE_RETRIEVED"],
            "refusals": self.events["CODE_REFUSED"],
            "jams": self.outcomes["JAMMED"],
            "refused_of_others": self.refused_of_others,
            "badges": self.let_in["badge"],
            "codes_of_the_day": self.let_in["code"],
            "kept_from_others": self.kept_from_others,
            "unannounced": dict(sorted(self.unannounced.items())),
            "kills": self.did["kill"] + self.did["kill_in_transaction"],
            "did": dict(sorted(self.did.items())),
            "events": dict(sorted(self.events.items())),
            "outcomes": dict(sorted(self.outcomes.items())),
            "views": dict(sorted(self.views.items())),
            "trace": self.trace.digest,
        }


class SiteLife:
    """One site from its first start to its rest."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.rng = run.rng
        self.folder = folder
        self.rates = Rates.drawn(run.rng)
        self.view = View()
        self.site: Site
        self.audit: Audit
        self.people: People

    def show(self, view: View) -> None:
        """The screen: what a person is shown is true and durable by then."""
        self.view = view
        self.run.views[type(view).__name__] += 1
        self._note(f"  shows {type(view).__name__} {','.join(view.choices)}")
        if isinstance(view, ScanInside) and self.site.person.has_scanned:
            # A label that was scanned before counts as that of what lies inside.
            self.audit.excused.add(view.slot)
        self.audit.shown(view)
        if isinstance(view, ScanPackage) and view.stored is not None:
            self._require_stored(view.stored)

    def _require_stored(self, note: StoredNote) -> None:
        row = self.site.store.peek(
            lambda writer: writer.one(
                "SELECT * FROM package WHERE barcode = ? AND stored_ms IS NOT NULL"
                " AND last_slot = ?",
                (note.barcode, note.slot),
            )
        )
        if row is None:
            self.run.failures.last = f"I1: shown as stored, and is not: {note}"

    def _note(self, line: str) -> None:
        now_s = asyncio.get_running_loop().time()
        self.run.trace.note(f"{self.run.sites}/{self.run.steps} {now_s:.6f} {line}")

    async def live(self, steps: int) -> None:
        """So many steps, then the rest."""
        self.site = Site(self.folder, self.rng, self)
        self.audit = Audit(self.site, self.run.events, self.run.outcomes)
        self.audit.is_honest = self.rates.is_honest
        self.people = People(self.site, self.audit, self.rates, self.rng)
        self._server_steps: dict[str, Callable[[], str]] = {
            "announce": self.people.announce,
            "name_delegate": self.people.name_delegate,
            "recall": self.people.recall,
            "reserve": self.audit.reservations.reserve,
            "release": self.audit.reservations.release,
            "hear": self.audit.unannounced.hear,
            "replace_directory": self.audit.unannounced.replace_directory,
        }
        await self._start()
        for _ in range(steps):
            self.run.steps += 1
            await self._step()
        await self._rest()
        self.run.refused_of_others += self.audit.refused_of_others
        self.run.let_in += self.audit.let_in
        self.run.unannounced += self.audit.unannounced.did
        self.run.kept_from_others += self.audit.reservations.kept_from_others
        await self.site.stop()

    async def _start(self) -> None:
        await self.site.start()
        await asyncio.sleep(self.rng.uniform(1, 4))
        self._check_alive()

    async def _step(self) -> None:
        fault = self.rates.draw_fault(self.rng)
        if fault is not None:
            self.run.did[fault] += 1
            self._note(fault)
            await getattr(self, f"_{fault}")()
        elif (said := self._draw_server_step()) is not None:
            self.run.did[said] += 1
            self._note(self._server_steps[said]())
        elif self.rng.random() < 0.03:
            self.run.did["walk_away"] += 1
            self._note("walks away")
            await asyncio.sleep(self.rng.uniform(20, 90))
        else:
            self.run.did["act"] += 1
            self._note(self.people.act(self.view))
        await asyncio.sleep(self.rng.choice((0.0, 0.3, 1.0, 2.5)))
        await self._check()

    def _draw_server_step(self) -> str | None:
        drawn = self.rng.random()
        for name, rate in SERVER_STEPS.items():
            if drawn < rate:
                return name
            drawn -= rate
        return None

    def _check_alive(self) -> None:
        if self.site.session.done() and not self.site.store.is_dead:
            self.site.session.result()
            raise BrokenInvariantError("the kiosk ended by itself")

    async def _check(self) -> None:
        require(not self.run.failures.last, f"a visit failed: {self.run.failures.last}")
        if self.site.store.is_dead:
            await self._kill()
        self._check_alive()
        self.audit.step()
        if isinstance(self.view, First):
            self.audit.at_rest()
        self._note(f"  seq {self.audit.head_seq} {self.audit.head_hash.hex()[:16]}")

    async def _rest(self) -> None:
        """The faults are over and everybody leaves (I10)."""
        self._all_well()
        waited_s = 0.0
        while not self._is_quiet():
            require(waited_s < REST_LIMIT_S, f"I10: no rest, the screen shows {self.view}")
            await asyncio.sleep(10)
            waited_s += 10
            self._all_well()
            await self._check()
        self.audit.whole()

    def _all_well(self) -> None:
        all_well(self.site)
        for slot in self.people.ajar():
            self.people.shut(slot)
        self._look_at_boards()

    def _look_at_boards(self) -> None:
        """A technician sees that boards which were away for long are the right ones."""
        for board in sorted(self.site.store.peek(boards.awaiting_look)):
            labels = [slot.label for slot in LOCATION.slots if slot.board == board]
            self.site.store.peek(boards.seen_right, board, labels, labels[0], "staff:99")

    def _is_quiet(self) -> bool:
        if not isinstance(self.view, First) or self.view.open_doors:
            return False
        bank = self.site.kiosk.bank
        if not all(bank.reachable(label) for label in bank.slots):
            return False
        held = self.site.store.peek(
            lambda writer: writer.one(
                "SELECT 1 FROM slot WHERE status = 'RESERVED' OR is_reachable = 0 LIMIT 1"
            )
        )
        return held is None

    # --- faults ----------------------------------------------------------------------------

    def _a_door(self) -> str:
        return self.rng.choice(list(self.site.steel.doors))

    async def _jam(self) -> None:
        self.site.steel.jam(self._a_door())

    async def _unjam(self) -> None:
        self.site.steel.unjam(self._a_door())

    async def _sensor_dies(self) -> None:
        slot = self._a_door()
        self.site.steel.door(slot).stuck_sensor = self.rng.random() < 0.5
        self.audit.excused.add(slot)

    async def _sensor_mended(self) -> None:
        self.site.steel.door(self._a_door()).stuck_sensor = None

    async def _swap(self) -> None:
        one, other = self.rng.sample(["1", "2", "3", "4"], 2)
        self.site.steel.swap(one, other)

    async def _unswap(self) -> None:
        self.site.steel.unswap()

    async def _unplug(self) -> None:
        self.rng.choice(list(self.site.lines.values())).is_plugged = False

    async def _plug(self) -> None:
        for line in self.site.lines.values():
            line.is_plugged = True

    async def _board_off(self) -> None:
        self.rng.choice(list(self.site.boards.values())).is_silent = True

    async def _board_on(self) -> None:
        for board in self.site.boards.values():
            board.is_silent = False

    async def _force(self) -> None:
        """A door is pried open, and what is inside may go."""
        slot = self._a_door()
        is_quiet = self._is_quiet_at(slot)
        self.site.steel.open_by_force(slot)
        if is_quiet:
            await asyncio.sleep(6)
            self._require_noticed(slot)
        if self.rng.random() < 0.5:
            self.audit.inside[slot].clear()
            self.audit.excused.add(slot)

    def _is_quiet_at(self, slot: str) -> bool:
        """Whether nothing explains an opening of this door, and all is well between it and us."""
        door, wiring = self.site.steel.door(slot), LOCATION.slot(slot)
        line, board = self.site.lines[f"sim-{wiring.board}"], self.site.boards[wiring.board]
        touched_s = self.audit.touched_s.get(slot, -LATE_OPENING_S)
        return (
            isinstance(self.view, First)
            and self.site.kiosk.bank.door(slot) is DoorState.CLOSED
            and not door.is_open
            and door.stuck_sensor is None
            and line.distort is undistorted
            # The bank may still believe a board that went away a moment ago.
            and line.is_plugged
            and not board.is_silent
            and self.site.store.dies_in is None
            and self.site.clock.loop_s() - touched_s > LATE_OPENING_S
        )

    def _require_noticed(self, slot: str) -> None:
        if self.site.store.is_dead:
            return
        record = self.site.store.peek(slots.record_of, slot)
        require(record.suspect, f"door {slot} was forced before all eyes, and is {record}")
        self.run.did["force_noticed"] += 1

    async def _latch_slips(self) -> None:
        """A door is shut and springs open again."""
        slot = self._a_door()
        if self.site.steel.door(slot).is_open:
            self.people.shut(slot)
            await asyncio.sleep(self.rng.uniform(1.5, 4))
            self.site.steel.open_by_force(slot)

    async def _bad_line(self) -> None:
        distort(self.site, self.rates, self.rng)

    async def _good_line(self) -> None:
        for line in self.site.lines.values():
            line.distort = undistorted

    async def _clock_jumps(self) -> None:
        self.site.clock.ahead_ms += self.rng.choice((1, 40)) * DAY_MS

    async def _clock_steps_back(self) -> None:
        self.site.clock.ahead_ms -= self.rng.randrange(1, 2 * DAY_MS)

    async def _clock_untrusted(self) -> None:
        self.site.clock.is_trusted = False

    async def _clock_trusted(self) -> None:
        self.site.clock.is_trusted = True

    async def _day_passes(self) -> None:
        self.site.clock.ahead_ms += DAY_MS

    async def _kill(self) -> None:
        """The process dies now, and starts again."""
        self._note("  killed")
        if not self.site.store.is_dead:
            self.audit.step()
        await self.site.kill()
        self.view = View()
        if self.rng.random() < 0.3:
            await asyncio.sleep(self.rng.uniform(1, 60))
            for slot in self.people.ajar()[:1]:
                self.site.steel.close(slot)
        await self._start()
        if self.site.store.is_dead:
            return
        self.audit.restarted()

    async def _kill_in_transaction(self) -> None:
        """The process dies before or after one of its next transactions."""
        self.site.store.dies_in = self.rng.randrange(1, 12)
        self.site.store.dies_after_commit = self.rng.random() < 0.5
