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
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from config import DEMO_SITE, Site, load_site
from drivers.building import make_board
from drivers.wiring import BoardWiring
from kiosk.adapters import location_key
from kiosk.app import make_kiosk
from kiosk.model.pickup_code import qr_text
from kiosk.site_model import location_of
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
REST_S = 12.0
"""After so long alone the window rests (`kiosk/ui/frame_rate.py`)."""
KEY_INSET_PX = 24
"""From a key's middle towards its edge, where no digit is drawn."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How many samples of each figure."""

    starts: int
    idle_s: float
    rounds: int
    """Of filling the bank and emptying it by typed codes."""
    pickups: int
    """In each round, at most what the bank holds."""
    touches: int
    frames: int


THOROUGH = Effort(starts=5, idle_s=10.0, rounds=2, pickups=24, touches=120, frames=200)
QUICK = Effort(starts=1, idle_s=2.0, rounds=1, pickups=2, touches=4, frames=6)
KEY_EVERY_S = 0.35
"""How fast a person types digits from a phone."""


@dataclass(frozen=True, slots=True)
class Places:
    """What the bench touches and looks at."""

    pick_up: Spot
    """The large choice of the first screen: while it shows, so does the first screen."""
    done: Spot
    """The button under the thanks."""
    keys: dict[str, Spot]
    """The middle of each; its colour is of no interest."""


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
    rng: Random

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
                figures = frames(desk, effort) | first_frames(desk, effort)
                figures |= touches(desk, effort)
                return figures | last_digits(desk, effort) | pickups(desk, effort)
        finally:
            hand.close()


def places_on(display: str) -> Places:
    """Ask the real pages where their parts are."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.places", str(DEMO_SITE)],
            cwd=ROOT,
            env=os.environ | {"DISPLAY": display, "SDL_VIDEODRIVER": "x11"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        said = str(error.stderr)
        raise DeskError(f"the screens could not be drawn: {error}\n{said}") from error
    found = json.loads(done.stdout)

    def spot(place: dict[str, Any]) -> Spot:
        return Spot(**{**place, "colour": tuple(place.get("colour", (0, 0, 0)))})

    keys = {name: spot(place) for name, place in found["keys"].items()}
    return Places(spot(found["pick_up"]), spot(found["done"]), keys)


def frames(desk: Desk, effort: Effort) -> Figures:
    """`frame_ms` (the first screen as it is; after a digit; another screen made and drawn) and
    `language_switch_ms` (the first screen again in another language), on the whole panel drawn by
    the processor, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.frames", str(DEMO_SITE), str(effort.frames)],
        cwd=ROOT,
        env=os.environ | {"DISPLAY": desk.display, "SDL_VIDEODRIVER": "x11"},
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE_S,
    )
    if done.returncode != 0:
        raise DeskError(f"the frames could not be drawn:\n{done.stderr}")
    figures: Figures = json.loads(done.stdout)
    return figures


def _is_other_colour(eye: Eye, spot: Spot, before: tuple[int, int, int]) -> bool:
    return eye.colour(spot.x, spot.y) != before


def touches(desk: Desk, effort: Effort) -> Figures:
    """`touch_to_response_ms`: from the finger on a key of the keypad until the key's colour is
    another on the panel.

    It begins when xdotool is asked to press, and ends when a pixel of the key that is read every
    2 ms has changed: xdotool, the X server and the window's next look at its input are in it.
    """
    samples_s: list[float] = []
    kiosk, _ = desk.start()
    eye, hand = desk.eye, desk.hand
    try:
        hand.type("1")
        eye.wait_until(lambda: not eye.sees(desk.places.pick_up), "the keypad is shown")
        time.sleep(BEFORE_THE_LAST_DIGIT_S)
        for number in range(effort.touches):
            key = desk.places.keys[str(2 + number % 8)]
            edge = Spot(key.x - KEY_INSET_PX, key.y)
            before = eye.colour(edge.x, edge.y)
            hand.move(edge)
            time.sleep(0.1 + desk.rng.uniform(0, 0.04))
            touched_s = hand.do("mousedown 1")
            seen_s = eye.wait_until(
                partial(_is_other_colour, eye, edge, before), "the key looks pressed"
            )
            samples_s.append(seen_s - touched_s)
            hand.do("mouseup 1")
            time.sleep(0.1)
            if number % 6 == 5:
                hand.do("key BackSpace " * 6)
                time.sleep(0.3)
    finally:
        kiosk.stop()
    return {"touch_to_response_ms": milliseconds(samples_s)}


def pickups(desk: Desk, effort: Effort) -> Figures:
    """`pickup_seconds`: from the scan on the first screen, or from the first digit, to the thanks,
    with a door that stands open for as long as a person needs.

    `machine` is what the machine takes of it, beside the door's own time and the person's: until
    the unlock frame, and from the shut door to the thanks.
    """
    whole: dict[str, list[float]] = {"qr": [], "keypad": []}
    machine: dict[str, list[float]] = {"qr": [], "keypad": []}
    inside = fill(desk)
    kiosk, _ = desk.start()
    try:
        for number, package in enumerate(inside[: effort.pickups]):
            how = "qr" if number % 2 else "keypad"
            took = _whole_pickup(desk, package, how)
            whole[how].append(took[0])
            machine[how].append(took[1])
    finally:
        kiosk.stop()
    return {
        "pickup_seconds": {
            how: {
                "whole": round(statistics.median(whole[how]), 2),
                "machine": round(statistics.median(machine[how]), 3),
                "samples": len(whole[how]),
            }
            for how in whole
            if whole[how]
        }
    }


def _whole_pickup(desk: Desk, package: Inside, how: str) -> tuple[float, float]:
    """The seconds of one pickup: all of them, and the machine's."""
    eye, places = desk.eye, desk.places
    eye.wait_until(lambda: eye.sees(places.pick_up), "the first screen is back")
    time.sleep(1)
    desk.bank.forget_wire()
    begun_s = asked_s = time.monotonic()
    if how == "qr":
        desk.bank.tell(f"scan {qr_text(desk.site.location.id, package.code)}")
    else:
        for digit in package.code:
            asked_s = desk.hand.do(f"key {digit}")
            time.sleep(KEY_EVERY_S)
    heard_s = _unlock_heard(desk, package)
    desk.bank.wait_for("closed", slot=package.slot)
    shut_s = time.monotonic()
    thanked_s = eye.wait_until(lambda: eye.sees(places.done), "the thanks are shown")
    time.sleep(0.3)  # a touch right after a new screen is ignored, as meant for the old one
    desk.hand.touch(places.done)
    return thanked_s - begun_s, heard_s - asked_s + thanked_s - shut_s


def first_frames(desk: Desk, effort: Effort) -> Figures:
    """`first_frame_s`, `idle_cpu_percent` and `rss_mb`.

    The first frame: from the start of the process until the first screen stands on the panel, read
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
                time.sleep(REST_S)
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

    It begins when xdotool is asked to click, and ends when the simulator has read the frame's first
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
    time.sleep(BEFORE_THE_LAST_DIGIT_S + desk.rng.uniform(0, POLL_PERIOD_S))
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
    if not (desk.data / "kiosk.db").exists():
        make_kiosk(desk.site, desk.data)
    key = location_key(desk.data / "location.key", may_make=False)
    bank = FullBank(desk.data / "kiosk.db", location_of(desk.site), desk.rng, key)
    try:
        bank.inside = bank.store.submit(bank.stored).result()
        bank.fill_to(len(desk.site.slots))
        return bank.inside
    finally:
        bank.close()
