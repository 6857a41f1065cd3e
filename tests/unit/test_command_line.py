"""The command line with files and folders that cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "words",
    [
        ["badge", "17", "--png", "{folder}/none/badge.png"],
        ["badge", "17", "--png", "{folder}"],
        ["demo", "--window", "--data", "{folder}/file/demo"],
    ],
)
def test_a_place_that_cannot_be_had_is_one_sentence(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").touch()
    filled = [each.replace("{folder}", str(tmp_path)) for each in words]
    command = [sys.executable, "-m", "kiosk", *filled]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stderr
    [line] = ran.stderr.splitlines()
    assert line.startswith(str(tmp_path))
