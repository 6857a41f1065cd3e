"""`python -m drivers …`: tools for the installer at the machine.

Exit codes: 0 done, 1 done with a finding (a door that did not open, nothing found), 2 for what has
to be put right first; that is told in one line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import queue
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from config import ConfigError, load_site
from config.rewriting import rewire
from drivers.bank import BankTiming
from drivers.boards import FAMILIES
from drivers.boards.family import BoardFamily, LockBoard
from drivers.boards.options import parse_option
from drivers.building import make_board, open_bank
from drivers.bus import BusBoard
from drivers.door import DriverError, Outcome, Unlocked
from drivers.port import PortOpener
from drivers.scanner import DEFAULT_BAUD, Scanner, ScannerRead
from drivers.serial_port import SerialPortOpener
from drivers.tools.commissioning import Commissioned, Commissioning, CommissioningTiming
from drivers.tools.discovery import identify, possible_boards, search
from drivers.tools.monitor import TappedOpener, picture, told_bytes, told_change
from drivers.tools.workbench import HeldPort, Workbench
from drivers.wiring import BoardWiring, DoorWiring, wired_boards, wired_doors

EXIT_FINDING: Final = 1
EXIT_MISTAKE: Final = 2
EXIT_INTERRUPTED: Final = 130
OPEN_OUTCOMES: Final = (Outcome.OPENED, Outcome.ALREADY_OPEN)
SETTLE_TIMEOUT_S: Final = 5.0
LOOK_S: Final = 0.2
HOME_AND_CLEAR: Final = "\x1b[H\x1b[J"
"""What a terminal begins a new picture at."""

Option = Callable[[Callable[..., None]], Callable[..., None]]


class SilentBoardError(DriverError):
    """No board answers at the address."""

    def __init__(self, port: str, family: str, address: int) -> None:
        super().__init__(
            f"no {family} answers at address {address} on {port}: check its power, the wires A "
            f"and B, and its address switches; or look for it: python -m drivers find --port {port}"
        )


def port_option(what: str) -> Option:
    """`--port`, the same for every command."""
    return click.option(
        "--port",
        required=True,
        help=f"The port of {what}: /dev/…, socket://HOST:PORT, or sim://FAMILY.",
    )


json_option: Final = click.option("--json", "as_json", is_flag=True, help="One object a line.")


def board_options(command: Callable[..., None]) -> Callable[..., None]:
    """What names one board, the same for every command."""
    for option in (
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="NAME=VALUE",
            help="An option of the family; may be given again for another.",
        ),
        click.option("--invert", is_flag=True, help="The sensors say open for closed."),
        click.option(
            "--channels",
            type=click.IntRange(min=1),
            help="How many locks the board has; else as many as its answer has room for.",
        ),
        click.option(
            "--board", "address", required=True, type=int, help="The address on the wire."
        ),
        click.option("--family", required=True, type=click.Choice(tuple(FAMILIES))),
        port_option("the lock board"),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Tools for lock boards and scanners, for the installer at the machine."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        sys.exit(EXIT_MISTAKE)
    # What a driver would log is told by the commands themselves.
    logging.getLogger("drivers").setLevel(logging.CRITICAL)


# --- one board -----------------------------------------------------------------------------------


@main.command()
@board_options
@json_option
def doors(
    port: str,
    family: str,
    address: int,
    channels: int | None,
    invert: bool,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print the state of each door of a board."""
    with held_port(port) as held:
        board = board_at(held, FAMILIES[family], address, channels, invert, options)
        bench = Workbench(held, [BusBoard("board", family, board)], time.monotonic)
        begun_s = time.monotonic()
        states = bench.read_settled("board")
        elapsed_ms = milliseconds(time.monotonic() - begun_s)
        bench.close()
    for channel, state in sorted(states.items()):
        row = {"port": port, "family": family, "board": address, "channel": channel}
        if as_json:
            print_json({**row, "state": state, "elapsed_ms": elapsed_ms})
        else:
            click.echo(f"board {address}, channel {channel:2}: {state}")


@main.command()
@board_options
@click.option("--channel", required=True, type=click.IntRange(min=1), help="Counted from 1.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0.1, max=120),
    default=10.0,
    show_default=True,
    help="How many seconds the door has to open.",
)
@json_option
def unlock(
    port: str,
    family: str,
    address: int,
    channels: int | None,
    invert: bool,
    options: tuple[str, ...],
    channel: int,
    wait_s: float,
    as_json: bool,
) -> None:
    """Pulse one lock, once, and report what came of it. Exit 0 only for an open door."""
    begun_s = time.monotonic()
    reason = ""
    with held_port(port) as held:
        try:
            board = board_at(held, FAMILIES[family], address, channels, invert, options)
        except SilentBoardError as error:
            unlocked, reason = Unlocked(Outcome.UNREACHABLE, pulsed=False), str(error)
        else:
            board.unlock_request(channel)  # refuses a channel that the board does not have
            wiring = BoardWiring(
                "board", family, port, address, board.channels, invert, parsed(family, options)
            )
            unlocked = asyncio.run(unlocked_on(held, wiring, channel, wait_s))
    elapsed_s = unlocked.elapsed_s
    if elapsed_s is None:
        elapsed_s = time.monotonic() - begun_s
    if as_json:
        row = {"port": port, "family": family, "board": address, "channel": channel}
        wrong = {} if unlocked.wrong_slot is None else {"wrong_channel": int(unlocked.wrong_slot)}
        print_json(
            {**row, "outcome": unlocked.outcome, "elapsed_ms": milliseconds(elapsed_s), **wrong}
        )
    else:
        click.echo(f"board {address}, channel {channel}: {unlocked.outcome}")
        reason = reason or said_of(unlocked, channel, wait_s)
    if reason:
        click.echo(f"drivers: {reason}", err=True)
    sys.exit(0 if unlocked.outcome in OPEN_OUTCOMES else EXIT_FINDING)


async def unlocked_on(held: HeldPort, wiring: BoardWiring, channel: int, wait_s: float) -> Unlocked:
    """Open one door of a board as the kiosk would."""
    slots = [DoorWiring(str(each), wiring.name, each) for each in range(1, wiring.channels + 1)]
    bank = open_bank([wiring], slots, open_port=lambda _: held, timing=BankTiming(window_s=wait_s))
    await bank.start()
    try:
        # A sensor elsewhere on the board that never rests does not keep this door shut.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(bank.settled(), SETTLE_TIMEOUT_S)
        return await bank.open_slot(str(channel))
    finally:
        await bank.stop()


def said_of(unlocked: Unlocked, channel: int, wait_s: float) -> str:
    """What an outcome means for the installer; empty when the door is open."""
    match unlocked.outcome:
        case Outcome.JAMMED:
            return (
                f"The pulse was sent and no door moved within {wait_s:g} s: check the lock's plug, "
                f"its 12 V, and whether something presses against the door."
            )
        case Outcome.WRONG_DOOR:
            return (
                f"The door of channel {unlocked.wrong_slot} moved instead: shut it. The cables of "
                f"channels {channel} and {unlocked.wrong_slot} may have changed places."
            )
        case Outcome.SENT:
            return "The pulse was sent; this board has no sensors: look at the door."
        case Outcome.UNREACHABLE:
            sent = "The pulse may have been sent." if unlocked.pulsed else "Nothing was sent."
            return f"The board does not answer. {sent} Check its power and the wires A and B."
    return ""


def board_at(
    held: HeldPort,
    family: BoardFamily,
    address: int,
    channels: int | None,
    invert: bool,
    options: tuple[str, ...],
) -> LockBoard:
    """The board at an address, with as many locks as it was said to have or answers for.

    Raises `SilentBoardError`, `PortUnavailableError`, or `BoardSettingError`.
    """
    values = parsed(family.name, options)
    boards: tuple[LockBoard, ...]
    if channels is None:
        boards = possible_boards(family, address, invert=invert, options=values)
    else:
        boards = (family(address, channels, invert=invert, options=values),)
    held.open(boards[0].timing.baud)
    board = identify(boards, held, time.monotonic)
    if board is None:
        raise SilentBoardError(held.name, family.name, address)
    return board


def parsed(family: str, options: tuple[str, ...]) -> Mapping[str, object]:
    """The options that were given as NAME=VALUE."""
    values: dict[str, object] = {}
    for option in options:
        name, sign, text = option.partition("=")
        if not sign:
            raise DriverError(f"--option {option!r}: write NAME=VALUE")
        key, value = parse_option(family, FAMILIES[family].options, name, text)
        values[key] = value
    return values


# --- looking for boards --------------------------------------------------------------------------


class Addresses(click.ParamType[range]):
    """`FIRST-LAST`, or one address."""

    name = "FIRST-LAST"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        first, _, last = str(value).partition("-")
        last = last or first
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            self.fail(f"{value!r} are no addresses; write 1-31, or one address", param, ctx)
        if int(last) < int(first):
            self.fail(f"{value!r} begins after its end; write it the other way round", param, ctx)
        return range(int(first), int(last) + 1)


@main.command()
@port_option("the lock boards")
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(tuple(FAMILIES)),
    help="Look for this family only; may be given again for another.",
)
@click.option(
    "--addresses",
    type=Addresses(),
    help="Which addresses; else the first 32 of each family.",
)
@json_option
def find(port: str, families: tuple[str, ...], addresses: range | None, as_json: bool) -> None:
    """Look for boards: every family, every address. Only reads; never an unlock."""
    wanted = families or tuple(FAMILIES)
    count = 0
    with held_port(port) as held:
        for found in search(
            held,
            time.monotonic,
            wanted,
            addresses,
            lambda family: click.echo(f"Looking for {family} …", err=True),
        ):
            count += 1
            if as_json:
                print_json(
                    {
                        "port": port,
                        "family": found.family,
                        "board": found.board.address,
                        "channels": found.board.channels,
                        "elapsed_ms": milliseconds(found.elapsed_s),
                    }
                )
            else:
                click.echo(
                    f"{found.family}, board {found.board.address}, "
                    f"at most {found.board.channels} locks"
                )
    if count == 0:
        click.echo(
            "drivers: nothing answered: check the boards' power, exchange the wires A and B, and "
            "compare the speed that is set on the boards with their family's",
            err=True,
        )
        sys.exit(EXIT_FINDING)


# --- scanners ------------------------------------------------------------------------------------


@main.command()
@port_option("the scanner")
@click.option("--baud", type=click.IntRange(min=300), default=DEFAULT_BAUD, show_default=True)
@click.option("--count", type=click.IntRange(min=1), help="End after so many reads.")
@json_option
def scan(port: str, baud: int, count: int | None, as_json: bool) -> None:
    """Print what a scanner reads, with its kind and check, until Ctrl-C."""
    news: queue.Queue[ScannerRead | str] = queue.Queue()
    with held_port(port) as held:
        held.open(baud)
        click.echo(f"Hold a label before the scanner on {port}. Ctrl-C ends.", err=True)
        scanner = Scanner(
            held,
            news.put,
            time.monotonic,
            baud=baud,
            on_reachable=lambda reachable, reason: None if reachable else news.put(reason),
        )
        scanner.start()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                print_reads(port, news, count, as_json)
        finally:
            scanner.stop()


def print_reads(
    port: str, news: queue.Queue[ScannerRead | str], count: int | None, as_json: bool
) -> None:
    """What the scanner reads, until there were so many; its outages in between."""
    reads = 0
    while count is None or reads < count:
        item = news.get()
        if isinstance(item, str):
            click.echo(f"drivers: {item}", err=True)
        else:
            reads += 1
            print_read(port, item, as_json)


def print_read(port: str, read: ScannerRead, as_json: bool) -> None:
    """One read, as a line."""
    if as_json:
        row = {"port": port, "text": read.text, "aim_id": read.aim_id, "refused": read.refused}
        print_json({**row, "kind": read.kind, "check": read.check})
    elif read.refused:
        click.echo(f"refused: it {read.refused}")
    else:
        shown = read.text.replace("\x1d", "<GS>")
        symbology = f" {read.aim_id}" if read.aim_id else ""
        click.echo(f"{shown}  ({read.kind}, check {read.check}{symbology})")
        if read.warning:
            click.echo(f"  {read.warning}")


# --- a whole site --------------------------------------------------------------------------------


def site_options(command: Callable[..., None]) -> Callable[..., None]:
    """What names a site, the same for every command."""
    for option in (
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path("data/kiosk"),
            show_default=True,
            help="The kiosk's data folder, in which relative ports lie.",
        ),
        click.option(
            "--config",
            "config_path",
            required=True,
            type=click.Path(path_type=Path, dir_okay=False),
            help="The site file.",
        ),
    ):
        command = option(command)
    return command


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


@main.command()
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
            time.monotonic,
            time.sleep,
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
            bench = Workbench(held, on_bus, time.monotonic)
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
    if learnt.findings:
        click.echo("Left to be put right at the machine:")
        for finding in learnt.findings:
            click.echo(f"- {finding}")
        sys.exit(EXIT_FINDING)


@main.command()
@site_options
@click.option("--bytes", "with_bytes", is_flag=True, help="Show the bytes on the lines too.")
def monitor(config_path: Path, data: Path, with_bytes: bool) -> None:
    """Show all doors live, until Ctrl-C. Written to a file or a pipe: every change as a line."""
    site = load_site(config_path)
    boards, doors = wired_boards(site.boards, data.absolute()), wired_doors(site.slots)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(monitored(boards, doors, with_bytes))


async def monitored(
    boards: Sequence[BoardWiring], doors: Sequence[DoorWiring], with_bytes: bool
) -> None:
    """Watch a bank and show it until this is cancelled."""
    is_screen = sys.stdout.isatty()
    newest: deque[str] = deque(maxlen=12)

    def note(line: str) -> None:
        if is_screen:
            newest.append(line)
        else:
            click.echo(line)
            sys.stdout.flush()

    def tap(name: str, direction: str, data: bytes) -> None:
        note(told_bytes(name, direction, data))

    def opener(port: str) -> PortOpener:
        real = SerialPortOpener(port)
        return TappedOpener(real, tap) if with_bytes else real

    bank = open_bank(boards, doors, open_port=opener)
    bank.listen(lambda change: note(told_change(change)))
    await bank.start()
    try:
        while True:
            if is_screen:
                columns = shutil.get_terminal_size().columns
                lines = [*picture(bank, boards, doors, columns), *newest]
                click.echo(HOME_AND_CLEAR + "\n".join(lines))
            await asyncio.sleep(LOOK_S)
    finally:
        await bank.stop()


# --- for all of them -----------------------------------------------------------------------------


@contextlib.contextmanager
def held_port(port: str) -> Iterator[HeldPort]:
    """The port, opened at most once, and given back at the end."""
    held = HeldPort(SerialPortOpener(port))
    try:
        yield held
    finally:
        held.release()


def milliseconds(seconds: float) -> int:
    """As it stands in the JSON forms."""
    return round(seconds * 1000)


def print_json(row: Mapping[str, object]) -> None:
    """One object on a line of its own, at once."""
    click.echo(json.dumps(row))
    sys.stdout.flush()


def entry() -> None:
    """Run a command; every mistake is one line."""
    try:
        main(prog_name="python -m drivers", standalone_mode=False)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
    except (DriverError, ConfigError, OSError) as error:
        message = str(error)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    else:
        return
    click.echo(f"drivers: {message}", err=True)
    sys.exit(EXIT_MISTAKE)


if __name__ == "__main__":
    entry()
