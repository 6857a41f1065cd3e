"""The database's URL: PostgreSQL's own form with several hosts, too, and none of them need live."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from central.database import postgresql as dialect
from central.errors import CannotServeError
from tests.support import postgresql

WORDS = "connect_timeout=7&target_session_attrs=read-write"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_of_several_hosts_the_one_that_writes_is_taken(scheme: str) -> None:
    url = postgresql.cluster().new_database()
    name = url.partition("?")[0].rpartition("/")[2]
    here = quote(str(postgresql.cluster().folder), safe="")
    hosts = f"%2Fnowhere:5432,{here}:5432"
    engine = dialect.engine_of(f"{scheme}://{postgresql.USER}@{hosts}/{name}?{WORDS}", 1)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        assert found == name
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "10s"
    engine.dispose()
    postgresql.cluster().drop(url)


def test_what_the_url_says_itself_stays() -> None:
    several = dialect.url_of(f"postgresql://me:secret@one:5432,two:5433/lockers?{WORDS}")
    assert several.query["host"] == "one,two"
    assert several.query["port"] == "5432,5433"
    assert several.query["connect_timeout"] == "7"
    assert (several.username, several.password, several.database) == ("me", "secret", "lockers")
    assert dialect.url_of("postgresql://me@one/lockers").drivername == dialect.DRIVER


def test_what_is_no_url_is_refused_without_its_password() -> None:
    with pytest.raises(CannotServeError) as refused:
        dialect.url_of("postgresql://me:secret@one:5432,two:5433/lockers?nonsense=1")
    assert "nonsense" in str(refused.value)
    assert "secret" not in str(refused.value)
