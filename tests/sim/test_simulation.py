"""The simulation holds, is the same for the same seed, and finds a kiosk that is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.door import DoorChange
from kiosk.flows import session
from kiosk.flows.kiosk import Kiosk, Opened
from kiosk.flows.views import Purpose
from kiosk.flows.watch import Watch
from kiosk.store import codes, packages
from kiosk.store.packages import Deposit
from kiosk.store.slots import FreeSlotQuery
from kiosk.store.writer import Row, Writer
from tests.sim.__main__ import scratch_parent
from tests.sim.audit import BrokenInvariantError
from tests.sim.simulation import Run
from tests.sim.site import Site

ROOT = Path(__file__).parents[2]
IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
STEPS = 5_000_000 if IS_NIGHTLY else 20_000
CAUGHT_WITHIN = 10_000


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder in memory where there is one; a simulated crash is of the process, not the disk."""
    with tempfile.TemporaryDirectory(prefix="kiosk-sim-", dir=scratch_parent()) as name:
        yield Path(name)


def play(seed: int, steps: int, folder: Path) -> Run:
    run = Run(seed, folder)
    try:
        run.play(steps)
    except BrokenInvariantError:
        print("\n".join(run.trace.last))
        print(f"seed {seed}, step {run.steps}")
        raise
    return run


@pytest.mark.timeout(0 if IS_NIGHTLY else 120)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_must_hold_is_broken(scratch: Path, seed: int) -> None:
    counts = play(seed, STEPS, scratch).counts()
    assert counts["steps"] == STEPS
    for happened in ("deposits", "pickups", "refusals", "jams", "kills"):
        assert counts[happened] > 20, f"too few {happened} to prove anything: {counts}"
    assert counts["did"]["force_noticed"] > 0


def run_as_process(hash_seed: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim", "--steps", "1200", "--seed", "5", "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_the_same_seed_gives_the_same_run_in_every_process() -> None:
    first, second = run_as_process("1"), run_as_process("2")
    assert first == second
    counts = json.loads(first)
    assert counts["steps"] == 1200
    assert len(counts["trace"]) == 64


# --- negative controls: each kiosk is wrong in one way, and must be found -------------------------


async def no_recovery(kiosk: Kiosk) -> int:
    return 0


def any_slot(self: FreeSlotQuery, size: str, low: bool, skip: int) -> Row | None:
    return self._writer.one("SELECT * FROM slot WHERE size = ? ORDER BY random()", (size,))


def any_code(row: Row, secret: str, policy: codes.CodePolicy) -> int | None:
    return 1


async def open_twice(kiosk: Kiosk, slot: str, intent: str, purpose: Purpose) -> Opened:
    await kiosk.bank.open_slot(slot)
    return await HONEST_OPEN_DOOR(kiosk, slot, intent, purpose)


HONEST_OPEN_DOOR = Kiosk.open_door


async def open_with_no_word(kiosk: Kiosk, slot: str, intent: str, purpose: Purpose) -> Opened:
    await kiosk.store.run(packages.door_outcome, intent, packages.IntentState.FAILED, "none")
    unlocked = await kiosk.bank.open_slot(slot)
    return Opened(unlocked, False, "0")


async def look_away(watch: Watch, change: DoorChange) -> None:
    pass


def always_empty(
    writer: Writer, deposit: Deposit, suspect: Any, why: str, *state: packages.IntentState
) -> int:
    return HONEST_END_DEPOSIT(writer, deposit, None, why, *state)


HONEST_END_DEPOSIT = packages.end_deposit


async def kill_and_lose(site: Site) -> None:
    await HONEST_KILL(site)
    (site._database.parent / "kiosk.db-wal").unlink(missing_ok=True)


HONEST_KILL = Site.kill

WRONG: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "doors in play are forgotten at a restart": (session, "recover", no_recovery),
    "any slot is given out": (FreeSlotQuery, "_first", any_slot),
    "any code is right": (codes, "_counter_of", any_code),
    "a door is pulsed again by itself": (Kiosk, "open_door", open_twice),
    "a door is pulsed when its intent has ended": (Kiosk, "open_door", open_with_no_word),
    "a forced door is nobody's business": (Watch, "door_moved", look_away),
    "a cancelled deposit leaves an empty slot": (packages, "end_deposit", always_empty),
    "what was committed is lost with the process": (Site, "kill", kill_and_lose),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_kiosk_that_is_wrong_is_found(
    scratch: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place, attribute, replacement = WRONG[name]
    monkeypatch.setattr(place, attribute, replacement)
    with pytest.raises(BrokenInvariantError):
        for seed in range(10, 20):
            folder = scratch / str(seed)
            folder.mkdir()
            Run(seed, folder).play(CAUGHT_WITHIN // 10)
            shutil.rmtree(folder)
