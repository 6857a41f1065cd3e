"""Many programs that announce and look at the same moment: each is answered, and rightly."""

from __future__ import annotations

import json
import os

import pytest

from tests.load import servers
from tests.load.crowd import crowd, crowd_by_wrk, has_wrk
from tests.load.load import Figures
from tests.load.servers import running

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
CONNECTIONS, LOCATIONS, SECONDS = (400, 1000, 30.0) if IS_NIGHTLY else (60, 50, 3.0)
SETUPS = [("sqlite", 1), ("postgresql", 2)] if IS_NIGHTLY else [("sqlite", 1)]
LOCATIONS_OF_CONTROL = 5
NIGHTLY = pytest.mark.skipif(not IS_NIGHTLY, reason="takes minutes; TEST_BUDGET=nightly")
ERRORS_MAX = 0.001
"""Of all that was asked, the share that may be answered wrongly."""


PER_S = 100.0
"""So many calls a second a server is asked that is not to be out of breath."""


def require_answered(figures: Figures) -> None:
    print(json.dumps(figures))
    error_share = figures["error_share"]
    assert isinstance(error_share, float)
    assert error_share < ERRORS_MAX, figures


@pytest.mark.parametrize(("database", "count"), SETUPS)
def test_each_of_a_crowd_is_answered(database: str, count: int) -> None:
    with running(LOCATIONS, database, count, 0.0) as some:
        figures = crowd(some, CONNECTIONS, LOCATIONS, SECONDS)
    assert figures["unanswered"] == 0, figures
    assert figures["answered_least"], "a connection was never answered"
    require_answered(figures)


@NIGHTLY
@pytest.mark.parametrize(("database", "count"), SETUPS)
def test_each_of_a_crowd_that_asks_at_a_pace_is_answered(database: str, count: int) -> None:
    with running(LOCATIONS, database, count, 0.0) as some:
        figures = crowd(some, CONNECTIONS, LOCATIONS, SECONDS, PER_S)
    assert figures["unanswered"] == 0, figures
    require_answered(figures)


@NIGHTLY
@pytest.mark.skipif(not has_wrk(), reason="wrk is not installed: apt-get install wrk")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_each_that_wrk_asks_is_answered(database: str) -> None:
    with running(LOCATIONS, database, 1, 0.0) as some:
        figures = crowd_by_wrk(some, CONNECTIONS, LOCATIONS, SECONDS)
    require_answered(figures)


def test_a_crowd_that_is_refused_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a key that may ask no more than a few times."""
    monkeypatch.setattr(servers, "KEY_RATE", 5)
    with running(LOCATIONS_OF_CONTROL, "sqlite", 1, 0.0) as some:
        figures = crowd(some, 20, LOCATIONS_OF_CONTROL, 1.0)
    error_share = figures["error_share"]
    assert isinstance(error_share, float)
    assert error_share > ERRORS_MAX, figures
