"""Whom a writing operation wakes is known of its own transaction alone."""

from __future__ import annotations

from pathlib import Path

from central.database.sqlite import engine_of
from central.database.wakes import collecting, wake


def test_a_connection_that_was_lost_takes_nothing_from_who_has_it_next(tmp_path: Path) -> None:
    engine = engine_of(f"sqlite:///{tmp_path / 'any.db'}")
    first_woken, next_woken = set[str](), set[str]()
    with engine.connect() as first:
        lost = collecting(first, first_woken)
        lost.__enter__()
        wake(first, "one")
        first.invalidate()
        # The pool makes it again for the next, before the first one knows.
        with engine.connect() as following, collecting(following, next_woken):
            lost.__exit__(None, None, None)
            wake(following, "two")
    assert (first_woken, next_woken) == ({"one"}, {"two"})
    engine.dispose()
