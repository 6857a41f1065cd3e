"""The demo on a virtual screen, seen through the browser as a person without a display does."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websocket
from running_demo import Demo

pytestmark = pytest.mark.window


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    scratch = tmp_path_factory.mktemp("demo")
    running = Demo(scratch / "data", scratch)
    yield running
    running.stop()


class Wire:
    """What a viewer of screens reads and writes, through the web socket."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address).netloc
        self._socket = websocket.create_connection(
            f"ws://{place}/websockify", timeout=30, subprotocols=["binary"]
        )
        self._read = b""

    def read(self, count: int) -> bytes:
        while len(self._read) < count:
            piece = self._socket.recv()
            assert piece, f"the screen hung up after {self._read!r}"
            self._read += piece if isinstance(piece, bytes) else piece.encode()
        answer, self._read = self._read[:count], self._read[count:]
        return answer

    def write(self, data: bytes) -> None:
        self._socket.send_binary(data)

    def close(self) -> None:
        self._socket.close()


def test_the_screen_lets_a_viewer_in_through_the_web_socket(demo: Demo) -> None:
    wire = Wire(demo.address)
    version = wire.read(12)
    assert version == b"RFB 003.008\n"
    wire.write(version)
    offered = wire.read(wire.read(1)[0])
    none = 1  # no password: only this machine reaches the socket
    assert none in offered
    wire.write(bytes([none]))
    assert struct.unpack(">I", wire.read(4)) == (0,), "the screen refused"
    wire.write(b"\x01")  # others may look, too
    width, height, *_ = struct.unpack(">HH16sI", wire.read(24))
    assert (width, height) == (1480, 1000)
    wire.close()


def listening(pids: list[int]) -> set[str]:
    """The local addresses, as the kernel writes them, at which these processes listen on TCP."""
    inodes = set()
    for pid in pids:
        for end in Path(f"/proc/{pid}/fd").iterdir():
            if end.is_symlink() and str(end.readlink()).startswith("socket:["):
                inodes.add(str(end.readlink())[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and parts[9] in inodes:
                found.add(parts[1].rpartition(":")[0])
    return found


def test_nothing_of_the_demo_listens_beyond_this_machine(demo: Demo) -> None:
    loopback = {"0100007F"}
    assert listening(demo.children()) <= loopback
