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
    def drawn(cls, chance: random.Random) -> Rates:
        is_bad_line = chance.random() < 0.5
        return cls(
            fault=chance.choice((0.0, 0.02, 0.05, 0.12)),
            weights=tuple(chance.choice((0.0, 0.3, 1.0, 2.0)) for _ in FAULTS),
            loss=chance.uniform(0, 0.3) if is_bad_line else 0.0,
            doubling=chance.uniform(0, 0.5) if is_bad_line else 0.0,
            garbling=chance.uniform(0, 0.2) if is_bad_line else 0.0,
            lateness=chance.uniform(0, 0.3) if is_bad_line else 0.0,
            sense=chance.uniform(0.7, 0.99),
            is_honest=chance.random() < 0.75,
        )

    def draw_fault(self, chance: random.Random) -> str | None:
        """The fault that happens now, if any."""
        if chance.random() >= self.fault or not any(self.weights):
            return None
        return chance.choices(FAULTS, self.weights)[0]


class BadLine:
    """Loses, doubles, garbles and delays what boards answer."""

    def __init__(self, rates: Rates, chance: random.Random) -> None:
        self._rates = rates
        self._chance = chance

    def __call__(self, frame: bytes) -> Sequence[tuple[float, bytes]]:
        chance, rates = self._chance, self._rates
        if chance.random() < rates.loss:
            return ()
        if chance.random() < rates.garbling:
            frame = self._garbled(frame)
        late_s = chance.uniform(0.05, 0.8) if chance.random() < rates.lateness else 0.0
        pieces = [(late_s, frame)]
        if chance.random() < rates.doubling:
            pieces.append((chance.uniform(0.0, 0.1), frame))
        return pieces

    def _garbled(self, frame: bytes) -> bytes:
        chance = self._chance
        at = chance.randrange(len(frame))
        match chance.randrange(3):
            case 0:
                return frame[:at]
            case 1:
                noise = bytes(chance.randrange(256) for _ in range(3))
                return noise + frame
            case _:
                # One byte: its checksum tells it always.
                changed = frame[at] ^ chance.randrange(1, 256)
                return frame[:at] + bytes((changed,)) + frame[at + 1 :]


def distort(site: Site, rates: Rates, chance: random.Random) -> None:
    """From now on the lines are bad."""
    for line in site.lines.values():
        line.distort = BadLine(rates, random.Random(chance.getrandbits(64)))


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
