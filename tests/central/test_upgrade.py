"""`central upgrade`: a backup, the migrations, a look at everything; what it refuses, and the way
back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from central import backup
from central.adapters import SystemClock
from central.building import build
from central.database import alone, migrate_shared, upgrading
from central.errors import CannotServeError
from central.settings import Settings
from central.upgrade import next_steps, upgrade
from tests.central.test_migrate import ask, make_newer, version
from tests.central.test_migrate import upgrade as migrate_to
from tests.support import postgresql

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
OLDER = "0030"
NOW_MS = 1_796_000_000_000


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of an earlier version, on SQLite."""
    path = tmp_path_factory.mktemp("older") / "central.db"
    migrate_to(f"sqlite:///{path}", OLDER)
    return path


@pytest.fixture(params=["sqlite", "postgresql"] if IS_NIGHTLY else ["sqlite"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, older: Path) -> Iterator[Settings]:
    """A server's with a member of staff, whose tables are of an earlier version."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    url = postgresql.cluster().new_database(is_empty=True) if request.param != "sqlite" else ""
    programs = postgresql.cluster().programs if url else None
    made = Settings(data=data, database_url=url, postgresql_programs=programs)
    if url:
        migrate_to(made.url, OLDER)
    else:
        shutil.copyfile(older, data / "central.db")
    made.key_path.write_bytes(bytes(range(32)))
    made.key_path.chmod(0o600)
    yield made
    if url:
        postgresql.cluster().drop(url)


def upgraded(settings: Settings, into: Path | None = None) -> list[str]:
    said: list[str] = []
    done = upgrade(settings, into, SystemClock().now_ms(), said.append)
    return [*said, *next_steps(settings, done)]


def newest(settings: Settings) -> str:
    return version(settings.url)


def test_an_earlier_servers_database_is_backed_up_migrated_and_looked_at(
    settings: Settings, tmp_path: Path
) -> None:
    ask(settings.url, "INSERT INTO location (id, name) VALUES ('x', 'X')")
    said = upgraded(settings)
    [file] = (settings.data / "backups").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert f"before: {OLDER}" in said[1]
    assert newest(settings) > OLDER
    assert "a server would be ready" in said[2]
    assert any("systemctl" in each for each in said)
    assert any(f"central restore {file}" in each for each in said)

    central = build(settings, may_be_beside=True)
    central.database.close()
    assert ask(settings.url, "SELECT id FROM location") == ["x"]

    # The way back: the tables are those from before, as the version before would find them.
    ask(settings.url, "DELETE FROM location")
    backup.restore(settings, file, NOW_MS)
    assert ask(settings.url, "SELECT id FROM location") == ["x"]


def test_an_upgrade_again_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    upgraded(settings, tmp_path / "one")
    after = newest(settings)
    said = upgraded(settings, tmp_path / "two")
    assert f"The tables are at {after} (before: {after})." in said
    assert len(list((tmp_path / "two").iterdir())) == 1


def require_refused(settings: Settings, words: str, into: Path | None = None) -> None:
    with pytest.raises(CannotServeError, match=words):
        upgraded(settings, into)
    assert not list((settings.data / "backups").glob("*")), "nothing was begun"


def test_a_newer_versions_tables_are_refused(settings: Settings) -> None:
    build_current(settings)
    make_newer(settings.url, "0018")
    require_refused(settings, "at 9999.* newer version made them.*nothing was changed")
    assert version(settings.url) == "9999"


def build_current(settings: Settings) -> None:
    if settings.database_url:
        migrate_shared(settings.url)
    build(settings).database.close()


def test_where_no_server_was_none_is_upgraded(settings: Settings, tmp_path: Path) -> None:
    empty = Settings(data=tmp_path / "other")
    with pytest.raises(CannotServeError, match="central init"):
        upgraded(empty)
    assert not (tmp_path / "other" / "central.db").exists()


def test_without_the_servers_key_nothing_is_begun(settings: Settings) -> None:
    settings.key_path.unlink()
    require_refused(settings, "the server's key is missing")
    assert version(settings.url) == OLDER


def test_without_room_it_is_refused_before_anything_is_done(
    settings: Settings, tmp_path: Path
) -> None:
    greedy = settings.model_copy(update={"disk_free_min_mb": 10**9})
    require_refused(greedy, "MB are free, and 1000000.* MB are needed.*--into.*Nothing was")
    assert version(settings.url) == OLDER
    blocked = tmp_path / "file"
    blocked.write_text("")
    require_refused(settings, "no backup can be made there.*--into", blocked / "below")
    assert version(settings.url) == OLDER


def test_while_somebody_else_upgrades_it_is_refused(settings: Settings) -> None:
    with upgrading.upgrading(settings.url, settings.key_path):
        require_refused(settings, "somebody else upgrades|nobody else upgrades; nothing was")
    assert version(settings.url) == OLDER
    upgraded(settings)


def test_on_sqlite_no_server_runs_meanwhile(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    build(settings).database.close()
    with alone(settings.url):
        require_refused(settings, "another central server uses.*For an upgrade no server runs")


def test_what_does_not_open_afterwards_is_said_with_the_way_back(settings: Settings) -> None:
    build_current(settings)
    sealed = "parcel:none:broken"
    ask(
        settings.url,
        f"INSERT INTO recipient (id, name, email, phone) VALUES ('p', '{sealed}', '', '')",
    )
    with pytest.raises(CannotServeError, match=r"recipient.name does not open.*central restore"):
        upgraded(settings)
