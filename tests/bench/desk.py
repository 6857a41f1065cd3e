"""A screen of its own, a hand and an eye on it, and the processes of a kiosk under test."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.simulator_process import SimulatorProcess

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.002

Colour = tuple[int, int, int]


class DeskError(Exception):
    """The window cannot be measured; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A pixel of the screen, and the colour it has while its thing is shown."""

    x: int
    y: int
    colour: Colour = (0, 0, 0)


@contextlib.contextmanager
def screen(width_px: int, height_px: int) -> Iterator[str]:
    """A virtual screen of this size for the block; gives its name, as in DISPLAY."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        raise DeskError(
            f"{' and '.join(missing)} must be installed to measure the window (`make bench` does);"
            " --no-window leaves those figures out"
        )
    read_fd, write_fd = os.pipe()
    size = f"{width_px}x{height_px}x24"
    # Xvfb picks a free display itself and tells its number.
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", size, "-nolisten", "tcp"],
        pass_fds=[write_fd],
        stderr=subprocess.DEVNULL,
    )
    os.close(write_fd)
    try:
        with os.fdopen(read_fd) as numbers:
            number = numbers.readline().strip()
        if not number:
            raise DeskError("Xvfb did not start")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


class Eye:
    """Looks at single pixels of a screen."""

    def __init__(self, display: str) -> None:
        name = ctypes.util.find_library("X11")
        if name is None:
            raise DeskError("libX11 was not found; xdotool's package brings it")
        self._x11 = ctypes.CDLL(name)
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._x11.XDefaultRootWindow.argtypes = [ctypes.c_void_p]
        self._x11.XDefaultRootWindow.restype = ctypes.c_ulong
        self._x11.XGetImage.restype = ctypes.c_void_p
        self._x11.XGetImage.argtypes = [
            *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_ulong, ctypes.c_int),
        ]
        self._x11.XGetPixel.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        self._x11.XGetPixel.restype = ctypes.c_ulong
        self._x11.XFree.argtypes = [ctypes.c_void_p]
        self._x11.XDestroyImage.argtypes = [ctypes.c_void_p]
        self._display = self._x11.XOpenDisplay(display.encode())
        if not self._display:
            raise DeskError(f"the screen {display} does not answer")
        self._root = self._x11.XDefaultRootWindow(self._display)

    def colour(self, x: int, y: int) -> Colour:
        """The colour of a pixel, as everybody sees it now."""
        all_planes, z_pixmap = 0xFFFFFFFF, 2
        image = self._x11.XGetImage(self._display, self._root, x, y, 1, 1, all_planes, z_pixmap)
        if not image:
            raise DeskError(f"the pixel {x},{y} could not be read")
        pixel = self._x11.XGetPixel(image, 0, 0)
        self._x11.XDestroyImage(image)
        return pixel >> 16 & 255, pixel >> 8 & 255, pixel & 255

    def sees(self, spot: Spot) -> bool:
        """Whether the spot has its colour, give or take what rounding does."""
        seen = self.colour(spot.x, spot.y)
        return all(abs(a - b) <= 3 for a, b in zip(seen, spot.colour, strict=True))

    def wait_until(self, is_so: Callable[[], bool], what: str) -> float:
        """Look until something is so; the monotonic moment at which it was seen."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            if is_so():
                return time.monotonic()
            time.sleep(LOOK_EVERY_S)
        raise DeskError(f"waited {PATIENCE_S:.0f} s in vain until {what}")


class Hand:
    """One xdotool that lives as long as the bench and does what it is asked at once."""

    def __init__(self, display: str) -> None:
        self._process = subprocess.Popen(
            ["xdotool", "-"], stdin=subprocess.PIPE, env=os.environ | {"DISPLAY": display}
        )

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def do(self, command: str) -> float:
        """Tell xdotool to do something; the monotonic moment at which it was asked."""
        assert self._process.stdin is not None
        at_s = time.monotonic()
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        return at_s

    def move(self, spot: Spot) -> None:
        self.do(f"mousemove {spot.x} {spot.y}")

    def touch(self, spot: Spot) -> float:
        self.move(spot)
        return self.do("click 1")

    def type(self, digits: str) -> None:
        """Digits at a person's speed: faster ones would be a scanner's."""
        for digit in digits:
            self.do(f"key {digit}")
            time.sleep(0.12)


class KioskProcess:
    """`kiosk run`, filling a screen."""

    def __init__(self, display: str, config: Path, data: Path) -> None:
        self._log = data / "kiosk.log"
        with self._log.open("ab") as log:
            self.started_s = time.monotonic()
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "kiosk", "run"),
                    *("--config", str(config), "--data", str(data)),
                ],
                cwd=ROOT,
                env=os.environ | {"DISPLAY": display, "SDL_VIDEODRIVER": "x11"},
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """The end of what it logged."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-12:])

    def cpu_s(self) -> float:
        """Seconds of processor time so far, of all its threads."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        fields = stat.rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Memory that is really in use, in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


class Bank(SimulatorProcess):
    """The simulated bank, with what came over its wires."""

    def __init__(self, config: Path, data: Path) -> None:
        self._wire = data / "wire.jsonl"
        super().__init__(config, data, "--wire-log", str(self._wire))
        self._log = self._wire.open(encoding="utf-8")
        self._part = ""

    def stop(self) -> int:
        self._log.close()
        return super().stop()

    def forget_wire(self) -> None:
        """What came until now is of no interest."""
        self._log.read()
        self._part = ""

    def heard(self) -> Iterator[tuple[bytes, float]]:
        """What came over the boards' lines since the last look, and when (monotonic)."""
        *lines, self._part = (self._part + self._log.read()).split("\n")
        for line in lines:
            read = json.loads(line)
            if read["direction"] == "in":
                yield bytes.fromhex(read["hex"]), read["at_s"]
