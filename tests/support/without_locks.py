"""The server with the rows of its database locked by nobody: what a test of the locks must find.

python -m tests.support.without_locks --data … serve
"""

from __future__ import annotations

from sqlalchemy import Select


def _unlocked(statement: Select[tuple[object, ...]], **_how: object) -> Select[tuple[object, ...]]:
    return statement


def _not_counted(*_what: object, **_how: object) -> None:
    """Budgets are rows, too, which two lock by writing them."""


Select.with_for_update = _unlocked  # type: ignore[assignment,method-assign]

if __name__ == "__main__":
    from central import limits
    from central.__main__ import entry

    limits.take = _not_counted
    entry()
