"""Operators' accounts: a second factor set up, passwords changed, help for who lost either."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command as alembic
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, event

from central import schema
from central.adapters import SystemClock
from central.auth import Role
from central.building import build
from central.command_line import cli
from central.database import alembic_config
from central.operators import accounts
from central.pages.paths import HOME
from central.settings import Settings, SignIn
from tests.support.central_server import EVA, LOCATION, Journal, Server, TurnedClock, announce
from tests.support.operators import PASSWORD, Browser, Visitor, account, sync
from tests.support.postgresql import words_of

OTHER_PASSWORD = "staple battery horse"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the settings that it has by itself."""
    running = Server(tmp_path_factory.mktemp("strict") / "central", sign_in=SignIn())
    running.start()
    yield running
    running.stop()


def test_an_administrator_is_led_to_a_second_factor_and_locked_out_by_nothing(
    strict: Server,
) -> None:
    admin = account(strict, "first", Role.ADMIN)
    assert admin.sign_in().url.endswith("/account/app")
    assert admin.get("/packages").url.endswith("/account/app")
    assert "Sign out" in admin.get().text
    codes = admin.set_app_up()
    assert len(codes) == 10
    assert admin.is_in()
    again = admin.elsewhere()
    assert again.sign_in().url.endswith("/sign-in/factor")
    assert "recovery code" in again.get("/sign-in/factor").text
    assert again.give_code().url == f"{strict.url}{HOME}"
    said = again.post("/account/app/remove", at="/account").text
    assert "set another second factor up first" in said
    assert account(strict, "viewer", Role.VIEWER).sign_in().url == f"{strict.url}{HOME}"


def test_everybody_needs_a_second_factor_where_the_owner_says_so(tmp_path: Path) -> None:
    server = Server(tmp_path / "central", sign_in=SignIn(second_factor="everybody"))
    server.start()
    try:
        assert account(server, "kim", Role.VIEWER).sign_in().url.endswith("/account/app")
    finally:
        server.stop()


def test_who_has_lost_everything_is_helped_by_another_administrator(strict: Server) -> None:
    admin, lost = account(strict, "helper", Role.ADMIN), account(strict, "lost", Role.ADMIN)
    for each in (admin, lost):
        each.sign_in()
        each.set_app_up()
    [row] = [each for each in strict.rows(schema.user) if each.email == lost.email]
    shown = admin.post(f"/accounts/{row.id}/factor", at="/accounts")
    assert "taken away" in shown.text
    shown = admin.post(f"/accounts/{row.id}/link", at="/accounts")
    [path] = set(re.findall(r"/operators(/link/link_[\w-]+)", shown.text))
    assert path not in admin.get("/accounts").text, "it is shown once"
    new = Visitor(strict, lost.email, password=OTHER_PASSWORD)
    new.post(path, at=path, password=OTHER_PASSWORD, again=OTHER_PASSWORD)
    assert new.sign_in().url.endswith("/account/app")
    assert new.set_app_up()
    log = admin.get(f"/audit?q={lost.email}").text
    for action in ("Factor reset", "Password link", "Password change", "Factor app"):
        assert action in log
    assert path.rpartition("/")[2] not in log


def test_an_account_is_made_without_a_password_and_its_owner_sets_one(server: Server) -> None:
    admin = Browser(server, Role.ADMIN)
    shown = admin.post("/accounts", email="new@example.org", name="New", role="viewer").text
    [path] = set(re.findall(r"/operators(/link/link_[\w-]+)", shown))
    new = Visitor(server, "new@example.org")
    different = new.post(path, at=path, password=PASSWORD, again=OTHER_PASSWORD)
    assert "not the same" in different.text
    new.post(path, at=path, password=PASSWORD, again=PASSWORD)
    assert new.sign_in().url == f"{server.url}{HOME}"
    [row] = [each for each in server.rows(schema.user) if each.email == new.email]
    assert "The role is changed" in admin.post(f"/accounts/{row.id}/role", role="operator").text
    assert not new.is_in()
    assert "is disabled" in admin.post(f"/accounts/{row.id}/disable").text
    assert "not right" in new.sign_in().text
    again = admin.post("/accounts", email="NEW@example.org", name="New", role="viewer")
    assert "enable it instead" in again.text
    assert "may sign in again" in admin.post(f"/accounts/{row.id}/enable").text
    assert new.sign_in().url == f"{server.url}{HOME}"
    assert "have ended" in admin.post(f"/accounts/{row.id}/sign-out").text
    assert not new.is_in()


def test_the_password_is_changed_by_whoever_knows_it(server: Server) -> None:
    owner = account(server, "changing")
    owner.sign_in()
    form = {"current": PASSWORD, "password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    assert "another one" in owner.post("/account/password", **{**form, "current": "wrong"}).text
    assert "not the same" in owner.post("/account/password", **{**form, "again": "other"}).text
    short = {**form, "password": "short", "again": "short"}
    assert "10 characters at least" in owner.post("/account/password", **short).text
    assert "is changed" in owner.post("/account/password", **form).text
    assert "not right" in owner.elsewhere().sign_in(PASSWORD).text
    assert owner.elsewhere().sign_in(OTHER_PASSWORD).url == f"{server.url}{HOME}"


def test_a_door_is_opened_only_with_a_fresh_second_factor_where_that_is_set(
    tmp_path: Path,
) -> None:
    rules = SignIn(second_factor="nobody", opening_factor_s=300)
    server = Server(tmp_path / "central", sign_in=rules)
    server.start()
    kiosk = Journal(tmp_path / "kiosk.db")
    try:
        assert kiosk.enrol(server, server.add_location()).ok
        kiosk.put_in("A")
        sync(kiosk)
        owner, page = account(server, "opening"), f"/locations/{LOCATION.id}"
        owner.sign_in()

        def press() -> str:
            return owner.post(f"{page}/open", at=page, slot="1", why="a look").url

        assert "/account/app" in press(), "who has none sets one up"
        owner.set_app_up()
        assert "done=" in press()
        server.clock.wall_ms += 301_000
        asked = press()
        assert "/confirm" in asked
        path = asked.partition(HOME)[2]
        back = owner.post("/sign-in/factor", at=path, code=owner.next_code(), door=LOCATION.id)
        assert back.url == f"{server.url}{HOME}{page}"
        assert "done=" in press()
        assert len(server.rows(schema.command)) == 2
    finally:
        kiosk.store.close()
        server.stop()


def test_the_console_helps_the_last_administrator(tmp_path: Path) -> None:
    clock = TurnedClock(SystemClock().now_ms())  # a command goes by the machine's own
    server = Server(tmp_path / "central", clock, sign_in=SignIn())
    server.start()

    def run(*words: str, enter: str = "") -> Result:
        arguments = [*words_of(server.folder), "user", *words]
        return CliRunner().invoke(cli, arguments, input=enter)

    try:
        admin = account(server, "only", Role.ADMIN)
        admin.sign_in()
        admin.set_app_up()
        twice = f"{OTHER_PASSWORD}\n{OTHER_PASSWORD}\n"
        assert "password is set" in run("password", "Only@Example.org", enter=twice).output
        assert "no second factor" in run("reset-factor", admin.email).output
        assert not admin.is_in()
        assert admin.sign_in(OTHER_PASSWORD).url.endswith("/account/app")
        assert "the only administrator" in str(run("disable", admin.email).exception)
        assert "there is no account" in str(run("link", "nobody@example.org").exception)
        [path] = re.findall(r"/operators(/link/link_\S+)", run("link", admin.email).output)
        assert admin.email in admin.get(path).text
        assert f"{admin.email}\tadmin\tpassword" in run("list").output
    finally:
        server.stop()


def test_who_looked_at_a_persons_data_is_written_down_once_in_a_while(
    server: Server, kiosk: Journal
) -> None:
    key = server.add_key()
    package = str(announce(server, key, "A").json()["id"])
    other = str(
        announce(server, key, "B", recipient={**EVA, "email": "o@example.org"}).json()["id"]
    )
    viewer, admin = account(server, "looking", Role.VIEWER), account(server, "asking", Role.ADMIN)
    for each in (viewer, admin):
        each.sign_in()
    people = {row.id: row.recipient for row in server.rows(schema.package)}

    def views() -> list[tuple[str, str, str]]:
        rows = [row for row in server.rows(schema.audit) if row.action == "person.viewed"]
        assert "Eva" not in str(rows) and "@example.org" not in str([row.detail for row in rows])
        return [(row.by, row.subject, json.loads(row.detail)["where"]) for row in rows]

    for _ in range(3):
        viewer.get(f"/packages/{package}")
    assert views() == [(viewer.email, people[package], "package")]
    viewer.get("/packages?q=Eva")
    listed = (viewer.email, people[other], "list of packages")
    assert views()[1:] == [listed], "who was looked at already is not written down again"
    server.clock.wall_ms += 3_600_001
    viewer.get(f"/packages/{package}")
    assert len(views()) == 3
    assert viewer.get("/views").status_code == 403
    assert "Person viewed" not in viewer.get("/audit").text
    shown = admin.get(f"/views?q={package}").text
    assert shown.count(viewer.email) == 2
    assert people[other] not in shown
    assert viewer.email in admin.get(f"/views?q={viewer.email}").text
    assert f"/views?q={people[package]}" in admin.get(f"/packages/{package}").text
    arguments = [*words_of(server.folder), "person", "export", "o@example.org"]
    assert "Eva" in CliRunner().invoke(cli, arguments).output
    assert "export" in admin.get(f"/views?q={other}").text


def earlier_accounts(file: Path) -> None:
    """A database of the version before, with addresses that differ by case only."""
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    with engine.connect() as connection, connection.begin():
        alembic.upgrade(alembic_config(connection), "0009")
    engine.dispose()
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.executescript("""
            INSERT INTO user_account (id, email, role, created_ms, disabled_ms) VALUES
                ('1', 'kim@example.org', 'viewer', 1, NULL),
                ('2', 'Kim@example.org', 'admin', 2, NULL),
                ('3', 'eva@example.org', 'operator', 3, NULL),
                ('4', 'EVA@EXAMPLE.ORG', 'operator', 4, NULL),
                ('5', 'Eva@example.org', 'admin', 5, 6),
                ('6', 'Bo@example.org', 'viewer', 7, NULL);
            INSERT INTO audit (id, at_ms, "by", action, subject) VALUES
                ('a', 50, 'EVA@EXAMPLE.ORG', 'sign-in', 'EVA@EXAMPLE.ORG'),
                ('b', 40, 'eva@example.org', 'sign-in', 'eva@example.org');
        """)


@pytest.mark.sqlite_only("an earlier version ran on SQLite alone")
def test_of_accounts_that_differ_by_case_one_goes_on_and_an_alarm_names_both(
    tmp_path: Path,
) -> None:
    build(Settings(data=tmp_path)).database.close()
    for name in ("central.db", "central.db-wal", "central.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    earlier_accounts(tmp_path / "central.db")
    central = build(Settings(data=tmp_path))
    try:
        rows = central.database.read(lambda c: c.execute(schema.user.select()).all())
        active = {row.email for row in rows if row.disabled_ms is None}
        assert active == {"Kim@example.org", "EVA@EXAMPLE.ORG", "Bo@example.org"}
        found = central.database.read(accounts.find, "bo@EXAMPLE.org")
        assert found.id == "6"
        log = central.database.read(lambda c: c.execute(schema.audit.select()).all())
        alarms = {row.subject: row.detail for row in log if row.action.startswith("alarm:")}
        assert set(alarms) == {"kim@example.org", "eva@example.org"}
        assert "Kim@example.org" in alarms["kim@example.org"]
        central.database.submit(accounts.disable_user, central, "test", "4").result()
        central.database.submit(accounts.enable_user, central, "test", "3").result()
        assert central.database.read(accounts.find, "eva@example.org").id == "3"
    finally:
        central.database.close()
