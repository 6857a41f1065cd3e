"""Several servers on one PostgreSQL, each with a list of its own of who was forgotten: whichever of
the lists is left, no backup brings anybody back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, insert

from central import forgotten, privacy, schema
from central.building import build
from central.command_line import cli
from central.database.bulk import upsert
from central.errors import CannotServeError
from central.sealing import indexed
from tests.support.central_server import NOW_MS, Server, wait_until
from tests.support.postgresql import cluster
from tests.support.staff_lists import add, remove

EVA, BO = "eva@example.org", "bo@example.org"


class Two:
    """Two servers, each with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.url, self.folder = cluster().new_database(), folder
        self.one, self.two = self.made("one"), self.made("two")

    def made(self, name: str) -> Server:
        others = {"key_file": self.folder / "central.key"}
        return Server(self.folder / name, database_url=self.url, others=others)

    def command(self, name: str, *words: str) -> Result:
        """The command line of one of them."""
        config = self.folder / f"{name}.toml"
        config.write_text(
            f"database_url = '{self.url}'\nkey_file = '{self.folder / 'central.key'}'\n"
            f"postgresql_programs = '{cluster().programs}'\n"
        )
        data = str(self.folder / name)
        return CliRunner().invoke(cli, ["--config", str(config), "--data", data, *words])

    def lines(self, name: str) -> set[str]:
        path = self.folder / name / forgotten.FILE
        return set(path.read_text().splitlines()) if path.exists() else set()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    made.one.start()
    made.two.start()
    yield made
    for each in (made.one, made.two):
        each.stop()
    cluster().drop(made.url)


def known(connection: Connection, email: str, created_ms: int = NOW_MS - 1000) -> None:
    """Somebody whose packages have all left."""
    values: dict[str, Any] = {
        "id": email,
        "name": email.title(),
        "email": email,
        "created_ms": created_ms,
    }
    values = indexed(connection, schema.recipient, values)
    connection.execute(insert(schema.recipient).values(**values))


def forget(server: Server, email: str) -> None:
    server.write(privacy.erase, server.central, "test", email)


def names(server: Server) -> set[str]:
    return {row.name for row in server.rows(schema.recipient) if row.name}


def test_who_is_forgotten_at_one_server_is_soon_in_the_list_of_each(
    pair: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "EVERY_S", 0.05)
    for each in (pair.one, pair.two):  # with that interval
        each.stop()
        each.start()
    pair.one.write(known, EVA)
    pair.two.write(known, BO)
    forget(pair.one, EVA)
    forget(pair.two, BO)
    wait_until(lambda: pair.lines("one") == pair.lines("two"))
    assert len(pair.lines("one")) == 2
    assert not names(pair.one)


def test_the_list_of_a_server_that_did_not_write_it_brings_nobody_back(
    pair: Two, tmp_path: Path
) -> None:
    pair.one.write(known, EVA)
    pair.one.write(known, BO)
    dump = str(tmp_path / "copy.dump")
    assert pair.command("one", "backup", dump).exit_code == 0
    forget(pair.one, EVA)
    for each in (pair.one, pair.two):
        each.stop()
    pair.two.start()
    pair.two.stop()
    shutil.rmtree(tmp_path / "one")  # that machine is gone
    restored = pair.command("two", "restore", dump)
    assert restored.exit_code == 0, restored.output + str(restored.exception)
    pair.two.start()
    assert names(pair.two) == {BO.title()}
    # A machine in its place has the whole list from its first start on.
    pair.one = pair.made("one")
    pair.one.start()
    assert pair.lines("one") == pair.lines("two") != set()
    assert names(pair.one) == {BO.title()}


def test_each_of_two_lists_counts_after_a_restore_whichever_server_starts_first(
    pair: Two, tmp_path: Path
) -> None:
    """The machines were apart when each of them wrote its line."""
    for email in (EVA, BO):
        pair.one.write(known, email)
    dump = str(tmp_path / "copy.dump")
    assert pair.command("one", "backup", dump).exit_code == 0
    forget(pair.one, EVA)
    forget(pair.two, BO)
    for each in (pair.one, pair.two):
        each.stop()
    assert len(pair.lines("one") | pair.lines("two")) == 2
    assert pair.lines("one") != pair.lines("two")
    assert pair.command("one", "restore", dump).exit_code == 0
    pair.one.start()
    assert names(pair.one) == {BO.title()}
    pair.two.start()
    assert not names(pair.two)


def line_of(server: Server, at_ms: int, **said: Any) -> str:
    marks = [server.central.secrets.mark(forgotten.PURPOSE, each) for each in said.pop("of", ())]
    return json.dumps({"at_ms": at_ms, "people": [], "marks": marks, "staff": [], **said})


def test_what_a_version_before_counted_is_not_done_again_to_who_came_back(pair: Two) -> None:
    one = pair.one
    one.write(known, EVA, NOW_MS + 5)
    add(one, "17")
    lines = [line_of(one, NOW_MS - 5, of=[EVA]), line_of(one, NOW_MS - 5, staff=["17"])]
    # It only knew how many lines of the file of whichever server wrote last it had carried out.
    one.write(lambda c: upsert(c, schema.meta, {"key": forgotten.COUNT}, {"value": "1"}))
    for each in (one, pair.two):
        each.stop()
    for name, line in (("one", lines[0]), ("two", lines[1])):
        (pair.folder / name / forgotten.FILE).write_text(f"{line}\n")
    for each in (one, pair.two):
        each.start()
    assert names(one) == {EVA.title()}
    assert [row.number for row in one.rows(schema.staff) if row.removed_ms is None] == ["17"]
    one.stop()
    one.start()
    assert pair.lines("one") == pair.lines("two") == set(lines)


def test_who_was_taken_off_the_list_of_staff_stays_off_it(pair: Two, tmp_path: Path) -> None:
    for number in ("17", "18"):
        add(pair.one, number)
    dump = str(tmp_path / "copy.dump")
    assert pair.command("one", "backup", dump).exit_code == 0
    pair.one.clock.wall_ms += 1000
    remove(pair.one, "17")
    for each in (pair.one, pair.two):
        each.stop()
    assert pair.command("one", "restore", dump).exit_code == 0
    pair.one.start()
    assert [row.number for row in pair.one.rows(schema.staff) if not row.removed_ms] == ["18"]


def test_a_server_that_cannot_write_its_list_does_not_start(pair: Two) -> None:
    pair.two.stop()
    path = pair.folder / "two" / forgotten.FILE
    path.unlink()
    path.mkdir()
    with pytest.raises(CannotServeError, match="let this user write it"):
        build(pair.two.central.settings)
    path.rmdir()
    pair.two.start()


def test_a_list_that_cannot_be_written_any_more_is_an_alarm(
    pair: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "EVERY_S", 0.05)
    pair.two.stop()
    pair.two.start()
    path = pair.folder / "two" / forgotten.FILE
    path.unlink()
    path.mkdir()
    wait_until(lambda: "alarm:forgotten-list" in pair.one.alarms())
    path.rmdir()
    pair.one.write(known, EVA)
    forget(pair.one, EVA)
    wait_until(lambda: pair.lines("two") == pair.lines("one") != set())
