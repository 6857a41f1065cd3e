"""A server on PostgreSQL is backed up beside its running servers, and brought back with what was
there kept; also to a moment, from PostgreSQL's own archive."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from central import schema
from central.command_line import cli
from central.database import dumps, migrate_shared
from central.errors import CannotServeError
from tests.support import postgresql
from tests.support.central_server import Journal, Mailbox, Server, wait_until
from tests.support.operators import come_and_gone, sync


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    url = postgresql.cluster().new_database()
    running = Server(tmp_path / "central", smtp_port=mailbox[0], database_url=url)
    running.start()
    yield running
    running.stop()
    postgresql.cluster().drop(url)


def command(server: Server, *words: str, programs: Path | None = None) -> Result:
    config = server.folder.with_suffix(".toml")
    programs = programs or postgresql.cluster().programs
    config.write_text(
        f"database_url = '{server.database_url}'\npostgresql_programs = '{programs}'\n"
    )
    return CliRunner().invoke(cli, ["--config", str(config), "--data", str(server.folder), *words])


def refusal(result: Result) -> str:
    assert isinstance(result.exception, CannotServeError), result.output
    return str(result.exception)


def schemas(server: Server) -> list[str]:
    engine = create_engine(server.database_url)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before%' ORDER BY 1")
        )
        names = [str(row[0]) for row in found]
    engine.dispose()
    return names


def backed_up(server: Server, folder: Path) -> Path:
    """A backup of a server that runs."""
    file = folder / "copy.dump"
    made = command(server, "backup", str(file))
    assert made.exit_code == 0, made.output + str(made.exception)
    return file


def unpacked(dump: Path) -> str:
    """What a dump says: it lies compressed in its file."""
    program = postgresql.cluster().programs / "pg_restore"
    words = [str(program), "--file=-", str(dump)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_who_was_forgotten_since_the_backup_stays_forgotten(
    tmp_path: Path, server: Server, kiosk: Journal
) -> None:
    package = come_and_gone(server, kiosk)
    file = backed_up(server, tmp_path)
    assert file.stat().st_mode & 0o077 == 0
    content = unpacked(file)
    assert package in content and "eva@example.org" not in content
    assert "is there already" in refusal(command(server, "backup", str(file)))
    assert command(server, "person", "erase", "eva@example.org").exit_code == 0
    kiosk.put_in("B")
    sync(kiosk)
    known = len(server.rows(schema.event))
    assert "another central server uses this database" in refusal(
        command(server, "restore", str(file))
    )
    server.stop()
    restored = command(server, "restore", str(file))
    assert restored.exit_code == 0, restored.output + str(restored.exception)
    [aside] = schemas(server)
    assert f"The database that was there is the schema {aside}" in restored.output
    server.start()
    kiosk.url = server.url
    [person] = server.rows(schema.recipient)
    assert (person.name, person.email) == ("", "")
    assert len(server.rows(schema.event)) < known
    answer = sync(kiosk, len(kiosk.events()))
    assert answer.want_after is not None
    sync(kiosk, answer.want_after.seq)
    assert len(server.rows(schema.event)) == known


def test_a_damaged_backup_is_refused_and_nothing_is_changed(
    tmp_path: Path, server: Server, kiosk: Journal
) -> None:
    kiosk.put_in("A")
    sync(kiosk)
    file = backed_up(server, tmp_path)
    server.stop()
    damaged = tmp_path / "damaged.dump"
    damaged.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    for wrong in (damaged, Path(__file__)):
        assert "is no backup of a central server" in refusal(command(server, "restore", str(wrong)))
    assert schemas(server) == []
    server.start()
    assert server.rows(schema.event)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        pytest.param("echo 'no room' >&2; exit 1", "no room", id="fails"),
        # As by Ctrl-C: also to who waits for it.
        pytest.param("kill -INT $PPID; exec sleep 60", "Aborted", id="interrupted"),
    ],
)
def test_a_restore_that_fails_puts_back_what_was_there(
    tmp_path: Path, server: Server, kiosk: Journal, end: str, said: str
) -> None:
    kiosk.put_in("A")
    sync(kiosk)
    file = backed_up(server, tmp_path)
    server.stop()
    # A program that reads it through, and fails when it is to write.
    programs = tmp_path / "programs"
    programs.mkdir()
    real = postgresql.cluster().programs / "pg_restore"
    broken = programs / "pg_restore"
    broken.write_text(f'#!/bin/sh\ncase "$*" in *--single*) {end};; esac\nexec {real} "$@"\n')
    broken.chmod(0o755)
    result = command(server, "restore", str(file), programs=programs)
    assert said in f"{result.output} {result.exception}"
    assert result.exit_code != 0
    assert schemas(server) == []
    server.start()
    assert server.rows(schema.event)


def test_programs_that_are_missing_are_named(tmp_path: Path, server: Server) -> None:
    said = refusal(command(server, "backup", str(tmp_path / "a"), programs=tmp_path))
    assert "pg_dump is not in" in said and "postgresql_programs" in said


def test_of_several_hosts_the_one_that_is_there_is_backed_up(tmp_path: Path) -> None:
    url = postgresql.cluster().new_database()
    name = url.partition("?")[0].rpartition("/")[2]
    here = quote(str(postgresql.cluster().folder), safe="")
    several = f"host=%2Fnowhere:5432&host={here}:5432"
    file = tmp_path / "copy.dump"
    file.touch()
    dumps.dump(
        f"postgresql+psycopg://{postgresql.USER}@/{name}?{several}",
        file,
        postgresql.cluster().programs,
    )
    dumps.require_sound(file, postgresql.cluster().programs)
    postgresql.cluster().drop(url)


def test_a_server_is_brought_back_to_a_moment(tmp_path: Path) -> None:
    """As the documents say it: an archive of the log, a copy of the files, a moment."""
    cluster = postgresql.Cluster(
        archive_mode="on",
        archive_command="mkdir -p ../archive && test ! -f ../archive/%f && cp %p ../archive/%f",
        synchronous_commit="on",
    )
    try:
        cluster.execute("CREATE DATABASE lockers")
        url = cluster.url("lockers")
        migrate_shared(url)
        copy = cluster.folder / "copy"
        place = [f"--host={cluster.folder}", f"--username={postgresql.USER}"]
        cluster.run("pg_basebackup", f"--pgdata={copy}", "--checkpoint=fast", *place)
        server = Server(tmp_path / "central", database_url=url)
        server.start()
        server.add_location("before")
        moment = server.central.database.read(
            lambda c: str(c.execute(text("SELECT clock_timestamp()")).scalar_one())
        )
        server.add_location("after")
        cluster.execute("SELECT pg_switch_wal()")
        server.stop()
        cluster.kill()
        cluster.data.rename(cluster.folder / "lost")
        copy.rename(cluster.data)
        (cluster.data / "recovery.signal").touch()
        cluster.settings |= {
            "restore_command": "cp ../archive/%f %p",
            "recovery_target_time": moment,
            "recovery_target_action": "promote",
        }
        cluster.start()
        wait_until(lambda: not cluster.is_recovering())
        server.start()
        assert [row.id for row in server.rows(schema.location)] == ["before"]
        server.stop()
    finally:
        cluster.stop()
