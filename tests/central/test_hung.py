"""A PostgreSQL that stands still while its machine lives, or is away: nobody waits for ever, and
whoever asks meanwhile hears that it is not done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from central.database import hung, lanes
from tests.load.servers import migrated
from tests.support.central_server import Server, wait_until
from tests.support.postgresql import Cluster

ALIVE = "SELECT pg_sleep(1)"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(hung, "LOOK_S", 0.1)
    monkeypatch.setattr(hung, "LONG_S", 0.1)
    monkeypatch.setattr(hung, "ANSWER_S", 2)
    monkeypatch.setattr(lanes, "PATIENCE_S", 3.0)
    url = migrated(cluster.new_database(is_empty=True))
    running = Server(tmp_path / "central", database_url=url)
    running.start()
    yield running
    running.stop()


@contextlib.contextmanager
def standing_still(cluster: Cluster) -> Iterator[None]:
    """All its processes; what the kernel does for them goes on.

    The one that makes the others stands still first, so that none is made that is not seen here.
    """
    postmaster = psutil.Process(int((cluster.data / "postmaster.pid").read_text().split()[0]))
    postmaster.suspend()
    wait_until(lambda: postmaster.status() == psutil.STATUS_STOPPED)
    children = postmaster.children(recursive=True)
    for each in children:
        each.suspend()
    wait_until(lambda: all(each.status() == psutil.STATUS_STOPPED for each in children))
    try:
        yield
    finally:
        for each in [*children, postmaster]:
            each.resume()


def test_who_waits_for_a_database_that_stands_still_hears_of_it(
    server: Server, cluster: Cluster
) -> None:
    database = server.central.database
    with standing_still(cluster):
        writing = database.submit(lambda c: c.execute(text("SELECT 1")).scalar())
        wait_until(writing.done, 120)
        assert isinstance(writing.exception(), SQLAlchemyError)
        with pytest.raises(SQLAlchemyError):
            database.read(lambda c: c.execute(text("SELECT 1")).scalar())
    assert database.submit(lambda c: c.execute(text("SELECT 1")).scalar()).result() == 1


def test_who_works_for_long_at_a_database_that_lives_is_let_be(server: Server) -> None:
    database = server.central.database
    assert database.submit(lambda c: c.execute(text(ALIVE)).rowcount).result() == 1
    assert database.read(lambda c: c.execute(text(ALIVE)).rowcount) == 1


def test_whoever_brings_something_while_the_database_is_away_is_to_come_again(
    server: Server, cluster: Cluster
) -> None:
    key = server.add_key()
    cluster.kill()
    try:
        for path in ("/v1/packages", "/v1/locations/sample/sync"):
            answer = requests.post(f"{server.url}{path}", json={}, headers=key, timeout=60)
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable"), path
            assert answer.headers["retry-after"] == "5"
    finally:
        cluster.start()
