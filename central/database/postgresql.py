"""PostgreSQL: how its connections are made."""

from __future__ import annotations

import re
import threading
from typing import Any, Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from central.adapters import monotonic_s
from central.errors import CannotServeError

READERS = 8
DRIVER = "postgresql+psycopg"
SESSION = {
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
}
"""What the URL does not say itself: a server that is gone is noticed, and nobody waits for ever."""


def is_postgresql(url: str) -> bool:
    """Whether this is the URL of a PostgreSQL database."""
    return url.partition("://")[0] in ("postgresql", "postgres", DRIVER)


def url_of(url: str, setting: str = "database_url") -> URL:
    """A URL in SQLAlchemy's form. PostgreSQL's own, with several hosts, is taken, too:
    `postgresql://one:5432,two:5432/name?target_session_attrs=read-write`. `setting` is its name.

    Raises `CannotServeError`.
    """
    rest = url.partition("://")[2]
    place = rest.partition("/")[0].rpartition("@")[2]
    if "," not in place:
        try:
            return make_url(url).set(drivername=DRIVER)
        except (ArgumentError, ValueError):
            raise _no_url(setting) from None
    try:
        said = conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError as error:
        raise _no_url(setting, _odd_word(error)) from None
    user, password, name = (said.pop(each, None) for each in ("user", "password", "dbname"))
    return URL.create(
        DRIVER,
        username=None if user is None else str(user),
        password=None if password is None else str(password),
        database=None if name is None else str(name),
        query={word: str(value) for word, value in said.items()},
    )


def _odd_word(error: ProgrammingError) -> str:
    """The name of a parameter that libpq does not know: the one thing that may be shown."""
    found = re.search(r'invalid URI query parameter: "(\w+)"', str(error))
    return f" (it has no parameter {found[1]})" if found else ""


def _no_url(setting: str, why: str = "") -> CannotServeError:
    """Neither with the URL nor in the libraries' words: both show the password, or a part of it."""
    return CannotServeError(
        f"{setting}: this is no URL of a database{why}; right is postgresql://USER:PASSWORD@HOST:PORT/NAME,"
        " where %20 stands for a blank, and so on for what is no letter, digit or one of - . _ ~"
    )


def parameters_of(url: str) -> dict[str, str]:
    """What a URL says, by the names that libpq has for it; several hosts and ports with commas.
    Raises `CannotServeError`."""
    made = url_of(url)
    _, said = made.get_dialect()().create_connect_args(made)
    return {name: str(value) for name, value in said.items()}


def engine_of(url: str, writers: int) -> Engine:
    """The connections, enough for those who write and those who read at once."""
    made = url_of(url)
    session: dict[str, Any] = {k: v for k, v in SESSION.items() if k not in made.query}
    # What an error quotes may be somebody's.
    return create_engine(
        made,
        connect_args=session,
        isolation_level="READ COMMITTED",
        pool_size=writers + READERS,
        max_overflow=READERS,
        hide_parameters=True,
    )


def standby_engine_of(url: str) -> Engine:
    """The connections to a standby, whatever else the URL would take. Raises `CannotServeError`."""
    made = url_of(url, "read_url")
    # The primary is known by its own URL.
    session: dict[str, Any] = {k: v for k, v in SESSION.items() if k not in made.query}
    return create_engine(
        made,
        connect_args={**session, "target_session_attrs": "standby"},
        pool_size=READERS,
        max_overflow=READERS,
        pool_timeout=1,
        hide_parameters=True,
    )


ONE_MOMENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""How a connection reads that sees one moment."""


ASIDE = "before_"
"""How the schema's name begins in which a restore leaves what was there before."""


ENDS_S: Final = 3.0
"""So long after a server has ended its connections may still be known."""


def alone_engine(url: str) -> Engine:
    """Connections to a database to which nobody else of its user is connected, as each server is.
    Raises `CannotServeError`."""
    engine = create_engine(url_of(url), hide_parameters=True, poolclass=NullPool)
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = current_user AND backend_type = 'client backend'"
        " AND pid <> pg_backend_pid()"
    )
    until_s = monotonic_s() + ENDS_S
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while count := connection.execute(others).scalar_one():
            if monotonic_s() >= until_s:
                break
            threading.Event().wait(0.1)
    if count:
        raise CannotServeError(
            "another central server uses this database, or a command does"
            f" ({count} connections of its user); stop all of them first"
        )
    return engine
