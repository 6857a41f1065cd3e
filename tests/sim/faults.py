"""What goes wrong at a simulated site: doors, lines, boards, the clock, the power.

Each site draws how often each fault comes, up to the rates at which others test their own
replication: up to 30 % of the frames lost, up to 50 % doubled.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.simulator.line import undistorted
from tests.sim.site import Site

FAULTS = (
    "jam",
    "unjam",
    "sensor_dies",
    "sensor_mended",
    "swap",
    "unswap",
    "unplug",
    "plug",
    "board_off",
    "board_on",
    "force",
    "latch_slips",
    "bad_line",
    "good_line",
    "clock_jumps",
    "clock_steps_back",
    "clock_untrusted",
    "clock_trusted",
    "day_passes",
    "kill",
    "kill_in_transaction",
)


@dataclass(frozen=True, slots=True)
class Rates:
    """How often things go wrong at one site, drawn for it."""

    fault: float
    weights: tuple[float, ...]
    loss: float
    doubling: float
    garbling: float
    lateness: float
    sense: float
    """How often people do what the screen asks for."""
    is_honest: bool

    @classmethod
    def drawn(cls, rng: random.Random) -> Rates:
        is_bad_line = rng.random() < 0.5
        return cls(
            fault=rng.choice((0.0, 0.02, 0.05, 0.12)),
            weights=tuple(rng.choice((0.0, 0.3, 1.0, 2.0)) for _ in FAULTS),
            loss=rng.uniform(0, 0.3) if is_bad_line else 0.0,
            doubling=rng.uniform(0, 0.5) if is_bad_line else 0.0,
            garbling=rng.uniform(0, 0.2) if is_bad_line else 0.0,
            lateness=rng.uniform(0, 0.3) if is_bad_line else 0.0,
            sense=rng.uniform(0.7, 0.99),
            is_honest=rng.random() < 0.75,
        )

    def draw_fault(self, rng: random.Random) -> str | None:
        """The fault that happens now, if any."""
        if rng.random() >= self.fault or not any(self.weights):
            return None
        return rng.choices(FAULTS, self.weights)[0]


class BadLine:
    """Loses, doubles, garbles and delays what boards answer."""

    def __init__(self, rates: Rates, rng: random.Random) -> None:
        self._rates = rates
        self._rng = rng

    def __call__(self, frame: bytes) -> Sequence[tuple[float, bytes]]:
        rng, rates = self._rng, self._rates
        if rng.random() < rates.loss:
            return ()
        if rng.random() < rates.garbling:
            frame = self._garbled(frame)
        late_s = rng.uniform(0.05, 0.8) if rng.random() < rates.lateness else 0.0
        pieces = [(late_s, frame)]
        if rng.random() < rates.doubling:
            pieces.append((rng.uniform(0.0, 0.1), frame))
        return pieces

    def _garbled(self, frame: bytes) -> bytes:
        rng = self._rng
        at = rng.randrange(len(frame))
        match rng.randrange(3):
            case 0:
                return frame[:at]
            case 1:
                noise = bytes(rng.randrange(256) for _ in range(3))
                return noise + frame
            case _:
                # One byte: its checksum tells it always.
                changed = frame[at] ^ rng.randrange(1, 256)
                return frame[:at] + bytes((changed,)) + frame[at + 1 :]


def distort(site: Site, rates: Rates, rng: random.Random) -> None:
    """From now on the lines are bad."""
    for line in site.lines.values():
        line.distort = BadLine(rates, random.Random(rng.getrandbits(64)))


def all_well(site: Site) -> None:
    """Every fault ends: locks, lines, boards and clock are sound, and no death waits."""
    site.store.dies_in = None
    site.steel.unswap()
    for door in site.steel.doors.values():
        door.is_jammed = False
        door.stuck_sensor = None
    for line in site.lines.values():
        line.distort = undistorted
        line.is_plugged = True
    for board in site.boards.values():
        board.is_silent = False
    site.clock.is_trusted = True
