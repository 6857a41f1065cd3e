"""Somebody on the line, or with a kiosk's token, or with the server's database and not its key:
nobody adds a member of staff, and nobody who was removed comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.sync import staff_answer
from kiosk.sync.contract import staff_text
from tests.support.central_server import LOCATION, Server
from tests.support.staff_lists import PIN_HASH, ListedAt, add, remove

STRANGERS = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
EVE = {"number": "77", "name": "Eve", "role": "technician", "pin_hash": PIN_HASH}


@pytest.fixture
def site(tmp_path: Path, server: Server) -> Iterator[ListedAt]:
    made = ListedAt(tmp_path / "site", server)
    yield made
    made.journal.store.close()


def eve_added(text: bytes) -> bytes:
    answer: dict[str, Any] = json.loads(text)
    answer["page"]["listed"].append(EVE)
    return json.dumps(answer).encode()


def by_a_stranger(text: bytes) -> bytes:
    answer = json.loads(eve_added(text))
    signed = staff_text(LOCATION.id, "0" * 32, answer["page"])
    return json.dumps({**answer, "signature": STRANGERS.sign(signed).hex()}).encode()


def unsigned(text: bytes) -> bytes:
    return json.dumps({**json.loads(eve_added(text)), "signature": ""}).encode()


def no_list(_text: bytes) -> bytes:
    return b'{"page": null}'


def deep(_text: bytes) -> bytes:
    return b'{"signature": "", "page": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"


@pytest.mark.parametrize("change", [eve_added, by_a_stranger, unsigned, no_list, deep])
def test_a_list_that_was_changed_on_its_way_is_refused_once_and_said(
    site: ListedAt, server: Server, change: Callable[[bytes], bytes]
) -> None:
    add(server, "17")
    site.sync()
    add(server, "18")
    site.between(change)
    for _ in range(3):
        site.sync()
        site.journal.clock.wall_ms += 120_000
    assert site.numbers() == {"17"}
    assert len(site.refusals()) == 1
    assert server.alarms() == ["alarm:staff-list-refused"]
    site.begin()
    site.sync()
    assert site.numbers() == {"17", "18"}


def test_a_list_that_somebody_kept_brings_nobody_back(site: ListedAt, server: Server) -> None:
    kept: list[bytes] = []

    def keep_all(text: bytes) -> bytes:
        kept.append(text)
        return text

    add(server, "17")
    add(server, "18")
    site.between(keep_all)
    site.sync()
    remove(server, "18")
    site.sync()
    assert site.numbers() == {"17"}
    for again in list(kept):
        add(server, "17")
        site.begin()
        site.between(lambda _text, again=again: again)  # type: ignore[misc]
        site.sync()
        assert site.numbers() == {"17"}
    assert site.refusals() == ["it is not signed by this kiosk's server, for this kiosk, just now"]


def test_what_is_signed_for_another_location_is_no_list_here(
    site: ListedAt, server: Server
) -> None:
    add(server, "17", locations=LOCATION.id)
    asked: list[str] = []
    ask = site.client._ask_staff

    def of_another(since: int, question: str) -> bytes:
        asked.append(question)
        text = ask(since, question)
        page = json.loads(text)["page"]
        key = server.central.secrets.signing
        signature = key.sign(staff_text("elsewhere", question, page)).hex()
        return json.dumps({"page": page, "signature": signature}).encode()

    site.client._ask_staff = of_another  # type: ignore[method-assign]
    site.sync()
    assert asked and site.numbers() == set()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"listed": [EVE, EVE]}, "number 77 is in it twice"),
        ({"listed": [EVE], "gone": ["77"]}, "number 77 is in it twice"),
        ({"listed": [{**EVE, "number": "1"}]}, "listed.0.number"),
        ({"listed": [{**EVE, "number": "0077"}]}, "listed.0.number"),
        ({"listed": [{**EVE, "number": "777"}]}, "more than the 2 digits"),
        ({"listed": [{**EVE, "role": "chief"}]}, "listed.0.role"),
        ({"since": 5}, "since 5"),
        ({"digits": 13}, "digits 13"),
        ({"has_more": True, "version": 0}, "version 0"),
    ],
)
def test_a_signed_list_that_does_not_fit_is_refused_with_what_would_be_right(
    site: ListedAt, server: Server, change: dict[str, Any], why: str
) -> None:
    add(server, "17")
    site.sync()
    add(server, "18")
    ask = site.client._ask_staff

    def wrong(since: int, question: str) -> bytes:
        page = {**json.loads(ask(since, question))["page"], **change}
        signature = server.central.secrets.signing.sign(staff_text(LOCATION.id, question, page))
        return json.dumps({"page": page, "signature": signature.hex()}).encode()

    site.client._ask_staff = wrong  # type: ignore[method-assign]
    site.sync()
    assert site.numbers() == {"17"}
    [said] = site.refusals()
    assert why in said
    assert "Eve" not in said and PIN_HASH not in said
    assert server.alarms() == ["alarm:staff-list-refused"]


def test_a_list_is_for_a_location_with_its_token(site: ListedAt, server: Server) -> None:
    add(server, "17")
    token = site.client._identity.token
    server.add_location("elsewhere")
    for place, sent in ((LOCATION.id, "guessed"), ("elsewhere", token)):
        url = f"{server.url}/v1/locations/{place}/staff"
        answer = requests.get(
            url,
            params={"since": "0", "question": "0" * 32},
            headers={"authorization": f"Bearer {sent}"},
            timeout=20,
        )
        assert answer.status_code == 401
    found = server.central.database.read(
        staff_answer.answer, server.central, LOCATION.id, token, 0, "0" * 32
    )
    assert found.signature
