"""Whatever comes as a command is applied, or refused and answered, and the next one is applied."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from kiosk.model.commands import CommandType
from kiosk.store import commands as kiosk_commands
from kiosk.store import slots
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status, SyncAnswer, read_message
from tests.support.central_server import LOCATION, Journal

NOWHERE = Identity("http://nowhere.invalid", LOCATION.id, "token", "00" * 32)


class Kiosk:
    """A kiosk's store and its client, with answers of a server put in its hands."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "kiosk.db")
        status = Status(clock_ms=self.journal.clock.wall_ms)
        rng = random.Random(1)
        self.client = SyncClient(self.journal.store, LOCATION, NOWHERE, lambda: status, rng)

    def come(self, *sent: JsonValue) -> None:
        """An answer of the server with these commands."""
        answer = {"acked": {}, "commands": sent, "now_ms": 0, "next_sync_s": 10}
        read = read_message(SyncAnswer, json.dumps(answer).encode())
        for command in read.commands:
            assert self.client._apply(command)

    @property
    def next_number(self) -> int:
        return int(self.journal.do(kiosk_commands.cursor)) + 1

    def answers(self) -> list[dict[str, Any]]:
        events = [each for each in self.journal.events() if each.kind == "COMMAND_APPLIED"]
        return [json.loads(event.body) for event in events]


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    made = Kiosk(tmp_path)
    yield made
    made.journal.store.close()


def numbered(n: JsonValue, kind: JsonValue, body: JsonValue, **more: JsonValue) -> JsonValue:
    return {"n": n, "id": f"c-{n}", "type": kind, "body": body, **more}


def out_of_service(n: int, slot: str = "3", reason: str = "dirty") -> JsonValue:
    body: JsonValue = {"slot": slot, "service": "NO_DEPOSITS", "reason": reason}
    return numbered(n, "slot_service", body)


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("extend", {"package": "p", "days": 99}, "days 99: it should be less than or equal to 30"),
        ("extend", {"package": "p", "days": "2"}, "days '2': it should be a valid integer"),
        ("extend", {"package": "p"}, "days: it is missing"),
        ("reissue", {"package": 7, "counter": 2}, "package 7: it should be a valid string"),
        (
            "slot_service",
            {"slot": "3", "service": "OFF"},
            "service 'OFF': it should be",
        ),
        ("staff", {"staff": "nobody"}, "staff (not quoted): it should be a list"),
        (
            "announce",
            {"package": "p", "barcode": "A", "recipient": "Eva"},
            "recipient (not q",
        ),
        ("announce", {"package": "p", "barcode": "##"}, "barcode '##': a barcode has at least"),
        (
            "open",
            {"slot": "3", "signed_ms": "now"},
            "signed_ms 'now': it should be a valid",
        ),
        ("dance", {"how": "slowly"}, "the command 'dance' is not known to this version"),
        ("extend", {"package": "\ud83d", "days": 1}, "package '\\ud83d': it should be a valid"),
        ("open", "now", "body (not quoted): it should be"),
        (5, {}, "type 5: it should be a valid string"),
    ],
)
def test_a_command_that_does_not_fit_is_answered_with_its_field_and_the_next_is_applied(
    kiosk: Kiosk, kind: JsonValue, body: JsonValue, why: str
) -> None:
    kiosk.come(numbered(1, kind, body), out_of_service(2))
    refused, applied = kiosk.answers()
    assert (refused["n"], refused["id"], refused["outcome"]) == (1, "c-1", "REFUSED")
    assert why in refused["detail"]
    assert "Eva" not in refused["detail"]
    assert applied["outcome"] == "APPLIED"
    assert kiosk.journal.do(slots.record_of, "3").service == "NO_DEPOSITS"


def test_a_field_of_a_newer_server_is_passed_over(kiosk: Kiosk) -> None:
    body: JsonValue = {"slot": "3", "service": "NO_DEPOSITS", "reason": "dirty", "until_ms": "?"}
    kiosk.come(numbered(1, "slot_service", body, priority=1))
    assert [each["outcome"] for each in kiosk.answers()] == ["APPLIED"]


@pytest.mark.parametrize(
    "sent", [None, [], "x", {}, {"n": 0, "id": "c"}, {"n": "1st", "id": "c", "type": "open"}]
)
def test_what_has_no_number_is_answered_once(kiosk: Kiosk, sent: JsonValue) -> None:
    for n in (1, 2, 3):
        kiosk.come(sent, out_of_service(n))
    outcomes = [each["outcome"] for each in kiosk.answers()]
    assert outcomes == ["REFUSED", "APPLIED", "APPLIED", "APPLIED"]
    assert kiosk.answers()[0]["n"] == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=12), parts),
    max_leaves=8,
)
NAMES = st.sampled_from(["package", "barcode", "size", "recipient", "owner", "slot", "service"])
MORE_NAMES = st.sampled_from(["reason", "why", "days", "counter", "staff", "signed_ms", "is_alone"])
VALUES = JSON | st.sampled_from(["3", "700", "A", "p", "DO_NOT_OPEN", {"id": "r"}, [], 1, 2**63])
BODIES = st.dictionaries(NAMES | MORE_NAMES, VALUES) | JSON
TYPES = st.sampled_from([each.value for each in CommandType]) | JSON


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(kind=TYPES, body=BODIES, signature=JSON, junk=st.none() | JSON)
@example(kind="announce", body={"package": "p", "barcode": "A\0B"}, signature="", junk=None)
@example(kind="announce", body={"package": "p", "barcode": "A"}, signature="", junk={"n": True})
@example(kind="contact", body={"package": "p", "recipient": {"id": "\0"}}, signature="", junk=None)
@example(kind="open", body={"slot": "3"}, signature="00", junk=None)
def test_any_json_is_applied_or_answered_and_the_next_is_applied(
    kiosk: Kiosk, kind: JsonValue, body: JsonValue, signature: JsonValue, junk: JsonValue
) -> None:
    n, before = kiosk.next_number, len(kiosk.answers())
    command = numbered(n, kind, body, signature=signature)
    kiosk.come(command if junk is None else junk, out_of_service(n + 1, reason=f"time {n}"))
    *_, last = answers = kiosk.answers()[before:]
    assert (last["n"], last["outcome"]) == (n + 1, "APPLIED")
    assert kiosk.journal.do(slots.record_of, "3").service == "NO_DEPOSITS"
    if junk is None:
        assert len(answers) == 2
        assert answers[0]["n"] == n
        why = answers[0].get("detail", "")
        assert (answers[0]["outcome"] == "REFUSED") == bool(why)
        assert "the kiosk failed at it" not in why


def test_a_release_is_chosen_only_by_a_command_that_is_signed(kiosk: Kiosk) -> None:
    chosen: JsonValue = {"release": "1.4.0", "rollout": "r-1"}
    kiosk.come(numbered(1, CommandType.CHOOSE_RELEASE.value, chosen))
    assert kiosk.answers()[-1]["outcome"] == "REFUSED"
    assert "only by a command that is signed" in kiosk.answers()[-1]["detail"]
