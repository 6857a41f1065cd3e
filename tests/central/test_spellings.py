"""One package in another spelling at the server: known, found, and joined with what lies there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from central import schema
from central.areas.visible import NETWORK
from central.pages.search_page import everything
from kiosk.store import packages
from tests.support.central_server import Journal, Server, announce

SPELLINGS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "labels" / "spellings.json").read_text("utf-8")
)
SSCC = "340434161094042557"


def test_announced_again_in_another_spelling_is_known(server: Server, kiosk: Journal) -> None:
    headers = server.add_key()
    for row in SPELLINGS["spellings"]:
        first = announce(server, headers, row["announced"])
        assert first.status_code in (201, 409), (row["name"], first.text)
        again = announce(server, headers, row["read"])
        assert again.status_code == 409, (row["name"], again.text)
        assert again.json()["error"] == "exists", row["name"]
        if first.status_code == 201:
            assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("text", SPELLINGS["refused"])
def test_what_is_no_barcode_is_refused_with_its_field(server: Server, text: str) -> None:
    refused = announce(server, server.add_key(), text)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["problems"]] == ["barcode"]


@pytest.mark.parametrize("field", ["name", "user_id"])
@pytest.mark.parametrize(
    "sign", ["\n", "\x07", "\x85", "\x9b", "\u2028", "\u202e", "\u2067", "\u200f"]
)
def test_a_name_with_a_control_character_is_refused_with_its_field(
    server: Server, kiosk: Journal, field: str, sign: str
) -> None:
    refused = announce(server, server.add_key(), "A1", recipient={field: f"Ki{sign}m"})
    assert refused.status_code == 422, refused.text
    assert [each["field"] for each in refused.json()["problems"]] == [f"recipient.{field}"]


def test_one_that_lies_there_is_joined_and_found_in_every_spelling(
    server: Server, kiosk: Journal
) -> None:
    lying = kiosk.put_in(SSCC)
    assert kiosk.send(kiosk.events(0)).ok
    joined = announce(server, server.add_key(), f"(00) {SSCC}")
    assert joined.status_code == 201, joined.text
    assert joined.json()["id"] == lying
    found = kiosk.do(packages.live_by_barcode, f"00{SSCC}")
    assert found is not None
    assert found.id == lying

    def search(text: str) -> list[str]:
        rows = server.write(everything, NETWORK, text)["packages"]
        return [row["id"] for row in rows]

    for text in (SSCC, f"00{SSCC}", f"]C100{SSCC}", "3404 3416"):
        assert search(text) == [lying], text
    key = select(schema.package.c.barcode_key).where(schema.package.c.id == lying)
    assert server.write(lambda connection: connection.execute(key).scalar()) == SSCC
