"""The command line with files and folders that cannot be had."""

from __future__ import annotations

import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from config import DEMO_SITE
from kiosk.command_line import main
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
    command = [sys.executable, "-m", "kiosk", "pin", "--role", "courier", "--secret", secret]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "4 to 6 digits" in done.stderr


@pytest.mark.parametrize("secret", ["4711", "47114"])
def test_a_short_pin_is_made_for_no_technician(secret: str) -> None:
    command = [sys.executable, "-m", "kiosk", "pin", "--secret", secret]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "a technician's PIN are 6 digits" in done.stderr


def test_what_pin_prints_stands_in_a_site_file_as_it_is() -> None:
    command = [sys.executable, "-m", "kiosk", "pin", "--secret", "808080"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = tomllib.loads(done.stdout)
    assert said["pin_digits"] == 6
    assert said["pin_hash"].startswith("$argon2id$")


def test_check_tells_the_odds_of_codes_pins_and_badges_and_which_pin_is_short() -> None:
    command = [sys.executable, "-m", "kiosk", "check", str(DEMO_SITE)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "guesses codes for a year opens 0.00083 packages" in said
    assert "finds a technician's with a probability of 100.0% (1 in this file" in said
    assert "is let in with a probability of 3e-16 (1 in this file)" in said
    assert "staff[1]: the PIN of Toni Technician is short: it has 4 secret digits" in said


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
