"""A journal that a newer version wrote in: an older program carries it on and passes over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from central import schema
from kiosk.flows.views.service import EventLine, History
from kiosk.model.events import Event, canonical_json, chain_hash
from kiosk.store import backup, counters, journal
from kiosk.store.restore import Recall
from kiosk.store.writer import ChainHead, Writer
from kiosk.ui.texts.service import event_details
from tests.central.test_restored import Machine
from tests.support.central_server import LOCATION, Server

BODY = canonical_json(
    {
        "actor": "kiosk",
        "mood": [None, 1.5],
        "rows": [["drone", {"id": "d", "height_m": 3}], ["slot", {"label": "1", "colour": "red"}]],
    }
)


def write_as_newer(writer: Writer, kind: str = "DRONE_LANDED", body: str = BODY) -> None:
    """A line such as a newer version writes: a kind, an image and fields that nobody knows here."""
    head, now = writer.head, writer.now
    digest = chain_hash(head.hash, head.epoch, head.seq + 1, kind, body, now)
    event = Event(head.epoch, head.seq + 1, kind, body, now, head.hash, digest)
    writer.record_again(event, (), {})


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> Iterator[Machine]:
    made = Machine(tmp_path / "machine", server)
    made.journal.put_in("before")
    yield made
    made.journal.store.close()


def test_a_journal_of_a_newer_version_is_read_sent_and_restored(machine: Machine) -> None:
    do = machine.journal.do
    file = machine.back_up()
    do(write_as_newer)
    do(write_as_newer, "SLOT_CLEARED")
    machine.journal.put_in("behind")
    assert do(journal.verify) == []
    assert backup.check(machine.back_up()) == ""
    assert do(counters.read)
    machine.sync()
    assert machine.server.rows(schema.quarantine) == []
    machine.require_equal()

    lines, before = machine.hashes(), do(journal.tables)
    restored = machine.restore(file)
    assert restored.doubt == ""
    assert machine.hashes()[: len(lines)] == lines
    assert machine.journal.do(journal.tables) == before
    events = machine.journal.do(journal.after, 0, 10_000)
    assert [event.kind for event in events if event.body == BODY] == [
        "DRONE_LANDED",
        "SLOT_CLEARED",
    ]
    machine.sync()
    machine.require_equal()
    assert machine.server.alarms() == []


def test_a_state_that_only_a_newer_version_knows_leaves_doubt_and_no_broken_restore(
    machine: Machine,
) -> None:
    """The server gives back what the newer one wrote, and these tables do not take it."""
    file = machine.back_up()
    machine.journal.put_in("behind")
    frozen = {"actor": "kiosk", "rows": [["slot", {"label": "1", "status": "FROZEN"}]]}
    machine.journal.do(write_as_newer, "SLOT_FROZEN", canonical_json(frozen))
    events = machine.journal.do(journal.after, 0, 10_000)

    def give_back(head: ChainHead) -> Recall:
        later = [event for event in events if event.seq > head.seq]
        return Recall(iter([later]), is_complete=True, heard_ms=1)

    restored = machine.journal.restore(file, give_back)
    assert "cannot be written by this version" in restored.doubt
    assert restored.slots == len(LOCATION.slots)
    assert machine.journal.do(journal.verify) == []


def test_the_technician_reads_a_newer_versions_own_word() -> None:
    line = EventLine(7, "DRONE_LANDED", "1", "kiosk", "", None)
    ((_, what),) = event_details(History(lines=(line,)), LOCATION)
    assert "Drone landed" in what
