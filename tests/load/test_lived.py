"""Housekeeping holds nobody up: the same load on a database of months, with it and without it.

30 days of 1,000 locations with TEST_BUDGET=nightly, on both databases; else a small one. What is
asserted is how the two compare within one run, for how fast this machine is says nothing of that.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.load.lived import Lived, lived

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
RATIO = 5.0
"""So many times as long as without housekeeping the slowest hundredth may take with it. Where it
held the writer it was a hundred times."""
TRIES = 5
"""A machine that does something else disturbs now the one and now the other: the best counts."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it."""

    locations: int
    days: int
    event_days: int
    per_s: float
    seconds: float
    house: str
    """Seconds between two rounds of housekeeping."""


SIZE = Size(1000, 30, 10, 100, 130, "60") if IS_NIGHTLY else Size(20, 12, 1, 10, 4, "0.5")
DATABASES = ["sqlite", "postgresql"] if IS_NIGHTLY else ["sqlite"]


def _p99_ms(past: Lived, house: str, seconds: float = SIZE.seconds) -> float:
    figures = past.syncs(house, SIZE.per_s, seconds)
    print(json.dumps({"housekeeping": house, **figures}))
    assert figures["errors"] == 0, figures
    p99_ms = figures["p99_ms"]
    assert isinstance(p99_ms, float)
    return p99_ms


@pytest.mark.parametrize("database", DATABASES)
def test_kiosks_are_answered_as_fast_while_the_server_keeps_house(
    database: str, tmp_path: Path
) -> None:
    with lived(database, SIZE.locations, SIZE.days, SIZE.event_days, tmp_path) as past:
        before = past.old_rows()
        without_ms = _p99_ms(past, "never")
        with_ms = _p99_ms(past, SIZE.house)
        for _ in range(TRIES - 1):
            if with_ms > RATIO * without_ms:
                with_ms = min(with_ms, _p99_ms(past, SIZE.house))
        assert with_ms <= RATIO * without_ms
        # It did keep house meanwhile: what is old is fewer, though kiosks were busy.
        assert past.old_rows() < before
        if database == "sqlite":
            held_s = max(1.0, 2 * RATIO * without_ms / 1000)
            held_ms = _p99_ms(past, f"held:{held_s}", min(SIZE.seconds, held_s + 3))
            assert held_ms > RATIO * without_ms, "a writer that is held is not found"
