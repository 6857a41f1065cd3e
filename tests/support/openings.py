"""Thousands of openings on simulated boards with all their faults, each held against the steel.

What the bank says of an opening is compared with what really happened: which frames left the
machine, which lock was pulsed when, which door moved when.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from drivers.bank import BankTiming
from drivers.boards import FAMILIES
from drivers.building import make_board
from drivers.bus import BusTiming
from drivers.door import DoorState, Outcome, Unlocked
from drivers.port import ReconnectPlan
from drivers.simulator.bank import DoorMoved
from drivers.simulator.faults import Fault
from drivers.simulator.virtual import VirtualSite, virtual_site
from drivers.wiring import BoardWiring, DoorWiring
from tests.support.virtual_loop import run_virtually

PROBABILITY = 0.05
"""Of every fault: at each transaction for a board's, at each opening for the steel's."""
TIMING = BankTiming(window_s=2.0, silence_s=0.9)
BUS_TIMING = BusTiming(reconnect=ReconnectPlan(pause_s=0.2, rest_s=2.0, look_s=0.1))
SEEN_WITHIN_S = 1.0
"""A door that moved this long before the end of its window must have been seen."""
PATIENCE_S = 120.0
WARM_UP = 40
"""After so many openings everything that grows once has grown."""

OTHER_WAY = BoardWiring("8a-other-way", "lockboard-8a", "bus", 30, 8, invert=True)
BLIND = BoardWiring("blind", "lockboard-8a", "bus", 31, 4, has_door_sensors=False)
CONTROL = (
    BoardWiring("8a", "lockboard-8a", "bus", 1, 12),
    BoardWiring("8a-other-way", "lockboard-8a", "bus", 2, 8, invert=True),
    BoardWiring("dc", "dingchang-dc", "bus", 3, 8),
    BoardWiring("relays", "modbus-waveshare", "bus", 4, 8),
    BoardWiring("blind", "lockboard-8a", "bus", 5, 4, has_door_sensors=False),
)
"""A line that stays as it is when families are added: what must be found within few openings."""
MOST_LOCKS = 12


def _lines() -> dict[str, tuple[BoardWiring, ...]]:
    """A line for each speed, and on it a board of every family that usually runs at it."""
    lines: dict[str, tuple[BoardWiring, ...]] = {}
    for name, family in FAMILIES.items():
        most = family.channel_counts[-1]
        line = f"{family(family.addresses[0], most).timing.baud} baud"
        boards = lines.get(line, (OTHER_WAY, BLIND) if name == OTHER_WAY.family else ())
        board = BoardWiring(name, name, "bus", len(boards) + 1, min(most, MOST_LOCKS))
        lines[line] = (*boards, board)
    return lines


LINES = _lines()


@dataclass
class Tally:
    """What came of many openings."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    """Every way in which something was not true; empty when all is well."""


@dataclass
class _Truth:
    """What happens in the steel and on the wire from now on."""

    moves: list[DoorMoved] = field(default_factory=list)
    pulses: list[tuple[float, str]] = field(default_factory=list)

    def opened_at_s(self, slot: str) -> list[float]:
        return [move.at_s for move in self.moves if move.slot == slot and move.is_open]


class Openings:
    """One line with its boards, and openings on it, one after another."""

    def __init__(self, boards: Sequence[BoardWiring], rng: Random) -> None:
        self.boards = {board.name: board for board in boards}
        self.rng = rng
        self.tally = Tally()
        self.doors = {
            f"{board.name}/{channel}": DoorWiring(f"{board.name}/{channel}", board.name, channel)
            for board in boards
            for channel in range(1, board.channels + 1)
        }
        codecs = {board.name: make_board(board) for board in boards}
        self.unlocks = {
            codecs[door.board].unlock_request(door.channel): slot
            for slot, door in self.doors.items()
        }
        self.questions = {
            question.request for codec in codecs.values() for question in codec.questions()
        }
        self._truth = _Truth()

    async def run(self, count: int, on_site: Callable[[VirtualSite], None]) -> None:
        """Open so many doors and judge each."""
        site = self.site = virtual_site(
            tuple(self.boards.values()),
            tuple(self.doors.values()),
            self.rng,
            bus_timing=BUS_TIMING,
            timing=TIMING,
        )
        self._keep_truth(site)
        on_site(site)
        await site.bank.start()
        await site.bank.settled()
        for board in site.boards.values():
            for fault in Fault:
                board.faults.set(fault, PROBABILITY)
        threads, objects = threading.active_count(), 0
        for number in range(count):
            if number == WARM_UP:
                objects = self._count_objects()
            await self._open_one(number)
        grown = self._count_objects() - objects
        if count > WARM_UP and grown > count:
            self._find(f"{grown} objects more after {count} openings")
        if threading.active_count() != threads:
            self._find("there are more threads than before")
        await site.bank.stop()

    def _keep_truth(self, site: VirtualSite) -> None:
        site.lines["bus"].keeps_record = True
        site.steel.listen(lambda move: self._truth.moves.append(move))
        pulse = site.steel.pulse

        def pulse_and_note(slot: str, at_s: float) -> None:
            self._truth.pulses.append((at_s, slot))
            pulse(slot, at_s)

        site.steel.pulse = pulse_and_note  # type: ignore[method-assign]

    def _count_objects(self) -> int:
        self._forget()
        gc.collect()
        return len(gc.get_objects())

    def _forget(self) -> None:
        self._truth = _Truth()
        self.site.lines["bus"].heard.clear()

    def _find(self, problem: str) -> None:
        self.tally.problems.append(problem)

    # --- one opening ---------------------------------------------------------------------------

    async def _open_one(self, number: int) -> None:
        slot = self.rng.choice(list(self.doors))
        undo = [self._spoil_steel(name, slot) for name in STEEL if self.rng.random() < PROBABILITY]
        await asyncio.sleep(self.rng.uniform(1.0, 2.0))
        self._forget()
        is_forced = self.rng.random() < PROBABILITY
        later = self._spoil_meanwhile(slot)
        unlocked = await self.site.bank.open_slot(slot, force=is_forced)
        later.cancel()
        self.tally.outcomes[unlocked.outcome] += 1
        for problem in self._judge(slot, unlocked, is_forced):
            self._find(f"opening {number} of {slot}, {unlocked}: {problem}")
        for step in undo:
            step()
        await self._come_to_rest(slot)

    def _spoil_steel(self, name: str, slot: str) -> Callable[[], None]:
        """Do something to the steel; the returned callable undoes it."""
        self.tally.faults[name] += 1
        steel, door = self.site.steel, self.site.steel.door(slot)
        others = [other for other in self.doors if other != slot]
        other = self.rng.choice(others)
        match name:
            case "jam":
                steel.jam(slot)
                return lambda: steel.unjam(slot)
            case "swap":
                steel.swap(slot, other)
                return steel.unswap
            case "dead sensor":
                door.stuck_sensor = self.rng.random() < 0.5
                return lambda: setattr(door, "stuck_sensor", None)
            case "bouncing sensor":
                door.has_bouncing_sensor = True
                return lambda: setattr(door, "has_bouncing_sensor", False)
            case "forced":
                steel.open_by_force(slot)
                return lambda: None
            case "power":
                steel.cut_power(self.rng.uniform(0.1, 3.0))
                return steel.restore_power
            case _:
                line = self.site.lines["bus"]
                line.is_plugged = False
                return lambda: setattr(line, "is_plugged", True)

    def _spoil_meanwhile(self, slot: str) -> asyncio.Task[None]:
        """Perhaps pull the plug, or cut the power, while the opening is under way."""
        event = self.rng.choices(
            ("nothing", "plug", "power"), (1 - 2 * PROBABILITY, PROBABILITY, PROBABILITY)
        )
        after_s = self.rng.uniform(0.0, 0.4)

        async def spoil() -> None:
            await asyncio.sleep(after_s)
            if event == ["plug"]:
                self.site.lines["bus"].is_plugged = False
            elif event == ["power"]:
                self.site.steel.cut_power(1.0)

        return asyncio.ensure_future(spoil())

    async def _come_to_rest(self, slot: str) -> None:
        """All doors are shut and all boards there again, as far as anybody can see."""
        site, until_s = self.site, asyncio.get_running_loop().time() + PATIENCE_S
        site.lines["bus"].is_plugged = True
        site.steel.restore_power()
        await asyncio.sleep(self.rng.uniform(0.2, 0.5))
        for other, door in site.steel.doors.items():
            if door.is_open:
                site.steel.close(other)
        while not all(self._is_at_rest(other) for other in self.doors):
            if asyncio.get_running_loop().time() > until_s:
                self._find(f"the bank did not come to rest after {slot}")
                return
            await asyncio.sleep(0.1)

    def _is_at_rest(self, slot: str) -> bool:
        is_shut = self.site.bank.door(slot) is DoorState.CLOSED
        return self.site.bank.reachable(slot) and (is_shut or not self.site.bank.has_sensor(slot))

    # --- what is true --------------------------------------------------------------------------

    def _judge(self, slot: str, unlocked: Unlocked, is_forced: bool) -> list[str]:
        """What is not as the bank says, in sentences."""
        heard = self.site.lines["bus"].heard
        sent = [(at_s, self.unlocks[data]) for at_s, data in heard if data in self.unlocks]
        problems = self._judge_wire(slot, unlocked, sent)
        problems += [
            f"{data.hex(' ')} was sent, which is neither a question nor an unlock"
            for _, data in heard
            if data not in self.unlocks and data not in self.questions
        ]
        sent_at_s = sent[0][0] if sent else None
        judge = {
            Outcome.OPENED: self._judge_opened,
            Outcome.ALREADY_OPEN: self._judge_already_open,
            Outcome.JAMMED: self._judge_jammed,
            Outcome.WRONG_DOOR: self._judge_wrong_door,
            Outcome.SENT: self._judge_sent,
        }.get(unlocked.outcome)
        if judge is not None and not judge(slot, unlocked, sent_at_s, is_forced):
            problems.append("it is not so in the steel")
        return problems

    def _judge_wire(
        self, slot: str, unlocked: Unlocked, sent: Sequence[tuple[float, str]]
    ) -> list[str]:
        problems = []
        if len(sent) > 1 or any(other != slot for _, other in sent):
            problems.append(f"unlocks were sent for {[other for _, other in sent]}")
        if sent and not unlocked.pulsed:
            problems.append("an unlock was sent and is denied")
        if unlocked.pulsed and not sent and unlocked.outcome is not Outcome.UNREACHABLE:
            problems.append("no unlock was sent")
        if len(self._truth.pulses) > len(sent) or any(at != slot for _, at in self._truth.pulses):
            problems.append(f"locks were pulsed: {self._truth.pulses}")
        return problems

    def _judge_opened(
        self, slot: str, unlocked: Unlocked, sent_at_s: float | None, is_forced: bool
    ) -> bool:
        """The steel's door really opened after the pulse, and as long after it as is said."""
        opened = self._truth.opened_at_s(slot)
        if sent_at_s is None or not opened or unlocked.elapsed_s is None:
            return False
        return sent_at_s <= opened[0] <= sent_at_s + unlocked.elapsed_s + 0.01

    def _judge_already_open(
        self, slot: str, unlocked: Unlocked, sent_at_s: float | None, is_forced: bool
    ) -> bool:
        door = self.site.steel.door(slot)
        return door.is_open or door.stuck_sensor is True

    def _judge_jammed(
        self, slot: str, unlocked: Unlocked, sent_at_s: float | None, is_forced: bool
    ) -> bool:
        """Nothing that a sensor could have seen happened in time."""
        if sent_at_s is None or self.site.steel.door(slot).stuck_sensor is False:
            return sent_at_s is not None
        seen_until_s = sent_at_s + TIMING.window_s - SEEN_WITHIN_S
        return not any(at_s <= seen_until_s for at_s in self._truth.opened_at_s(slot))

    def _judge_wrong_door(
        self, slot: str, unlocked: Unlocked, sent_at_s: float | None, is_forced: bool
    ) -> bool:
        """Another door moved after the pulse, and this one did not."""
        moved = self._truth.opened_at_s(unlocked.wrong_slot or "")
        own = self._truth.opened_at_s(slot)
        return sent_at_s is not None and any(at_s >= sent_at_s for at_s in moved) and not own

    def _judge_sent(
        self, slot: str, unlocked: Unlocked, sent_at_s: float | None, is_forced: bool
    ) -> bool:
        """No sensor could tell."""
        return is_forced or not self.site.bank.has_sensor(slot)


STEEL = ("jam", "swap", "dead sensor", "bouncing sensor", "forced", "power", "plug")
"""What may be wrong with the steel at an opening."""


def run_openings(
    boards: Sequence[BoardWiring],
    count: int,
    seed: int,
    on_site: Callable[[VirtualSite], None] = lambda site: None,
) -> Tally:
    """So many openings on one line; `on_site` may spoil the bank, to see that it is found."""
    openings = Openings(boards, Random(seed))
    run_virtually(openings.run(count, on_site))
    return openings.tally
