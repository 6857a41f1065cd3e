"""What the drivers cost: frames, polling a bank, an unlock among the polls, doing nothing.

The simulator is a process of its own at the far end of pseudo-terminals; it paces its bytes as the
wire does.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

from drivers.boards import FAMILIES
from drivers.boards.family import LockBoard
from drivers.building import make_board, open_bank
from drivers.bus import Bus, BusBoard, BusTiming
from drivers.bus_events import BusEvent, Pulsed, Reading, UnlockJob
from drivers.runners import ThreadRunner
from drivers.serial_port import SerialPortOpener
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.board import ANSWER_AFTER_S
from drivers.simulator.lines import simulate_lines
from drivers.wiring import BoardWiring, DoorWiring
from tests.bench.figures import Figures, milliseconds

SIMULATOR = """
import json, sys, time
from random import Random
from drivers.wiring import (BoardWiring, DoorWiring)
from drivers.simulator.simulation import SimulatedSite, Simulation

boards, doors = json.loads(sys.argv[1])
site = SimulatedSite(
    tuple(BoardWiring(**each) for each in boards), tuple(DoorWiring(**each) for each in doors)
)
simulation = Simulation(site, Random(1), time.monotonic)
simulation.listen(lambda event: print(json.dumps(event), flush=True))
simulation.run()
"""
LAID_OUT = {9600: ("lockboard-8a", 25, 1), 19200: ("kerong-cu48", 48, 0)}
"""By baud: a family, how many locks each board has at most, and the first address."""
DOORS = (16, 100, 400)
ROUNDS = 5
AT_ONCE = BusTiming(idle_poll_s=0.0)


class FarEnd:
    """Simulated boards in a process of their own, on a pseudo-terminal."""

    def __init__(self, boards: Sequence[BoardWiring], doors: Sequence[DoorWiring]) -> None:
        described = json.dumps(
            [[asdict(each) for each in boards], [asdict(each) for each in doors]]
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", SIMULATOR, described], stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None or "ready" not in self._process.stdout.readline():
            raise RuntimeError("the simulator did not start")

    def __enter__(self) -> FarEnd:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def boards_for(count: int, baud: int, port: Path) -> list[BoardWiring]:
    """Boards for so many doors on one line; as many lines as there are addresses for."""
    family, most, first = LAID_OUT[baud]
    boards: list[BoardWiring] = []
    while (placed := sum(board.channels for board in boards)) < count:
        number = len(boards)
        channels = min(most, count - placed)
        name, address = f"board {number}", first + number
        boards.append(BoardWiring(name, family, str(port), address, max(2, channels)))
    return boards


def doors_of(boards: Sequence[BoardWiring]) -> list[DoorWiring]:
    return [
        DoorWiring(f"{board.address}-{channel}", board.name, channel)
        for board in boards
        for channel in range(1, board.channels + 1)
    ]


def frames(seconds: float) -> Figures:
    """`codec_frames_per_s`: a question made and its answer found and read, by family."""
    figures: Figures = {}
    for name, family in FAMILIES.items():
        channels = min(16, max(family.channel_counts))
        wiring = BoardWiring("b", name, "bench", family.addresses[0], channels)
        board = make_board(wiring)
        answers = _answers(wiring, board)
        count, began_s = 0, time.perf_counter()
        while time.perf_counter() - began_s < seconds:
            for question, answer in zip(board.questions(), answers, strict=True):
                if board.find_answer(question, answer) is None:
                    raise RuntimeError(f"{name} does not read its own simulator")
                count += 1
        figures[name] = round(count / (time.perf_counter() - began_s))
    return {"codec_frames_per_s": figures}


def _answers(wiring: BoardWiring, board: LockBoard) -> list[bytes]:
    """What the simulated board says to each question."""
    doors = doors_of([wiring])
    steel = SimulatedBank([door.slot for door in doors], Random(1), lambda: 0.0)
    line = simulate_lines([wiring], doors, steel)[0][wiring.port]
    answers, now_s = [], 0.0
    for question in board.questions():
        line.write(question.request, now_s)
        now_s += 5.0
        answers.append(line.take(now_s))
    return answers


def polling(folder: Path, rounds: int = ROUNDS) -> Figures:
    """`bank_poll_ms`: a round of all boards on one line, polled without a pause.

    `wire` is how long the bytes of the round take on the wire, both ways; `ratio` is what the gaps
    between frames, the boards' own time and ours add. `ours` is what is ours alone of it: the same
    ratio to the bytes, the gaps and the time that a simulated board takes to answer.
    """
    figures: Figures = {}
    for baud in LAID_OUT:
        for count in DOORS:
            boards = boards_for(count, baud, folder / f"bus-{baud}-{count}")
            figures[f"{count} doors at {baud}"] = _poll(boards, rounds)
    return {"bank_poll_ms": figures}


def _poll(boards: Sequence[BoardWiring], rounds: int) -> Figures:
    with FarEnd(boards, doors_of(boards)):
        took_s = asyncio.run(_rounds(boards, rounds))
    wire_s = least_s = 0.0
    for wiring in boards:
        board = make_board(wiring)
        for question, answer in zip(board.questions(), _answers(wiring, board), strict=True):
            on_wire_s = board.timing.wire_time_s(len(question.request) + len(answer))
            wire_s += on_wire_s
            least_s += on_wire_s + ANSWER_AFTER_S + board.timing.gap_s
    median_s = sorted(took_s)[len(took_s) // 2]
    return milliseconds(took_s) | {
        "wire": round(wire_s * 1000, 1),
        "ratio": round(median_s / wire_s, 2),
        "ours": round(median_s / least_s, 2),
    }


async def _rounds(boards: Sequence[BoardWiring], rounds: int) -> list[float]:
    """How long each round took, the first left out."""
    heard: asyncio.Queue[float] = asyncio.Queue()

    def deliver(event: BusEvent) -> None:
        if isinstance(event, Reading) and event.board == boards[-1].name:
            heard.put_nowait(event.at_s)

    runner = _runner(boards, AT_ONCE)
    runner.start(deliver)
    at_s = [await heard.get() for _ in range(rounds + 1)]
    await runner.stop()
    return [later - earlier for earlier, later in itertools.pairwise(at_s)]


def _runner(boards: Sequence[BoardWiring], timing: BusTiming) -> ThreadRunner:
    on_bus = [BusBoard(each.name, each.family, make_board(each)) for each in boards]
    return ThreadRunner(Bus(SerialPortOpener(boards[0].port), on_bus, time.monotonic, timing))


def unlocking(folder: Path, samples: int) -> Figures:
    """`unlock_latency_ms`: from handing in an unlock to its frame leaving, while a line of four
    boards at 9,600 baud is polled without a pause; `frame_and_gap` is what cannot be avoided: one
    question with its answer, the board's time, and the silence behind it."""
    boards = boards_for(100, 9600, folder / "bus-unlock")
    board = make_board(boards[0])
    answer = _answers(boards[0], board)[0]
    line = board.timing
    on_wire_s = line.wire_time_s(len(board.questions()[0].request) + len(answer))
    least_s = on_wire_s + ANSWER_AFTER_S + line.gap_s
    with FarEnd(boards, doors_of(boards)):
        took_s = asyncio.run(_unlocks(boards, samples))
    return {"unlock_latency_ms": milliseconds(took_s) | {"frame_and_gap": round(least_s * 1000, 1)}}


async def _unlocks(boards: Sequence[BoardWiring], samples: int) -> list[float]:
    pulsed: asyncio.Queue[Pulsed] = asyncio.Queue()
    is_up = asyncio.Event()

    def deliver(event: BusEvent) -> None:
        if isinstance(event, Pulsed):
            pulsed.put_nowait(event)
        elif isinstance(event, Reading):
            is_up.set()

    rng, took_s = Random(1), []
    runner = _runner(boards, AT_ONCE)
    runner.start(deliver)
    await is_up.wait()
    for number in range(samples):
        await asyncio.sleep(rng.uniform(0.2, 0.4))
        board = boards[number % len(boards)]
        began_s = time.monotonic()
        runner.submit(UnlockJob(board.name, 1 + number % board.channels))
        took_s.append((await pulsed.get()).at_s - began_s)
    await runner.stop()
    return took_s


def idling(folder: Path, seconds: float) -> Figures:
    """`idle_poll_cpu_percent`: of one core, of this process while a real bank of 100 doors on one
    line is watched and nothing happens."""
    boards = boards_for(100, 9600, folder / "bus-idle")
    doors = doors_of(boards)
    with FarEnd(boards, doors):
        cpu_s = asyncio.run(_idle(boards, doors, seconds))
    return {"idle_poll_cpu_percent": round(100 * cpu_s / seconds, 2)}


async def _idle(
    boards: Sequence[BoardWiring], doors: Sequence[DoorWiring], seconds: float
) -> float:
    bank = open_bank(boards, doors)
    await bank.start()
    await bank.settled()
    before_s = time.process_time()
    await asyncio.sleep(seconds)
    cpu_s = time.process_time() - before_s
    await bank.stop()
    return cpu_s
