"""What whoever starts several programs on one machine needs: the demo's, and those of a cluster."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

LAST_LINES = 12


def ends_with(parent: int) -> Callable[[], None] | None:
    """What a child does before it becomes its program: have itself ended when `parent` ends,
    however that ends. Only Linux can; elsewhere whoever is killed leaves its children behind."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, <linux/prctl.h>

    def ask() -> None:
        prctl(set_parent_death_signal, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before it could be asked
            os._exit(1)

    return ask


def last_lines(log: Path) -> str:
    """How a log ends, as it is shown to somebody."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines[-LAST_LINES:])])


def is_free(port: int) -> bool:
    """Whether nothing listens at a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
