"""What is kept of a person is given out and forgotten; a server is backed up and brought back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from central import schema
from central.command_line import cli
from central.errors import CannotServeError, RequestError
from tests.support.central_server import Journal, Mailbox, Server, announce
from tests.support.operators import come_and_gone, obey, sync
from tests.support.postgresql import words_of


def command(server: Server, *arguments: str) -> Result:
    """The command line on this server's data."""
    return CliRunner().invoke(cli, [*words_of(server.folder), *arguments])


def test_a_person_gets_all_that_is_kept_and_is_forgotten_everywhere(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox]
) -> None:
    package = announce(server, server.add_key(), "A").json()["id"]
    obey(kiosk)
    kiosk.put_in("A")
    sync(kiosk)
    mailbox[1].wait_for(1)
    server.stop()
    kept = json.loads(command(server, "person", "export", "eva@example.org").output)
    assert kept["contacts"][0]["phone"] == "+491710000001"
    for spelling in ("+49 171 0000001", "+49 (0)171 0000001", "0049171/0000001"):
        assert json.loads(command(server, "person", "export", spelling).output) == kept
    assert [(each["id"], each["status"]) for each in kept["packages"]] == [(package, "STORED")]
    assert "stored" in [each["kind"] for each in kept["messages"]]
    refused = command(server, "person", "erase", "eva@example.org").exception
    assert isinstance(refused, RequestError)
    assert "under way" in str(refused)
    server.start()
    kiosk.url = server.url
    kiosk.take_out(package)
    sync(kiosk)
    mailbox[1].wait_for(2)
    server.stop()
    server.start()
    # Mail servers repeat the address that they refuse.
    said = "550 <eva@example.org>: no such mailbox"
    server.write(lambda c: c.execute(schema.notification.update().values(error=said)))
    server.stop()
    assert command(server, "person", "erase", "eva@example.org").exit_code == 0
    server.start()
    [person] = server.rows(schema.recipient)
    assert (person.name, person.email, person.phone) == ("", "", "")
    [row] = server.rows(schema.package)
    assert row.owner == ""
    for table in schema.metadata.sorted_tables:
        kept = repr([row for row in server.rows(table) if table is not schema.user]).lower()
        assert "eva" not in kept, table.name
        assert "+491710000001" not in kept, table.name
    server.stop()
    assert isinstance(
        command(server, "person", "export", "eva@example.org").exception, RequestError
    )


def test_people_are_forgotten_by_themselves_some_days_after_their_last_package(
    server: Server, kiosk: Journal
) -> None:
    come_and_gone(server, kiosk)
    days = server.central.settings.erase_after_days
    for ahead, name in ((days - 1, "Eva"), (2, "")):
        server.clock.wall_ms += ahead * 86_400_000
        server.tidy(server.clock.wall_ms)
        [person], [row] = server.rows(schema.recipient), server.rows(schema.package)
        assert person.name == name
        assert bool(row.owner) is bool(name)


def test_a_backup_beside_a_running_server_is_whole_and_brings_everything_back(
    tmp_path: Path, server: Server, kiosk: Journal
) -> None:
    kiosk.put_in("A")
    sync(kiosk)
    file = tmp_path / "copy.db"
    made = command(server, "backup", str(file))
    assert made.exit_code == 0, made.output
    assert "sound" in made.output
    assert file.stat().st_mode & 0o077 == 0
    again = command(server, "backup", str(file))
    assert isinstance(again.exception, CannotServeError)
    kiosk.put_in("B")
    sync(kiosk)
    known = len(server.rows(schema.event))
    refused = command(server, "restore", str(file)).exception
    assert isinstance(refused, CannotServeError)
    assert "another central server" in str(refused)
    server.stop()
    restored = command(server, "restore", str(file))
    assert restored.exit_code == 0, restored.output
    server.start()
    kiosk.url = server.url
    assert len(server.rows(schema.event)) < known
    answer = sync(kiosk, len(kiosk.events()))
    assert answer.want_after is not None
    sync(kiosk, answer.want_after.seq)
    assert len(server.rows(schema.event)) == known
    assert "The database that was there is" in restored.output
    if not server.database_url:
        assert list(server.folder.glob("central.db.*Z")), "the database that was there is kept"


@pytest.mark.sqlite_only("looks at the database's file; test_dumps.py does so on PostgreSQL")
def test_a_damaged_backup_is_refused_and_nothing_is_moved(
    tmp_path: Path, server: Server, kiosk: Journal
) -> None:
    for name in "ABCDEFGH":
        kiosk.put_in(name)
    sync(kiosk)
    file = tmp_path / "copy.db"
    command(server, "backup", str(file))
    server.stop()
    before = (server.folder / "central.db").read_bytes()
    damaged = tmp_path / "damaged.db"
    shutil.copy(file, damaged)
    with damaged.open("r+b") as bytes_of:
        bytes_of.seek(damaged.stat().st_size // 2)
        bytes_of.write(bytes(200_000))
    for wrong in (damaged, Path(__file__)):
        refused = command(server, "restore", str(wrong)).exception
        assert isinstance(refused, CannotServeError)
    assert (server.folder / "central.db").read_bytes() == before
    server.start()
    with pytest.raises(CannotServeError, match="another central server"):
        raise command(server, "restore", str(file)).exception or AssertionError("no refusal")
