"""A line that takes its time: `python -m tests.load.delay TARGET MILLISECONDS`.

Servers in a cluster reach their database over a network, and mail servers are far away; what a
round trip costs there decides how much they carry. `TARGET` is a socket's path, or a host and port.
It says on its first line which port of loopback it listens on.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIECE = 65_536


def _carry(source: socket.socket, target: socket.socket, delay_s: float) -> None:
    """Everything from one end to the other, each piece late. A thread each, for a loop's timers are
    no finer than a millisecond."""
    try:
        while piece := source.recv(PIECE):
            time.sleep(delay_s)
            target.sendall(piece)
    except OSError as error:
        print(error, file=sys.stderr)
    finally:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                print(error, file=sys.stderr)


def _connected(target: str) -> socket.socket:
    if target.startswith("/"):
        there = socket.socket(socket.AF_UNIX)
        there.connect(target)
        return there
    host, _, port = target.rpartition(":")
    there = socket.create_connection((host, int(port)))
    there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return there


def serve(target: str, round_trip_ms: float) -> None:
    """Take connections for ever and carry each to the target."""
    delay_s = round_trip_ms / 2000
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far = _connected(target)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(one, other, delay_s), daemon=True).start()


@contextmanager
def delayed(target: str, round_trip_ms: float) -> Iterator[int]:
    """The port of a process that carries connections there, while the block lasts."""
    command = [sys.executable, "-m", "tests.load.delay", target, str(round_trip_ms)]
    line = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        said = line.stdout.readline() if line.stdout is not None else ""
        yield int(said)
    finally:
        line.terminate()
        line.wait()


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))
