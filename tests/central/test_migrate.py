"""Tables are migrated on PostgreSQL by a command only, two versions of servers share a database,
and no server comes up on one that is not its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import create_engine, text

from central.building import build
from central.context import Central
from central.database import alembic_config, migrate, migrate_shared, sqlite_file
from central.errors import CannotServeError
from central.settings import Settings
from tests.support import postgresql

ROOT = Path(__file__).parents[2]
OLDEST = "SELECT value FROM meta WHERE key = 'oldest_server'"


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database on PostgreSQL."""
    made = postgresql.cluster().new_database(is_empty=True)
    yield made
    postgresql.cluster().drop(made)


@dataclass
class Machine:
    """A server's data folder on a machine of its own, with its settings."""

    folder: Path
    url: str

    @property
    def settings(self) -> Settings:
        return Settings(data=self.folder, database_url=self.url)

    def up(self) -> Central:
        return build(self.settings)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        config = self.folder.with_suffix(".toml")
        config.write_text(f"database_url = '{self.url}'\n", encoding="utf-8")
        command = [sys.executable, "-m", "central", "--config", str(config), "--data"]
        return subprocess.Popen(
            [*command, str(self.folder), *words],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str) -> tuple[int, str]:
        process = self.begin(*words)
        said, errors = process.communicate(timeout=120)
        return process.returncode, said + errors


def ask(url: str, sql: str) -> list[str]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            answer = connection.execute(text(sql))
            return [str(row[0]) for row in answer] if answer.returns_rows else []
    finally:
        engine.dispose()


def version(url: str) -> str:
    [found] = ask(url, "SELECT version_num FROM alembic_version")
    return found


def upgrade(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        alembic.upgrade(alembic_config(connection), revision)
    engine.dispose()


def test_nobody_migrates_but_who_is_asked_to(tmp_path: Path, url: str) -> None:
    machine = Machine(tmp_path / "one", url)
    with pytest.raises(CannotServeError, match=r"no tables yet.* central init .* central migrate"):
        machine.up()
    assert ask(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == ["0"]
    upgrade(url, "0015")
    with pytest.raises(CannotServeError, match=r"are at 0015.* needs \d+.*: central migrate"):
        machine.up()
    code, said = machine.run("location", "list")
    assert (code, version(url)) == (2, "0015"), said
    assert "central migrate" in said and "Traceback" not in said
    code, said = machine.run("migrate")
    assert (code, version(url)) == (0, migrate_shared(url)), said
    machine.up().database.close()


def test_who_migrates_at_once_does_so_one_after_the_other(tmp_path: Path, url: str) -> None:
    begun = [Machine(tmp_path / str(n), url).begin("migrate") for n in range(3)]
    answers = [process.communicate(timeout=240) for process in begun]
    assert [process.returncode for process in begun] == [0, 0, 0], answers


def test_two_servers_come_up_at_once_on_an_empty_database(tmp_path: Path, url: str) -> None:
    migrate_shared(url)
    first, second = Machine(tmp_path / "one", url), Machine(tmp_path / "two", url)
    for machine in (first, second):
        machine.folder.mkdir(mode=0o700)
    (first.folder / "central.key").write_bytes(bytes(range(32)))
    (first.folder / "central.key").chmod(0o600)
    shutil.copy(first.folder / "central.key", second.folder / "central.key")
    with ThreadPoolExecutor() as pool:
        for central in pool.map(Machine.up, (first, second)):
            central.database.close()


def test_of_two_new_servers_with_keys_of_their_own_one_is_refused(tmp_path: Path, url: str) -> None:
    migrate_shared(url)

    def up(name: str) -> str:
        try:
            Machine(tmp_path / name, url).up().database.close()
        except CannotServeError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor() as pool:
        said = list(pool.map(up, ("one", "two", "three")))
    refused = [each for each in said if each]
    assert len(refused) == 2
    for each in refused:
        assert "is not the key" in each or "key is missing" in each
    assert "key is missing" in up("late")
    assert not (tmp_path / "late" / "central.key").exists(), "no other key is made"


def make_newer(url: str, oldest: str) -> None:
    """Tables as a newer version leaves them."""
    ask(url, "UPDATE alembic_version SET version_num = '9999'")
    ask(url, f"UPDATE meta SET value = '{oldest}' WHERE key = 'oldest_server'")


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
def test_an_older_server_comes_up_at_newer_tables_where_it_may(
    tmp_path: Path, url: str, database: str
) -> None:
    machine = Machine(tmp_path / "one", url if database == "postgresql" else "")
    if machine.url:
        migrate_shared(url)
    machine.up().database.close()
    at = machine.settings.url
    make_newer(at, ask(at, OLDEST)[0])
    machine.up().database.close()
    assert version(at) == "9999"
    make_newer(at, "9998")
    with pytest.raises(CannotServeError, match="at 9999, which servers from 9998 on may use"):
        machine.up()
    machine.url = at
    for words in (["location", "list"], ["migrate"]):
        code, said = machine.run(*words)
        assert code == 2
        assert "run the newer version" in said and "Traceback" not in said
    assert version(at) == "9999"


def test_what_is_there_is_migrated_on_both_databases(tmp_path: Path, url: str) -> None:
    for at in (url, f"sqlite:///{tmp_path / 'a.db'}"):
        upgrade(at, "0015")
        ask(at, "INSERT INTO location (id, name) VALUES ('x', 'X')")
        ask(
            at,
            "INSERT INTO quarantine (id, location, epoch, payload) VALUES"
            " ('1', 'x', 'e', 'one'), ('2', 'x', 'e', 'two')",
        )
        engine = create_engine(at)
        migrate(engine)
        engine.dispose()
        hashes = ask(at, "SELECT payload_hash FROM quarantine ORDER BY id")
        assert len(set(hashes)) == 2 and all(len(each) == 64 for each in hashes)
        assert sqlite_file(at) is None or version(at) == version(url)
