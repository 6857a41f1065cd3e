"""The simulator as a process behind real pseudo-terminals, under the real bank and scanner."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from drivers.bank import Bank, BankTiming
from drivers.building import open_bank
from drivers.bus import BusTiming
from drivers.door import BoardChange, DoorChange, DoorState, Outcome, Unlocked
from drivers.port import ReconnectPlan
from drivers.scanner import Scanner, ScannerRead
from drivers.serial_port import SerialPortOpener
from drivers.simulator.__main__ import simulated_site
from tests.support.simulator_process import SimulatorProcess

ROOT = Path(__file__).parents[2]
PATIENCE_S = 10.0
QUICK = BusTiming(reconnect=ReconnectPlan(pause_s=0.1, rest_s=0.3, look_s=0.05))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data with a space"


def demo_bank(data: Path) -> Bank:
    site = simulated_site(load_site(DEMO_SITE), data)
    return open_bank(site.boards, site.doors, bus_timing=QUICK)


def is_away(change: DoorChange | BoardChange) -> bool:
    return isinstance(change, BoardChange) and not change.reachable


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_the_bank_over_a_real_line(data: Path, tmp_path: Path) -> None:
    wire_log = tmp_path / "wire.jsonl"

    async def story(simulator: SimulatorProcess) -> None:
        bank = demo_bank(data)
        changes: list[DoorChange | BoardChange] = []
        bank.listen(changes.append)
        await bank.start()
        async with asyncio.timeout(PATIENCE_S):
            await bank.settled()
        assert len(bank.slots) == 24
        assert {bank.door(slot) for slot in bank.slots} == {DoorState.CLOSED}
        unlocked = await bank.open_slot("4")
        assert (unlocked.outcome, unlocked.pulsed) == (Outcome.OPENED, True)
        simulator.wait_for("opened", slot="4")
        simulator.tell("close 4")
        await until(lambda: bank.door("4") is DoorState.CLOSED)

        simulator.tell("open 24")
        await until(lambda: bank.door("24") is DoorState.OPEN)
        assert (await bank.open_slot("24")).outcome is Outcome.ALREADY_OPEN

        simulator.tell("unplug")
        simulator.wait_for("unplugged")
        await until(lambda: not bank.reachable("4"))
        assert await bank.open_slot("4") == Unlocked(Outcome.UNREACHABLE, pulsed=False)
        await until(lambda: len([each for each in changes if is_away(each)]) == 2)
        simulator.tell("close 24")
        simulator.tell("plug")
        await until(lambda: bank.door("24") is DoorState.CLOSED)
        last = changes[-1]
        assert isinstance(last, DoorChange) and last.baseline
        assert (await bank.open_slot("24")).outcome is Outcome.OPENED
        assert all(report.reconnects == 1 for report in bank.reports())
        await bank.stop()

    with SimulatorProcess(DEMO_SITE, data, "--wire-log", str(wire_log)) as simulator:
        asyncio.run(story(simulator))
    frames = [json.loads(line) for line in wire_log.read_text().splitlines()]
    sent = [frame["hex"] for frame in frames if frame["direction"] == "in"]
    assert [frame for frame in sent if frame.startswith("8A")] == [
        "8A 01 04 11 9E",
        "8A 02 0C 11 95",
    ]
    assert "80 02 00 33 B1" in sent
    assert not (data / "ports" / "lock-bus").is_symlink()


def test_a_jam_over_a_real_line(data: Path) -> None:
    async def story(simulator: SimulatorProcess) -> None:
        site = simulated_site(load_site(DEMO_SITE), data)
        bank = open_bank(site.boards, site.doors, timing=BankTiming(window_s=1.5))
        await bank.start()
        simulator.tell("jam 7")
        simulator.wait_for("jammed", slot="7")
        assert await bank.open_slot("7") == Unlocked(Outcome.JAMMED, pulsed=True)
        simulator.tell("unjam 7")
        simulator.wait_for("unjammed", slot="7")
        assert (await bank.open_slot("7")).outcome is Outcome.OPENED
        await bank.stop()

    with SimulatorProcess(DEMO_SITE, data) as simulator:
        asyncio.run(story(simulator))


def test_the_bank_starts_without_its_boards_and_ends_at_once(data: Path) -> None:
    async def story() -> None:
        bank = demo_bank(data)
        reported: list[DoorChange | BoardChange] = []
        bank.listen(reported.append)
        await bank.start()
        async with asyncio.timeout(PATIENCE_S):
            await bank.settled()
        boards = [change for change in reported if isinstance(change, BoardChange)]
        assert boards == reported
        assert [(change.board, change.reachable) for change in boards] == [
            ("left", False),
            ("right", False),
        ]
        assert "There is no serial port" in boards[0].reason
        assert (await bank.open_slot("1")).outcome is Outcome.UNREACHABLE
        await bank.stop()

    asyncio.run(story())


def test_labels_are_scanned_through_the_other_terminal(data: Path) -> None:
    reads: queue.Queue[ScannerRead] = queue.Queue()
    with SimulatorProcess(DEMO_SITE, data, "--labels", str(DEMO_PACKAGES)) as simulator:
        assert simulator.ready["labels"]
        opener = SerialPortOpener(str(data / "ports" / "scanner"))
        open_now: queue.Queue[tuple[bool, str]] = queue.Queue()
        scanner = Scanner(
            opener, reads.put, time.monotonic, on_reachable=lambda *state: open_now.put(state)
        )
        scanner.start()
        assert open_now.get(timeout=PATIENCE_S) == (True, "")
        for label in simulator.ready["labels"]:
            simulator.tell(f"scan {label}")
            assert reads.get(timeout=PATIENCE_S) == ScannerRead(label)
        simulator.tell(r"scan AB\x12C")
        assert reads.get(timeout=PATIENCE_S).refused
        scanner.stop()


def test_a_script_plays_the_person(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        "# a person who closes what opens\n"
        "close-after 0.05\nopen 3\nwait-open 3\nwait-closed 3\nclose-after off\n"
        "open 3\nwait 0.05\nclose 3\nwait-closed 3\nquit\n"
    )
    ended = run_simulator("--data", str(data), "--script", str(script))
    assert ended.returncode == 0
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    reported = [(event["event"], event.get("slot")) for event in events]
    assert reported[0] == ("ready", None)
    assert reported[1:] == [("opened", "3"), ("closed", "3")] * 2


def run_simulator(*arguments: str, config: Path = DEMO_SITE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "drivers.simulator", "--config", str(config), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S * 2,
        check=False,
    )


@pytest.mark.parametrize(
    ("lines", "complaints"),
    [
        (["close", "jump 3", "wait soon"], ["script:1:", "script:2:", "'soon' is no number"]),
        (["close 99"], ["there is no slot '99'"]),
    ],
)
def test_a_wrong_script_is_refused_before_anything_is_made(
    data: Path, tmp_path: Path, lines: list[str], complaints: list[str]
) -> None:
    script = tmp_path / "script"
    script.write_text("\n".join(lines))
    ended = run_simulator("--data", str(data), "--script", str(script))
    assert ended.returncode == 2
    assert all(complaint in ended.stderr for complaint in complaints)
    assert not data.exists()


def test_a_wrong_command_is_reported_and_life_goes_on(data: Path) -> None:
    with SimulatorProcess(DEMO_SITE, data) as simulator:
        simulator.tell("explode")
        assert "no command" in simulator.wait_for("error")["message"]
        simulator.tell("close 99")
        assert "no slot '99'" in simulator.wait_for("error")["message"]
        simulator.tell("open 1")
        simulator.wait_for("opened", slot="1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_no_name(data: Path, number: signal.Signals) -> None:
    with SimulatorProcess(DEMO_SITE, data) as simulator:
        names = [Path(port) for port in simulator.ready["ports"]]
        assert all(name.is_symlink() for name in names)
        simulator.process.send_signal(number)
        assert simulator.process.wait(PATIENCE_S) == 0
    assert not any(name.is_symlink() for name in names)


def test_a_stale_name_is_replaced_and_a_strangers_is_not(data: Path) -> None:
    port = data / "ports" / "lock-bus"
    port.parent.mkdir(parents=True)
    port.symlink_to("/dev/pts/99999")
    with SimulatorProcess(DEMO_SITE, data):
        assert port.exists()
    assert not port.is_symlink()
    port.symlink_to("/dev/null")
    ended = run_simulator("--data", str(data), "--script", "-")
    assert ended.returncode == 2
    assert "does not replace it" in ended.stderr
    assert str(port.readlink()) == "/dev/null"
