"""Journals that earlier versions wrote verify, sync and restore with this version, for ever."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from central import schema
from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, EventKind, chain_hash
from kiosk.store import backup, journal
from tests.central.test_restored import Machine
from tests.support.central_server import Server

JOURNALS = Path(__file__).parents[1] / "journals"
VERSIONS = sorted(path.name for path in JOURNALS.iterdir() if path.is_dir())


def lines_of(version: str) -> list[dict[str, Any]]:
    text = (JOURNALS / version / "journal.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def unpacked(version: str, name: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / name
    target.write_bytes(gzip.decompress((JOURNALS / version / f"{name}.gz").read_bytes()))
    return target


FLOOR = {"1", "7", "13", "19"}
"""The doors that stand on the floor: they counted as low before 0.3."""


def written_since(machine: Machine, seq: int) -> list[EventKind | str]:
    """The kinds of what this version wrote, but for what it had to say of the doors on the floor
    when it was started first."""
    events = machine.journal.do(journal.after, seq, 20)
    said = [event for event in events if event.kind is EventKind.SLOT_CONFIGURED]
    rows = [row for event in said for row in json.loads(event.body)["rows"]]
    assert {values["label"] for _, values in rows} <= FLOOR
    assert len(rows) in (0, len(FLOOR))
    return [event.kind for event in events if event not in said]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(tmp_path: Path, server: Server, version: str) -> Iterator[Machine]:
    """A kiosk of this version on the database of the earlier one, and a server of this one."""
    unpacked(version, "kiosk.db", tmp_path / "machine")
    made = Machine(tmp_path / "machine", server)
    made.journal.clock.wall_ms = server.clock.wall_ms = lines_of(version)[-1]["wall_ms"] + 1000
    yield made
    made.journal.store.close()


def test_a_first_version_is_kept() -> None:
    assert "0.1" in VERSIONS


def test_the_first_version_has_every_kind_of_event_that_it_knew() -> None:
    assert len({line["kind"] for line in lines_of("0.1")}) == 42


def test_an_old_journal_verifies_without_a_database(version: str) -> None:
    previous = GENESIS
    for line in lines_of(version):
        at = Instant(line["wall_ms"], line["monotonic_ms"], line["boot_id"], line["is_trusted"])
        digest = chain_hash(previous, line["epoch"], line["seq"], line["kind"], line["body"], at)
        assert digest.hex() == line["hash"], line["seq"]
        previous = digest


def test_an_old_database_and_its_backup_are_sound(tmp_path: Path, version: str) -> None:
    for name in ("kiosk.db", "backup.db"):
        assert backup.check(unpacked(version, name, tmp_path)) == ""


def test_an_old_database_opens_and_its_tables_are_the_replay(
    machine: Machine, version: str
) -> None:
    assert machine.journal.do(journal.verify) == []
    lines = lines_of(version)
    assert machine.hashes()[: len(lines)] == [line["hash"] for line in lines]
    assert written_since(machine, len(lines)) == []
    bodies = machine.journal.do(lambda writer: list(journal.bodies(writer)))
    assert journal.replay(bodies) == machine.journal.do(journal.tables)


def test_an_old_journal_syncs_whole_and_nothing_of_it_is_in_quarantine(
    machine: Machine, version: str
) -> None:
    machine.sync()
    assert machine.server.rows(schema.quarantine) == []
    assert machine.server.alarms() == []
    machine.require_equal()
    lines = {line["seq"]: line for line in lines_of(version)}
    rows = {row.seq: row for row in machine.server.rows(schema.event)}
    for seq, line in lines.items():
        assert {name: getattr(rows[seq], name) for name in line} == line


def test_an_old_backup_is_restored_with_what_came_after_it(
    machine: Machine, version: str, tmp_path: Path
) -> None:
    machine.sync()
    before = machine.journal.do(journal.tables)
    lines = lines_of(version)
    old = unpacked(version, "backup.db", tmp_path / "old")
    restored = machine.restore(old)
    assert restored.doubt == ""
    assert restored.taken_back > 0
    assert machine.hashes()[: len(lines)] == [line["hash"] for line in lines]
    assert machine.journal.do(journal.verify) == []
    assert machine.journal.do(journal.tables) == before
    assert written_since(machine, len(lines)) == [EventKind.DATABASE_RESTORED]
    machine.sync()
    machine.require_equal()
    assert machine.server.alarms() == []
