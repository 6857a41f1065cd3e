"""Backup and restore of a PostgreSQL database by its own programs, `pg_dump` and `pg_restore`.

What was there before a restore stays in a schema of its own beside the restored one, until
somebody drops it; a restore that fails puts it back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from central.database.postgresql import ASIDE, alone_engine, parameters_of, url_of
from central.errors import CannotServeError

LIBPQ: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "sslcrl": "PGSSLCRL",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
    "channel_binding": "PGCHANNELBINDING",
    "require_auth": "PGREQUIREAUTH",
    "gssencmode": "PGGSSENCMODE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
"""How the programs are given what the URL says: on a command line everybody could read it."""


def dump(url: str, path: Path, programs: Path | None) -> None:
    """Write the database, as it is at one moment, to a file that is there; servers go on.

    Raises `CannotServeError`.
    """
    _run("pg_dump", programs, url, "--format=custom", "--schema=public", *PLAIN, f"--file={path}")


PLAIN: Final = ("--no-owner", "--no-privileges")
"""Owners and rights are those of the database that it is brought back to."""


def require_sound(path: Path, programs: Path | None) -> None:
    """Read a dump through. Raises `CannotServeError` when it is damaged or none of ours."""
    try:
        listed = _run("pg_restore", programs, None, "--list", str(path))
        _run("pg_restore", programs, None, "--file=/dev/null", str(path))
    except _FailedError as error:
        raise CannotServeError(f"{path} is no backup of a central server: {error.said}") from error
    if " TABLE DATA public alembic_version " not in listed:
        raise CannotServeError(f"{path} is no backup of a central server: it has other tables")


def load(url: str, path: Path, moment: str, programs: Path | None) -> str | None:
    """Put a dump in the database's place, while nobody else is connected to it; the name of the
    schema in which what was there is now, None where nothing was. Raises `CannotServeError`."""
    engine = alone_engine(url)
    try:
        with engine.begin() as connection:
            aside = _set_aside(connection, moment)
        try:
            _run(
                "pg_restore",
                programs,
                url,
                "--single-transaction",
                "--exit-on-error",
                *PLAIN,
                f"--dbname={url_of(url).database}",
                str(path),
            )
        except BaseException:  # also where somebody interrupts it
            with engine.begin() as connection:
                _put_back(connection, aside)
            raise
        # What the kiosks last said of themselves is old: until they come, nobody knows how much of
        # their journals is missing here.
        with engine.begin() as connection:
            connection.execute(text("UPDATE location SET status = '{}'"))
    finally:
        engine.dispose()
    return aside


def _set_aside(connection: Connection, moment: str) -> str | None:
    there = connection.execute(text("SELECT to_regclass('public.alembic_version')")).scalar()
    if there is None:
        # The dump makes it. One that holds something of somebody else's is not dropped.
        connection.execute(text("DROP SCHEMA IF EXISTS public"))
        return None
    aside = f"{ASIDE}{moment.lower()}"
    connection.execute(text(f'ALTER SCHEMA public RENAME TO "{aside}"'))
    return aside


def _put_back(connection: Connection, aside: str | None) -> None:
    connection.execute(text("DROP SCHEMA IF EXISTS public CASCADE"))
    if aside is None:
        connection.execute(text("CREATE SCHEMA public"))
    else:
        connection.execute(text(f'ALTER SCHEMA "{aside}" RENAME TO public'))


class _FailedError(CannotServeError):
    """One of PostgreSQL's programs failed."""

    def __init__(self, program: str, said: str) -> None:
        super().__init__(f"{program}: {said}")
        self.said = said


def _run(program: str, programs: Path | None, url: str | None, *words: str) -> str:
    found = shutil.which(program, path=None if programs is None else str(programs))
    if found is None:
        raise CannotServeError(
            f"{program} is not {f'in {programs}' if programs else 'in PATH'}, with which PostgreSQL"
            " is backed up; install its client programs, or name their folder: postgresql_programs"
        )
    environment = os.environ | ({} if url is None else _environment(url))
    done = subprocess.run(
        [found, *words], env=environment, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        raise _FailedError(program, done.stderr.strip() or f"exit code {done.returncode}")
    return done.stdout


def _environment(url: str) -> dict[str, str]:
    said = parameters_of(url).items()
    return {LIBPQ[name]: value for name, value in said if name in LIBPQ}
