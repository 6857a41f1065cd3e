"""A kiosk at a supply, with the real `upsd`: on the battery, with little left, and back."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config import DEMO_SITE, load_site
from config.machine import Power as PowerTable
from config.schema import Site
from kiosk import engine as engine_module
from kiosk import power
from kiosk.adapters import SystemClock
from kiosk.app import make_kiosk
from kiosk.engine import KioskEngine
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import NoPower
from kiosk.flows.views.shared import View
from kiosk.power import NoAnswerError, Supply
from kiosk.store import packages
from kiosk.store.errors import InUseError
from kiosk.store.store import Store
from tests.support.central_server import wait_until
from tests.support.simulator_process import SimulatorProcess
from tests.support.upsd import IS_THERE, NAME, WHY_NOT, Upsd

PATIENCE_S = 60.0


@pytest.fixture
def upsd(tmp_path: Path) -> Iterator[Upsd]:
    if not IS_THERE:
        pytest.skip(WHY_NOT)
    made = Upsd(tmp_path / "nut")
    made.start()
    yield made
    made.stop()


def asked(port: int, name: str = NAME) -> dict[str, str] | str:
    """What the supply says, or why nothing."""
    try:
        return asyncio.run(Supply(name, port=port).ask())
    except NoAnswerError as error:
        return str(error)


def test_what_it_says_is_heard_and_silence_is_an_error(upsd: Upsd) -> None:
    def status() -> object:
        found = asked(upsd.port)
        return found if isinstance(found, str) else found.get("ups.status")

    wait_until(lambda: status() == "OL", PATIENCE_S)
    upsd.say("OB DISCHRG", charge=37.5, runtime=600)
    wait_until(lambda: status() == "OB DISCHRG", PATIENCE_S)
    found = asked(upsd.port)
    assert isinstance(found, dict)
    assert (found["battery.charge"], found["battery.runtime"]) == ("37.5", "600")
    assert "UNKNOWN-UPS" in str(asked(upsd.port, "another"))
    upsd.stop("driver")
    wait_until(lambda: "ERR" in str(status()), PATIENCE_S)
    upsd.stop("upsd")
    assert isinstance(asked(upsd.port), str)


class Panel:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.view = View()

    def show(self, view: View) -> None:
        self.view = view

    def until(self, kind: type[View], holds: Callable[[Any], bool] = lambda view: True) -> None:
        wait_until(lambda: isinstance(self.view, kind) and holds(self.view), PATIENCE_S)


@pytest.fixture
def site(upsd: Upsd) -> Site:
    return load_site(DEMO_SITE).model_copy(update={"power": PowerTable(ups=upsd.name)})


def test_with_little_left_nothing_is_taken_in_then_all_is_closed_and_it_comes_back(
    upsd: Upsd, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "EVERY_S", 0.2)
    monkeypatch.setattr(engine_module, "REST_S", 0.2)
    data, panel, opened = tmp_path / "data", Panel(), threading.Semaphore(0)
    make_kiosk(site, data)
    bank = SimulatorProcess(DEMO_SITE, data)
    running = KioskEngine(site, data, panel)
    running.opened = opened.release
    running.start()
    try:
        assert opened.acquire(timeout=PATIENCE_S)
        panel.until(First, lambda view: Choice.COURIER in view.choices)
        upsd.say("OB DISCHRG", charge=35)
        panel.until(First, lambda view: view.is_battery_low)
        assert isinstance(panel.view, First)
        assert panel.view.choices == (Choice.PICK_UP, Choice.SERVICE, Choice.HELP)
        with pytest.raises(InUseError):
            look_into(data)
        upsd.say("OB DISCHRG LB", charge=14)
        panel.until(NoPower)
        assert look_into(data) == 0, "the store is closed, and whole"
        answered = threading.Event()
        running.ask(answered.set)
        assert answered.wait(PATIENCE_S), "to wait for the mains is no fault"
        upsd.stop("upsd")
        upsd.start("upsd")
        assert isinstance(panel.view, NoPower), "a line that is lost brings no mains back"
        upsd.say("OL CHRG", charge=15)
        assert opened.acquire(timeout=PATIENCE_S)
        panel.until(First, lambda view: Choice.COURIER in view.choices)
    finally:
        running.stop()
        bank.stop()
    assert look_into(data) == 0


def look_into(data: Path) -> int:
    """How many packages lie inside; refused while the kiosk has its store."""
    store = Store(data / "kiosk.db", SystemClock(), random.Random(1), threaded=False)
    try:
        return len(store.submit(packages.inside).result())
    finally:
        store.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"BEGIN LIST VAR test\n",
        b"ERR ACCESS-DENIED\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b'BEGIN LIST VAR test\nVAR other ups.status "OL"\nEND LIST VAR test\n',
        b"BEGIN LIST VAR test\n" + b"x" * 70_000,
        b"BEGIN LIST VAR test\n" + b'VAR test a "b"\n' * 3,
        b"\xff\xfe\n",
        b"BEGIN LIST VAR test\n" + b"".join(b'VAR test a%d "b"\n' % n for n in range(900)),
    ],
)
def test_who_answers_there_and_is_no_upsd_says_nothing(answer: bytes) -> None:
    async def play() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(NoAnswerError):
                await Supply(NAME, port=port).ask()

    asyncio.run(play())
