"""Hundreds of people in a row at one window: nothing of them stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gallery.panels import PANELS
from tests.support.screen import own_screen

pytestmark = pytest.mark.window

ROOT = Path(__file__).parents[2]
PANEL = PANELS["540x960"]
IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
SESSIONS = 9_960 if IS_NIGHTLY else 120
"""A multiple of 60: five visits by four preferences, so that each third ends at the same page."""
GROWTH_MB = 5.0


def day(sessions: int, *options: str) -> list[dict[str, Any]]:
    """What the window's process held after a third, two thirds and all of so many people."""
    with own_screen(PANEL.width_px, PANEL.height_px) as screen:
        ran = subprocess.run(
            [sys.executable, "tests/support/long_day.py", str(sessions), *options],
            cwd=ROOT,
            env={**screen.environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    assert ran.returncode == 0, ran.stderr
    measured: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    return measured


def growing(measured: list[dict[str, Any]]) -> list[str]:
    """What grew between the second and the last measurement."""
    _, middle, end = measured
    found = [name for name in middle if name != "rss_mb" and end[name] > middle[name]]
    return found + ["rss_mb"] * (end["rss_mb"] - middle["rss_mb"] > GROWTH_MB)


def test_many_people_leave_no_memory_no_observer_and_no_thread() -> None:
    measured = day(SESSIONS)

    assert growing(measured) == [], measured


def test_a_window_that_forgets_nothing_is_found() -> None:
    assert growing(day(12, "--keeps")) == ["widgets", "rss_mb"]
