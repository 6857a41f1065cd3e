"""Several servers on one PostgreSQL: what one has for a kiosk wakes it where it waits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.central.test_kiosk_client import Hatch, Site, ask_for_opening
from tests.support.central_server import Server, wait_until
from tests.support.postgresql import cluster

LISTENERS = "application_name = 'parcel-central listener'"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two servers to which kiosks come once an hour."""
    url = cluster().new_database()
    hourly = {"sync_s": 3600, "poll_s": 3600, "key_file": tmp_path / "central.key"}
    servers = [
        Server(tmp_path / name, database_url=url, others=dict(hourly)) for name in ("one", "two")
    ]
    for each in servers:
        each.start()
    yield servers[0], servers[1]
    for each in servers:
        each.stop()
    cluster().drop(url)


def are_listening(server: Server, count: int = 2) -> bool:
    found = server.central.database.read(
        lambda c: c.exec_driver_sql(
            f"SELECT count(*) FROM pg_stat_activity WHERE {LISTENERS}"
            " AND datname = current_database() AND query IN ('LISTEN woken', 'SELECT 1')"
        ).scalar()
    )
    return bool(found == count)


def is_last(hatch: Hatch, slot: str) -> bool:
    return hatch.opened[-1:] == [slot]


def is_waited_at(server: Server) -> bool:
    return bool(server.app.state.bells.count)


def test_a_command_written_at_one_server_wakes_the_kiosk_that_waits_at_another(
    tmp_path: Path, pair: tuple[Server, Server]
) -> None:
    one, two = pair
    site, hatch = Site(tmp_path / "site", one), Hatch()
    wait_until(lambda: are_listening(two))
    with site.client(hatch):
        for server, slot in ((two, "7"), (one, "8"), (two, "9")):
            wait_until(lambda: is_waited_at(one))
            ask_for_opening(server, slot)
            wait_until(partial(is_last, hatch, slot))
    site.journal.store.close()


def test_what_was_said_while_the_listening_was_cut_is_found_after_it(
    tmp_path: Path, pair: tuple[Server, Server]
) -> None:
    one, two = pair
    site, hatch = Site(tmp_path / "site", one), Hatch()
    with site.client(hatch):
        wait_until(lambda: are_listening(two))
        wait_until(lambda: is_waited_at(one))
        two.write(
            lambda c: c.exec_driver_sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENERS}"
                " AND datname = current_database()"
            )
        )
        ask_for_opening(two, "7")
        wait_until(lambda: hatch.opened == ["7"])
        wait_until(lambda: are_listening(two))
    site.journal.store.close()
