"""A kiosk, or who has its token, that says without end what operators must look at, or what it
cannot know; its location works on, and other locations' alarms are seen."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from central import schema
from kiosk.store import packages
from tests.support.central_server import LOCATION, Journal, Server, announce
from tests.support.operators import obey, sync

ALARMS_AN_HOUR = 60


def say(kiosk: Journal, **more: Any) -> requests.Response:
    """A message without events, by this kiosk's token."""
    head = kiosk.head().model_dump()
    message = {"epoch": kiosk.head().epoch, "head": head, "events": [], "cursor": 0, **more}
    url = f"{kiosk.url}/v1/locations/{LOCATION.id}/sync"
    headers = {"authorization": f"Bearer {kiosk.token}"}
    return requests.post(url, json=message, headers=headers, timeout=20)


def test_problems_without_end_are_few_alarms(server: Server, kiosk: Journal) -> None:
    sync(kiosk)
    for number in range(ALARMS_AN_HOUR + 20):
        assert say(kiosk, status={"journal_problem": f"problem {number}"}).ok
    assert server.alarms().count("alarm:journal-problem") == ALARMS_AN_HOUR
    assert server.alarms().count("alarm:alarms-flood") == 1
    server.clock.wall_ms += 60_000
    assert say(kiosk, status={"journal_problem": "a new one"}).ok
    assert server.alarms().count("alarm:journal-problem") == ALARMS_AN_HOUR + 1


@pytest.mark.parametrize("cursor", [2**53, 2**53 - 10, 2**40])
def test_commands_that_were_never_numbered_end_no_location(
    server: Server, kiosk: Journal, cursor: int
) -> None:
    key = server.add_key()
    announce(server, key, "BEFORE")
    sync(kiosk)
    assert say(kiosk, cursor=cursor).ok
    assert "alarm:cursor-too-far" in server.alarms()
    assert announce(server, key, "AFTER").status_code == 201
    assert obey(kiosk) == ["announce", "announce"]
    assert kiosk.do(packages.live_by_barcode, "AFTER") is not None
    assert {row.state for row in server.rows(schema.command)} == {"APPLIED"}
