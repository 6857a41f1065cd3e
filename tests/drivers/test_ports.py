"""Ports by URL: serial servers over TCP, and simulated boards inside the process."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from config import DEMO_SITE, load_site
from drivers.boards import FAMILIES
from drivers.building import open_bank
from drivers.bus import BusTiming
from drivers.door import DoorState, Outcome
from drivers.port import (
    PORT_ERRORS,
    Port,
    PortProblem,
    PortUnavailableError,
    ReconnectPlan,
    port_in,
)
from drivers.serial_port import SerialPortOpener
from drivers.simulator.__main__ import simulated_site
from drivers.wiring import BoardWiring, DoorWiring
from tests.support.simulator_process import SimulatorProcess

PATIENCE_S = 10.0
QUICK = BusTiming(reconnect=ReconnectPlan(pause_s=0.1, rest_s=0.3, look_s=0.05))
READ_BOARD_1 = bytes.fromhex("80 01 00 33 B2")


def refusal(name: str) -> PortUnavailableError:
    with pytest.raises(PortUnavailableError) as caught:
        SerialPortOpener(name).open(9600)
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def hear(port: Port, count: int) -> bytes:
    received = b""
    while len(received) < count:
        data = port.read(PATIENCE_S)
        assert data, f"only {received.hex(' ')} came"
        received += data
    return received


@pytest.mark.parametrize(
    ("port", "opened"),
    [
        ("ports/bus", "/data/ports/bus"),
        ("/dev/serial/by-id/usb-FTDI-if00", "/dev/serial/by-id/usb-FTDI-if00"),
        ("socket://10.0.0.7:4001", "socket://10.0.0.7:4001"),
        ("sim://kerong-cu16", "sim://kerong-cu16"),
    ],
)
def test_only_a_relative_path_lies_in_the_data_folder(port: str, opened: str) -> None:
    assert port_in(Path("/data"), port) == opened


@pytest.mark.parametrize(
    "name",
    ["socket://", "socket://host", "socket://:4001", "socket://h:99999", "socket://h:4001/x"],
)
def test_a_serial_server_that_is_not_written_right(name: str) -> None:
    assert "socket://HOST:PORT" in str(refusal(name))


def test_a_serial_server_that_is_not_there() -> None:
    assert "Nothing takes a connection" in str(refusal(f"socket://127.0.0.1:{free_port()}"))
    assert refusal("socket://no-such-host.invalid:1").problem is PortProblem.MISSING


def test_a_serial_server_gives_bytes_and_its_end_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        opener = SerialPortOpener(f"socket://127.0.0.1:{server.getsockname()[1]}")
        assert opener.is_present()
        port = opener.open(9600)
        near, _ = server.accept()
        port.write(b"\x80\x00\xff")
        assert near.recv(16) == b"\x80\x00\xff"
        assert port.read(0.0) == b""
        near.sendall(b"\x02\x03")
        assert hear(port, 2) == b"\x02\x03"
        near.close()
        with pytest.raises(PORT_ERRORS):
            port.read(PATIENCE_S)
        port.close()
        port.close()


def test_a_bank_behind_a_serial_server(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    url = f"socket://127.0.0.1:{free_port()}"
    config.write_text(DEMO_SITE.read_text().replace("ports/lock-bus", url))

    async def story(simulator: SimulatorProcess) -> None:
        site = simulated_site(load_site(config), tmp_path)
        assert {board.port for board in site.boards} == {url}
        bank = open_bank(site.boards, site.doors, bus_timing=QUICK)
        await bank.start()
        async with asyncio.timeout(PATIENCE_S):
            await bank.settled()
            assert (await bank.open_slot("13")).outcome is Outcome.OPENED
            simulator.tell("unplug")
            while bank.reachable("13"):
                await asyncio.sleep(0.01)
            simulator.tell("plug")
            while not bank.reachable("13"):
                await asyncio.sleep(0.01)
            assert await bank.read("13") is DoorState.OPEN
        await bank.stop()

    with SimulatorProcess(config, tmp_path / "data") as simulator:
        assert simulator.ready["ports"][0] == url
        asyncio.run(story(simulator))


def test_a_serial_server_takes_one_program_at_a_time(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    url = f"socket://127.0.0.1:{free_port()}"
    config.write_text(DEMO_SITE.read_text().replace("ports/lock-bus", url))
    with SimulatorProcess(config, tmp_path / "data"):
        first, second = SerialPortOpener(url).open(9600), SerialPortOpener(url).open(9600)
        with pytest.raises(PORT_ERRORS):
            second.read(PATIENCE_S)
        first.write(READ_BOARD_1)
        assert len(hear(first, 7)) == 7
        for port in (first, second):
            port.close()


# --- inside the process --------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_opens_doors_behind_a_url(family: str) -> None:
    kind = FAMILIES[family]
    address, channels = kind.addresses[1], min(8, kind.channel_counts[-1])
    url = f"sim://{family}?board={address}&channels={channels}&seed=1"

    async def story() -> None:
        board = BoardWiring("board", family, url, address, channels)
        doors = [DoorWiring(str(channel), "board", channel) for channel in range(1, channels + 1)]
        bank = open_bank([board], doors)
        await bank.start()
        async with asyncio.timeout(PATIENCE_S):
            await bank.settled()
            assert {bank.door(slot) for slot in bank.slots} == {DoorState.CLOSED}
            assert (await bank.open_slot("2")).outcome is Outcome.OPENED
        await bank.stop()

    asyncio.run(story())


def test_the_same_url_is_the_same_steel_and_opens_once() -> None:
    url = "sim://lockboard-8a?board=1&board=2&channels=8&do=open+2-3"
    port = SerialPortOpener(url).open(9600)
    assert refusal(url).problem is PortProblem.BUSY
    port.write(bytes.fromhex("80 02 00 33 B1"))
    assert hear(port, 7).hex(" ").upper() == "80 02 00 00 FB 33 4A"
    port.write(bytes.fromhex("8A 02 08 11 91"))
    assert len(hear(port, 5)) == 5
    port.close()
    again = SerialPortOpener(url).open(9600)
    again.write(bytes.fromhex("80 02 00 33 B1"))
    assert hear(again, 7)[4] == 0x7B
    again.close()


@pytest.mark.parametrize(
    ("url", "reported"),
    [
        ("sim://no-such-board", "'no-such-board' is no family"),
        ("sim://lockboard-8a?board=99", "address 99"),
        ("sim://lockboard-8a?board=one", "board=one is no whole number"),
        ("sim://lockboard-8a?colour=red", "option 'colour'"),
        ("sim://lockboard-8a?low_byte_first=1", "must be true or false"),
        ("sim://lockboard-8a?invert=1", "neither true nor false"),
        ("sim://lockboard-8a?channels=8&do=jam+9", "no slot '9'"),
        ("tty://x", "protocol 'tty' not known"),
    ],
)
def test_a_url_that_means_nothing_is_reported(url: str, reported: str) -> None:
    assert reported in str(refusal(url))
