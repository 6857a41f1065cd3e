"""Machines that are cut off from each other, as network namespaces: who is cut off writes no more.

With TEST_BUDGET=nightly a whole cluster, half a minute; else the network alone.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import machines
from tests.support.machines import ROOT

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
KIOSKS = os.environ.get("TEST_KIOSKS", "100")
pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(machines.why_not()), reason=machines.why_not()),
]


def run(module: str, *words: str) -> dict[str, Any]:
    """What a module of the tests found in a network of its own."""
    command = machines.command_inside(module, *words)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    print(done.stdout)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_who_is_cut_off_is_heard_by_nobody_and_refused_by_nobody() -> None:
    found = run("tests.support.machines")
    assert found["before"] == found["afterwards"] == ["made"] * 3
    assert found["meanwhile"] == ["TimeoutError", "TimeoutError", "made"]


@pytest.mark.skipif(not IS_NIGHTLY, reason="takes minutes; TEST_BUDGET=nightly")
def test_a_primary_that_is_cut_off_stops_writing_and_nothing_is_lost(tmp_path: Path) -> None:
    found = run("tests.cluster.partition", str(tmp_path / "all"), "--kiosks", KIOSKS)
    assert found["new"] != found["old"]
    assert found["written_beside"] == 0, "two wrote at the same time"
    assert found["turns"][:2] == [found["old"], found["new"]]
    assert len(found["turns"]) == len(set(found["turns"])), "one began to write again"
    assert found["lost_writes"] == 0
    assert found["lost_events"] == {}
    assert found["never_sent"] == []
    assert found["parked"] == 0
    assert found["acknowledged"] > 2 * int(KIOSKS)


@pytest.mark.skipif(not IS_NIGHTLY, reason="takes minutes; TEST_BUDGET=nightly")
def test_two_that_write_at_the_same_time_are_found(tmp_path: Path) -> None:
    """The control: nobody keeps the one that is cut off from writing."""
    words = ("--kiosks", "20", "--cut-s", "20", "--unfenced")
    found = run("tests.cluster.partition", str(tmp_path / "all"), *words)
    assert found["written_beside"] > 0
    assert len(found["turns"]) > len(set(found["turns"]))
    assert found["lost_writes"] > 0
    assert found["lost_events"]
