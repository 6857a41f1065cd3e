"""What events say is declared, kept as a JSON schema, and held at both ends."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import get_args

import jsonschema_rs
import pytest

from kiosk.model import event_schema
from kiosk.model.actor import CUSTOMER, KIOSK, SERVER, actor_of
from kiosk.model.event_bodies import (
    BODIES,
    Complaint,
    KioskStarted,
    SlotSuspect,
)
from kiosk.model.event_reading import read_body, require_declared, require_fit
from kiosk.model.events import Event, EventKind
from kiosk.model.images import IMAGES, OpeningState, Purpose
from kiosk.model.sound_json import UnfitBodyError
from kiosk.store import journal, packages
from kiosk.store.intents import IntentPurpose, IntentState
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from kiosk.store.writer import BARCODE_KEY, KEY_OF_TABLE, Writer
from tests.support.central_server import Journal, TurnedClock

EARLIER = Path(__file__).parents[1] / "journals"


@pytest.fixture
def machine(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "kiosk.db")
    package = made.put_in("JD0001")
    made.take_out(package)
    made.do(packages.announce, Announcement("P", "JD0002", "S", None))
    return made


def events_of(machine: Journal) -> list[Event]:
    events: list[Event] = machine.do(journal.after, 0, 10_000)
    return events


def test_every_kind_of_event_is_declared() -> None:
    assert set(BODIES) == set(EventKind)
    assert all(body.__doc__ for body in BODIES.values())


def test_the_schema_in_the_repository_is_that_of_the_declarations() -> None:
    kept = event_schema.FILE.read_text(encoding="utf-8")
    assert kept == event_schema.text(), "run `python -m kiosk.model.event_schema`, and look at it"


def test_what_the_kiosk_writes_fits_the_schema_and_what_the_server_takes(machine: Journal) -> None:
    schema = json.loads(event_schema.FILE.read_text(encoding="utf-8"))
    events = events_of(machine)
    assert len({event.kind for event in events}) >= 5
    for event in events:
        body = read_body(event.body)
        wanted = {"$ref": f"#/$defs/{BODIES[EventKind(event.kind)].__name__}"}
        jsonschema_rs.validate({**wanted, "$defs": schema["$defs"]}, body)
        require_fit(event.kind, body, is_trusted=event.at.is_trusted)


def test_the_schema_refuses_what_does_not_fit() -> None:
    schema = json.loads(event_schema.FILE.read_text(encoding="utf-8"))
    wanted = {"$ref": "#/$defs/SlotSuspect", "$defs": schema["$defs"]}
    right = {"actor": "kiosk", "why": "x", "rows": [["slot", {"label": "1", "suspect": None}]]}
    jsonschema_rs.validate(wanted, right)
    for wrong in (
        {"why": "x"},
        {**right, "why": 5},
        {**right, "actor": "nobody"},
        {**right, "rows": [["slot", {"status": "EMPTY"}]]},
        {**right, "rows": [["slot", {"label": "1", "status": None}]]},
    ):
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(wanted, wrong)


def test_every_event_of_an_earlier_version_fits() -> None:
    for file in sorted(EARLIER.glob("*/journal.jsonl")):
        for text in file.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            require_fit(line["kind"], read_body(line["body"]), is_trusted=line["is_trusted"])


def test_the_images_have_a_field_for_every_column_that_the_journal_tells(machine: Journal) -> None:
    columns = {
        table: {row["name"] for row in machine.do(Writer.all, f"PRAGMA table_info({table})")}
        for table in KEY_OF_TABLE
    }
    columns["package"].discard(BARCODE_KEY)
    assert {name: set(image.model_fields) for name, image in IMAGES.items()} == columns
    assert set(get_args(Purpose)) == set(IntentPurpose)
    assert set(get_args(OpeningState)) == set(IntentState)


@pytest.mark.parametrize(
    ("body", "actor"),
    [
        ({"actor": "staff:11"}, "staff:11"),
        ({"actor": "11"}, "staff:11"),
        ({"by": "staff:08"}, "staff:08"),
        ({"number": "07", "role": "courier"}, "staff:07"),
        ({"actor": "centre"}, SERVER),
        ({"actor": "remote"}, SERVER),
        ({"actor": "restore"}, KIOSK),
        ({"actor": "customer"}, CUSTOMER),
        ({"actor": 5}, ""),
        ({}, ""),
    ],
)
def test_who_did_it_is_read_in_one_form(body: dict[str, object], actor: str) -> None:
    assert actor_of(body) == actor


def test_an_undeclared_body_names_its_field_and_what_would_be_right() -> None:
    with pytest.raises(UnfitBodyError, match=r"actor: 'nobody': String should match pattern"):
        require_declared(EventKind.KIOSK_STARTED, {"actor": "nobody"})
    with pytest.raises(UnfitBodyError, match=r"why: 5: Input should be a valid string"):
        require_declared(EventKind.SLOT_SUSPECT, {"actor": "kiosk", "why": 5})
    with pytest.raises(UnfitBodyError, match="slot"):
        require_declared(
            EventKind.COMPLAINT, Complaint(actor=CUSTOMER, package="p", slot="", what="").details()
        )


def test_a_wrong_body_fails_in_tests_and_is_written_in_a_kiosk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "kiosk.db", TurnedClock(), random.Random(1), threaded=False)

    def write(writer: Writer) -> int:
        return writer.record(SlotSuspect(actor="nobody we know", why="x"))

    with pytest.raises(UnfitBodyError, match="actor"):
        store.submit(write).result()
    monkeypatch.setattr(Writer, "refuses_undeclared", False)
    assert store.submit(write).result() == 1
    assert store.submit(lambda writer: writer.record(KioskStarted(actor=KIOSK))).result() == 2
    assert store.submit(journal.verify).result() == []
    store.close()
