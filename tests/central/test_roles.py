"""What a process of the server does: all of it, or some roles of several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.errors import CannotServeError
from central.settings import Settings, require_all_on_sqlite, roles_of


def test_roles_stand_on_a_command_line_in_any_order() -> None:
    assert roles_of("keeper, api") == ("api", "keeper")
    assert roles_of("worker,worker") == ("worker",)


@pytest.mark.parametrize("text", ["", "api,", "API", "api worker", "master"])
def test_what_is_no_role_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(CannotServeError, match=r"no role; right is one of api, worker, keeper"):
        roles_of(text)


def test_on_sqlite_nothing_is_left_undone(tmp_path: Path) -> None:
    """Nobody else would send the messages, or keep house."""
    require_all_on_sqlite(Settings(data=tmp_path))
    alone = Settings(data=tmp_path, roles=("api",))
    with pytest.raises(CannotServeError, match="nobody else would be worker and keeper"):
        require_all_on_sqlite(alone)
    require_all_on_sqlite(
        Settings(data=tmp_path, roles=("api",), database_url="postgresql+psycopg://x@/y")
    )
