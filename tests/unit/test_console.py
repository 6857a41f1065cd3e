"""The console: the same answers beside a running kiosk and with none."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import random
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config import DEMO_SITE, load_site
from kiosk.adapters import SystemClock, location_key, verify_pin
from kiosk.app import init, open_kiosk, own_console_server
from kiosk.command_line import main
from kiosk.console.command_socket import (
    LINE_MAX,
    SOCKET,
    ConsoleClient,
    ConsoleError,
    ConsoleServer,
    serving,
)
from kiosk.demo.player import Player
from kiosk.model.allocation import BestFit
from kiosk.model.package import Package
from kiosk.model.person import Recipient, Role, Staff, parse_badge
from kiosk.store import codes, deposits, journal, packages, staff
from kiosk.store.backup import BackupPlan
from kiosk.store.deposits import DepositRequest
from kiosk.store.errors import CannotOpenError
from kiosk.store.packages import Announcement
from kiosk.store.store import Store
from tests.support.flow_site import LOCATION

SITE = load_site(DEMO_SITE)
TECHNICIAN = Staff("98", "Sam", Role.TECHNICIAN, "$argon2id$never-checked-here")


def put_in(store: Store, name: str, barcode: str) -> Package:
    ada = Recipient(f"r-{name}", "Adelheid Sonnenschein", "+49 171 5550199")
    store.submit(packages.announce, Announcement(name, barcode, "S", ada)).result()
    request = DepositRequest(name, barcode, "S", f"in-{name}", "staff:11")
    deposit = store.submit(deposits.begin_deposit, request, LOCATION, BestFit()).result()
    assert deposit is not None
    return store.submit(deposits.store_package, deposit, LOCATION, 5, random.Random(1)).result()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A kiosk's data folder with a package inside, and no kiosk running."""
    folder = tmp_path / "data"
    init(SITE, folder, TECHNICIAN)
    store = Store(folder / "kiosk.db", SystemClock(), random.Random(1), threaded=False)
    store.use_key(location_key(folder / "location.key", may_make=False))
    put_in(store, "P", "JD0001")
    store.close()
    return folder


@contextlib.contextmanager
def kiosk_running(data: Path) -> Iterator[Store]:
    """A store and its desk, served by a loop on another thread as the engine's does."""
    store = Store(data / "kiosk.db", SystemClock(), random.Random(1))
    store.use_key(location_key(data / "location.key", may_make=False))
    key = location_key(data / "location.key", may_make=False)
    desk = ConsoleServer("demo", store, SystemClock(), key, BackupPlan(data / "copies"))
    loop, ready, end = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(data, desk):
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield store
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()
        store.close()


@pytest.fixture(params=["running", "not running"])
def anyway(request: pytest.FixtureRequest, data: Path) -> Iterator[Path]:
    """The data folder, once with a kiosk running on it and once without."""
    with kiosk_running(data) if request.param == "running" else contextlib.nullcontext():
        yield data


def kiosk(*arguments: str, data: Path, text: str | None = None) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(main, [command, "--data", str(data), *rest], input=text)


def test_the_code_of_a_package_is_shown_by_id_and_by_barcode(anyway: Path) -> None:
    by_id, by_barcode = kiosk("code", "P", data=anyway), kiosk("code", "JD0001", data=anyway)
    assert by_id.exit_code == 0
    assert by_id.output == by_barcode.output
    assert len("".join(by_id.output.split("  ")[0].split())) == 9
    assert "STORED" in by_id.output


def test_the_shown_code_opens_the_slot_and_that_it_was_shown_is_journaled(data: Path) -> None:
    code = "".join(kiosk("code", "P", data=data).output.split("  ")[0].split())
    store = Store(data / "kiosk.db", SystemClock(), random.Random(1), threaded=False)
    store.use_key(location_key(data / "location.key", may_make=False))
    key = location_key(data / "location.key", may_make=False)
    policy = codes.CodePolicy(key, len(LOCATION.slots))
    answer = store.submit(codes.check_code, policy, code).result()
    assert isinstance(answer, codes.Granted)
    bodies = store.submit(lambda writer: list(journal.bodies(writer))).result()
    assert any('"actor":"console"' in body and '"package":"P"' in body for body in bodies)
    store.close()


def test_an_unknown_package_has_no_code(anyway: Path) -> None:
    with pytest.raises(ConsoleError, match="nothing-like-it"):
        ConsoleClient(anyway, lambda: own_console_server(SITE, anyway)).ask(
            "code", package="nothing-like-it"
        )


def test_the_journal_is_verified(anyway: Path) -> None:
    result = kiosk("verify", data=anyway)
    assert result.exit_code == 0
    assert "the chain is whole" in result.output


def test_a_journal_that_was_changed_is_reported_with_exit_1(data: Path) -> None:
    connection = sqlite3.connect(data / "kiosk.db")
    [trigger] = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'journal_is_not_changed'"
    ).fetchone()
    connection.execute("DROP TRIGGER journal_is_not_changed")
    connection.execute("UPDATE journal SET wall_ms = wall_ms + 1 WHERE seq = 5")
    connection.execute(trigger)
    connection.commit()
    connection.close()
    with kiosk_running(data):
        result = kiosk("verify", data=data)
    assert result.exit_code == 1
    assert "event 5" in result.output


@pytest.mark.parametrize("table", ["packages", "slots", "events"])
def test_an_export_has_every_row_and_nothing_personal(anyway: Path, table: str) -> None:
    as_csv = kiosk("export", "--table", table, data=anyway).output
    as_json = kiosk("export", "--table", table, "--format", "json", data=anyway).output
    rows = json.loads(as_json)
    assert len(list(csv.DictReader(io.StringIO(as_csv)))) == len(rows)
    assert len(rows) >= {"packages": 1, "slots": 24, "events": 24}[table]
    for text in (as_csv, as_json):
        assert "Adelheid" not in text
        assert "5550199" not in text


def test_an_export_has_names_only_when_they_are_asked_for(anyway: Path) -> None:
    text = kiosk("export", "--personal", data=anyway).output
    assert "Adelheid Sonnenschein" in text


def test_a_long_export_comes_in_pages(data: Path) -> None:
    with kiosk_running(data) as store:

        def many(writer) -> None:  # type: ignore[no-untyped-def]
            for number in range(1234):
                packages.announce(writer, Announcement(f"{number}", f"B{number}", "S", None))

        store.submit(many).result()
        rows = json.loads(kiosk("export", "--format", "json", data=data).output)
        assert [row["id"] for row in rows] == ["P", *map(str, range(1234))]


def test_a_backup_is_made_where_the_site_wants_it(data: Path) -> None:
    with kiosk_running(data):
        result = kiosk("backup", data=data)
        assert "sound" in result.output
        assert len(list((data / "copies").iterdir())) == 1
    with pytest.raises(ConsoleError, match=r"\[backup\]"):
        ConsoleClient(data, lambda: own_console_server(SITE, data)).ask("backup")


def test_the_socket_is_its_owners_alone_and_gone_with_the_kiosk(data: Path) -> None:
    with kiosk_running(data):
        assert (data / SOCKET).stat().st_mode & 0o777 == 0o600
    assert not (data / SOCKET).exists()


@contextlib.contextmanager
def short_path(data: Path) -> Iterator[str]:
    """A name of the socket that fits into a socket's address however deep the folder lies."""
    folder = os.open(data, os.O_RDONLY)
    yield f"/proc/self/fd/{folder}/{SOCKET}"
    os.close(folder)


def test_a_socket_left_behind_by_a_killed_kiosk_is_no_kiosk(data: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left, short_path(data) as name:
        left.bind(name)
    assert kiosk("verify", data=data).exit_code == 0
    with kiosk_running(data):
        assert kiosk("verify", data=data).exit_code == 0


def test_a_deep_folder_has_a_socket_too(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30) / "data"
    init(SITE, deep, TECHNICIAN)
    with kiosk_running(deep):
        assert kiosk("verify", data=deep).exit_code == 0


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"what?\n", "not a line of JSON"),
        (b"[1]\n", "not a JSON object"),
        (b'{"command": "open all doors"}\n', "is no command"),
        (b'{"command": "export", "table": "meta"}\n', "is no table"),
        (b'{"command": "export", "table": "slots", "after": "1"}\n', "is no table"),
        (b'{"command": ["code"]}\n', "is no command"),
        (b"x" * (2 * LINE_MAX) + b"\n", "too long"),
        (b"\xff\xfe\n", "not a line of JSON"),
    ],
)
def test_a_wrong_question_gets_an_answer_and_the_next_one_too(
    data: Path, line: bytes, error: str
) -> None:
    with kiosk_running(data), socket.socket(socket.AF_UNIX) as client:
        with short_path(data) as name:
            client.connect(name)
        with contextlib.suppress(OSError):
            client.sendall(line)
        with contextlib.suppress(ConnectionResetError):
            answer = json.loads(client.makefile("rb").readline() or b"{}")
            assert error in answer.get("error", error)
        assert kiosk("verify", data=data).exit_code == 0


def test_the_running_kiosk_answers_the_console(tmp_path: Path) -> None:
    """The real thing, as `kiosk run` joins it: bank, scanner, observers and console."""
    data = tmp_path / "data"
    init(SITE, data, TECHNICIAN)

    async def story() -> Result:
        async with open_kiosk(SITE, data, Player()) as kiosk_:
            await kiosk_.store.run(packages.announce, Announcement("P", "B", "S", None))
            return await asyncio.to_thread(kiosk, "export", data=data)

    result = asyncio.run(story())
    assert ",B,PENDING," in result.output


# --- a new kiosk ---------------------------------------------------------------------------------


def run_init(data: Path, *more: str, pin: str = "808080\n") -> Result:
    return kiosk("init", "--technician", "98", "Sam", "--pin-stdin", *more, data=data, text=pin)


def test_init_makes_key_database_and_the_first_technician(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_init(data).exit_code == 0
    key = data / "location.key"
    assert (len(key.read_bytes()), key.stat().st_mode & 0o777) == (32, 0o600)
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "kiosk.db").stat().st_mode & 0o077 == 0
    store = Store(data / "kiosk.db", SystemClock(), random.Random(1), threaded=False)
    store.use_key(location_key(data / "location.key", may_make=False))
    row = store.submit(lambda writer: writer.one("SELECT * FROM staff")).result()
    assert row is not None
    assert (row["number"], row["role"], row["source"]) == ("98", "technician", "init")
    (listed,) = store.submit(staff.members).result()
    assert listed.name == "Sam"
    assert "Sam" not in row["name"], "a stolen database names nobody"
    assert "argon2" not in row["pin_hash"], "a stolen database gives no hash to try PINs on"
    person = store.submit(staff.member, "98").result()
    assert person is not None
    assert person.pin_hash.startswith("$argon2id$")
    assert "Sam" not in "".join(store.submit(lambda w: list(journal.bodies(w))).result())
    store.close()


def test_init_asks_for_the_pin_twice(tmp_path: Path) -> None:
    options = ("--technician", "98", "Sam")
    wrong = kiosk("init", *options, data=tmp_path / "a", text="808080\n808081\n" * 3)
    assert wrong.exit_code != 0
    right = kiosk("init", *options, data=tmp_path / "b", text="808080\n808080\n")
    assert right.exit_code == 0


def test_init_refuses_to_run_twice_and_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run_init(data)
    before = (data / "kiosk.db").read_bytes(), (data / "location.key").read_bytes()
    again = run_init(data)
    assert again.exit_code != 0
    assert "made before" in str(again.exception)
    assert before == ((data / "kiosk.db").read_bytes(), (data / "location.key").read_bytes())


@pytest.mark.parametrize(
    ("number", "pin"), [("9", "808080"), ("98", "80"), ("98", "8080"), ("98", "eighty")]
)
def test_init_says_what_a_right_pin_is(tmp_path: Path, number: str, pin: str) -> None:
    result = kiosk(
        "init",
        "--technician",
        number,
        "Sam",
        "--pin-stdin",
        data=tmp_path / "data",
        text=f"{pin}\n",
    )
    assert result.exit_code == 2
    assert "digits" in result.output
    assert not (tmp_path / "data").exists()


def test_a_number_of_the_site_file_is_not_given_twice(tmp_path: Path) -> None:
    result = kiosk(
        "init", "--technician", "99", "Sam", "--pin-stdin", data=tmp_path / "d", text="808080\n"
    )
    assert "site file" in str(result.exception)


def test_the_key_may_come_from_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "credentials" / "location.key"
    given.parent.mkdir()
    given.write_bytes(bytes(range(32)))
    given.chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given.parent))
    data = tmp_path / "data"
    assert run_init(data).exit_code == 0
    assert not (data / "location.key").exists()
    assert kiosk("verify", data=data).exit_code == 0
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    lost = kiosk("verify", data=data)
    assert "missing" in str(lost.exception)


def test_another_key_is_refused(data: Path) -> None:
    (data / "location.key").write_bytes(bytes(32))
    assert "not the key" in str(kiosk("verify", data=data).exception)


def test_a_kiosk_whose_database_is_lost_does_not_begin_again(data: Path) -> None:
    (data / "kiosk.db").unlink()

    async def start() -> None:
        async with open_kiosk(SITE, data, Player()):
            pass

    with pytest.raises(CannotOpenError, match="kiosk restore"):
        asyncio.run(start())


def test_a_database_is_restored_by_command(data: Path) -> None:
    with kiosk_running(data):
        copy = kiosk("backup", data=data).output.split(": ")[0]
        refused = kiosk("restore", copy, data=data)
        assert "stop it first" in str(refused.exception)
    result = kiosk("restore", copy, data=data)
    assert "all 24 slots are in doubt" in result.output
    slots = json.loads(kiosk("export", "--table", "slots", "--format", "json", data=data).output)
    assert {slot["suspect"] for slot in slots} == {"MAY_HOLD_ANOTHERS"}
    assert kiosk("verify", data=data).exit_code == 0


def test_a_badge_is_made_with_the_hash_that_its_secret_is_checked_against(tmp_path: Path) -> None:
    picture = tmp_path / "badge.png"
    result = CliRunner().invoke(main, ["badge", "11", "--png", str(picture)])
    assert result.exit_code == 0
    text, line = (part for part in result.output.splitlines() if part)
    badge = parse_badge(text)
    assert badge is not None
    assert badge.number == "11"
    badge_hash = line.removeprefix('badge_hash = "').removesuffix('"')
    assert asyncio.run(verify_pin(badge_hash, badge.secret))
    assert not asyncio.run(verify_pin(badge_hash, "another"))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_demo_has_a_badge_that_signs_in() -> None:
    kim = next(person for person in load_site(DEMO_SITE).staff if person.number == "11")
    badge = parse_badge("PKS:11:DEMOBADGEOFKIM11")
    assert badge is not None
    assert kim.badge_hash is not None
    assert asyncio.run(verify_pin(kim.badge_hash, badge.secret))


def test_the_health_of_no_kiosk_is_no_answer(data: Path) -> None:
    answer = kiosk("health", data=data)
    assert isinstance(answer.exception, ConsoleError)
    assert "no kiosk runs with the data folder" in str(answer.exception)
