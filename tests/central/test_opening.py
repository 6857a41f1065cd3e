"""A database that cannot be had is refused with a sentence, and nothing of it is held any more."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import psycopg
import pytest

from central import rotation, tokens
from central.building import build
from central.database import Database, sqlite_file
from central.database.faults import ClosedError
from central.database.sqlite import hold_lock
from central.errors import CannotServeError
from tests.support import postgresql
from tests.support.central_server import wait_until

GUARD_S = 60.0
ROUNDS = 5


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@one/lockers",
        "postgresql+asyncpg://me:secret@one/lockers",
        "postgresql://me:secret@one:port/lockers",
        "postgresql://me:secret@one:1,two:2/lockers?nonsense=1",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://:port/lockers",
    ],
)
def test_what_is_no_databases_url_is_refused_before_anything_is_made(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(CannotServeError, match=r"^database_url: ") as refused:
        Database(url, tmp_path / "central.key")
    assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_what_was_opened_is_let_go_when_its_standby_cannot_be_had(tmp_path: Path) -> None:
    url = postgresql.cluster().new_database()
    threads = {each.ident for each in threading.enumerate()}
    with pytest.raises(CannotServeError, match=r"^read_url: "):
        Database(url, tmp_path / "central.key", read_url="postgresql://one:port/lockers")
    assert {each.ident for each in threading.enumerate()} <= threads
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        wait_until(lambda: connection.execute(others).fetchone() == (1,))
    postgresql.cluster().drop(url)


def test_a_file_that_cannot_be_opened_is_not_held(tmp_path: Path) -> None:
    file = tmp_path / "central.db"
    # Of a driver that is not there, which shows only behind the lock.
    with pytest.raises(Exception, match="nope"):
        Database(f"sqlite+nope:///{file}", tmp_path / "central.key")
    assert sqlite_file(f"sqlite:///{file}") == file
    assert hold_lock(f"sqlite:///{file}") is not None


def test_whatever_is_handed_in_while_it_closes_has_an_end(tmp_path: Path) -> None:
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(ROUNDS):
            _hand_in_until_closed(f"sqlite:///{tmp_path / 'central.db'}", tmp_path / "central.key")
    finally:
        sys.setswitchinterval(interval_s)


def _hand_in_until_closed(url: str, key: Path) -> None:
    database = Database(url, key)
    handed_in: list[Future[int]] = []

    def hand_in() -> None:
        while True:
            some = [database.submit(lambda _: 1) for _ in range(8)]
            handed_in.extend(some)
            if any(each.done() and each.exception() is not None for each in some):
                return

    threads = [threading.Thread(target=hand_in) for _ in range(4)]
    for each in threads:
        each.start()
    database.close()
    for each in threads:
        each.join(GUARD_S)
    for future in handed_in:
        assert future.exception(GUARD_S) is None or isinstance(future.exception(), ClosedError)


def test_a_server_that_begins_while_the_key_is_changed_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = postgresql.settings_of(tmp_path / "central")
    settings = settings.model_copy(update={"database_url": postgresql.cluster().new_database()})
    build(settings).database.close()
    known, begin = tokens.read(settings.key_path), tokens.begin_change
    begun = []

    def begin_beside(path: Path) -> None:
        begun.append(build(settings))
        begin(path)

    monkeypatch.setattr(tokens, "begin_change", begin_beside)
    with pytest.raises(CannotServeError, match="another central server uses this database"):
        rotation.rotate(settings)
    assert tokens.read(settings.key_path)[:32] == known
    assert known in tokens.read(settings.key_path)[32:]
    begun[0].database.close()
    monkeypatch.undo()
    rotation.rotate(settings)
    assert known not in tokens.read(settings.key_path)[32:]
    postgresql.cluster().drop(settings.database_url)
