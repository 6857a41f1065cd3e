"""What a kiosk says of itself: kept, shown, and found by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from central import schema
from central.auth import Role
from central.feed.document import ServerKind
from central.feed.tables import feed
from central.notify.outbox import OPERATORS
from central.settings import Notifications
from central.sync.troubles import OVER, SAID, Trouble
from central.webhooks.events import EventType
from kiosk.sync.contract import PowerStatus, ReleaseStatus, Status, SyncRequest, WentBack
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.exposition import value
from tests.support.operators import Browser

WENT_BACK = WentBack(
    version="1.5.0", reason="the window has not drawn yet", at_ms=1_794_000_000_000
)
RELEASE = ReleaseStatus(
    running="1.4.0",
    state="good",
    good="1.4.0",
    went_back=WENT_BACK,
    bad={"1.5.0": WENT_BACK.reason},
    python="cp311",
    machine="x86_64",
)


def say(kiosk: Journal, **said: Any) -> None:
    """A sync in which the kiosk says this of itself."""
    request = SyncRequest(
        epoch=kiosk.head().epoch,
        head=kiosk.head(),
        events=tuple(kiosk.events()),
        status=Status(clock_ms=kiosk.clock.wall_ms, **said),
    )
    answer = requests.post(
        f"{kiosk.url}/v1/locations/{kiosk.location.id}/sync",
        data=request.model_dump_json(exclude_none=True),
        headers={"authorization": f"Bearer {kiosk.token}"},
        timeout=20,
    )
    assert answer.ok, answer.text


def place(server: Server) -> Any:
    [row] = [each for each in server.rows(schema.location) if each.id == LOCATION.id]
    return row


def test_what_a_kiosk_says_of_itself_is_kept_and_shown(server: Server, kiosk: Journal) -> None:
    page = Browser(server, Role.VIEWER)
    say(kiosk, version="0.2.0")
    assert (place(server).version, place(server).is_well) == ("0.2.0", None)
    assert "Says of itself" not in page.get(f"/locations/{LOCATION.id}").text
    why = "1 of 3 boards do not answer: left (no answer)"
    power = PowerStatus(is_on_mains=False, battery_percent=61.0, runtime_s=1500)
    said = {"version": "1.4.0", "release": RELEASE, "power": power, "bank_temperature_c": 31.4}
    say(kiosk, **said, is_well=False, unwell_reason=why)
    since_ms = place(server).unwell_ms
    assert since_ms is not None
    server.pass_time(60_000)
    say(kiosk, **said, is_well=False, unwell_reason=why)
    row = place(server)
    assert (row.version, row.release_state, row.went_back) == ("1.4.0", "good", "1.5.0")
    assert (row.is_well, row.unwell_ms, row.is_on_mains) == (False, since_ms, False)
    assert (row.battery_percent, row.bank_temperature_c) == (61.0, 31.4)
    shown = page.get(f"/locations/{LOCATION.id}").text
    for text in (why, "not well", "went back from 1.5.0", "bank 31 °C", "battery", "25 minutes"):
        assert text in shown, text
    assert "trouble" in page.get("/").text
    say(kiosk, **said, is_well=True)
    assert (place(server).is_well, place(server).unwell_ms) == (True, None)
    assert "works" in page.get(f"/locations/{LOCATION.id}").text


def test_metrics_tell_it_of_each_location(server: Server, kiosk: Journal) -> None:
    say(kiosk, is_well=False, bank_temperature_c=31.5, power=PowerStatus(is_on_mains=True))
    text = server.metrics()
    assert value(text, "locker_location_well", location=LOCATION.id) == 0
    assert value(text, "locker_location_on_mains", location=LOCATION.id) == 1
    assert value(text, "locker_location_bank_temperature_celsius", location=LOCATION.id) == 31.5
    assert "locker_location_battery_percent{" not in text


# --- troubles: climate, power, and a kiosk that is not well --------------------------------------


def reported(server: Server) -> list[str]:
    """What operators were alarmed of."""
    return [each.removeprefix("alarm:") for each in server.alarms()]


def for_operators(server: Server) -> list[str]:
    """What goes out to them."""
    rows = [row for row in server.rows(schema.notification) if row.channel == OPERATORS]
    return [json.loads(row.facts)["what"] for row in sorted(rows, key=lambda row: row.created_ms)]


def for_carriers(server: Server) -> list[tuple[EventType, int]]:
    """What a carrier's webhook would be sent of a location's power."""
    rows = sorted(server.rows(feed), key=lambda row: row.id)
    kinds = {ServerKind.LOCATION_POWER_LOST: EventType.POWER_LOST}
    kinds |= {ServerKind.LOCATION_POWER_BACK: EventType.POWER_BACK}
    said = [json.loads(row.body) for row in rows if row.body]
    return [
        (kinds[each["kind"]], each["body"]["since_ms"]) for each in said if each["kind"] in kinds
    ]


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[tuple[Server, Journal]]:
    """A server whose operators are notified and whose feed is read, and a kiosk of it."""
    rules = Notifications(operator_urls=("json://127.0.0.1:9/",))
    server = Server(tmp_path / "central", rules=rules)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    server.write(lambda c: c.execute(schema.location.update().values(feeds="reader")))
    yield server, kiosk
    kiosk.store.close()
    server.stop()


BATTERY = {"power": PowerStatus(is_on_mains=False, battery_percent=80)}
MAINS = {"power": PowerStatus(is_on_mains=True, battery_percent=80, is_battery_low=False)}


def test_lost_mains_are_reported_once_and_are_over_when_they_are_back(
    pager: tuple[Server, Journal],
) -> None:
    server, kiosk = pager
    since_ms = server.clock.now_ms()
    say(kiosk, **BATTERY)
    assert reported(server) == [], "a moment is nobody's business"
    server.pass_time(60_000)
    for _ in range(3):
        say(kiosk, **BATTERY)
    assert reported(server) == ["power-lost"]
    assert for_carriers(server) == [(EventType.POWER_LOST, since_ms)]
    assert (
        "the mains are gone" in Browser(server, Role.VIEWER).get(f"/locations/{LOCATION.id}").text
    )
    say(kiosk, power=PowerStatus())
    assert len(for_operators(server)) == 1, "a supply that says nothing has no mains back"
    say(kiosk, **MAINS)
    say(kiosk, **MAINS)
    assert for_operators(server) == [SAID[Trouble.POWER_LOST], OVER[Trouble.POWER_LOST]]
    assert for_carriers(server)[1:] == [(EventType.POWER_BACK, since_ms)]
    assert place(server).troubles == "{}"


def test_where_no_supply_is_watched_any_more_nothing_is_said_of_mains(
    pager: tuple[Server, Journal],
) -> None:
    server, kiosk = pager
    say(kiosk, **BATTERY)
    server.pass_time(60_000)
    say(kiosk, **BATTERY)
    say(kiosk)
    assert place(server).troubles == "{}"
    assert for_operators(server) == [SAID[Trouble.POWER_LOST]], "nobody knows that they are back"


def test_a_supply_that_does_not_answer_is_a_trouble_and_never_fine(
    pager: tuple[Server, Journal],
) -> None:
    server, kiosk = pager
    say(kiosk, power=PowerStatus())
    server.pass_time(900_000)
    say(kiosk, power=PowerStatus())
    assert reported(server) == ["power-unknown"]
    assert "unknown" in Browser(server, Role.VIEWER).get(f"/locations/{LOCATION.id}").text
    say(kiosk, **MAINS)
    assert for_operators(server)[1:] == [OVER[Trouble.POWER_UNKNOWN]]


def test_a_temperature_about_its_limit_is_one_trouble(pager: tuple[Server, Journal]) -> None:
    server, kiosk = pager
    for degrees_c in (79.0, 81.0, 79.0, 82.0, 76.0, 81.0):
        say(kiosk, temperature_c=degrees_c, bank_temperature_c=20.0)
        server.pass_time(300_000)
    assert reported(server) == ["processor-hot"]
    say(kiosk, bank_temperature_c=20.0)
    assert place(server).troubles != "{}", "a sensor that is gone says nothing"
    say(kiosk, temperature_c=74.9, bank_temperature_c=-16.0)
    assert for_operators(server) == [SAID[Trouble.PROCESSOR_HOT], OVER[Trouble.PROCESSOR_HOT]]
    server.pass_time(300_000)
    say(kiosk, temperature_c=79.0, bank_temperature_c=-11.0)
    assert reported(server) == ["processor-hot", "bank-cold"]
    say(kiosk, temperature_c=79.0, bank_temperature_c=-9.0)
    assert place(server).troubles == "{}"


def test_a_kiosk_that_is_not_well_for_long_raises_an_alarm_with_why(
    pager: tuple[Server, Journal],
) -> None:
    server, kiosk = pager
    why = "2 of 2 boards do not answer: a (no answer)"
    say(kiosk, is_well=False, unwell_reason=why)
    server.pass_time(899_000)
    say(kiosk, is_well=False, unwell_reason=why)
    assert reported(server) == []
    server.pass_time(1000)
    say(kiosk, is_well=False, unwell_reason=why)
    say(kiosk, is_well=False, unwell_reason=why)
    assert reported(server) == ["kiosk-unwell"]
    assert for_operators(server) == [f"{SAID[Trouble.UNWELL]}: {why}"]
    say(kiosk, is_well=True)
    assert for_operators(server)[1:] == [OVER[Trouble.UNWELL]]
    server.pass_time(900_000)
    say(kiosk, is_well=True)
    assert reported(server) == ["kiosk-unwell"]


def test_what_is_kept_of_troubles_is_read_whatever_it_is(pager: tuple[Server, Journal]) -> None:
    server, kiosk = pager
    page = Browser(server, Role.VIEWER)
    for kept in ("", "[]", '{"made-up": 1, "power-lost": {"since_ms": "x"}}'):
        change = schema.location.update().values(troubles=kept)
        server.write(lambda c, change=change: c.execute(change))
        assert page.get(f"/locations/{LOCATION.id}").ok
        say(kiosk, **MAINS)
        assert place(server).troubles == "{}"
