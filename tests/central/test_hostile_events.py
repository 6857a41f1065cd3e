"""Events that no kiosk writes: each lies in quarantine, none holds up the next, and no page fails.

They come as raw HTTP, rightly chained, with everything that JSON can say in the place of what an
event says. What this version only does not know yet is kept as it is.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central import schema
from kiosk.model.event_bodies import BODIES
from kiosk.model.events import EventKind
from kiosk.model.images import IMAGES
from tests.support.central_server import LOCATION, NOW_MS, Journal, Server, announce
from tests.support.hostile_journal import HostileJournal


@pytest.fixture
def hostile(server: Server, kiosk: Journal) -> HostileJournal:
    key = server.add_key()
    announce(server, key, "A")
    return HostileJournal(server, kiosk.token, key)


def slot(**values: Any) -> str:
    return json.dumps({"actor": "kiosk", "rows": [["slot", {"label": "1", **values}]]})


def package(**values: Any) -> str:
    image = {"id": "p", "barcode": "B", "status": "PENDING", "announced_ms": NOW_MS, **values}
    return json.dumps({"actor": "kiosk", "rows": [["package", image]]})


def said(**values: Any) -> str:
    return json.dumps({"actor": "kiosk", **values})


DEEP = '{"a":' * 60 + "1" + "}" * 60
UNFIT: tuple[tuple[str, str, str], ...] = (
    ("a text where a time belongs", "PACKAGE_ANNOUNCED", package(stored_ms="yesterday")),
    ("a time beyond all", "PACKAGE_ANNOUNCED", package(hold_until_ms=10**18)),
    ("a time before 2000", "PACKAGE_ANNOUNCED", package(announced_ms=1)),
    ("1e308 for a time", "SLOT_SERVICE_CHANGED", slot(service_since_ms=1e308)),
    ("a number that SQLite lacks", "SLOT_CONFIGURED", slot(position=2**63)),
    ("a huge number", "CODE_REISSUED", package(code_counter=10**400)),
    ("a number of 5000 digits", "DOOR_OUTCOME", '{"elapsed_ms":' + "9" * 5000 + "}"),
    ("no number", "DOOR_OUTCOME", '{"elapsed_ms":NaN}'),
    ("endless", "DOOR_OUTCOME", '{"elapsed_ms":-Infinity}'),
    ("an unknown state", "SLOT_CLEARED", slot(status="BURNT")),
    ("an unknown status", "PACKAGE_STORED", package(status="EATEN")),
    ("a state of another kind", "SLOT_CLEARED", slot(status=["EMPTY"])),
    ("nothing where something is", "SLOT_CLEARED", slot(status=None)),
    ("NUL in a text", "SLOT_SUSPECT", said(why="a\0b")),
    ("NUL in a field nobody knows", "KIOSK_STARTED", said(mood="a\0b")),
    ("NUL in a name", "KIOSK_STARTED", said(**{"a\0b": 1})),
    ("half a surrogate pair", "SLOT_SUSPECT", '{"why":"\\ud800"}'),
    ("a text of a megabyte", "SLOT_SUSPECT", said(why="x" * 200_000)),
    ("no object", "KIOSK_STARTED", "[]"),
    ("no JSON", "KIOSK_STARTED", "{"),
    ("nothing", "KIOSK_STARTED", ""),
    ("nested deep", "KIOSK_STARTED", DEEP),
    ("nested deeper than any reader", "KIOSK_STARTED", "[" * 100_000),
    ("rows that are none", "SLOT_CLEARED", said(rows={"slot": 1})),
    ("a row that is none", "SLOT_CLEARED", said(rows=[["slot"]])),
    ("a row of a number", "SLOT_CLEARED", said(rows=[["slot", 5]])),
    ("a slot without a label", "SLOT_CLEARED", said(rows=[["slot", {"status": "EMPTY"}]])),
    ("a label of a list", "SLOT_CLEARED", said(rows=[["slot", {"label": []}]])),
    ("a package of a number", "COMPLAINT", said(package=5, slot="1", what="x")),
    ("an actor of a list", "LOWER_ASKED", '{"actor":["customer"]}'),
    ("an actor that nobody is", "LOWER_ASKED", '{"actor":"a passer-by"}'),
    ("an answer without its command", "COMMAND_APPLIED", said(outcome="APPLIED")),
    ("an opening without its command", "OPENING_MISSED", said(slot="1")),
    ("restored from nowhere", "DATABASE_RESTORED", said(from_epoch="x")),
    ("restored from 1e308", "DATABASE_RESTORED", said(from_epoch="x", from_seq=1e308)),
)


def test_each_body_that_does_not_fit_lies_in_quarantine_alone(hostile: HostileJournal) -> None:
    bad: dict[int, str] = {}
    for what, kind, body in UNFIT:
        before, line = hostile.sound(), hostile.line(kind, body)
        assert hostile.take([before, line]) == [line["seq"]], what
        bad[line["seq"]] = body
        hostile.require_pages()
    rows = {row.seq: row for row in hostile.server.rows(schema.quarantine)}
    assert rows.keys() == bad.keys()
    for seq, body in bad.items():
        assert json.loads(rows[seq].payload)["body"] == body
        assert len(rows[seq].reason) > 10


FIELDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("a time of text", {"wall_ms": "noon"}),
    ("a time of 1e308", {"wall_ms": 1e308}),
    ("a time before 2000", {"wall_ms": 5}),
    ("a time after 2100", {"wall_ms": 2**52}),
    ("a huge time", {"monotonic_ms": 2**70}),
    ("no number", {"monotonic_ms": float("nan")}),
    ("a boot of a list", {"boot_id": [[["x"]]]}),
    ("a boot with NUL", {"boot_id": "a\0b"}),
    ("half a surrogate pair", {"boot_id": "\ud800"}),
    ("half a pair in the body", {"body": "\udfff"}),
    ("trust of text", {"is_trusted": "perhaps"}),
    ("no body", {"body": None}),
    ("a long kind", {"kind": "X" * 500}),
    ("a kind of a number", {"kind": 7}),
    ("a kind with NUL", {"kind": "A\0B"}),
    ("a kind of nothing", {"kind": ""}),
)


def test_each_event_that_cannot_be_read_lies_in_quarantine_alone(hostile: HostileJournal) -> None:
    for number, (what, fields) in enumerate(FIELDS, 1):
        given_ = {"kind": "KIOSK_STARTED", "body": "{}"} | fields
        bad = hostile.line(given_.pop("kind"), given_.pop("body"), **given_)
        assert hostile.take([bad]) == [bad["seq"]], what
        # It comes again, and is known: nothing is asked for, nothing is sent twice.
        assert hostile.send([bad]).status_code == 200
        assert len(hostile.server.rows(schema.quarantine)) == number, what
    hostile.require_pages()


def test_a_clock_that_is_not_trusted_may_begin_in_1970(hostile: HostileJournal) -> None:
    body = slot(service="NO_DEPOSITS", service_reason="dirty", service_since_ms=5000)
    early = hostile.line("SLOT_SERVICE_CHANGED", body, wall_ms=5000, is_trusted=False)
    assert hostile.take([early]) == []
    hostile.require_pages()


def test_what_a_newer_version_says_is_kept_as_it_is(hostile: HostileJournal) -> None:
    image = {"label": "1", "size": "S", "position": 0, "is_low": 1, "colour": {"r": [1, 2.5]}}
    rows = [["slot", image], ["drone", {"id": "d", "height_m": 3}], ["drone", {}]]
    body = json.dumps({"actor": "kiosk", "rows": rows, "mood": [None, "fine", 1e300]})
    lines = [hostile.line("DRONE_LANDED", body), hostile.line("SLOT_CONFIGURED", body)]
    assert hostile.take(lines) == []
    kept = {row.seq: row for row in hostile.server.rows(schema.event)}
    assert [kept[line["seq"]].body for line in lines] == [body, body]
    assert [row.label for row in hostile.server.rows(schema.slot)] == ["1"]
    hostile.require_pages()
    given_back = requests.get(
        f"{hostile.server.url}/v1/locations/{LOCATION.id}/events",
        params={"epoch": hostile.epoch, "after": "0"},
        headers={"authorization": f"Bearer {hostile.token}"},
        timeout=20,
    ).json()["events"]
    assert [(each["kind"], each["body"]) for each in given_back][:2] == [
        ("DRONE_LANDED", body),
        ("SLOT_CONFIGURED", body),
    ]


# --- whatever ------------------------------------------------------------------------------------

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from((2**53, 2**63, -(2**63), 2**64, 10**400, 0, -1, NOW_MS)),
    st.floats(),
    st.text(alphabet=st.characters(), max_size=20),
    st.sampled_from(("\0", "\ud800", "x" * 5000, "EMPTY", "STORED", "1", "A", "centre", "11")),
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
)
FIELD_NAMES = sorted({name for image in IMAGES.values() for name in image.model_fields})
SAID_NAMES = sorted({name for body in BODIES.values() for name in body.__dataclass_fields__})
IMAGE = st.dictionaries(st.sampled_from(FIELD_NAMES), ODD, max_size=6)
NAMED = st.tuples(st.sampled_from(("1", "p", "A")), IMAGE).map(
    lambda pair: {"label": pair[0], "id": pair[0], **pair[1]}
)
ROW = st.one_of(
    st.tuples(st.sampled_from((*IMAGES, "drone")), st.one_of(NAMED, IMAGE)).map(list), ODD
)
BODY = st.tuples(
    st.dictionaries(st.sampled_from(SAID_NAMES), ODD, max_size=5), st.lists(ROW, max_size=3)
).map(lambda pair: {**pair[0], "rows": pair[1]})
LINE = st.tuples(
    st.sampled_from((*(kind.value for kind in EventKind), "DRONE_LANDED", "")),
    BODY,
    st.dictionaries(
        st.sampled_from(("wall_ms", "monotonic_ms", "boot_id", "is_trusted")), ODD, max_size=1
    ),
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LINE, min_size=1, max_size=8))
def test_no_event_makes_the_server_fail_or_holds_up_the_next(
    hostile: HostileJournal, lines: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    sent = []
    for kind, body, fields in lines:
        try:
            text = json.dumps(body)
        except ValueError:
            continue
        sent.append(hostile.line(kind, text, **fields))
    hostile.take(sent)
    hostile.require_pages()
