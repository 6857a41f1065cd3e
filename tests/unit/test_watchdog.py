"""systemd hears that the kiosk is well only while its screen and its engine both are."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.watchdog import FEEDS_PER_LIMIT, Readiness, ServiceManager, Watchdog


class Systemd:
    """The far end of the socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "20000000"}

    def heard(self) -> list[str]:
        said = []
        while True:
            try:
                said.append(self.socket.recv(100).decode())
            except BlockingIOError:
                return said


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path / "notify")
    yield systemd
    systemd.socket.close()


def test_it_is_fed_only_while_the_engine_answers(systemd: Systemd) -> None:
    asked: list[Callable[[], None]] = []
    watchdog = Watchdog(ServiceManager(systemd.environment), asked.append)
    watchdog.tick()
    assert systemd.heard() == []
    asked.pop()()  # the engine answers
    watchdog.tick()
    assert systemd.heard() == ["WATCHDOG=1"]
    watchdog.tick()  # it did not answer this time
    watchdog.tick()
    assert systemd.heard() == []


def test_it_is_up_once_all_that_it_needs_is_there(systemd: Systemd) -> None:
    readiness = Readiness(ServiceManager(systemd.environment), "window", "store")
    readiness.reached("window")
    readiness.reached("window")
    assert systemd.heard() == []
    readiness.reached("store")
    readiness.reached("store")
    assert systemd.heard() == ["READY=1"]


def test_it_is_fed_well_within_the_limit(systemd: Systemd) -> None:
    assert ServiceManager(systemd.environment).feed_every_s == 20 / FEEDS_PER_LIMIT


def test_it_is_not_fed_for_another_process(systemd: Systemd) -> None:
    environment = {**systemd.environment, "WATCHDOG_PID": str(os.getpid() + 1)}
    assert ServiceManager(environment).feed_every_s is None


def test_without_systemd_nobody_is_notified() -> None:
    manager = ServiceManager({})
    manager.tell("READY=1")
    assert manager.feed_every_s is None


def test_a_systemd_that_does_not_listen_stops_nothing(tmp_path: Path) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    manager.tell("READY=1")
