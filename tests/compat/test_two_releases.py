"""Two releases on one database, forth and back, with whole visits, and real syncs with a server of
either: after an update that is taken back nothing is lost, and nobody stands before a shut door."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.sync.enrol import IDENTITY_FILE
from tests.compat.releases import (
    THIS,
    Release,
    SideFailedError,
    end_all,
    is_whole_clone,
    last_release,
    release_named_in,
    release_to_come,
)
from tests.support import postgresql
from tests.support.server_process import ServerProcess

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
EXPANSION = (
    "ALTER TABLE package ADD COLUMN colour TEXT",
    "ALTER TABLE slot ADD COLUMN warmth INTEGER NOT NULL DEFAULT 20",
    "CREATE TABLE drone (id INTEGER PRIMARY KEY, height_m INTEGER NOT NULL) STRICT",
    "CREATE INDEX package_colour ON package (colour)",
    "INSERT INTO meta (key, value) VALUES ('weather', 'fair')",
)


@pytest.fixture(autouse=True, scope="module")
def _processes_ended() -> Iterator[None]:
    yield
    end_all()


class Site:
    """A kiosk's data folder and its server's, whichever release runs on them."""

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        self.kiosk, self.central = folder / "kiosk", folder / "server" / "data"
        self.kiosk.mkdir()
        self.central.parent.mkdir()
        self.server = ServerProcess(self.central, config)
        self.codes: dict[str, str] = {}
        self.state: dict[str, Any] = {}

    @contextlib.contextmanager
    def served_by(self, release: Release) -> Iterator[None]:
        self.server.root = release.root
        self.server.start()
        try:
            yield
        finally:
            self.server.stop()

    def enrolment(self) -> str:
        return f"enrol={self.server.url},{self.server.add_location('demo')}"

    def do(self, release: Release, *steps: str) -> None:
        """At the end of it the server has heard of everything and knows the same."""
        before = self.state.get("hashes", [])
        given = [
            f"{step},{self.codes[step.removeprefix('pickup=')]}" if step[:7] == "pickup=" else step
            for step in steps
        ]
        self.state = release.kiosk(self.kiosk, *given, "sync")
        self.codes |= self.state["codes"]
        assert self.state["hashes"][: len(before)] == before, "the journal only grows"
        self.require_equal()

    def send_to(self, url: str) -> None:
        """From now on the kiosk asks another server of the same network."""
        kept = self.kiosk / IDENTITY_FILE
        kept.write_text(json.dumps({**json.loads(kept.read_text()), "url": url}), encoding="utf-8")

    def require_equal(self) -> None:
        server = self.server
        rows = server.rows("SELECT hash FROM event ORDER BY seq")
        assert [row[0] for row in rows] == self.state["hashes"]
        known = dict(tuple(row) for row in server.rows("SELECT barcode, status FROM package"))
        assert known == self.state["packages"]
        assert server.rows("SELECT * FROM quarantine") == []
        assert server.rows("SELECT * FROM audit WHERE action BETWEEN 'alarm:' AND 'alarm;'") == []

    def meta(self) -> dict[str, str]:
        with contextlib.closing(sqlite3.connect(self.kiosk / "kiosk.db")) as connection:
            return dict(connection.execute("SELECT key, value FROM meta"))


def test_the_last_release_and_this_one_take_turns(tmp_path: Path) -> None:
    last, site = last_release(), Site(tmp_path)
    with site.served_by(last):
        site.do(last, site.enrolment(), "deposit=A", "deposit=B", "undo=C")
        site.do(THIS, "pickup=A", "deposit=D", "deposit=E")
    with site.served_by(THIS):
        site.do(last, "pickup=D", "collect=B", "undo=F", "deposit=G")
        site.do(THIS, "pickup=G", "deposit=H")
        site.do(last, "pickup=H", "collect=E")
    if IS_NIGHTLY:  # the server goes back, too
        with site.served_by(last):
            site.do(THIS, "deposit=I", "pickup=I")
            site.do(last, "deposit=J", "collect=J")
        return
    assert site.state["packages"] == {
        **dict.fromkeys("ADGH", "RETRIEVED"),
        **dict.fromkeys("BE", "COLLECTED"),
        **dict.fromkeys("CF", "PENDING"),
    }
    assert set(site.state["slots"].values()) == {"EMPTY"}


def test_this_release_goes_on_where_one_that_is_to_come_was_taken_back(tmp_path: Path) -> None:
    to_come = release_to_come(tmp_path / "tree", "expansion", EXPANSION)
    site, copy = Site(tmp_path), tmp_path / "copy.db"
    with site.served_by(THIS):
        site.do(THIS, site.enrolment(), "deposit=A", "deposit=B")
        site.do(to_come, "pickup=A", "deposit=C", "write=DRONE_LANDED", "undo=D")
        oldest = site.meta()["oldest_writer"]
        site.do(THIS, f"backup={copy}", "pickup=C", "deposit=E", "collect=B")
        assert "DRONE_LANDED" in site.state["kinds"]
        assert (site.meta()["weather"], site.meta()["oldest_writer"]) == ("fair", oldest)
        before = site.state["packages"]
        site.do(THIS, f"restore={copy}")
        assert site.state["packages"] == before
        site.do(to_come, "pickup=E")
    assert set(site.state["slots"].values()) == {"EMPTY"}


def test_a_release_that_takes_something_away_is_not_gone_back_from(tmp_path: Path) -> None:
    """The control: it is refused with a sentence, and the newer one goes on."""
    dropped = ["DROP TABLE revoked_badge"]
    newer = release_to_come(tmp_path / "tree", "contraction", dropped, "m900_contraction")
    THIS.kiosk(tmp_path, "deposit=A")
    newer.kiosk(tmp_path)
    said = "only version 9.9.0 or newer can open it: install that again, or restore"
    with pytest.raises(SideFailedError, match=said):
        THIS.kiosk(tmp_path, "deposit=B")
    newer.kiosk(tmp_path, "deposit=C")


def test_a_release_that_is_not_in_the_clone_is_missed_where_it_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "last-release.toml"
    named.write_text(f"commit = '{'0' * 40}'\nversion = '9.9.9'\n", encoding="utf-8")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"9\.9\.9 .* is not in this clone.*git fetch"):
        release_named_in(named)
    monkeypatch.setenv("CI", "true")
    wanted = pytest.fail.Exception if is_whole_clone() else pytest.skip.Exception
    with pytest.raises(wanted, match=r"9\.9\.9"):
        release_named_in(named)


@pytest.mark.skipif(not IS_NIGHTLY, reason="each night: two releases' servers on PostgreSQL")
def test_two_servers_of_two_releases_share_a_database_while_it_is_upgraded(tmp_path: Path) -> None:
    last, url = last_release(), postgresql.cluster().new_database(is_empty=True)
    config = tmp_path / "central.toml"
    said = {"database_url": url, "postgresql_programs": str(postgresql.cluster().programs)}
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in said.items()]
    config.write_text("".join(lines), encoding="utf-8")
    site = Site(tmp_path, config)
    site.server.root, site.server.database_url = last.root, url
    newer = ServerProcess(site.central, config)
    newer.database_url = url
    try:
        site.server.run("init")
        with site.served_by(last):
            site.do(THIS, site.enrolment(), "deposit=A", "undo=B")
            words = newer.run("upgrade", "--into", str(tmp_path / "kept"))
            assert "sealed values opened; a server would be ready" in words
            assert "one after the other" in words
            newer.start()
            try:
                site.do(last, "deposit=C")
                site.send_to(newer.url)
                site.do(last, "pickup=A", "deposit=D")
                site.do(THIS, "pickup=C")
                site.send_to(site.server.url)
                site.do(THIS, "collect=D")
            finally:
                newer.stop()
    finally:
        postgresql.cluster().drop(url)
