"""The API under inputs that nobody sends on purpose: it refuses them, and never breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from central.settings import Limits
from tests.support.central_server import LOCATION, Journal, Server, announce

EXAMPLES = 2000 if os.environ.get("TEST_BUDGET") == "nightly" else 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One whose budgets are not used up, so that all of what is sent is looked at."""
    often = 1_000_000
    made = Server(
        tmp_path / "central",
        limits=Limits(changes_by_package=often, commands_by_location_and_sender=often),
    )
    made.start()
    yield made
    made.stop()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("client", ["program", "kiosk", "nobody"])
def test_no_input_makes_the_server_fail(
    server: Server, kiosk: Journal, tmp_path: Path, client: str
) -> None:
    key = server.add_key()
    package = announce(server, key, "A").json()["id"]
    known = f'[parameters]\nlocation = "{LOCATION.id}"\npackage = "{package}"\n'
    (tmp_path / "schemathesis.toml").write_text(known, encoding="utf-8")
    token = {
        "program": ("--header", f"Authorization: {key['authorization']}"),
        "kiosk": ("--header", f"Authorization: Bearer {kiosk.token}"),
        "nobody": (),
    }[client]
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run"),
            f"{server.url}/openapi.json",
            *token,
            *("--checks", "not_a_server_error", "--phases", "fuzzing"),
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--workers", "1"),
            *("--generation-database", "none", "--request-timeout", "10"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    print(done.stdout[-6000:])
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Unresolvable references" not in done.stdout
    paths = requests.get(f"{server.url}/openapi.json", timeout=20).json()["paths"]
    operations = sum(len(methods) for methods in paths.values())
    assert f"Tested: {operations}" in done.stdout
