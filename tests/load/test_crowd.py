"""Many programs that announce and look at the same moment: each is answered, and rightly."""

from __future__ import annotations

import json
import os

import pytest

from tests.load.crowd import crowd
from tests.load.servers import running

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
CONNECTIONS, LOCATIONS, SECONDS = (400, 1000, 30.0) if IS_NIGHTLY else (60, 50, 3.0)
SETUPS = [("sqlite", 1), ("postgresql", 2)] if IS_NIGHTLY else [("sqlite", 1)]
ERRORS_MAX = 0.001
"""Of all that was asked, the share that may be answered wrongly."""


@pytest.mark.parametrize(("database", "servers"), SETUPS)
def test_each_of_a_crowd_is_answered(database: str, servers: int) -> None:
    with running(LOCATIONS, database, servers, 0.0) as some:
        figures = crowd(some, CONNECTIONS, LOCATIONS, SECONDS)
    print(json.dumps(figures))
    assert figures["unanswered"] == 0, figures
    assert figures["answered_least"], "a connection was never answered"
    error_share = figures["error_share"]
    assert isinstance(error_share, float)
    assert error_share < ERRORS_MAX, figures
