"""Several server processes on one PostgreSQL: nothing is lost, and nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.two_servers import LOCKED_PROBES, PROBES, Pair, faults_of, running

ROUNDS = 10
CONTROLS_MAX = 8


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running(tmp_path_factory.mktemp("two")) as pair:
        yield pair


def test_what_comes_to_both_at_once_goes_right(pair: Pair) -> None:
    assert faults_of(PROBES, pair, ROUNDS) == {each.__name__: 0 for each in PROBES}
    assert pair.rows("SELECT * FROM quarantine") == []
    assert "Traceback" not in pair.log.read_text(encoding="utf-8")


def test_without_the_locks_it_would_not(tmp_path: Path) -> None:
    """The negative control: what the probes look for is found."""
    missing = list(LOCKED_PROBES)
    with running(tmp_path, has_locks=False) as pair:
        for _ in range(CONTROLS_MAX):
            found = faults_of(missing, pair, ROUNDS)
            missing = [each for each in missing if not found[each.__name__]]
            if not missing:
                break
    assert missing == []
