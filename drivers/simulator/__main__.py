"""The simulated bank as a process: `python -m drivers.simulator --config FILE --data DIR`.

Puts a pseudo-terminal under the name of every port in the site's config and speaks the boards'
bytes there. Prints one JSON object per event on stdout; takes commands from a script or from stdin.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TextIO

import click

from config import ConfigError, Site, load_site
from drivers.bank import BoardWiring, DoorWiring
from drivers.door import DriverError
from drivers.simulator.commands import Command, CommandError, parse_command
from drivers.simulator.labels import read_labels
from drivers.simulator.simulation import Event, SimulatedSite, Simulation

EXIT_BAD_INPUT = 2


def simulated_site(site: Site, data: Path) -> SimulatedSite:
    """What to simulate for a site; ports that are not absolute lie in the data folder."""
    boards = tuple(
        BoardWiring(
            board.name,
            board.family,
            str(data / board.port),
            board.address,
            board.channels,
            board.invert,
        )
        for board in site.boards
    )
    doors = tuple(
        DoorWiring(slot.label, slot.board, slot.channel)
        for locker in site.lockers
        for slot in locker.slots
    )
    if site.scanner is None:
        return SimulatedSite(boards, doors)
    return SimulatedSite(boards, doors, str(data / site.scanner.port), site.scanner.baud)


class CommandReader:
    """Turns what comes on a descriptor into commands, and its end into the simulation's end."""

    def __init__(self, fd: int, simulation: Simulation, emit: Callable[[Event], None]) -> None:
        self._fd = fd
        self._simulation = simulation
        self._emit = emit
        self._received = b""

    def read(self) -> None:
        """Take what is there now."""
        data = os.read(self._fd, 4096)
        if not data:
            self._simulation.forget(self._fd)
            self._simulation.stop()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", errors="replace"))

    def _take(self, line: str) -> None:
        try:
            command = parse_command(line)
            if command is not None:
                self._simulation.play([command])
        except DriverError as error:
            self._emit({"event": "error", "message": str(error)})


def read_script(path: Path) -> list[Command]:
    """All commands of a file, or a `CommandError` with every line that is none."""
    script, mistakes = [], []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"the script {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            command = parse_command(line)
        except CommandError as error:
            mistakes.append(f"{path}:{number}: {error}")
        else:
            if command is not None:
                script.append(command)
    if mistakes:
        raise CommandError("\n".join(mistakes))
    return script


def print_event(event: Event) -> None:
    """One JSON object on a line of its own, at once."""
    try:
        print(json.dumps(event), flush=True)
    except BrokenPipeError:
        # Whoever read the events is gone; the doors go on.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def write_to(file: TextIO) -> Callable[[Event], None]:
    """A listener that writes each event as a line of JSON."""

    def write(event: Event) -> None:
        file.write(json.dumps(event) + "\n")
        file.flush()

    return write


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_path", required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--script", help="A file of commands, or - for stdin.")
@click.option(
    "--labels", type=click.Path(path_type=Path, dir_okay=False), help="Labels to scan, as CSV."
)
@click.option("--wire-log", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seed", type=int, help="Makes the doors' springs the same each time.")
def main(
    config_path: Path,
    data: Path,
    script: str | None,
    labels: Path | None,
    wire_log: Path | None,
    seed: int | None,
) -> None:
    """Simulate the lock boards and the scanner of a site."""
    try:
        site = simulated_site(load_site(config_path), data.absolute())
        known_labels = read_labels(labels) if labels is not None else ()
        simulation = Simulation(site, Random(seed), time.monotonic, known_labels)
        simulation.listen(print_event)
        if wire_log is not None:
            simulation.listen_to_wires(write_to(wire_log.open("w", encoding="utf-8")))
        if script == "-":
            fd = sys.stdin.fileno()
            simulation.watch(fd, CommandReader(fd, simulation, print_event).read)
        elif script is not None:
            simulation.play(read_script(Path(script)))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: simulation.stop())
        simulation.run()
    except (DriverError, ConfigError, OSError) as error:
        click.echo(f"simulator: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    main()
