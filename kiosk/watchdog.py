"""Tells systemd that the kiosk is up, and again and again that it is well.

The screen's clock does it, and only while the engine answers too: a kiosk of which one half hangs
is no kiosk, and is started again. Protocol: sd_notify(3), a datagram to the socket that systemd
names in the environment.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping

LOG = logging.getLogger("kiosk")

FEEDS_PER_LIMIT = 4
"""How often within systemd's limit the kiosk says that it is well."""


class ServiceManager:
    """The systemd that started this process; nobody, where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit_us = environment.get("WATCHDOG_USEC", "") if is_meant and self._address else ""
        self.feed_every_s = int(limit_us) / 1e6 / FEEDS_PER_LIMIT if limit_us.isdigit() else None
        """How often it wants to hear that the kiosk is well; None where it does not ask."""

    def tell(self, state: str) -> None:
        """Send a state, like `READY=1`; a systemd that does not listen is no fault of ours."""
        if not self._address:
            return
        # A name that begins with @ is an abstract one: its first byte is zero.
        address = self._address.replace("@", "\0", 1)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(state.encode(), address)
        except OSError as error:
            LOG.warning("systemd could not be notified %s: %s", state, error)


class Readiness:
    """Tells systemd that the kiosk is up once all that it needs is there: the window drew, and the
    store is open. A kiosk that only draws that it is out of order is not up: systemd starts it
    again when its time to start is over."""

    def __init__(self, manager: ServiceManager, *needs: str) -> None:
        self._manager = manager
        self._missing = set(needs)
        self._lock = threading.Lock()

    def reached(self, need: str) -> None:
        """One of them is there; from any thread."""
        with self._lock:
            is_last = self._missing == {need}
            self._missing.discard(need)
        if is_last:
            self._manager.tell("READY=1")


class Watchdog:
    """Fed by the screen's clock; feeds systemd when the engine has answered since the last time.

    `ask` hands a function to the engine's thread, which calls it.
    """

    def __init__(self, manager: ServiceManager, ask: Callable[[Callable[[], None]], None]) -> None:
        self._manager = manager
        self._ask = ask
        self._has_answered = False

    def tick(self) -> None:
        """The screen's clock ticks."""
        if self._has_answered:
            self._has_answered = False
            self._manager.tell("WATCHDOG=1")
        self._ask(self._answer)

    def _answer(self) -> None:
        self._has_answered = True
