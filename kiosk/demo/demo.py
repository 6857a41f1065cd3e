"""The demo on one machine: the simulated locker bank and the kiosk, side by side.

A composition root like `app.py`, but of processes: it starts them, says what a person can try, and
ends all of them together. On a machine without a display it brings a virtual screen along and
serves it to a browser.
"""

from __future__ import annotations

import csv
import getpass
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from config import DEMO_PACKAGES, DEMO_SITE, Site, load_site
from kiosk.child_processes import is_free, last_lines
from kiosk.demo.folder import DemoRunsError, demo_folder, is_seeded, mark_seeded, tell_address
from kiosk.demo.player import code_that_opens, seed_demo
from kiosk.demo.processes import START_PATIENCE_S, DemoError, Processes, free_port, module
from kiosk.demo.server import CARRIER_NAME, PARCEL, DemoServer, DemoServerError
from kiosk.model.invariants import present
from kiosk.scratch import scratch_folder

SEEDED_PACKAGES = 3
"""So many of the expected packages lie inside at the first start; the rest are labels to scan."""

PINS = "courier 11 4711, technician 99 8080"
BADGE = "PKS:11:DEMOBADGEOFKIM11"

BROWSER_PORTS = range(6080, 6100)
NOVNC = Path("/usr/share/novnc")
VIRTUAL_SCREEN = (1480, 1000)


class _Stopped(BaseException):
    """Somebody asked the demo to end (SIGTERM, SIGHUP)."""


def run_window_demo(fresh: bool, data: Path, cluster: Path | None = None) -> int:
    """Run the demo until a window is closed or somebody stops it.

    Args:
        fresh: remove what an earlier demo left in `data` first.
        data: the demo's data folder; made when missing.
        cluster: the folder of a running cluster at which the kiosk enrols, instead of at a server
            of the demo's own.

    Returns:
        The exit code: 0 after a closed window or a stop, 1 when a part failed or another demo
        runs in `data`.

    Raises:
        DemoError: when it cannot start; nothing is left running.
    """
    site = load_site(DEMO_SITE)
    try:
        with (
            demo_folder(data, fresh=fresh),
            _signals_raise(),
            scratch_folder() as scratch,
            Processes(data, scratch) as processes,
        ):
            try:
                return _run(site, data, processes, cluster)
            except (_Stopped, KeyboardInterrupt):
                return 0
    except DemoRunsError as error:
        print(error, file=sys.stderr)
        return 1


def _run(site: Site, data: Path, processes: Processes, cluster: Path | None) -> int:
    labels = _write_labels(data)
    if not is_seeded(data):
        print("First start: three packages are put into the lockers …", flush=True)
        _seed(site, data, labels, processes)
    server = _start_server(site, data, processes, cluster)
    badge = _second_carrier(server, labels)
    served = None if _has_display() else _virtual_screen(processes)
    screen = VIRTUAL_SCREEN if served else _screen_size(processes.environment)
    kiosk_place, bank_place = side_by_side(screen, (site.screen.width_px, site.screen.height_px))
    window = ["--window", str(bank_place), "--pins", PINS, "--badge", BADGE, "--switch", "power"]
    network = ["--switch", "network"] if server is not None else []
    phones = ["--phones", str(server.phones)] if server is not None else []
    second = ["--badge-of", f"Courier of {CARRIER_NAME}", badge] if badge else []
    bank = _start_bank(data, labels, processes, *window, *network, *phones, *second)
    where = ["--data", str(data), "--geometry", str(kiosk_place)]
    run = [*module("kiosk"), "run", "--config", str(DEMO_SITE), *where]
    code = code_that_opens(data)  # before the kiosk has the database for itself
    switched = _Switched(processes, run, server)
    _tell(site, data, code, served, server)
    if server is not None:
        if server.is_new and site.messages is not None:
            # What the kiosk wrote while nobody else did; the server tells the same people.
            shutil.rmtree(data / site.messages.folder, ignore_errors=True)
        server.announce(DEMO_PACKAGES)
    return processes.wait_for_one_of(lambda: (bank, *switched.look()))


class _Switched:
    """What the switches in the simulator's window turn: the kiosk's power, and its network."""

    def __init__(self, processes: Processes, command: list[str], server: DemoServer | None) -> None:
        self._processes, self._command, self._server = processes, command, server
        self._kiosk: subprocess.Popen[bytes] | None = processes.start("kiosk", command)
        self._read = 0

    def look(self) -> tuple[subprocess.Popen[bytes], ...]:
        """Do what was switched since the last look; the processes that are to run now."""
        with self._processes.log_of("simulator").open("rb") as log:
            log.seek(self._read)
            said = log.read()
        whole = said.rfind(b"\n") + 1
        self._read += whole
        for line in said[:whole].splitlines():
            if line.startswith(b'{"event": "switch"'):
                event = json.loads(line)
                self._turn(event["name"], is_on=event["on"])
        return () if self._kiosk is None else (self._kiosk,)

    def _turn(self, name: str, *, is_on: bool) -> None:
        if name == "network" and self._server is not None:
            wire = self._server.network
            (wire.join if is_on else wire.cut)()
        elif name == "power" and is_on and self._kiosk is None:
            self._kiosk = self._processes.start("kiosk", self._command)
        elif name == "power" and not is_on and self._kiosk is not None:
            self._processes.kill(self._kiosk)
            self._kiosk = None


def _start_server(
    site: Site, data: Path, processes: Processes, cluster: Path | None
) -> DemoServer | None:
    """The central server; without it the kiosk sends its own messages."""
    try:
        if cluster is not None:
            return DemoServer.join(site, data, cluster)
        return DemoServer.start(site, data, processes)
    except (DemoError, DemoServerError) as error:
        print(f"The demo goes on without a central server: {error}", flush=True)
        return None


def _second_carrier(server: DemoServer | None, labels: Path) -> str:
    """The badge of the second carrier's courier, and the label of what they bring beside the
    others; "" where there is none."""
    try:
        badge = server.badge() if server is not None else ""
    except DemoServerError as error:
        print(f"The demo goes on without its second carrier: {error}", flush=True)
        return ""
    if badge:
        with labels.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(
                [PARCEL[name] for name in ("barcode", "size", "name", "phone")]
            )
    return badge


# --- the first packages -------------------------------------------------------------------------


def _write_labels(data: Path) -> Path:
    """The labels that lie on the courier's table: all but those that are stored already."""
    with DEMO_PACKAGES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    labels = data / "labels.csv"
    with labels.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([rows[0], *rows[1 + SEEDED_PACKAGES :]])
    return labels


def _seed(site: Site, data: Path, labels: Path, processes: Processes) -> None:
    """Put the first packages in by the real flow, at a bank that shuts its own doors."""
    bank = _start_bank(data, labels, processes)
    commands = present(bank.stdin, "the bank is started with a pipe for its commands")
    commands.write(b"close-after 0.2\n")
    commands.flush()
    seed_demo(load_site(DEMO_SITE), data, DEMO_PACKAGES, SEEDED_PACKAGES)
    processes.stop(bank)
    mark_seeded(data)


# --- processes ---------------------------------------------------------------------------------


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the demo the way Ctrl-C does: through every `finally`."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start_bank(
    data: Path, labels: Path, processes: Processes, *more: str
) -> subprocess.Popen[bytes]:
    """Start the simulated bank and wait until its ports are there."""
    command = [*module("drivers.simulator"), "--config", str(DEMO_SITE), "--data", str(data)]
    bank = processes.start("simulator", [*command, "--labels", str(labels), "--script", "-", *more])
    said = processes.log_of("simulator")
    processes.wait_until(bank, lambda: b'"ready"' in said.read_bytes())
    return bank


# --- the screen --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WindowPlace:
    """Where a window is on the screen, in pixels from its top left."""

    width: int
    height: int
    left: int
    top: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"


def side_by_side(
    screen_px: tuple[int, int], panel_px: tuple[int, int]
) -> tuple[WindowPlace, WindowPlace]:
    """Places for the kiosk, as tall as fits and in its panel's proportions, and for the bank.

    Args:
        screen_px: width and height of the screen.
        panel_px: width and height of the kiosk's real panel.
    """
    edge, bars = 10, 40  # a little air; the title bar, and a bar of the desktop at the other end
    width = min(screen_px[0], 2560)  # not across several monitors
    height = screen_px[1] - 2 * bars
    widest = (width - 3 * edge) * 2 // 3
    scale = min(height / panel_px[1], widest / panel_px[0], 1.0)
    kiosk_width, kiosk_height = int(panel_px[0] * scale), int(panel_px[1] * scale)
    left = kiosk_width + 2 * edge
    kiosk = WindowPlace(kiosk_width, kiosk_height, edge, bars)
    return kiosk, WindowPlace(min(width - left - edge, 1200), height, left, bars)


def _has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY"))


def _screen_size(environment: Mapping[str, str]) -> tuple[int, int]:
    """The size of the display in pixels; a small laptop's where nobody can tell."""
    usual = (1366, 768)
    if sys.platform != "linux" or shutil.which("xdpyinfo") is None:
        return usual
    answer = subprocess.run(["xdpyinfo"], env=environment, capture_output=True, text=True)
    if answer.returncode != 0:
        raise DemoError(
            f"The display {environment['DISPLAY']} does not answer. "
            "Unset DISPLAY to get a virtual screen in the browser."
        )
    size = re.search(r"dimensions:\s+(\d+)x(\d+) pixels", answer.stdout)
    return (int(size[1]), int(size[2])) if size else usual


def _virtual_screen(processes: Processes) -> int:
    """Start a screen that only a browser on this machine can see; returns the browser's port."""
    missing = [name for name in ("Xvfb", "x11vnc", "websockify") if shutil.which(name) is None]
    if missing or not NOVNC.is_dir():
        names = ", ".join([*missing, *([] if NOVNC.is_dir() else ["novnc"])])
        raise DemoError(f"There is no display, and {names} is missing; `make run` installs it.")
    processes.environment["DISPLAY"] = _start_virtual_display(processes)
    door = processes.scratch / "vnc"
    # A socket in a private folder: no port that others on this machine could reach, of either kind
    # of address. `-localhost` would say so, too, but then Debian 12's x11vnc lets nobody in at all:
    # who comes through a socket is "localhost" to it, which is not 127.0.0.1.
    vnc = processes.start(
        "x11vnc",
        [
            "x11vnc",
            *("-display", processes.environment["DISPLAY"]),
            *("-unixsock", str(door), "-rfbport", "0", "-rfbportv6", "0", "-nopw"),
            *("-forever", "-shared", "-norc", "-quiet"),
        ],
    )
    processes.wait_until(vnc, door.exists)
    port = free_port(BROWSER_PORTS)
    web = processes.start(
        "websockify",
        ["websockify", f"--web={NOVNC}", f"127.0.0.1:{port}", f"--unix-target={door}"],
    )
    processes.wait_until(web, lambda: not is_free(port))
    return port


def _start_virtual_display(processes: Processes) -> str:
    """Start Xvfb on a display that is free, and return its name."""
    width, height = VIRTUAL_SCREEN
    answer, tell = os.pipe()
    try:
        processes.start(
            "Xvfb",
            [
                "Xvfb",
                *("-displayfd", str(tell)),
                *("-screen", "0", f"{width}x{height}x24"),
                *("-nolisten", "tcp"),
            ],
            pass_fds=(tell,),
        )
        os.close(tell)
        number = b""
        while not number.endswith(b"\n") and select.select([answer], [], [], START_PATIENCE_S)[0]:
            part = os.read(answer, 16)
            if not part:
                break
            number += part
    finally:
        os.close(answer)
    if not number.endswith(b"\n"):
        raise DemoError(f"Xvfb did not start.\n{last_lines(processes.log_of('Xvfb'))}")
    return f":{number.decode().strip()}"


# --- what is said ------------------------------------------------------------------------------


def _tell(
    site: Site, data: Path, code: str, served_on: int | None, server: DemoServer | None
) -> None:
    lines = [
        f"Running     the kiosk of “{site.location.name}” and its simulated locker bank",
        f"PINs        {PINS}",
        f"A code      {code or 'none lies here'}",
        f"Server      {server.url}/operators, {server.account}" if server else "Server      none",
        "Stop        close either window, or press Ctrl-C here",
        f"Data        {data} (make run FRESH=1 starts over)",
    ]
    address = f"in its windows on the display {os.environ.get('DISPLAY', '')}".rstrip()
    if served_on is not None:
        address = f"http://localhost:{served_on}/vnc.html?autoconnect=1&resize=scale"
        host = f"{getpass.getuser()}@{socket.gethostname()}"
        lines += [
            f"Open        {address}",
            f"Remotely    ssh -L {served_on}:localhost:{served_on} {host}",
        ]
    tell_address(data, address)
    print("\n".join(lines), flush=True)
