"""`commission`: the walk through a bank, and the site file that is corrected by it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from config import load_site
from config.rewriting import rewire
from drivers.building import make_board
from drivers.bus import BusBoard
from drivers.door import DriverError
from drivers.tools.commissioning import Commissioned, Commissioning, CommissioningTiming
from drivers.tools.terminal import CLOCK, EXIT_PROBLEM, WAIT, held_port, site_options
from drivers.tools.workbench import Workbench
from drivers.wiring import BoardWiring, wired_boards, wired_doors


class TerminalInstaller:
    """The person at the keyboard: questions on stdout, answers on stdin, a line each."""

    def tell(self, text: str) -> None:
        click.echo(text)
        sys.stdout.flush()

    def confirm(self, text: str) -> None:
        self.tell(f"{text} Then press Enter.")
        self._line()

    def choose(self, text: str, answers: Sequence[str]) -> str:
        while True:
            self.tell(text)
            answer = self._line() or answers[0]
            if answer in answers:
                return answer
            self.tell(f"{answer!r} is none of {', '.join(answers)}.")

    def _line(self) -> str:
        line = sys.stdin.readline()
        if not line:
            raise DriverError("the answers ended before the walk did: nothing was written")
        return line.strip()


@click.command()
@site_options
@click.option(
    "--door",
    "slots",
    multiple=True,
    metavar="LABEL",
    help="Walk this door only; may be given again for another.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0.1, max=120),
    default=5.0,
    show_default=True,
    help="How many seconds a sensor has to move.",
)
def commission(config_path: Path, data: Path, slots: tuple[str, ...], wait_s: float) -> None:
    """Walk through a bank door by door and correct the site file.

    Opens each door once, asks which one that was and to shut it; learns polarity and wiring, finds
    exchanged cables and dead sensors. The kiosk must not run meanwhile. Exit 1 when something is
    left to be put right at the machine.
    """
    site = load_site(config_path)
    boards, doors = wired_boards(site.boards, data.absolute()), wired_doors(site.slots)
    labels = [door.slot for door in doors]
    for slot in slots:
        if slot not in labels:
            raise DriverError(f"--door {slot!r}: there is no such slot; {', '.join(labels)} are")
    with benches_for(boards) as benches:
        learnt = Commissioning(
            benches,
            boards,
            doors,
            TerminalInstaller(),
            CLOCK,
            WAIT,
            CommissioningTiming(window_s=wait_s),
        ).run(slots or labels)
    write_learnt(config_path, learnt)


@contextlib.contextmanager
def benches_for(boards: Sequence[BoardWiring]) -> Iterator[Mapping[str, Workbench]]:
    """For each board the workbench of its port; the sensors are read as the family has them."""
    with contextlib.ExitStack() as stack:
        benches: dict[str, Workbench] = {}
        for port in dict.fromkeys(board.port for board in boards):
            held = stack.enter_context(held_port(port))
            on_bus = [
                BusBoard(board.name, board.family, make_board(replace(board, invert=False)))
                for board in boards
                if board.port == port
            ]
            held.open(on_bus[0].lock_board.timing.baud)
            bench = Workbench(held, on_bus, CLOCK)
            stack.callback(bench.close)
            benches.update({board.name: bench for board in on_bus})
        yield benches


def write_learnt(config_path: Path, learnt: Commissioned) -> None:
    """Correct the site file, and say what was changed and what is left to be done."""
    backup = rewire(config_path, learnt.inverted, learnt.wires)
    if backup is None:
        click.echo(f"{config_path} is right as it is.")
    else:
        click.echo(f"{config_path} was corrected; the old one is {backup}.")
    if learnt.problems:
        click.echo("Left to be put right at the machine:")
        for problem in learnt.problems:
            click.echo(f"- {problem}")
        sys.exit(EXIT_PROBLEM)
