"""The walk from a key to the first webhook, as the document has it: its very blocks, in a shell."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from central.conformance.steps import STEPS

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
ROOT = Path(__file__).parents[2]
KIT = f"{len(STEPS)} of {len(STEPS)}"
HEADING = "## From a key to the first webhook"


def blocks() -> list[str]:
    """The indented blocks of the walk: what is typed, and what comes of it."""
    text = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
    section = text.partition(HEADING)[2].partition("\n## ")[0]
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", section, re.MULTILINE)
    return [re.sub(r"^    ", "", each, flags=re.MULTILINE).strip() for each in found]


def free_ports() -> int:
    """A port that is free, and the next one, too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def test_the_walk_has_all_its_steps() -> None:
    text = "\n".join(blocks())
    for word in ("key add", "/v1/webhooks", "/v1/packages", "deposit", "pickup", "conformance"):
        assert word in text, word
    assert text.count("package.") >= 3
    assert f"{KIT} steps are as documented" in text


@pytest.mark.skipif(not IS_NIGHTLY, reason="a server, a receiver and the kit: half a minute")
def test_the_walk_is_true_from_a_fresh_folder(tmp_path: Path) -> None:
    typed = [part for each in blocks() for part in each.split("\n\n")]
    commands = "\n".join(blocks())
    shown = [line for part in typed for line in part.splitlines() if line.startswith("package.")]
    script = "\n".join(
        line for line in commands.splitlines() if not line.startswith(("{", "package.", KIT))
    )
    script = script.replace("PORT=8099", f"PORT={free_ports()}")
    programs = Path(sys.prefix) / "bin"
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    environment |= {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in shown:
        assert line in done.stdout, done.stdout
    assert len(shown) == 3
    assert f"{KIT} steps are as documented" in done.stdout
    assert '"status":"RETRIEVED"' in done.stdout
