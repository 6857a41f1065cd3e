"""Bodies of hostile shapes, sent by those who are let in: each is refused or taken, none breaks.

A valid body of each route, and in each place of it what nobody means: numbers at their edges, lone
surrogates, NUL, what is deep, long or wide. And what is no body at all.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from central.settings import Limits
from tests.support.central_server import EVA, LOCATION, Journal, Server, announce

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
SAMPLE = 40
ANSWER_S = 10
"""In which every answer comes."""


class _Text(str):
    """JSON that is put in as it is."""


EDGES = tuple(
    str(sign * 2**bits + more)
    for bits in (31, 53, 63, 64)
    for sign in (1, -1)
    for more in (-1, 0, 1)
)
NUMBERS = ("0", "-0", "-1", "1e400", "-1e400", "NaN", "Infinity", "1e-400", "0.1", "9" * 400)
TEXTS = (
    "\ud800",
    "\udfff\ud800",
    "\x00",
    "a\x00b",
    "",
    " ",
    "\u202e",
    "\ufffe\uffff",
    "x" * 60_000,
    "' OR 1=1 --",
    "../" * 20,
    "{{7*7}}%s%n",
    "\U0001f468\u200d" * 500,
)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    [[]] * 20_000,
    {str(number): number for number in range(5000)},
    {"": "", "\x00": "\x00", "\ud800": "\ud800", "__class__": "x"},
    _Text("[" * 900 + "]" * 900),
    _Text("[" * 30_000 + "]" * 30_000),
    _Text('{"a":' * 5000 + "0" + "}" * 5000),
)
HOSTILE: list[Any] = [*(_Text(number) for number in (*NUMBERS, *EDGES)), *TEXTS, *OTHERS]


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a body, itself among them."""
    yield here
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*here, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*here, number))


def written(body: Any, place: tuple[Any, ...], value: Any) -> bytes:
    """A body with something else in one place, as JSON."""
    mark = "put it here"
    changed = copy.deepcopy(body)
    if not place:
        changed = mark
    else:
        part = changed
        for step in place[:-1]:
            part = part[step]
        part[place[-1]] = mark
    text = value if isinstance(value, _Text) else json.dumps(value)
    return json.dumps(changed).replace(json.dumps(mark), text, 1).encode("utf-8", "surrogatepass")


NO_BODIES = (
    b"",
    b"\x00",
    b"\xff\xfe{}",
    b"\xed\xa0\x80",
    b'"\xed\xa0\x80"',
    b"{",
    b'{"a":1,"a":2}',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"null",
    b"1" * 60_000,
    gzip.compress(b"{}"),
    gzip.compress(gzip.compress(gzip.compress(b"{}"))),
    gzip.compress(bytes(60_000_000)),
    gzip.compress(b"[" * 3_000_000),
    gzip.compress(b"{}")[:-5],
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What may be sent to each route, and as whom."""
    folder = tmp_path_factory.mktemp("shapes")
    often = 1_000_000
    ceilings = Limits(changes_by_package=often, commands_by_location_and_sender=often)
    server = Server(folder / "central", limits=ceilings)
    server.start()
    kiosk = Journal(folder / "kiosk.db")
    enrol = {"token": server.add_location(), "location": LOCATION.id, "key": "00" * 32}
    assert kiosk.enrol(server, str(enrol["token"])).ok
    key, package = server.add_key(), ""
    package = str(announce(server, key, "A").json()["id"])
    sync = {
        "epoch": kiosk.head().epoch,
        "events": [json.loads(kiosk.events()[0].model_dump_json())],
        "head": kiosk.head().model_dump(),
        "cursor": 0,
        "status": {"doors": {"1": "CLOSED"}, "boards": [{"name": "b", "is_reachable": True}]},
        "is_idle": False,
    }
    announcement = {
        "barcode": "B",
        "location": LOCATION.id,
        "latitude": 1.5,
        "longitude": 1.5,
        "dimensions": {"width_mm": 1, "height_mm": 1, "depth_mm": 1},
        "weight_kg": 1.5,
        "alone": True,
        "recipient": {**EVA, "channels": ["email"], "language": "de"},
    }
    token = {"authorization": f"Bearer {kiosk.token}"}
    yield {
        "server": server,
        f"POST /v1/locations/{LOCATION.id}/sync": (sync, token),
        "POST /v1/enrol": (enrol, {}),
        "POST /v1/packages": (announcement, key),
        "POST /v1/packages/x/cancel": ({"why": "x"}, key),
        "POST /v1/packages/x/extend": ({"days": 1}, key),
        "POST /v1/packages/x/code": ({"user_id": "eva"}, key),
        "PUT /v1/packages/x/recipient": ({**EVA, "channels": ["sms"]}, key),
        "package": package,
    }
    kiosk.store.close()
    server.stop()


ROUTES = (
    f"POST /v1/locations/{LOCATION.id}/sync",
    "POST /v1/enrol",
    "POST /v1/packages",
    "POST /v1/packages/x/cancel",
    "POST /v1/packages/x/extend",
    "POST /v1/packages/x/code",
    "PUT /v1/packages/x/recipient",
)


def bodies(valid: Any) -> list[tuple[bytes, str]]:
    """All that is sent to a route, by day a sample of it."""
    every = [(written(valid, place, value), "") for place in places(valid) for value in HOSTILE]
    if not IS_NIGHTLY:
        every = random.Random(1).sample(every, min(SAMPLE, len(every)))
    every += [
        (text, encoding) for text in NO_BODIES for encoding in ("", "gzip", "br", "gzip, gzip")
    ]
    return every


@pytest.mark.timeout(0)
@pytest.mark.parametrize("route", ROUTES)
def test_no_shape_breaks_the_server(site: dict[str, Any], route: str) -> None:
    server: Server = site["server"]
    valid, headers = site[route]
    method, _, path = route.partition(" ")
    url = server.url + path.replace("/x/", f"/{site['package']}/")
    with requests.Session() as http:
        for body, encoding in bodies(valid):
            more = {"content-type": "application/json", **headers}
            if encoding:
                more["content-encoding"] = encoding
            answer = http.request(method, url, data=body, headers=more, timeout=ANSWER_S)
            assert answer.status_code < 500, (body[:300], encoding, answer.text[:300])
            json.loads(answer.text)
    assert requests.get(f"{server.url}/readyz", timeout=ANSWER_S).ok


VALUES = (b"", b"\xff\xfe", b"Bearer ", b"Bearer \xe2\x82\xac", b"x" * 30_000, b'a,b;c="d')
HEADERS = ("authorization", "idempotency-key", "content-type", "accept", "cookie", "host")


@pytest.mark.parametrize("name", HEADERS)
def test_no_header_breaks_the_server(site: dict[str, Any], name: str) -> None:
    server: Server = site["server"]
    _, headers = site["POST /v1/packages/x/cancel"]
    url = f"{server.url}/v1/packages/{site['package']}/cancel"
    for value in VALUES:
        sent: dict[str, Any] = {**headers, name: value}
        answer = requests.post(url, json={}, headers=sent, timeout=ANSWER_S)
        assert answer.status_code < 500, (value[:50], answer.text[:300])


LATITUDES = ("nan", "inf", "1e400", "%00", "%ED%A0%80", "", "٣", "9" * 999)
MORE = ("size=%00", "count=" + "9" * 999, "lat=1")


@pytest.mark.parametrize(
    "query", [f"lat={each}&lon=0" for each in LATITUDES] + [f"lat=0&lon=0&{each}" for each in MORE]
)
def test_no_query_breaks_the_server(site: dict[str, Any], query: str) -> None:
    server: Server = site["server"]
    _, headers = site["POST /v1/packages"]
    url = f"{server.url}/v1/locations/nearest?{query}"
    assert requests.get(url, headers=headers, timeout=ANSWER_S).status_code < 500
