"""The crash matrix, every cell; and kiosks that recover wrongly, which it must find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kiosk.flows import door_events, session
from kiosk.flows.context import Kiosk
from kiosk.store import deposits, intents, journal, recovery
from kiosk.store.deposits import Deposit
from kiosk.store.intents import IntentState, OpenIntent
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.crash import matrix
from tests.crash.cell_server import CellServer
from tests.crash.matrix import (
    FLOWS,
    Cell,
    Flow,
    Point,
    Sensor,
    Serial,
    Setting,
    cells,
    prepare,
)
from tests.crash.power import scratch
from tests.crash.recording import DATABASE
from tests.support.flow_site import LoopClock

FLOW_BY_NAME = {flow.name: flow for flow in FLOWS}


@dataclass(frozen=True)
class Place:
    """Where cells are played: a folder for their disk, how each flow begins, and a server."""

    folder: Path
    settings: Mapping[str, Setting]
    server: CellServer

    def play(self, point: Point, flow: Flow, sensor: Sensor, serial: Serial) -> list[str]:
        setting = self.settings[flow.name]
        return Cell(point, flow, sensor, serial, setting, self.folder, self.server).play()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with scratch() as kiosk_folder, scratch() as server_folder:
        folder = Path(kiosk_folder).resolve()
        server = CellServer(Path(server_folder))
        try:
            yield Place(folder, {flow.name: prepare(flow, folder) for flow in FLOWS}, server)
        finally:
            server.close()


def test_there_are_560_cells() -> None:
    assert len({(p, f.name, se, sr) for p, f, se, sr in cells()}) == 560


@pytest.mark.parametrize("point", Point, ids=lambda point: point.name.lower())
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_kiosk_that_died_there_starts_and_loses_nothing(
    place: Place, flow: Flow, point: Point
) -> None:
    wrong = {
        (sensor.value, serial.value): found
        for sensor in Sensor
        for serial in Serial
        if (found := place.play(point, flow, sensor, serial))
    }
    assert wrong == {}


@pytest.mark.parametrize("sensor", [Sensor.OPEN, Sensor.CLOSED], ids=lambda sensor: sensor.value)
def test_a_start_reads_the_doors_that_were_in_play(place: Place, sensor: Sensor) -> None:
    flow = FLOW_BY_NAME["pickup"]
    assert place.play(Point.BEFORE_SENSOR, flow, sensor, Serial.RIGHT) == []
    store = Store(place.folder / DATABASE, LoopClock(), Random(1), threaded=False)
    bodies = store.submit(lambda writer: list(journal.bodies(writer))).result()
    store.close()
    assert any(f"the door is {sensor.name}" in body for body in bodies)


def _found(place: Place, flow: str, point: Point) -> list[str]:
    return place.play(point, FLOW_BY_NAME[flow], Sensor.CLOSED, Serial.RIGHT)


def test_a_kiosk_that_opens_again_after_a_crash_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    recover = door_events.recover

    async def opening(kiosk: Kiosk, *_: Any) -> int:
        await kiosk.bank.settled()
        for intent in await kiosk.store.run(intents.open_intents):
            await kiosk.bank.open_slot(intent.slot)
        return await recover(kiosk)

    monkeypatch.setattr(session, "recover", opening)
    assert any("pulsed by a start" in each for each in _found(place, "pickup", Point.BEFORE_PULSE))


def test_a_kiosk_that_takes_a_slot_for_empty_after_a_crash_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hopeful(writer: Writer, intent: OpenIntent, *_: Any) -> int:
        deposit = Deposit(intent.package or "", intent.slot, intent.id)
        return deposits.end_deposit(writer, deposit, None, "surely empty", IntentState.UNKNOWN)

    monkeypatch.setattr(recovery, "recover", hopeful)
    found = _found(place, "deposit", Point.BEFORE_OUTCOME)
    assert any("i9" in each for each in found)


def test_a_kiosk_that_forgets_the_doors_in_play_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgetful(*_: Any) -> int:
        return 0

    monkeypatch.setattr(session, "recover", forgetful)
    found = _found(place, "deposit", Point.BEFORE_SENSOR)
    assert any("i7" in each for each in found)


def test_a_disk_that_forgets_what_was_sent_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "pick_up", lambda _: place.settings["pickup"].files)
    found = _found(place, "pickup", Point.BEFORE_MARK)
    assert any("the server does not" in each for each in found)
