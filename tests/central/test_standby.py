"""What is only shown is read from a standby; it is never older than what its reader did last."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from sqlalchemy import Connection, text

from central.auth import Role
from central.building import build
from central.database import migrate_shared, standby
from central.database.postgresql import engine_of as postgresql_engine
from central.errors import CannotServeError
from central.settings import Settings, load
from tests.support import postgresql
from tests.support.central_server import LOCATION, Journal, Server, announce, wait_until
from tests.support.operators import Browser, obey, sync

PATIENT_MS = 5000
HURRIED_MS = 50
WRITES = 20
WARNED = "the standby is not read from, the primary answers"


@dataclass
class Pair:
    """A primary and what follows it, with a database for each server."""

    primary: postgresql.Cluster
    standby: postgresql.Cluster

    @contextmanager
    def server(self, folder: Path, behind_max_ms: int, read_url: str = "") -> Iterator[Server]:
        url = self.primary.new_database()
        others = {
            "read_url": read_url or self.beside(url),
            "read_behind_max_ms": behind_max_ms,
        }
        made = Server(folder, database_url=url, others=others)
        made.start()
        try:
            yield made
        finally:
            made.stop()

    def beside(self, url: str) -> str:
        """The URL of the same database at the standby."""
        return url.replace(str(self.primary.folder), str(self.standby.folder))

    def asked(self) -> list[str]:
        """What the standby was asked for, but how far it is."""
        lines = self.standby.log.read_text().splitlines()
        return [line for line in lines if "execute" in line and "pg_control_system" not in line]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    primary = postgresql.Cluster(synchronous_commit="on")
    try:
        primary.execute(f"CREATE DATABASE {postgresql.TEMPLATE}")
        migrate_shared(primary.url(postgresql.TEMPLATE))
        follower = postgresql.Cluster(primary, log_statement="all")
        try:
            yield Pair(primary, follower)
        finally:
            follower.stop()
    finally:
        primary.stop()


@pytest.fixture(autouse=True)
def asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "ALONE_S", 0.2)


def shown_by(server: Server, database: str) -> int:
    said = requests.get(f"{server.url}/metrics", timeout=20).text
    found = re.search(rf'^locker_shown_total{{database="{database}"}} (\S+)$', said, re.M)
    return 0 if found is None else int(float(found[1]))


def test_what_is_shown_comes_from_the_standby_and_nothing_else(tmp_path: Path, pair: Pair) -> None:
    with pair.server(tmp_path / "central", PATIENT_MS) as server:
        kiosk = Journal(tmp_path / "kiosk.db")
        assert kiosk.enrol(server, server.add_location()).ok
        key, browser = server.add_key(), Browser(server, Role.ADMIN)
        _read_again(server, browser)
        before = len(pair.asked())
        package = announce(server, key, "B1").json()["id"]
        obey(kiosk)
        kiosk.put_in("B1")
        sync(kiosk)
        assert Browser(server, None).sign_in("wrong").ok
        assert len(pair.asked()) == before
        before_primary = shown_by(server, "primary")
        place = f"/v1/locations/{LOCATION.id}"
        for path in (f"/v1/packages/{package}", f"/v1/packages/{package}/history", place):
            by_standby = shown_by(server, "standby")
            answer = requests.get(f"{server.url}{path}", headers=key, timeout=20)
            assert answer.ok
            assert shown_by(server, "standby") == by_standby + 1
        at = {"lat": "50", "lon": "8"}
        answer = requests.get(f"{server.url}/v1/locations/nearest", at, headers=key, timeout=20)
        assert answer.ok
        for page in (
            "",
            f"/locations/{LOCATION.id}",
            f"/packages/{package}",
            "/staff",
            "/audit",
            "/reports.csv",
        ):
            assert browser.get(page).ok
        assert shown_by(server, "primary") == before_primary
        nothing = requests.get(f"{server.url}/v1/packages/x", headers=key, timeout=20)
        assert nothing.status_code == 404
        assert len(pair.asked()) > before
        kiosk.store.close()


def test_who_did_something_sees_it_while_the_standby_is_behind(
    tmp_path: Path, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    with pair.server(tmp_path / "central", HURRIED_MS) as server:
        key, browser = server.add_key(), Browser(server, Role.VIEWER)
        _read_again(server, browser)
        caplog.clear()
        pair.standby.execute("SELECT pg_wal_replay_pause()")
        try:
            for number in range(3):
                name = f"new-{number}"
                server.add_location(name)
                assert name in browser.get("").text
                answer = requests.get(f"{server.url}/v1/locations/{name}", headers=key, timeout=20)
                assert answer.ok
            assert sum(WARNED in record.message for record in caplog.records) == 1
        finally:
            pair.standby.execute("SELECT pg_wal_replay_resume()")
        _read_again(server, browser)


def _read_again(server: Server, browser: Browser) -> None:
    before = shown_by(server, "standby")

    def is_read() -> bool:
        assert browser.get("").ok
        return shown_by(server, "standby") > before

    wait_until(is_read)


def test_each_write_shows_in_the_next_question(tmp_path: Path, pair: Pair) -> None:
    with pair.server(tmp_path / "central", PATIENT_MS) as server:
        _read_again(server, Browser(server, Role.VIEWER))
        key, before = server.add_key(), shown_by(server, "standby")
        for number in range(WRITES):
            server.add_location(f"new-{number}")
            place = f"{server.url}/v1/locations/new-{number}"
            assert requests.get(place, headers=key, timeout=20).ok
        assert shown_by(server, "standby") > before


def test_an_answer_that_does_not_come_is_the_primarys(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "ANSWER_S", 0.2)
    slow = text("SELECT pg_sleep(CASE WHEN pg_is_in_recovery() THEN 60 ELSE 0 END)")

    def where(connection: Connection) -> bool:
        connection.execute(slow)
        return bool(connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one())

    with pair.server(tmp_path / "central", PATIENT_MS) as server:
        before = shown_by(server, "primary")
        assert not asyncio.run(server.central.database.show(where))
        assert shown_by(server, "primary") == before + 1


def test_one_that_hangs_and_one_that_is_killed_are_no_errors(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "CHECK_S", 0.3)
    with pair.server(tmp_path / "central", HURRIED_MS) as server:
        browser = Browser(server, Role.OPERATOR)
        _read_again(server, browser)
        hung = pair.standby.ask(
            "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE datname LIKE 'test%'"
        )
        for pid in map(int, hung.split()):
            os.kill(pid, signal.SIGSTOP)
        try:
            before = shown_by(server, "primary")
            assert browser.get("/audit").ok
            assert shown_by(server, "primary") > before
        finally:
            for pid in map(int, hung.split()):
                os.kill(pid, signal.SIGCONT)
        _read_again(server, browser)
        pair.standby.kill()
        try:
            for page in ("", "/audit", "/packages", "/reports.csv"):
                assert browser.get(page).ok
        finally:
            pair.standby.start()
        _read_again(server, browser)


def test_what_is_no_standby_of_this_database_is_not_read_from(pair: Pair) -> None:
    url = pair.primary.new_database()
    engine = postgresql_engine(url, 1)
    primary = engine.execution_options(isolation_level="AUTOCOMMIT")
    own = standby.Standby(pair.beside(url), primary, PATIENT_MS)
    wait_until(lambda: not _is_unfit(own))
    of_another = standby.Standby(pair.standby.url(postgresql.TEMPLATE), primary, PATIENT_MS)
    is_primary = standby.Standby(url, primary, PATIENT_MS)
    is_nothing = standby.Standby("postgresql://x@127.0.0.1:1/x", primary, PATIENT_MS)
    assert [_is_unfit(each) for each in (of_another, is_primary, is_nothing)] == [True] * 3
    for each in (own, of_another, is_primary, is_nothing):
        each.close()
    engine.dispose()


def _is_unfit(some: standby.Standby) -> bool:
    try:
        some.ask(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
    except standby.UnfitError:
        return True
    return False


@pytest.mark.parametrize(
    ("database_url", "read_url"),
    [
        ("", "postgresql://one/lockers"),
        ("postgresql://one/lockers", "sqlite:///copy.db"),
        ("postgresql://one/lockers", "nonsense"),
    ],
)
def test_a_standby_is_refused_where_there_can_be_none(
    tmp_path: Path, database_url: str, read_url: str
) -> None:
    settings = Settings(data=tmp_path, database_url=database_url, read_url=read_url)
    with pytest.raises(CannotServeError, match="read_url: only PostgreSQL has standbys"):
        build(settings)
    assert not (tmp_path / "central.db").exists()
    with pytest.raises(CannotServeError, match="read_behind_max_ms"):
        load(None, read_behind_max_ms=-1)
