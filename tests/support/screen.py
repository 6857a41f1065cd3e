"""A virtual screen of a test's own, with hands on it: Xvfb, xdotool, pictures."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 120.0
"""What must happen is waited for; this only ends a test in which it never will."""
TOUCH_AGAIN_S = 30.0
STARTS = 5
"""Of an X server: two that start at once may pick the same display, and one of them ends."""
EDGE_PX = 2
"""So far from the edge of the screen there is no button, but what is behind all of them."""
_KEYS = {" ": "space", ":": "colon", "/": "slash", ".": "period", "_": "underscore", "-": "minus"}
"""Signs by the names that X has for their keys."""
SHADES = 8
"""An empty window has one or two; letters have many at their edges."""
XWD_FIELDS = 25
"""Numbers of four bytes at the head of an XWD file (X11/XWDFile.h); some that are used here: its
own size, the height, the bytes of a line, and how many colours follow it."""
POINT = 4
"""Its bytes."""


class Screen:
    """One X server; what a person does with a finger, and what a camera sees."""

    look_again_s = 0.05
    still_s = 0.8  # a busy machine shows what comes in between for long

    def __init__(self, display: str, width_px: int, framebuffer: Path) -> None:
        """The screen of this display, which the X server keeps in a file in XWD format."""
        self.width_px = width_px
        self.framebuffer = framebuffer
        self.environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11"}

    def _run(self, *command: str) -> bytes:
        done = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return done.stdout

    def touch(self, at: tuple[int, int]) -> None:
        """Press and let go."""
        self._run("xdotool", "mousemove", str(at[0]), str(at[1]), "click", "1")

    def type(self, text: str) -> None:
        """Keys of a number pad, at a fast person's speed; a line's end is the enter key."""
        # Not `xdotool type --delay`: some versions wait only half of what they are asked.
        for sign in text:
            self._run("xdotool", "key", "Return" if sign == "\n" else sign, "sleep", "0.12")

    def wedge(self, text: str) -> None:
        """A scanner that types as a keyboard does: a key each few milliseconds, then enter."""
        keys = [_KEYS.get(sign, sign) for sign in text]
        self._run("xdotool", "key", "--delay", "2", *keys, "Return")

    def picture(self, path: Path) -> None:
        """What stands on the screen, as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run("import", "-window", "root", str(path))

    def pixels(self) -> bytes:
        """What stands on the screen, to be compared: blue, green, red and a byte more for each
        point."""
        now = self.framebuffer.read_bytes()
        # The X server writes while it is read: a picture is whole when it is there twice.
        while now != (now := self.framebuffer.read_bytes()):
            pass
        header = struct.unpack(f">{XWD_FIELDS}I", now[: 4 * XWD_FIELDS])
        height_px, stride, colours = header[5], header[12], header[19]
        assert stride == POINT * self.width_px, "four bytes for each point"
        start = header[0] + 12 * colours
        return now[start : start + height_px * stride]

    def seen_at(self, at: tuple[int, int]) -> bytes:
        """What stands on the screen, once there is something to touch at a place of it."""
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE_S:
            now = self.pixels()
            left, top = at
            row = now[POINT * self.width_px * top :][: POINT * self.width_px]
            if row[POINT * left :][:POINT] != row[POINT * EDGE_PX :][:POINT]:
                return now
            time.sleep(self.look_again_s)
        raise AssertionError(f"nothing came to be touched at {at}")

    def after(self, before: bytes, again: Callable[[], None] | None = None) -> bytes:
        """The screen once it shows something else than `before` and has stood still for a moment.

        A window that is there but not drawn yet shows nothing. A person whose finger did nothing
        touches `again`: a screen that has just come takes no touch.
        """
        begun = last_try = still_since = time.monotonic()
        last = before
        while time.monotonic() - begun < PATIENCE_S:
            now = self.pixels()
            if now != last:
                last, still_since = now, time.monotonic()
            elif now == before:
                if again is not None and time.monotonic() - last_try >= TOUCH_AGAIN_S:
                    again()
                    last_try = time.monotonic()
            elif time.monotonic() - still_since >= self.still_s and len(set(now)) > SHADES:
                return now
            time.sleep(self.look_again_s)
        raise AssertionError("the screen did not change")


@contextmanager
def own_screen(width: int, height: int) -> Iterator[Screen]:
    """Start an X server on a free display, and end it."""
    with tempfile.TemporaryDirectory(prefix="screen-") as folder:
        for _ in range(STARTS):
            server, display = _start_server(width, height, folder)
            if display:
                break
            server.wait()
        try:
            assert display, "Xvfb did not start"
            yield Screen(f":{display}", width, Path(folder, "Xvfb_screen0"))
        finally:
            server.kill()
            server.wait()


def _start_server(width: int, height: int, folder: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server and its display, "" when it ended: another one took the same display first."""
    answer, tell = os.pipe()
    size = ("-screen", "0", f"{width}x{height}x24", "-fbdir", folder)
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(tell), *size, "-noreset"],
        pass_fds=(tell,),
        stderr=subprocess.DEVNULL,
    )
    os.close(tell)
    with os.fdopen(answer) as numbers:
        return server, numbers.readline().strip()
