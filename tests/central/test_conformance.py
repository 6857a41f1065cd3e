"""The conformance kit against a server that runs as a process of its own, as anybody starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from central import problems
from central.conformance.steps import STEPS

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "central"]


@dataclass
class Running:
    """A server's process, and the keys that were made for it."""

    url: str
    sandbox: str
    real: str


def central(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [*PROGRAM, "--data", str(folder), *words],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("conformance") / "central"
    central(folder, "init")
    sandbox = central(folder, "key", "add", "A shop", "--sandbox", "--rate", "100000")
    real = central(folder, "key", "add", "A shop")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*PROGRAM, "--data", str(folder), "serve", "--port", "0"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield Running(found.group(), sandbox, real)
        process.terminate()


def kit(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "central.conformance", *words],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


def test_a_server_passes_every_step_and_each_fault_is_shown(running: Running) -> None:
    done = kit(running.url, running.sandbox)
    assert done.returncode == 0, done.stdout
    assert f"{len(STEPS)} of {len(STEPS)} steps" in done.stdout
    assert "> POST /v1/packages" in done.stdout
    for status in ("PENDING", "STORED", "RETRIEVED", "EXPIRED", "COLLECTED", "CANCELLED"):
        assert f'"{status}"' in done.stdout, status
    shown = set(re.findall(r'"/docs/api#(\w+)"', done.stdout))
    # What a sandbox cannot meet: other regions, ceilings of an hour, lines that are cut.
    cannot = {"other_region", "limit_reached", "conflict", "stopping", "too_slow", "bad_encoding"}
    cannot |= {"head_too_large", "not_ready", "other_location", "not_disputed", "refused"}
    cannot |= {"no_sandbox", "too_many_wait", "too_often", "waits_already"}
    cannot |= {"share_reserved"}
    # A sandbox is a carrier's, and no kiosk that is set up at its panel.
    cannot |= {"no_carrier", "no_site_file"}
    assert problems.TYPES.keys() - shown <= cannot


@pytest.mark.skipif(not IS_NIGHTLY, reason="the same once more")
def test_it_can_be_run_again_and_again(running: Running) -> None:
    done = kit("--quiet", running.url, running.sandbox)
    assert done.returncode == 0, done.stdout
    assert "> " not in done.stdout


def test_a_key_for_real_lockers_is_refused_before_anything_is_done(running: Running) -> None:
    done = kit(running.url, running.real)
    assert done.returncode == 2
    assert "ask the operator for a sandbox key" in done.stderr


def test_a_server_that_is_not_there_is_said() -> None:
    done = kit("http://127.0.0.1:9", "key_x")
    assert done.returncode == 2
    assert "http://127.0.0.1:9: ConnectError" in done.stderr
