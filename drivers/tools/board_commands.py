"""`doors` and `unlock`: read one board, and pulse one of its locks."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import Final

import click

from drivers.bank import BankTiming
from drivers.boards import FAMILIES
from drivers.boards.family import BoardFamily, LockBoard
from drivers.boards.options import parse_option
from drivers.building import open_bank
from drivers.bus import BusBoard
from drivers.door import DriverError, Outcome, Unlocked
from drivers.tools.discovery import identify, possible_boards
from drivers.tools.terminal import (
    CLOCK,
    EXIT_PROBLEM,
    held_port,
    json_option,
    milliseconds,
    port_option,
    print_json,
)
from drivers.tools.workbench import HeldPort, Workbench
from drivers.wiring import BoardWiring, DoorWiring

OPEN_OUTCOMES: Final = (Outcome.OPENED, Outcome.ALREADY_OPEN)
SETTLE_TIMEOUT_S: Final = 5.0


class SilentBoardError(DriverError):
    """No board answers at the address."""

    def __init__(self, port: str, family: str, address: int) -> None:
        super().__init__(
            f"no {family} answers at address {address} on {port}: check its power, the wires A "
            f"and B, and its address switches; or look for it: python -m drivers find --port {port}"
        )


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


@click.command()
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
        bench = Workbench(held, [BusBoard("board", family, board)], CLOCK)
        begun_s = CLOCK()
        states = bench.read_settled("board")
        elapsed_ms = milliseconds(CLOCK() - begun_s)
        bench.close()
    for channel, state in sorted(states.items()):
        row = {"port": port, "family": family, "board": address, "channel": channel}
        if as_json:
            print_json({**row, "state": state, "elapsed_ms": elapsed_ms})
        else:
            click.echo(f"board {address}, channel {channel:2}: {state}")


@click.command()
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
    begun_s = CLOCK()
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
        elapsed_s = CLOCK() - begun_s
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
    sys.exit(0 if unlocked.outcome in OPEN_OUTCOMES else EXIT_PROBLEM)


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
    board = identify(boards, held, CLOCK)
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
