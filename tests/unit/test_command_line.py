"""The command line with files and folders that cannot be had."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.__main__ import main
from kiosk.console.command_socket import SOCKET


@pytest.mark.parametrize(
    "words",
    [
        ["badge", "17", "--png", "{folder}/none/badge.png"],
        ["badge", "17", "--png", "{folder}"],
        ["demo", "--window", "--data", "{folder}/file/demo"],
        ["verify", "--data", "{folder}/file/kiosk"],
        ["report", "--data", "{folder}/file/kiosk"],
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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_is_reported_with_the_file() -> None:
    command = [sys.executable, "-m", "kiosk", "badge", "17", "--png", "/dev/full"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "/dev/full: No space left on device\n"


def test_a_kiosk_that_hangs_up_is_reported(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as kiosk:
        kiosk.bind(str(tmp_path / SOCKET))
        kiosk.listen()
        command = [sys.executable, "-m", "kiosk", "verify", "--data", str(tmp_path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as asking:
            kiosk.accept()[0].close()
            _, message = asking.communicate()
    assert asking.returncode == 2
    assert message == "the kiosk ended before it answered\n"


@pytest.mark.parametrize("secret", ["123", "1234567", "12345678", "12a4", "１２３４", ""])
def test_a_pin_that_cannot_be_typed_on_the_screen_is_not_made(secret: str) -> None:
    command = [sys.executable, "-m", "kiosk", "pin", "--secret", secret]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "4 to 6 digits" in done.stderr


@pytest.mark.parametrize("flag", ["--without-server", "--without-centre"])
def test_a_restore_without_the_server_is_asked_for_in_the_old_spelling_too(
    tmp_path: Path, flag: str
) -> None:
    (tmp_path / "backup.db").touch()
    restore = main.commands["restore"]
    with restore.make_context("restore", [str(tmp_path / "backup.db")]) as plain:
        assert plain.params["without_server"] is False
    with restore.make_context("restore", [flag, str(tmp_path / "backup.db")]) as asked:
        assert asked.params["without_server"] is True
