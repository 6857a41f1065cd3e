"""The simulated bank as a process: `python -m drivers.simulator --config FILE --data DIR`.

Puts a pseudo-terminal under the name of every port in the site's config, or listens there when it
is `socket://HOST:PORT`, and speaks the boards' bytes. Prints one JSON object per event on stdout;
takes commands from a script or from stdin.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Thread
from typing import TextIO

import click

from config import ConfigError, Site, load_site
from config.schema import Face
from drivers.door import DriverError
from drivers.port import port_in
from drivers.simulator.commands import USAGE, Command, CommandError, parse_command
from drivers.simulator.faults import CALLS_FOR
from drivers.simulator.labels import read_labels
from drivers.simulator.simulation import Event, SimulatedSite, Simulation
from drivers.simulator.window_contents import Contents
from drivers.simulator.window_environment import WindowPlace, prepare
from drivers.simulator.window_layout import BankDrawing, Box, DoorFace, LockerFace
from drivers.simulator.window_site import SWITCHES, WindowSite, parse_pins
from drivers.wiring import wired_boards, wired_doors

EXIT_BAD_INPUT = 2
CONTENTS = "behind-the-doors.json"
"""In the data folder: which packages the simulated people have put where."""
EPILOG = (
    f"Commands, one on a line: {USAGE}. Faults of a board: "
    + ", ".join(f"{fault} ({what})" for fault, what in CALLS_FOR.items())
    + "; with a PROBABILITY of 0 to 1 a fault comes now and then."
)


def simulated_site(site: Site, data: Path) -> SimulatedSite:
    """What to simulate for a site; ports that are no URLs and not absolute lie in `data`."""
    boards, doors = wired_boards(site.boards, data), wired_doors(site.slots)
    if site.scanner is None:
        return SimulatedSite(boards, doors)
    return SimulatedSite(boards, doors, port_in(data, site.scanner.port), site.scanner.baud)


def window_site(site: Site, pins: str) -> WindowSite:
    """What the window draws of a site."""

    def box(face: Face) -> Box:
        return Box(face.left_mm, face.bottom_mm, face.width_mm, face.height_mm)

    drawing = BankDrawing(
        tuple(LockerFace(locker.label, box(locker)) for locker in site.lockers),
        tuple(DoorFace(slot.label, slot.size, box(slot)) for slot in site.slots),
        box(site.screen),
    )
    return WindowSite(
        site.location.id,
        site.location.name,
        drawing,
        site.scanner is not None,
        parse_pins(pins) if pins else (),
    )


def phones_folder(site: Site, data: Path, phones: Path | None) -> Path | None:
    """Where the messages to phones come: what was asked for, else what the config says."""
    if phones is not None or site.messages is None:
        return phones
    return data / site.messages.folder


def run_in_window(
    simulation: Simulation, site: WindowSite, contents: Contents, phones: Path | None
) -> None:
    """Run the simulation on a thread beside its window until either ends; then both have."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            simulation.run()
        except (DriverError, OSError) as error:
            failures.append(error)

    thread = Thread(target=run, name="simulation")
    thread.start()
    try:
        # Only with a window: a simulator without one needs no Kivy.
        from drivers.simulator.window import SimulatorWindow

        SimulatorWindow(simulation, thread.is_alive, site, contents, phones, print_event).run()
    finally:
        simulation.stop()
        thread.join()
    if failures:
        raise failures[0]


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
        # In one piece: the window tells of its switches from a thread of its own.
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the events is gone; the doors go on.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def write_to(file: TextIO) -> Callable[[Event], None]:
    """A listener that writes each event as a line of JSON."""

    def write(event: Event) -> None:
        file.write(json.dumps(event) + "\n")
        file.flush()

    return write


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.option("--config", "config_path", required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--script", help="A file of commands, or - for stdin.")
@click.option(
    "--do",
    "first_commands",
    multiple=True,
    metavar="COMMAND",
    help="A command to begin with, as 'fault left garbled 0.05' or 'power off 20'; may be given "
    "several times.",
)
@click.option(
    "--labels", type=click.Path(path_type=Path, dir_okay=False), help="Labels to scan, as CSV."
)
@click.option("--wire-log", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seed", type=int, help="Makes the doors' springs the same each time.")
@click.option("--window", metavar="WxH+L+T", help="Open a window of this size at this place.")
@click.option("--phones", type=click.Path(path_type=Path), help="The folder with the messages.")
@click.option("--pins", default="", help="PINs to show: 'courier 11 4711, technician 99 8080'.")
@click.option("--badge", default="", help="The courier's badge to scan: its QR code's text.")
@click.option(
    "--badge-of",
    "badges",
    type=(str, str),
    multiple=True,
    metavar="NAME TEXT",
    help="Another badge to scan: whose it is, and its QR code's text.",
)
@click.option(
    "--switch",
    "switches",
    multiple=True,
    type=click.Choice(list(SWITCHES)),
    help="Show this switch; turning it prints an event.",
)
def main(
    config_path: Path,
    data: Path,
    script: str | None,
    first_commands: tuple[str, ...],
    labels: Path | None,
    wire_log: Path | None,
    seed: int | None,
    window: str | None,
    phones: Path | None,
    pins: str,
    badge: str,
    badges: tuple[tuple[str, str], ...],
    switches: tuple[str, ...],
) -> None:
    """Simulate the lock boards and the scanner of a site."""
    try:
        described, data = load_site(config_path), data.absolute()
        shown = window_site(described, pins)
        shown = replace(shown, badge=badge, badges=badges, switches=switches)
        if window is not None:
            prepare(WindowPlace.parse(window))
        known_labels = read_labels(labels) if labels is not None else ()
        simulation = Simulation(
            simulated_site(described, data), Random(seed), time.monotonic, known_labels
        )
        contents = Contents(
            data / CONTENTS,
            [label.barcode for label in known_labels],
            lambda: simulation.closes_doors,
        )
        if labels is not None:
            simulation.listen(contents.heard)
        simulation.listen(print_event)
        if wire_log is not None:
            simulation.listen_to_wires(write_to(wire_log.open("w", encoding="utf-8")))
        simulation.play([each for line in first_commands if (each := parse_command(line))])
        if script == "-":
            fd = sys.stdin.fileno()
            simulation.watch(fd, CommandReader(fd, simulation, print_event).read)
        elif script is not None:
            simulation.play(read_script(Path(script)))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: simulation.stop())
        if window is None:
            simulation.run()
        else:
            run_in_window(simulation, shown, contents, phones_folder(described, data, phones))
    except (DriverError, ConfigError, OSError) as error:
        click.echo(f"simulator: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    main()
