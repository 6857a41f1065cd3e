"""The ground of the server: its schema, its one process, its secrets, its settings."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import requests
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from central import schema
from central.adapters import SystemClock
from central.auth import Role
from central.building import build
from central.database.partitions import is_part
from central.errors import CannotServeError, RequestError
from central.operators import accounts
from central.settings import load
from central.sync import enrolment, staff
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.postgresql import settings_of, words_of


def is_whole(name: str | None, kind: str, _of: object) -> bool:
    """Whether it is no part of a table by months."""
    return kind != "table" or not is_part(name or "")


def test_the_migrations_make_the_schema(server: Server) -> None:
    with server.central.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_whole})
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.sqlite_only("several processes share a PostgreSQL")
def test_a_second_process_on_the_same_file_is_refused(server: Server) -> None:
    with pytest.raises(CannotServeError, match="another central server"):
        build(settings_of(server.folder))


def test_a_failing_caller_of_a_group_fails_alone(server: Server) -> None:
    def fail(_connection: object) -> None:
        raise ValueError("this one only")

    def insert(connection: Connection, n: int) -> None:
        connection.execute(schema.meta.insert().values(key=str(n), value=""))

    database = server.central.database
    futures = [database.submit(insert, n) if n % 3 else database.submit(fail) for n in range(30)]
    assert [future.exception() is not None for future in futures] == [n % 3 == 0 for n in range(30)]
    assert len([row for row in server.rows(schema.meta) if row.key.isdigit()]) == 20


def test_the_mark_that_editors_put_in_front_of_settings_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "central.toml"
    path.write_text("\ufeffport = 8099\n", encoding="utf-8")
    assert load(path).port == 8099


@pytest.mark.parametrize("text", ["a\nb", "a\x07", "a\u202eb", "a\u2028", "\u2067a", "a\u200f"])
def test_a_control_character_in_a_name_is_refused_with_its_field(server: Server, text: str) -> None:
    central = server.central
    for add in (
        lambda c: enrolment.add_location(c, "new-01", text, "test", 1),
        lambda c: enrolment.add_location(c, "new-01", "New", "test", 1, address=text),
        lambda c: accounts.add_key(c, central, "test", text, [], 10),
        lambda c: accounts.add_user(c, central, "test", "a@b.example", text, Role.VIEWER, "x" * 10),
        lambda c: staff.add(c, central, "test", "17", text, "courier", "4711"),
    ):
        with pytest.raises(RequestError, match=r"(name|address) .*control character"):
            server.write(add)


def test_a_wrong_setting_is_named_with_its_value(tmp_path: Path) -> None:
    path = tmp_path / "central.toml"
    path.write_text('port = 99999\n[smtp]\nhost = "localhost"\n')
    with pytest.raises(CannotServeError) as refused:
        load(path)
    assert "port = 99999" in str(refused.value)
    assert "smtp.sender" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        'port = 99999\n[smtp]\npassword = "hunter2"\n',
        '[smtp]\nhost = "localhost"\nsender = "a@b.example"\npasword = "hunter2"\n',
        '[smtp]\nhost = "localhost"\nsender = "a@b.example"\npassword = ["hunter2"]\n',
        'read_url = "postgresql://u:hunter2@host/name"\n',
        '[single_sign_on]\nissuer = "https://a.example"\nclient_secret = "hunter2"\n',
        '[notifications]\noperator_urls = "mailto://u:hunter2@a.example"\n',
        'database_url = "postgresql://u:hunter2@host:x/name"\n',
        'database_url = "postgresql://u:hunter2:hunter2@host:port:99/name"\n',
        'database_url = "postgresql://u:hunter2 hunter2@one,two/name"\n',
        'database_url = "postgresql://u:%zzhunter2@one,two/name"\n',
        'database_url = "mysql://u:hunter2@one/name"\n',
    ],
)
def test_no_refusal_shows_a_password(tmp_path: Path, text: str) -> None:
    path = tmp_path / "central.toml"
    path.write_text(text)
    with pytest.raises(CannotServeError) as refused:
        build(load(path, data=tmp_path / "data"))
    shown = "".join(traceback.format_exception(refused.value))
    assert "hunter2" not in shown.replace(text, "")


def test_the_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    build(settings_of(tmp_path)).database.close()
    path = tmp_path / "central.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(CannotServeError, match="chmod 600"):
        build(settings_of(tmp_path))


def test_metrics_and_health_are_reported(server: Server) -> None:
    text = server.metrics()
    assert "locker_locations 0.0" in text
    helps = [line.split(maxsplit=3)[3] for line in text.splitlines() if line.startswith("# HELP")]
    assert len(helps) > 10
    assert all(help_text.endswith(".") for help_text in helps)
    ready = {"status": "ready", "roles": {"worker": "works", "keeper": "works"}}
    assert requests.get(f"{server.url}/readyz", timeout=20).json() == ready


# --- commands beside a server --------------------------------------------------------------------


def command(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "central", *words_of(server.folder), *words]
    return subprocess.run(run, capture_output=True, text=True, check=False)


def test_a_location_is_added_while_the_server_runs_and_its_kiosk_enrols(
    tmp_path: Path, server: Server
) -> None:
    server.stop()
    server.clock.wall_ms = SystemClock().now_ms()  # the command goes by the machine's own
    server.start()
    done = command(server, "location", "add", LOCATION.id, "--name", "Corner")
    assert done.returncode == 0, done.stderr
    [token] = re.findall(r"enrol_[\w-]+", done.stdout)
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(server, token).ok
    kiosk.store.close()
    again = command(server, "location", "add", LOCATION.id)
    assert again.returncode == 2
    assert "there is a location" in again.stderr


@pytest.mark.sqlite_only("test_migrate.py: on PostgreSQL nothing but one command migrates")
def test_a_command_of_another_version_leaves_a_running_server_alone(server: Server) -> None:
    version = sqlalchemy.table("alembic_version", sqlalchemy.column("version_num"))
    newest = server.central.database.read(lambda c: c.execute(version.select()).scalar_one())
    server.write(lambda c: c.execute(version.update().values(version_num="0004")))
    refused = command(server, "location", "list")
    assert refused.returncode == 2
    assert "of another version runs" in refused.stderr
    server.write(lambda c: c.execute(version.update().values(version_num=newest)))
    assert command(server, "location", "list").returncode == 0


def list_as(folder: Path, role: str, pin: str) -> None:
    central = build(settings_of(folder))
    try:
        central.database.submit(
            lambda c: staff.add(c, central, "test", "17", "Kim", role, pin)
        ).result()
    finally:
        central.database.close()


@pytest.mark.parametrize("role", ["courier", "technician"])
@pytest.mark.parametrize("pin", ["471", "4711471", "47 1", "٤٧١١"])
def test_a_pin_that_no_screen_takes_is_refused(tmp_path: Path, role: str, pin: str) -> None:
    with pytest.raises(RequestError, match=r"pin: right are .*6 digits"):
        list_as(tmp_path, role, pin)


@pytest.mark.parametrize("pin", ["4711", "47114"])
def test_a_technicians_new_pin_has_six_digits(tmp_path: Path, pin: str) -> None:
    with pytest.raises(RequestError, match="pin: right are 6 digits for a technician"):
        list_as(tmp_path, "technician", pin)
    list_as(tmp_path, "courier", pin)
