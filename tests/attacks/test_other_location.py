"""With one location's token nothing of another is changed, read or taken over by an id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central import schema
from kiosk.model.events import EventKind
from kiosk.model.images import IMAGES
from tests.support.central_server import (
    LOCATION,
    LOCATION_KEY,
    NOW_MS,
    Journal,
    Mailbox,
    Server,
    announce,
)
from tests.support.hostile_journal import HostileJournal
from tests.support.operators import obey, sync

THEIRS = replace(LOCATION, id="berlin-theirs")
TABLES = (
    schema.package,
    schema.slot,
    schema.event,
    schema.command,
    schema.location_epoch,
    schema.location_size,
    schema.quarantine,
    schema.notification,
)


class Victim:
    """A location with a package announced and not come, one that lies there, and one that nobody
    announced."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.key = server, server.add_key()
        self.kiosk = Journal(folder / "theirs.db", THEIRS, 2)
        assert self.kiosk.enrol(server, server.add_location(THEIRS.id)).ok
        self.waiting = announce(server, self.key, "WAITING", location=THEIRS.id).json()["id"]
        self.lying = announce(server, self.key, "LYING", location=THEIRS.id).json()["id"]
        obey(self.kiosk)
        self.kiosk.put_in("LYING")
        self.unannounced = self.kiosk.put_in("UNANNOUNCED")
        sync(self.kiosk)
        commands = server.rows(schema.command)
        self.ids = [self.waiting, self.lying, self.unannounced, *(row.id for row in commands)]
        self.ids += [row.id for row in server.rows(schema.recipient)]

    def snapshot(self) -> dict[str, Any]:
        """All that the server knows of this location, and what its sender reads."""
        rows: dict[str, Any] = {
            table.name: sorted(
                repr(row) for row in self.server.rows(table) if row.location == THEIRS.id
            )
            for table in TABLES
        }
        place = [row for row in self.server.rows(schema.location) if row.id == THEIRS.id]
        rows["location"] = repr(place)
        rows["recipient"] = sorted(repr(row) for row in self.server.rows(schema.recipient))
        for package in (self.waiting, self.lying):
            for what in (package, f"{package}/history"):
                url = f"{self.server.url}/v1/packages/{what}"
                rows[what] = requests.get(url, headers=self.key, timeout=20).json()
        return rows


@pytest.fixture
def victim(server: Server, tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Victim]:
    made = Victim(server, tmp_path)
    mailbox[1].wait_for(1)  # the code is sent; nothing changes by itself any more
    requests.get(f"{server.url}/readyz", timeout=20)
    yield made
    made.kiosk.store.close()


@pytest.fixture
def liar(server: Server, kiosk: Journal, victim: Victim) -> HostileJournal:
    return HostileJournal(server, kiosk.token, victim.key)


def image(table: str, **values: Any) -> str:
    return json.dumps({"actor": "kiosk", "rows": [[table, values]]})


def body(**values: Any) -> str:
    return json.dumps({"actor": "kiosk", **values})


def own(package: str = "own") -> str:
    values = {"id": package, "barcode": "OWN", "status": "PENDING", "announced_ms": NOW_MS}
    return image("package", **values)


def lies(id_: str) -> list[tuple[str, str]]:
    """What a kiosk may say to have another location's package, or to do something to it."""
    stored = {"status": "STORED", "slot": "1", "locator": "123", "code_counter": 1}
    return [
        ("PACKAGE_STORED", image("package", id=id_, **stored, hold_until_ms=NOW_MS)),
        ("PACKAGE_RETRIEVED", image("package", id=id_, status="RETRIEVED", finished_ms=NOW_MS)),
        ("PACKAGE_CANCELLED", image("package", id=id_, status="CANCELLED", finished_ms=NOW_MS)),
        ("PACKAGE_ANNOUNCED", image("package", id=id_, barcode="OTHER", status="PENDING")),
        ("PACKAGE_MOVED", image("package", id=id_, slot="1")),
        ("CODE_REISSUED", image("package", id=id_, code_counter=9)),
        ("HOLD_EXTENDED", image("package", id=id_, hold_until_ms=NOW_MS)),
        ("CODE_ASKED", body(package=id_)),
        ("CODE_TOLD", body(package=id_)),
        ("CODE_REFUSED", body(how="typed", package=id_)),
        ("COMPLAINT", body(package=id_, slot="1", what="x")),
        ("COMMAND_APPLIED", body(**ANSWER, package="own", joined=id_)),
        ("COMMAND_APPLIED", body(**ANSWER, package=id_, joined="own")),
        ("COMMAND_APPLIED", body(**ANSWER, package=id_)),
        ("PACKAGE_RETURNED", body(replaces=id_, slot="1")),
        ("PACKAGE_RETURNED", body(replaces="own", slot="1", beside=id_)),
        ("DOOR_INTENDED", image("intent", id="i", slot="1", package=id_, purpose="PICKUP")),
        ("PACKAGE_ANNOUNCED", image("package", id="other", replaces=id_, barcode="Z")),
        ("DRONE_LANDED", image("package", id=id_, status="RETRIEVED")),
    ]


def test_no_word_about_anothers_package_is_believed(liar: HostileJournal, victim: Victim) -> None:
    before = victim.snapshot()
    assert liar.take([liar.line("PACKAGE_ANNOUNCED", own())]) == []
    for id_ in (victim.waiting, victim.lying, victim.unannounced):
        lines = [liar.line(kind, text) for kind, text in lies(id_)]
        assert liar.take(lines) == [each["seq"] for each in lines]
    assert victim.snapshot() == before
    alarms = victim.server.alarms()
    assert alarms.count("alarm:quarantine") == 3 * len(lies(""))
    reasons = {row.reason for row in victim.server.rows(schema.quarantine)}
    assert not any(id_ in reason or THEIRS.id in reason for reason in reasons for id_ in victim.ids)
    # The honest kiosks of both go on.
    victim.kiosk.take_out(victim.lying)
    sync(victim.kiosk)
    url = f"{victim.server.url}/v1/packages/{victim.lying}"
    answer = requests.get(url, headers=victim.key, timeout=20).json()
    assert (answer["status"], answer["location"]) == ("RETRIEVED", THEIRS.id)
    assert liar.take([liar.line("PACKAGE_CANCELLED", image("package", id="own", size="S"))]) == []


def test_anothers_commands_are_not_answered_and_its_journal_is_not_read(
    liar: HostileJournal, victim: Victim
) -> None:
    before = victim.snapshot()
    ids = [row.id for row in victim.server.rows(schema.command) if row.location == THEIRS.id]
    for id_ in ids:
        answer = {"id": id_, "n": 1, "type": "announce", "outcome": "REFUSED", "detail": "no"}
        ended = {"id": id_, "slot": "1", "outcome": "OPENED"}
        liar.take(
            [
                liar.line("COMMAND_APPLIED", body(**answer)),
                liar.line("OPENING_ENDED", body(**ended)),
                liar.line("OPENING_MISSED", body(id=id_, slot="1")),
            ]
        )
    assert victim.snapshot() == before
    headers = {"authorization": f"Bearer {liar.token}"}
    url = f"{victim.server.url}/v1/locations/{THEIRS.id}"
    epoch = victim.kiosk.head().epoch
    asked = requests.get(f"{url}/events", params={"epoch": epoch}, headers=headers, timeout=20)
    assert asked.status_code == 401
    said = requests.post(f"{url}/sync", json={"epoch": epoch}, headers=headers, timeout=20)
    assert said.status_code == 401
    # Under its own name, with the epoch and head of the other.
    head = victim.kiosk.head().model_dump()
    message = {"epoch": epoch, "head": head, "wants_people": True, "cursor": 10**6}
    mine = f"{victim.server.url}/v1/locations/{LOCATION.id}"
    answered = requests.post(f"{mine}/sync", json=message, headers=headers, timeout=20)
    assert answered.json()["commands"] == []
    asked = requests.get(f"{mine}/events", params={"epoch": epoch}, headers=headers, timeout=20)
    assert asked.json()["events"] == []
    key = {"token": liar.token, "location": THEIRS.id, "key": LOCATION_KEY.hex()}
    assert requests.post(f"{victim.server.url}/v1/enrol", json=key, timeout=20).status_code == 401
    assert victim.snapshot() == before


# --- a model -------------------------------------------------------------------------------------

ID = st.integers(0, 40)
"""Which of the ids that are the victim's, or one of the liar's own."""
VALUES = {
    "status": st.sampled_from(("PENDING", "STORED", "RETRIEVED", "CANCELLED", "MISSING")),
    "slot": st.sampled_from(("1", "2")),
    "label": st.sampled_from(("1", "2", "3")),
    "barcode": st.sampled_from(("WAITING", "LYING", "UNANNOUNCED", "OWN")),
    "code_counter": st.integers(0, 9),
    "locator": st.just("123"),
    "hold_until_ms": st.just(NOW_MS),
    "finished_ms": st.just(NOW_MS),
    "package": ID,
    "joined": ID,
    "replaces": ID,
    "beside": ID,
    "recipient": ID,
    "id": ID,
}
"""Values that pass for true; an id is put in the place of a number."""
NUMBERED = ("id", "package", "joined", "replaces", "beside", "recipient")
FIELDS = st.fixed_dictionaries({}, optional=VALUES)
LIE = st.tuples(
    st.sampled_from([kind.value for kind in EventKind]),
    FIELDS,
    st.lists(st.tuples(st.sampled_from(sorted(IMAGES)), FIELDS), max_size=3),
)
ANSWER = {"id": "c", "n": 1, "type": "announce", "outcome": "APPLIED"}
SAID = {**ANSWER, "slot": "1", "what": "x", "how": "typed"}


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(LIE, min_size=1, max_size=10))
def test_a_kiosk_changes_nothing_of_anothers_whatever_it_says(
    liar: HostileJournal, victim: Victim, lies: list[Any]
) -> None:
    def named(values: dict[str, Any]) -> dict[str, Any]:
        pool = [*victim.ids, "own-1", "own-2"]
        return {
            name: pool[value % len(pool)] if name in NUMBERED else value
            for name, value in values.items()
        }

    before = victim.snapshot()
    lines = []
    for kind, fields, images in lies:
        rows = [[table, {"id": "own-1", "label": "1", **named(values)}] for table, values in images]
        said = {"actor": "kiosk", **SAID, **named(fields), "rows": rows}
        lines.append(liar.line(kind, json.dumps(said)))
    liar.take(lines)
    assert victim.snapshot() == before
