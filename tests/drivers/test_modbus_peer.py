"""Our Modbus against an independent one, pymodbus, over pseudo-terminals, either way round."""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers import modbus
from drivers.building import open_bank
from drivers.door import DoorState, Outcome
from drivers.serial_port import SerialPortOpener
from drivers.simulator import commands
from drivers.simulator.boards import modbus as board_side
from drivers.simulator.pseudo_terminal import PseudoTerminal
from drivers.simulator.simulation import SimulatedSite, Simulation
from drivers.wiring import BoardWiring, DoorWiring

ADDRESS = 17
FLASH_ON = 0x0200
PATIENCE_S = 10.0
Reported = list[dict[str, Any]]


# --- pymodbus is the board ---------------------------------------------------------------------


class Relays:
    """A pymodbus device whose inputs fall when their relays are pulsed: the doors spring open."""

    def __init__(self, closed: list[bool]) -> None:
        self.written: list[tuple[int, list[bool]]] = []
        self.opened: list[int] = []
        self.device = SimDevice(
            ADDRESS,
            (
                [SimData(0, values=[False] * 1024, datatype=DataType.BITS)],
                [SimData(0, values=closed, datatype=DataType.BITS)],
                [SimData(0, values=0, datatype=DataType.REGISTERS)],
                [SimData(0, values=0, datatype=DataType.REGISTERS)],
            ),
            use_bit_addressing=True,
            action=self.access,
        )

    async def access(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> None:
        if values is not None:
            self.written.append((address, [bool(value) for value in values]))
            if address >= FLASH_ON:
                self.opened.append(address - FLASH_ON)
        elif function == modbus.READ_INPUTS:
            for place in self.opened:
                registers[0] &= ~(1 << place)


@contextmanager
def joined(one: PseudoTerminal, other: PseudoTerminal) -> Iterator[None]:
    """Two terminals as the two ends of a cable."""
    wake_read_fd, wake_write_fd = os.pipe()
    one.plug()
    other.plug()
    ends = {one.fileno(): (one, other), other.fileno(): (other, one)}

    def carry() -> None:
        while True:
            readable, _, _ = select.select([*ends, wake_read_fd], [], [])
            if wake_read_fd in readable:
                return
            for fd in readable:
                near, far = ends[fd]
                far.write(near.read())

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield
    finally:
        os.write(wake_write_fd, b"x")
        thread.join()
        one.unplug()
        other.unplug()
        os.close(wake_read_fd)
        os.close(wake_write_fd)


@contextmanager
def their_board(port: Path, relays: Relays) -> Iterator[None]:
    """A pymodbus server on a thread of its own."""
    loop = asyncio.new_event_loop()
    listening, ended = threading.Event(), asyncio.Event()

    async def serve() -> None:
        server = ModbusSerialServer(relays.device, port=str(port), baudrate=9600)
        await server.serve_forever(background=True)
        listening.set()
        await ended.wait()
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus has no type

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert listening.wait(PATIENCE_S)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.fixture
def relays() -> Relays:
    # Every door is shut, but the third and the eighth.
    closed = [place not in (3, 8) for place in range(1, 17)]
    return Relays(closed)


@pytest.fixture
def port(tmp_path: Path, relays: Relays) -> Iterator[str]:
    ours, theirs = PseudoTerminal(tmp_path / "ours"), PseudoTerminal(tmp_path / "theirs")
    with joined(ours, theirs), their_board(theirs.path, relays):
        yield str(ours.path)


def test_their_server_understands_our_requests_and_we_its_answers(
    port: str, relays: Relays
) -> None:
    line = SerialPortOpener(port).open(9600)

    def ask(request: bytes, length: int) -> bytes:
        line.write(request)
        answer = b""
        deadline_s = time.monotonic() + PATIENCE_S
        while len(answer) < length and time.monotonic() < deadline_s:
            answer += line.read(0.1)
        time.sleep(0.005)
        return answer

    inputs = modbus.decode_inputs_reply(ask(modbus.encode_read_inputs(ADDRESS, 0, 16), 7))
    assert inputs.address == ADDRESS
    assert [place for place, is_set in enumerate(inputs.states, 1) if not is_set] == [3, 8]

    switched = board_side.encode_write_coil_reply(ADDRESS, 4, modbus.ON)
    answer = ask(modbus.encode_write_coil(ADDRESS, 4, modbus.ON), 8)
    assert answer == switched
    states = (True, False, True, True, False, False, False, False, True, True)
    # Coils 10 to 19, in the bits of two bytes: nothing in the product builds this.
    answer = ask(modbus.build(bytes([ADDRESS]) + bytes.fromhex("0F 000A 000A 02 0D03")), 8)
    assert answer == board_side.encode_write_coils_reply(ADDRESS, 10, 10)
    assert relays.written == [(4, [True]), (10, list(states))]

    answer = ask(modbus.encode_read_coils(ADDRESS, 0, 24), 8)
    coils = modbus.decode_coils_reply(answer)
    assert [place for place, is_set in enumerate(coils.states) if is_set] == [4, 10, 12, 13, 18, 19]

    refused = ask(modbus.encode_read_inputs(ADDRESS, 900, 16), 5)
    assert refused == board_side.encode_exception_reply(ADDRESS, modbus.READ_INPUTS, 2)
    line.close()


def test_our_bank_opens_a_door_of_their_board(port: str, relays: Relays) -> None:
    """pymodbus takes the pulse's length for a plain ON: enough for its door to spring open."""
    boards = [BoardWiring("b", "modbus-waveshare", port, ADDRESS, 16)]
    doors = [DoorWiring(str(channel), "b", channel) for channel in range(1, 17)]

    async def story() -> None:
        bank = open_bank(boards, doors)
        await bank.start()
        async with asyncio.timeout(PATIENCE_S):
            await bank.settled()
            opened = [slot for slot in bank.slots if bank.door(slot) is DoorState.OPEN]
            assert opened == ["3", "8"]
            assert (await bank.open_slot("8")).outcome is Outcome.ALREADY_OPEN
            assert (await bank.open_slot("12")).outcome is Outcome.OPENED
        await bank.stop()

    asyncio.run(story())
    assert relays.written == [(FLASH_ON + 11, [True])]


# --- pymodbus is the computer ------------------------------------------------------------------


@contextmanager
def our_board(family: str, port: Path, opened: list[str], **options: object) -> Iterator[Reported]:
    """A simulated board behind a pseudo-terminal; what is reported of it comes in the list."""
    boards = (BoardWiring("b", family, str(port), ADDRESS, 16, options=options),)
    doors = tuple(DoorWiring(str(channel), "b", channel) for channel in range(1, 17))
    simulation = Simulation(SimulatedSite(boards, doors), Random(1), time.monotonic)
    reported: Reported = []
    ready = threading.Event()
    simulation.listen(reported.append)
    simulation.listen(lambda event: ready.set() if event["event"] == "ready" else None)
    thread = threading.Thread(target=simulation.run)
    thread.start()
    assert ready.wait(PATIENCE_S)
    for slot in opened:
        simulation.post(commands.Open(slot))
    try:
        yield reported
    finally:
        simulation.stop()
        thread.join()


@contextmanager
def their_client(port: Path) -> Iterator[ModbusSerialClient]:
    client = ModbusSerialClient(str(port), baudrate=9600, timeout=PATIENCE_S / 5, retries=1)
    assert client.connect()
    yield client
    client.close()  # type: ignore[no-untyped-call] # pymodbus has no type


def wait_for(reported: Reported, count: int) -> list[str]:
    """The doors that opened, once there are so many."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        opened = [event["slot"] for event in reported if event["event"] == "opened"]
        if len(opened) >= count:
            return opened
        time.sleep(0.01)
    raise AssertionError(f"waited for {count} doors, saw {reported}")


def test_their_client_understands_our_simulated_waveshare(tmp_path: Path) -> None:
    port = tmp_path / "port"
    with our_board("modbus-waveshare", port, ["3", "8"]) as reported, their_client(port) as client:
        wait_for(reported, 2)
        inputs = client.read_discrete_inputs(0, count=16, device_id=ADDRESS)
        assert [place for place, bit in enumerate(inputs.bits[:16], 1) if not bit] == [3, 8]
        assert client.read_coils(0, count=16, device_id=ADDRESS).bits[:16] == [False] * 16
        assert not client.write_coil(0, True, device_id=ADDRESS).isError()
        assert wait_for(reported, 3)[2:] == ["1"]
        assert not client.write_coils(9, [True, False, True], device_id=ADDRESS).isError()
        assert sorted(wait_for(reported, 5)[3:]) == ["10", "12"]
        assert client.read_holding_registers(0, device_id=ADDRESS).registers == [ADDRESS]
        refused = client.read_discrete_inputs(8, count=16, device_id=ADDRESS)
        assert refused.isError()
        assert refused.exception_code == 2


def test_their_client_understands_our_simulated_xunming(tmp_path: Path) -> None:
    port = tmp_path / "port"
    options = {"baud": 9600}
    with (
        our_board("modbus-xunming", port, ["16"], **options) as reported,
        their_client(port) as client,
    ):
        wait_for(reported, 1)
        inputs = client.read_discrete_inputs(0x65, count=16, device_id=ADDRESS)
        assert [place for place, bit in enumerate(inputs.bits[:16], 1) if not bit] == [16]
        assert not client.write_coil(0x66, True, device_id=ADDRESS).isError()
        assert wait_for(reported, 2)[1:] == ["2"]
