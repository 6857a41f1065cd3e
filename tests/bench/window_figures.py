"""What a person waits for at the window, and what the window costs while nobody is there.

The real kiosk process fills a screen of its own (Xvfb, drawn by the processor), the real simulator
holds the far end of its serial port, and xdotool is the finger.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from config import DEMO_SITE, Site, load_site
from drivers.bank import BoardWiring, make_board
from kiosk.adapters import location_key
from kiosk.app import location_of
from tests.bench.desk import (
    PATIENCE_S,
    ROOT,
    Bank,
    DeskError,
    Eye,
    Hand,
    KioskProcess,
    Spot,
    screen,
)
from tests.bench.figures import Figures, milliseconds
from tests.bench.full_bank import FullBank, Inside

UNLOCK_PATIENCE_S = 5.0
SHUT_AFTER_S = 2.3
"""The person takes this long at the door: shut sooner, the kiosk would ask what happened."""
BEFORE_THE_LAST_DIGIT_S = 0.5
"""Eight digits are typed, the screen has settled, nothing of it is in the figure."""
POLL_PERIOD_S = 0.2


@dataclass(frozen=True, slots=True)
class Effort:
    """How many samples of each figure."""

    starts: int
    idle_s: float
    rounds: int
    """Of filling the bank and emptying it by typed codes."""
    pickups: int
    """In each round, at most what the bank holds."""


THOROUGH = Effort(starts=5, idle_s=10.0, rounds=2, pickups=24)
QUICK = Effort(starts=1, idle_s=2.0, rounds=1, pickups=2)


@dataclass(frozen=True, slots=True)
class Places:
    """What the bench touches and looks at."""

    pick_up: Spot
    """The large choice of the first screen: while it shows, so does the first screen."""
    done: Spot
    """The button under the thanks."""
    keys: dict[str, Spot]


@dataclass(frozen=True, slots=True)
class Desk:
    """A site, its data folder, its bank, and the screen before which a person stands."""

    site: Site
    data: Path
    display: str
    bank: Bank
    eye: Eye
    hand: Hand
    places: Places
    chance: Random

    def start(self) -> tuple[KioskProcess, float]:
        """Start the kiosk; with the seconds from its start until the first screen was seen."""
        self.eye.wait_until(lambda: not self.eye.sees(self.places.pick_up), "the screen is dark")
        kiosk = KioskProcess(self.display, DEMO_SITE, self.data)
        try:
            seen_s = self.eye.wait_until(
                lambda: self.eye.sees(self.places.pick_up) or not kiosk.is_running,
                "the first screen is shown",
            )
            if not kiosk.is_running:
                raise DeskError(f"the kiosk ended with {kiosk.process.returncode}")
        except DeskError as error:
            kiosk.process.kill()
            raise DeskError(f"{error}\n{kiosk.last_words()}") from error
        return kiosk, seen_s - kiosk.started_s


def measure(folder: Path, effort: Effort) -> Figures:
    """All figures of the window."""
    site = load_site(DEMO_SITE)
    data = folder / "data"
    data.mkdir()
    with screen(site.screen.width_px, site.screen.height_px) as display:
        places = places_on(display)
        hand = Hand(display)
        try:
            with Bank(DEMO_SITE, data) as bank:
                desk = Desk(site, data, display, bank, Eye(display), hand, places, Random(3))
                bank.tell(f"close-after {SHUT_AFTER_S}")
                return first_frames(desk, effort) | last_digits(desk, effort)
        finally:
            hand.close()


def places_on(display: str) -> Places:
    """Ask the real pages where their parts are."""
    try:
        told = subprocess.run(
            [sys.executable, "-m", "tests.bench.places", str(DEMO_SITE)],
            cwd=ROOT,
            env=os.environ | {"DISPLAY": display, "SDL_VIDEODRIVER": "x11"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise DeskError(f"the screens could not be drawn: {error}\n{error.stderr}") from error
    found = json.loads(told.stdout)

    def spot(place: dict[str, object]) -> Spot:
        return Spot(**{**place, "colour": tuple(place.get("colour", (0, 0, 0)))})

    keys = {name: spot(place) for name, place in found["keys"].items()}
    return Places(spot(found["pick_up"]), spot(found["done"]), keys)


def first_frames(desk: Desk, effort: Effort) -> Figures:
    """`first_frame_s`, `idle_cpu_percent` and `rss_mb`.

    The first frame: from the start of the process until the first screen stands on the glass, read
    as a pixel of the X server every 2 ms. Files are in the system's cache; the database holds a
    full bank. Idle: processor time of all the kiosk's threads in percent of one core, while the
    first screen stands and the boards are polled. Memory: resident, shared libraries included.
    """
    fill(desk)
    starts_s, idle_percent, resident_mb = [], 0.0, 0.0
    for number in range(effort.starts):
        kiosk, start_s = desk.start()
        starts_s.append(start_s)
        try:
            if number == effort.starts - 1:
                time.sleep(2.0)
                before_s, begin_s = kiosk.cpu_s(), time.monotonic()
                time.sleep(effort.idle_s)
                spent_s = kiosk.cpu_s() - before_s
                idle_percent = 100 * spent_s / (time.monotonic() - begin_s)
                resident_mb = kiosk.resident_mb()
        finally:
            kiosk.stop()
    return {
        "first_frame_s": {
            "median": round(statistics.median(starts_s), 3),
            "best": round(min(starts_s), 3),
            "samples": len(starts_s),
        },
        "idle_cpu_percent": round(idle_percent, 1),
        "rss_mb": round(resident_mb, 1),
    }


def last_digits(desk: Desk, effort: Effort) -> Figures:
    """`last_digit_to_unlock_ms`: from the touch of the ninth digit to the unlock frame on the line.

    It begins when xdotool is told to click, and ends when the simulator has read the frame's first
    byte from its end of the pseudo-terminal. So it includes: xdotool, the X server, the window's
    next look at its input, the code check, the durable intent, the wait for a poll under way on the
    bus and for the gap after it, and the simulator's own waking up. Both ends read
    CLOCK_MONOTONIC. The touch comes at any moment of the poll's period.
    """
    samples_s: list[float] = []
    for _ in range(effort.rounds):
        inside = fill(desk)
        kiosk, _ = desk.start()
        try:
            for package in inside[: effort.pickups]:
                samples_s.append(_one_pickup(desk, package))
        finally:
            kiosk.stop()
    return {"last_digit_to_unlock_ms": milliseconds(samples_s)}


def _one_pickup(desk: Desk, package: Inside) -> float:
    """A customer types a code, takes the package, shuts the door and leaves."""
    eye, hand, places = desk.eye, desk.hand, desk.places
    eye.wait_until(lambda: eye.sees(places.pick_up), "the first screen is back")
    hand.type(package.code[:-1])
    last = places.keys[package.code[-1]]
    hand.move(last)
    eye.wait_until(lambda: not eye.sees(places.pick_up), "the keypad is shown")
    time.sleep(BEFORE_THE_LAST_DIGIT_S + desk.chance.uniform(0, POLL_PERIOD_S))
    desk.bank.forget_wire()
    touched_s = hand.do("click 1")
    heard_s = _unlock_heard(desk, package)
    desk.bank.wait_for("closed", slot=package.slot)
    eye.wait_until(lambda: eye.sees(places.done), "the thanks are shown")
    time.sleep(0.3)  # a touch right after a new screen is ignored, as meant for the old one
    hand.touch(places.done)
    return heard_s - touched_s


def _unlock_heard(desk: Desk, package: Inside) -> float:
    """When the unlock frame of a package's door came (monotonic)."""
    frame = unlock_frame(desk.site, package.slot)
    until_s = time.monotonic() + UNLOCK_PATIENCE_S
    while time.monotonic() < until_s:
        for data, at_s in desk.bank.heard():
            if data.startswith(frame[:1]) and frame.startswith(data[: len(frame)]):
                return at_s
        time.sleep(0.01)
    raise DeskError(f"no unlock frame came for slot {package.slot}")


def unlock_frame(site: Site, label: str) -> bytes:
    """The bytes that open a slot's door."""
    slot = next(slot for slot in site.slots if slot.label == label)
    board = next(board for board in site.boards if board.name == slot.board)
    wiring = BoardWiring(board.name, board.family, board.port, board.address, board.channels)
    return make_board(wiring).unlock_request(slot.channel)


def fill(desk: Desk) -> list[Inside]:
    """Put a package into every free slot, with the kiosk not running; all that lie inside then."""
    key = location_key(desk.data / "location.key", may_make=True)
    bank = FullBank(desk.data / "kiosk.db", location_of(desk.site), desk.chance, key)
    try:
        bank.inside = bank.store.submit(bank.stored).result()
        bank.fill_to(len(desk.site.slots))
        return bank.inside
    finally:
        bank.close()
