"""Real ports: what a technician reads when one does not open."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.port import PORT_ERRORS, PortProblem, PortUnavailableError
from drivers.serial_port import SerialPortOpener, _unavailable, make_exclusive
from drivers.simulator.pseudo_terminal import PseudoTerminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal(tmp_path / "port")
    terminal.plug()
    yield terminal
    terminal.unplug()


def refusal(path: Path) -> PortUnavailableError:
    with pytest.raises(PortUnavailableError) as caught:
        SerialPortOpener(str(path)).open(9600)
    assert str(path) in str(caught.value)
    return caught.value


def test_a_missing_port(tmp_path: Path) -> None:
    error = refusal(tmp_path / "ttyUSB0")
    assert error.problem is PortProblem.MISSING
    assert "plug the adapter in" in str(error)


def test_a_port_that_another_has_open(terminal: PseudoTerminal) -> None:
    holder = SerialPortOpener(str(terminal.path)).open(9600)
    error = refusal(terminal.path)
    assert error.problem is PortProblem.BUSY
    assert "Another program holds" in str(error)
    holder.close()
    SerialPortOpener(str(terminal.path)).open(9600).close()


def test_a_file_that_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no port")
    assert refusal(tmp_path / "file").problem is PortProblem.OTHER


def test_a_port_that_is_not_permitted() -> None:
    # As root everything is permitted: the system's own error is put in by hand.
    error = _unavailable("/dev/ttyUSB0", PermissionError(errno.EACCES, "Permission denied"))
    assert error.problem is PortProblem.NOT_PERMITTED
    assert "group dialout" in str(error)


def test_bytes_go_both_ways_and_an_unplug_is_an_error(terminal: PseudoTerminal) -> None:
    port = SerialPortOpener(str(terminal.path)).open(9600)
    assert port.read(0.0) == b""
    port.write(b"\x80\x01\x00\x33\xb2")
    assert terminal.read() == b"\x80\x01\x00\x33\xb2"
    terminal.write(b"\x00\x11\x13\r\n\x03")
    assert port.read(5.0) == b"\x00\x11\x13\r\n\x03"
    terminal.unplug()
    with pytest.raises(PORT_ERRORS):
        port.read(1.0)
    port.close()


def test_a_held_terminal_is_marked_exclusive() -> None:
    tiocgexcl = 0x80045440
    master, slave = os.openpty()
    try:
        make_exclusive(slave)
        (flag,) = struct.unpack("i", fcntl.ioctl(slave, tiocgexcl, struct.pack("i", 0)))
        assert flag == 1
    finally:
        os.close(slave)
        os.close(master)
