"""`monitor`: all doors of a site live, and the bytes on its lines."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from config import load_site
from drivers.building import open_bank
from drivers.port import PortOpener
from drivers.serial_port import SerialPortOpener
from drivers.tools.monitor import TappedOpener, bytes_line, change_line, picture
from drivers.tools.terminal import site_options
from drivers.wiring import BoardWiring, DoorWiring, wired_boards, wired_doors

LOOK_S: Final = 0.2
HOME_AND_CLEAR: Final = "\x1b[H\x1b[J"
"""What a terminal begins a new picture at."""


@click.command()
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
        note(bytes_line(name, direction, data))

    def opener(port: str) -> PortOpener:
        real = SerialPortOpener(port)
        return TappedOpener(real, tap) if with_bytes else real

    bank = open_bank(boards, doors, open_port=opener)
    bank.listen(lambda change: note(change_line(change)))
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
