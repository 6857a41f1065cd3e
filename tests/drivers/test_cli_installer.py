"""`python -m drivers …` as an installer runs it: processes, real pseudo-terminals, real bytes."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from config import DEMO_SITE, check_site, load_site
from drivers.__main__ import entry
from drivers.boards import FAMILIES
from drivers.frames import FrameError
from drivers.serial_port import SerialPortOpener
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.families import simulate_board
from drivers.simulator.pseudo_terminal import PseudoTerminal
from drivers.tools.discovery import USUAL_ADDRESSES, Probe, possible_boards
from tests.support.present import present
from tests.support.simulator_process import SimulatorProcess

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
BUS = "ports/lock-bus"
Tool = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "drivers", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Tool]:
    """A command without a process of its own, where only what it says is of interest."""
    level = logging.getLogger("drivers").level

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["drivers", *arguments])
        code = 0
        try:
            entry()
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)

    yield call
    logging.getLogger("drivers").setLevel(level)


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def board(port: str, address: int = 1, family: str = "lockboard-8a") -> tuple[str, ...]:
    return ("--port", port, "--family", family, "--board", str(address))


@dataclass
class Demo:
    """The demo site's simulator, its data and the name of its line."""

    simulator: SimulatorProcess
    data: Path
    bus: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo site's simulator, for commands that leave it as it was."""
    data = tmp_path_factory.mktemp("a folder") / "data with a space"
    with SimulatorProcess(DEMO_SITE, data) as simulator:
        yield Demo(simulator, data, str(data / BUS))


# --- doors and unlock ----------------------------------------------------------------------------


def test_doors_are_printed_one_object_a_line(demo: Demo, tool: Tool) -> None:
    demo.simulator.tell("open 16")
    demo.simulator.wait_for("opened", slot="16")
    found = run("doors", *board(demo.bus, 2), "--channels", "12", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    printed = rows(found.stdout)
    assert [row["channel"] for row in printed] == list(range(1, 13))
    assert [row["channel"] for row in printed if row["state"] == "OPEN"] == [4]
    for row in printed:
        assert row.keys() == {"port", "family", "board", "channel", "state", "elapsed_ms"}
        assert (row["port"], row["family"], row["board"]) == (demo.bus, "lockboard-8a", 2)
    inverted = tool("doors", *board(demo.bus, 2), "--channels", "12", "--invert")
    assert inverted.stdout.splitlines()[3] == "board 2, channel  4: CLOSED"
    demo.simulator.tell("close 16")


def test_an_unlock_tells_what_came_of_it(demo: Demo, tool: Tool) -> None:
    opened = run("unlock", *board(demo.bus), "--channel", "5", "--json")
    assert opened.returncode == 0
    (row,) = rows(opened.stdout)
    assert row.keys() == {"port", "family", "board", "channel", "outcome", "elapsed_ms"}
    assert (row["outcome"], row["channel"]) == ("OPENED", 5)
    demo.simulator.wait_for("opened", slot="5")
    again = tool("unlock", *board(demo.bus), "--channel", "5", "--json")
    assert (again.returncode, rows(again.stdout)[0]["outcome"]) == (0, "ALREADY_OPEN")
    demo.simulator.tell("jam 6")
    demo.simulator.wait_for("jammed", slot="6")
    jammed = tool("unlock", *board(demo.bus), "--channel", "6", "--wait", "0.6", "--json")
    assert (jammed.returncode, rows(jammed.stdout)[0]["outcome"]) == (1, "JAMMED")
    demo.simulator.tell("swap 7 8")
    demo.simulator.wait_for("swapped", slot="7")
    wrong = tool("unlock", *board(demo.bus), "--channel", "7")
    assert (wrong.returncode, wrong.stdout) == (1, "board 1, channel 7: WRONG_DOOR\n")
    assert "channel 8 moved instead" in wrong.stderr


def test_a_board_that_does_not_answer(demo: Demo, tool: Tool) -> None:
    silent = tool("unlock", *board(demo.bus, 9), "--channel", "1", "--json")
    assert (silent.returncode, rows(silent.stdout)[0]["outcome"]) == (1, "UNREACHABLE")
    silent = tool("doors", *board(demo.bus, 9))
    assert (silent.returncode, silent.stdout) == (2, "")
    assert "no lockboard-8a answers at address 9" in silent.stderr


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (("doors", *board("/dev/no-such-port")), "There is no serial port /dev/no-such-port"),
        (("unlock", *board("/dev/no-such-port"), "--channel", "1"), "plug the adapter in"),
        (("doors", *board("sim://lockboard-8a", 99)), "an address of 1..31"),
        (("doors", *board("sim://lockboard-8a", 1, "lockboard")), "'lockboard-8a'"),
        (("doors", "--port", "sim://lockboard-8a"), "--family"),
        (
            ("unlock", *board("sim://kerong-cu16?board=3", 3, "kerong-cu16"), "--channel", "17"),
            "lock 17 is not on this board",
        ),
        (("unlock", *board("sim://lockboard-8a"), "--channel", "0"), "--channel"),
        (("doors", *board("sim://lockboard-8a"), "--option", "x=1"), "only has low_byte_first"),
        (("doors", *board("sim://lockboard-8a"), "--option", "x"), "NAME=VALUE"),
        (("scan", "--port", "/dev/no-such-port"), "There is no serial port"),
        (("find", "--port", "/dev/no-such-port"), "There is no serial port"),
        (("find", "--port", "sim://lockboard-8a", "--addresses", "9-3"), "begins after its end"),
        (("commission", "--config", "/no/such/site.toml"), "cannot be read"),
        (("monitor", "--config", "/no/such/site.toml"), "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    tool: Tool, arguments: tuple[str, ...], reported: str
) -> None:
    wrong = tool(*arguments)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    *_, line = wrong.stderr.splitlines()
    assert reported in line


def test_a_port_that_the_kiosk_holds(tmp_path: Path) -> None:
    terminal = PseudoTerminal(tmp_path / "bus")
    terminal.plug()
    holder = SerialPortOpener(str(terminal.path)).open(9600)
    busy = run("doors", *board(str(terminal.path)))
    assert (busy.returncode, len(busy.stderr.splitlines())) == (2, 1)
    assert "Another program holds" in busy.stderr
    holder.close()
    terminal.unplug()


@pytest.mark.parametrize(
    ("family", "url", "options"),
    [
        ("kerong-cu48b", "sim://kerong-cu48b?board=0", ()),
        ("modbus-waveshare", "sim://modbus-waveshare?board=0&board=1&channels=16", ()),
        ("lockboard-8a", "sim://lockboard-8a?channels=32", ()),
        (
            "lockboard-8a",
            "sim://lockboard-8a?channels=50&low_byte_first=true&unlock_function=51",
            ("--option", "low_byte_first=true", "--option", "unlock_function=51"),
        ),
    ],
)
def test_the_count_of_locks_is_what_the_answer_has_room_for(
    tool: Tool, family: str, url: str, options: tuple[str, ...]
) -> None:
    address = FAMILIES[family].addresses[0]
    found = tool("doors", *board(url.replace("board=0&", ""), address, family), *options, "--json")
    counts = {"kerong-cu48b": 48, "modbus-waveshare": 16}
    expected = counts.get(family, 32 if "=32" in url else 50)
    assert len(rows(found.stdout)) == expected, found.stderr
    assert {row["state"] for row in rows(found.stdout)} == {"CLOSED"}


# --- find ----------------------------------------------------------------------------------------


def test_boards_are_found(demo: Demo, tool: Tool) -> None:
    found = run(
        *("find", "--port", demo.bus, "--json", "--addresses", "1-3"),
        *("--family", "lockboard-8a", "--family", "modbus-waveshare"),
    )
    assert found.returncode == 0
    assert [(row["family"], row["board"], row["channels"]) for row in rows(found.stdout)] == [
        ("lockboard-8a", 1, 24),
        ("lockboard-8a", 2, 24),
    ]
    none = tool("find", "--port", demo.bus, "--family", "dingchang-dc", "--addresses", "1")
    assert (none.returncode, none.stdout) == (1, "")
    assert "nothing answered" in none.stderr


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_that_is_asked_in_a_search_moves_a_door_of_any_family(family: str) -> None:
    asked = {
        question.request
        for kind in FAMILIES.values()
        for address in kind.addresses[:USUAL_ADDRESSES]
        for board in possible_boards(kind, address)
        for question in board.questions()
    }
    kind = FAMILIES[family]
    steel = SimulatedBank(["a door"], Random(1), lambda: 0.0)
    boards = [
        simulate_board(
            kind(address, kind.channel_counts[-1]),
            steel,
            dict.fromkeys(range(1, kind.channel_counts[-1] + 1), "a door"),
        )
        for address in kind.addresses
    ]
    for board in boards:
        for number, request in enumerate(sorted(asked)):
            board.hear(request, float(number))
    assert steel.doors["a door"].pulses == 0


def test_a_probe_cannot_unlock() -> None:
    for kind in FAMILIES.values():
        probe = Probe(possible_boards(kind, kind.addresses[0]), 0.1)
        with pytest.raises(FrameError):
            probe.unlock_request(1)


# --- scan ----------------------------------------------------------------------------------------


def test_scans_are_printed_with_their_kind_and_check(demo: Demo) -> None:
    scanner = subprocess.Popen(
        command("scan", "--port", str(demo.data / "ports" / "scanner"), "--count", "3", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert "Hold a label" in present(scanner.stderr).readline()
    for text in ("1Z5R89390357567127", "]C100376130321109103421", "a\\x03b"):
        demo.simulator.tell(f"scan {text}")
    printed, _ = scanner.communicate(timeout=PATIENCE_S)
    assert scanner.returncode == 0
    assert [(row["text"], row["kind"], row["check"]) for row in rows(printed)] == [
        ("1Z5R89390357567127", "UPS", "ok"),
        ("00376130321109103421", "SSCC", "failed"),
        ("", "text", "none"),
    ]
    assert [row["aim_id"] for row in rows(printed)] == ["", "]C1", ""]
    assert rows(printed)[2]["refused"]


# --- monitor -------------------------------------------------------------------------------------


def test_the_monitor_tells_every_change_and_the_bytes_until_ctrl_c(demo: Demo) -> None:
    monitor = subprocess.Popen(
        command("monitor", "--config", str(DEMO_SITE), "--data", str(demo.data), "--bytes"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        # A shell's job in the background ignores Ctrl+C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    guard = threading.Timer(PATIENCE_S, monitor.kill)
    guard.start()
    lines = []
    for line in present(monitor.stdout):
        lines.append(line.rstrip())
        if line == "door 24: shut, first reading\n":
            demo.simulator.tell("open 24")
        if line == "door 24: OPEN\n":
            monitor.send_signal(signal.SIGINT)
    guard.cancel()
    demo.simulator.tell("close 24")
    assert monitor.wait(PATIENCE_S) == 0
    assert present(monitor.stderr).read() == ""
    assert "board left: answers" in lines
    assert f"{demo.bus} > 80 01 00 33 B2" in lines
    assert any(line.startswith(f"{demo.bus} < 80 01 00 ") for line in lines)


# --- commission ----------------------------------------------------------------------------------


class Walk:
    """`commission` as a process, and an installer who does what it says."""

    def __init__(self, simulator: SimulatorProcess, *arguments: str) -> None:
        self.simulator = simulator
        self.opened: str | None = None
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command("commission", *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        guard = threading.Timer(PATIENCE_S, self.process.kill)
        guard.start()
        for line in present(self.process.stdout):
            self.lines.append(line.rstrip())
            self.follow(line)
        self.code = self.process.wait()
        guard.cancel()

    def follow(self, line: str) -> None:
        if line.startswith("Which door"):
            self.opened = self.simulator.wait_for("opened")["slot"]
            self.answer(self.opened)
        elif line.startswith("Shut"):
            self.simulator.tell(f"close {self.opened}")
            self.simulator.wait_for("closed", slot=self.opened)
        if line.rstrip().endswith("Then press Enter."):
            self.answer("")

    def answer(self, text: str) -> None:
        entered = present(self.process.stdin)
        entered.write(text + "\n")
        entered.flush()


def exchanged(text: str, one: str, other: str) -> str:
    """A site file in which two channels of the left board have changed places."""
    wire = 'board = "left", channel = {},'.format
    return (
        text.replace(wire(one), "board = #")
        .replace(wire(other), wire(one))
        .replace("board = #", wire(other))
    )


def test_a_walk_corrects_the_config_and_keeps_its_comments(tmp_path: Path) -> None:
    described = DEMO_SITE.read_text(encoding="utf-8").replace(
        "# The doors are numbered", "# Kim was here.\n# The doors are numbered"
    )
    real = exchanged(described, "3", "4").replace(
        "address = 1\nchannels = 12\n", "address = 1\nchannels = 12\ninvert = true\n"
    )
    config, truth = tmp_path / "site.toml", tmp_path / "truth.toml"
    config.write_text(described, encoding="utf-8")
    config.chmod(0o640)
    truth.write_text(real, encoding="utf-8")
    data = tmp_path / "data"
    with SimulatorProcess(truth, data) as simulator:
        simulator.tell("sensor 5 closed")
        simulator.wait_for("sensor", slot="5")
        doors = [word for label in ("1", "3", "4", "5", "14") for word in ("--door", label)]
        walk = Walk(
            simulator, "--config", str(config), "--data", str(data), "--wait", "0.6", *doors
        )
    assert walk.code == 1, "\n".join(walk.lines)
    assert "sensor at board left, channel 5 is dead" in walk.lines[-1]
    assert load_site(config) == load_site(truth)
    assert check_site(config) == []
    assert (tmp_path / "site.toml.bak").read_text(encoding="utf-8") == described
    assert config.stat().st_mode & 0o777 == 0o640
    after = config.read_text(encoding="utf-8")
    comments = [line for line in described.splitlines() if line.startswith("#")]
    assert [line for line in after.splitlines() if line.startswith("#")] == comments
    assert len(after.splitlines()) == len(described.splitlines()) + 1
    assert sorted(path.name for path in tmp_path.glob("site*")) == ["site.toml", "site.toml.bak"]


def test_a_walk_that_is_given_up_writes_nothing(demo: Demo, tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_bytes(DEMO_SITE.read_bytes())
    given_up = subprocess.run(
        command("commission", "--config", str(config), "--data", str(demo.data)),
        input="",
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
        check=False,
    )
    assert given_up.returncode == 2
    assert "nothing was written" in given_up.stderr
    assert config.read_bytes() == DEMO_SITE.read_bytes()
    assert list(tmp_path.iterdir()) == [config]


def test_a_door_that_is_none_of_the_site(tool: Tool) -> None:
    wrong = tool("commission", "--config", str(DEMO_SITE), "--door", "99")
    assert wrong.returncode == 2
    assert "--door '99'" in wrong.stderr
