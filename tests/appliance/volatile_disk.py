"""A disk that loses at a power cut what was not flushed, as a real one's write cache does.

A file is served over NBD, the network block device that QEMU speaks. What the guest wrote since its
last flush is remembered with what stood there before. When the power goes, each of these writes is
lost, kept, or cut in its middle, as it is drawn; what was flushed is there.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from random import Random

SECTOR_BYTES = 512
_MAGIC, _OPTION_MAGIC, _OPTION_REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_EXPORT_NAME, _GO, _UNSUPPORTED = 1, 7, 0x80000001
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_HAS_FLAGS, _SENDS_FLUSH = 1, 4


@dataclass(frozen=True)
class Written:
    """A write that no flush has made durable."""

    at: int
    before: bytes
    now: bytes


class VolatileDisk:
    """One disk in a file, for one machine at a time."""

    def __init__(self, file: Path, socket_path: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR)
        self._size = os.fstat(self._descriptor).st_size
        self._unflushed: list[Written] = []
        self.writes = 0
        """How many there were since the machine was switched on."""
        self._written = threading.Condition()
        self.socket_path = socket_path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(socket_path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def wait_for_writes(self, count: int, at_most_s: float) -> bool:
        """Whether there were so many since the machine was switched on; waits for them a while."""
        with self._written:
            return self._written.wait_for(lambda: self.writes >= count, at_most_s)

    def lose_power(self, rng: Random | None = None) -> tuple[int, int]:
        """What comes of the writes that were not flushed, after QEMU has died: without `rng` all
        are lost. How many there were, and how many of them are not there whole."""
        self._thread.join()
        pending, lost = self._unflushed, 0
        for write in reversed(pending):
            os.pwrite(self._descriptor, write.before, write.at)
        for write in pending:
            sectors = len(write.now) // SECTOR_BYTES
            chosen = (0, sectors, rng.randint(0, sectors)) if rng else (0,)
            kept = rng.choice(chosen) if rng else 0
            os.pwrite(self._descriptor, write.now[: kept * SECTOR_BYTES], write.at)
            lost += kept < sectors
        self.close()
        return len(pending), lost

    def close(self) -> None:
        """After the machine was switched off in good order."""
        self._thread.join()
        self._listener.close()
        os.close(self._descriptor)
        self.socket_path.unlink()

    def _serve(self) -> None:
        line, _ = self._listener.accept()
        with line, contextlib.suppress(ConnectionError):
            if self._agree(line):
                while self._answer(line):
                    pass

    def _agree(self, line: socket.socket) -> bool:
        """The fixed newstyle handshake: one export, whatever it is called."""
        line.sendall(struct.pack(">QQH", _MAGIC, _OPTION_MAGIC, 1))
        _receive(line, 4)
        flags = _HAS_FLAGS | _SENDS_FLUSH
        while True:
            _, option, length = struct.unpack(">QLL", _receive(line, 16))
            _receive(line, length)
            if option == _EXPORT_NAME:
                line.sendall(struct.pack(">QH124x", self._size, flags))
                return True
            reply = struct.Struct(">QLLL")
            if option == _GO:
                line.sendall(reply.pack(_OPTION_REPLY, option, 3, 12))
                line.sendall(struct.pack(">HQH", 0, self._size, flags))
                line.sendall(reply.pack(_OPTION_REPLY, option, 1, 0))
                return True
            line.sendall(reply.pack(_OPTION_REPLY, option, _UNSUPPORTED, 0))

    def _answer(self, line: socket.socket) -> bool:
        magic, _, kind, handle, at, length = struct.unpack(">LHHQQL", _receive(line, 28))
        assert magic == _REQUEST_MAGIC, "this is no request of NBD"
        data = b""
        match kind:
            case 0:
                data = os.pread(self._descriptor, length, at)
            case 1:
                self._write(at, _receive(line, length))
            case 3:
                self._unflushed.clear()
            case _:
                return False
        line.sendall(struct.pack(">LLQ", _REPLY_MAGIC, 0, handle) + data)
        return True

    def _write(self, at: int, now: bytes) -> None:
        before = os.pread(self._descriptor, len(now), at)
        self._unflushed.append(Written(at, before, now))
        os.pwrite(self._descriptor, now, at)
        with self._written:
            self.writes += 1
            self._written.notify_all()


def _receive(line: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = line.recv(min(length - len(parts), 1 << 20))
        if not part:
            raise ConnectionError("the machine is off")
        parts += part
    return bytes(parts)
