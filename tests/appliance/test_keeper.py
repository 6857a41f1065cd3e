"""Which release runs: trials, the way back, what is refused, and what everybody may read of it."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from config.base import parcel_keeper
from config.base.parcel_keeper import STARTS, Gate, Keeper, RefusedError
from kiosk.sync.contract import ReleaseStatus
from tests.appliance.machine import (
    CONTENT,
    FACTORY,
    TriedKeeper,
    hand_over,
    machine_with,
    new_machine,
    sha256_of,
)

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "config/base/parcel_keeper.py"


def status(root: Path) -> dict[str, Any]:
    """What the kiosk reads of it, as the sync sends it on."""
    shown: dict[str, Any] = json.loads((root / "run/parcel-keeper/status.json").read_text())
    known = {name: each for name, each in shown.items() if name in ReleaseStatus.model_fields}
    ReleaseStatus.model_validate(known)
    return shown


def tried(root: Path, version: str = "1.1.0") -> TriedKeeper:
    """A machine with 1.0.0, on which another is on trial and runs."""
    keeper = machine_with(root, "1.0.0")
    keeper.put(version)
    keeper.try_release(version)
    assert keeper.runs() == version
    return keeper


def test_a_new_machine_runs_the_factory_release(tmp_path: Path) -> None:
    assert new_machine(tmp_path).runs() == FACTORY
    assert (status(tmp_path)["running"], status(tmp_path)["state"]) == (FACTORY, "factory")


def test_a_release_that_gets_well_is_kept(tmp_path: Path) -> None:
    keeper = tried(tmp_path)
    assert status(tmp_path)["state"] == "trial"
    keeper.is_well("1.1.0")
    assert (status(tmp_path)["state"], status(tmp_path)["good"]) == ("good", "1.1.0")
    for _ in range(STARTS + 2):
        assert keeper.runs() == "1.1.0"


def test_a_release_that_crashes_has_three_starts(tmp_path: Path) -> None:
    keeper = tried(tmp_path)
    assert [keeper.runs() for _ in range(STARTS)] == ["1.1.0", "1.1.0", "1.0.0"]
    back = status(tmp_path)["went_back"]
    assert (back["version"], back["reason"]) == ("1.1.0", "it did not get well in 3 starts")
    assert status(tmp_path)["bad"] == {"1.1.0": "it did not get well in 3 starts"}
    assert status(tmp_path)["running"] == "1.0.0"


def test_a_good_release_may_start_as_often_as_it_likes(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    assert {keeper.runs() for _ in range(30)} == {"1.0.0"}


def test_power_cycles_use_up_no_starts_of_a_trial_but_not_for_ever(tmp_path: Path) -> None:
    keeper, ran = tried(tmp_path), []
    for number in range(40):
        keeper.tried.boot = f"another {number}"
        ran.append(keeper.runs())
    assert ran[: parcel_keeper.SPARED] == ["1.1.0"] * parcel_keeper.SPARED
    assert ran[-1] == "1.0.0", "it may be the release that restarts the machine"


def test_a_release_that_says_it_is_ill_goes_back(tmp_path: Path) -> None:
    keeper = tried(tmp_path)
    keeper.is_ill("1.1.0", "the database is closed")
    assert "the database is closed" in status(tmp_path)["went_back"]["reason"]
    assert keeper.tried.restarts == 1
    assert keeper.runs() == "1.0.0"


def test_what_was_tried_and_is_bad_is_tried_again_only_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    keeper = tried(tmp_path)
    keeper.is_ill("1.1.0", "the database is closed")
    with pytest.raises(RefusedError, match=r"tried here.*the database is closed"):
        keeper.try_release("1.1.0")
    keeper.try_release("1.1.0", again=True)
    assert keeper.runs() == "1.1.0"


def test_a_damaged_trial_goes_back_at_once(tmp_path: Path) -> None:
    keeper = tried(tmp_path)
    (file,) = (tmp_path / "var/lib/parcel-keeper/releases").glob("1.1.0-*")
    file.write_bytes(CONTENT["1.1.0"][:-1] + b"?")
    assert keeper.runs() == "1.0.0"
    assert status(tmp_path)["went_back"]["reason"] == "its file is damaged"
    keeper.put("1.1.0")
    keeper.try_release("1.1.0")
    assert keeper.runs() == "1.1.0", "the disk was at fault, not the release"


def test_a_damaged_good_one_makes_way_for_the_one_before_then_for_the_factory(
    tmp_path: Path,
) -> None:
    keeper = tried(tmp_path)
    keeper.is_well("1.1.0")
    releases = tmp_path / "var/lib/parcel-keeper/releases"
    for version, then in (("1.1.0", "1.0.0"), ("1.0.0", FACTORY)):
        (file,) = releases.glob(f"{version}-*")
        file.write_bytes(b"")
        assert keeper.runs() == then
        assert status(tmp_path)["went_back"]["version"] == version


def test_what_cannot_be_mounted_goes_back(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    keeper.put("1.1.0")
    keeper.try_release("1.1.0")
    keeper.tried.cannot_mount = {CONTENT["1.1.0"]}
    assert keeper.runs() == "1.0.0"
    assert "wrong fs type" in status(tmp_path)["bad"]["1.1.0"]


def test_whatever_is_written_beside_the_factory_release_it_runs(tmp_path: Path) -> None:
    keeper = new_machine(tmp_path)
    keeper.put("1.0.0")
    for text in ("", "[]", '{"version": "x"}', '{"version": null}'):
        (tmp_path / "usr/lib/parcel-kiosk/factory.json").write_text(text)
        assert keeper.runs() == FACTORY
    keeper.try_release("1.0.0")
    assert keeper.runs() == "1.0.0"


def test_without_any_release_it_says_so(tmp_path: Path) -> None:
    keeper = new_machine(tmp_path)
    (tmp_path / "usr/lib/parcel-kiosk/factory.squashfs").unlink()
    with pytest.raises(RefusedError, match="no release can be mounted"):
        keeper.choose()


def test_on_a_full_disk_the_good_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    keeper.put("1.1.0")
    keeper.try_release("1.1.0")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert keeper.runs() == "1.0.0"
    assert keeper.runs() == "1.1.0", "it was not tried yet, and is when there is room"


def test_an_older_release_needs_a_database_that_allows_it(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.2.0")
    keeper.put("1.1.0")
    for health in ({}, {"oldest_writer": ""}, {"oldest_writer": "1.2.0"}):
        keeper.said = health
        with pytest.raises(RefusedError, match=r"1\.1\.0 is (older|too old)"):
            keeper.try_release("1.1.0")
    keeper.said = {"oldest_writer": "1.0.0"}
    keeper.try_release("1.1.0")
    assert keeper.runs() == "1.1.0"


def test_a_file_that_is_not_the_promised_one_is_not_kept(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    with (tmp_path / "other").open("w+b") as file, pytest.raises(RefusedError, match="SHA-256"):
        file.write(b"something else")
        file.seek(0)
        keeper.install(file.fileno(), "1.1.0", sha256_of("1.1.0"))
    left = (tmp_path / "var/lib/parcel-keeper/releases").iterdir()
    assert [path.name[:5] for path in left] == ["1.0.0"]


def test_old_releases_make_room_but_the_two_good_ones_stay(tmp_path: Path) -> None:
    keeper = tried(tmp_path)
    keeper.is_well("1.1.0")
    keeper.put("1.2.0")
    keeper.put("1.3.0")
    left = (tmp_path / "var/lib/parcel-keeper/releases").iterdir()
    assert sorted(path.name[:5] for path in left) == ["1.0.0", "1.1.0", "1.3.0"]


def test_a_state_that_cannot_be_read_follows_from_the_releases(tmp_path: Path) -> None:
    keeper = tried(tmp_path)
    (tmp_path / "var/lib/parcel-keeper/state.json").write_bytes(b"{")
    assert [keeper.runs() for _ in range(STARTS + 1)] == ["1.1.0"] * STARTS + ["1.0.0"]


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (["well"] * 61, ""),
        (["well"] * 59 + ["ill"] + ["well"] * 60, None),
        (["well"] * 59 + ["ill"] + ["well"] * 61, ""),
        (["ill"] * 61, "it was ill for 60 s: why"),
        (["ill"] * 59 + ["well"] + ["ill"] * 59, None),
        (["nothing"] * 600, None),
        (["nothing"] * 601, "it did not get well in 600 s: no answer of it came"),
        (["well", "ill"] * 301, "it did not get well in 600 s: why"),
        (["other"] * 601, "it did not get well in 600 s: no answer of it came"),
    ],
)
def test_the_gate_confirms_what_stays_well_and_nothing_else(
    answers: list[str], verdict: str | None
) -> None:
    said: dict[str, dict[str, Any]] = {
        "well": {"version": "1.1.0", "is_well": True},
        "ill": {"version": "1.1.0", "is_well": False, "why": "why"},
        "other": {"version": "1.0.0", "is_well": True},
        "nothing": {},
    }
    gate, found = Gate(), None
    for at_s, answer in enumerate(answers):
        found = gate.judge("1.1.0", said[answer], 1000.0 + at_s)
        if found is not None:
            break
    assert found == verdict


@pytest.mark.parametrize(
    ("answer", "is_heard"),
    [
        (b'{"ok": true, "version": "1.1.0", "is_well": true}\n', True),
        (b'["is_well"]\n', False),
        (b"[" * 60_000 + b"\n", False),
        (b"\xff\n", False),
        (b"", False),
    ],
    ids=["health", "list", "deep", "no text", "nothing"],
)
def test_health_is_asked_on_the_consoles_socket(
    tmp_path: Path, answer: bytes, is_heard: bool
) -> None:
    asked, keeper = [], Keeper(str(tmp_path))
    Path(keeper.data).mkdir()
    with socket.socket(socket.AF_UNIX) as kiosk:
        kiosk.bind(f"{keeper.data}/kiosk.sock")
        kiosk.listen()

        def serve() -> None:
            line, _ = kiosk.accept()
            with line:
                asked.append(json.loads(line.recv(100)))
                line.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        health = keeper.health()
        server.join()
    assert asked == [{"command": "health"}]
    assert (health.get("is_well") is True) == is_heard
    assert keeper.health() == {}, "nobody is there any more"


def test_by_hand_from_the_command_line(tmp_path: Path) -> None:
    new_machine(tmp_path)
    file = tmp_path / "parcel-kiosk-1.1.0-cp311-x86_64.squashfs"
    file.write_bytes(CONTENT["1.1.0"])

    def keeper(*line: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(PROGRAM), "--root", str(tmp_path), *line]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert keeper("install", str(file), "--sha256", sha256_of("1.1.0")).returncode == 0
    assert keeper("try", "1.1.0").returncode == 0
    chosen = keeper("choose")
    assert chosen.stdout.splitlines()[-1].endswith(f"1.1.0-{sha256_of('1.1.0')}.squashfs")
    assert json.loads(keeper("status").stdout)["running"] == "1.1.0"
    assert keeper("take").returncode == 0, "nothing lies there"
    wrong = keeper("try", "7.0.0")
    assert (wrong.returncode, wrong.stderr) == (
        1,
        "parcel-keeper: 7.0.0 is not here; install it first\n",
    )


def test_it_needs_nothing_but_pythons_own_library(tmp_path: Path) -> None:
    line = [sys.executable, "-I", "-S", str(PROGRAM), "status", "--root", str(tmp_path)]
    assert subprocess.run(line, check=False).returncode == 0


def test_the_kiosk_hands_over_and_it_is_on_trial(tmp_path: Path) -> None:
    keeper = machine_with(tmp_path, "1.0.0")
    request = hand_over(tmp_path, "1.1.0")
    keeper.take()
    assert keeper.tried.restarts == 1
    assert list(request.parent.iterdir()) == []
    assert keeper.runs() == "1.1.0"
