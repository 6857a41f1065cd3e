"""A pseudo-terminal under a fixed name: what a serial adapter is to whoever opens it."""

from __future__ import annotations

import os
import pty
import tty
from pathlib import Path

from drivers.door import DriverError


class PseudoTerminal:
    """The far end of a port. `plug` makes it under its name, `unplug` takes both away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._near_fd: int | None = None
        self._far_fd: int | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def is_plugged(self) -> bool:
        return self._far_fd is not None

    def fileno(self) -> int:
        """The descriptor to wait on for what the computer writes."""
        if self._far_fd is None:
            raise DriverError(f"{self.path} is not plugged in")
        return self._far_fd

    def plug(self) -> None:
        """Make a new terminal and put it under the name."""
        if self.is_plugged:
            return
        self._make_room()
        far_fd, near_fd = pty.openpty()
        tty.setraw(near_fd)
        os.set_blocking(far_fd, False)
        # Kept open: without it the far end reads as hung up whenever nobody has the port open.
        self._far_fd, self._near_fd = far_fd, near_fd
        self.path.symlink_to(os.ttyname(near_fd))

    def unplug(self) -> None:
        """Take the name away and hang up: whoever has it open gets an error."""
        if self._far_fd is None or self._near_fd is None:
            return
        if self.path.is_symlink() and str(self.path.readlink()) == os.ttyname(self._near_fd):
            self.path.unlink()
        os.close(self._far_fd)
        os.close(self._near_fd)
        self._far_fd = self._near_fd = None

    def read(self) -> bytes:
        """What the computer has written."""
        try:
            return os.read(self.fileno(), 4096)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send to the computer; what it does not take is lost, as on a wire."""
        try:
            os.write(self.fileno(), data)
        except BlockingIOError:
            return

    def _make_room(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.is_symlink() and not self.path.exists():
            return
        is_ours = self.path.is_symlink() and str(self.path.readlink()).startswith("/dev/pts/")
        if not is_ours:
            raise DriverError(
                f"{self.path} is there and no pseudo-terminal of a simulator: the simulator does "
                f"not replace it. Give the config another port."
            )
        self.path.unlink()
