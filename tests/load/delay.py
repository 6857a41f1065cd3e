"""A line to the database that takes its time: `python -m tests.load.delay SOCKET MILLISECONDS`.

Servers in a cluster reach their database over a network; what a round trip costs there decides how
much they carry. It says on its first line which port of loopback it listens on.
"""

from __future__ import annotations

import socket
import sys
import threading
import time

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


def serve(path: str, round_trip_ms: float) -> None:
    """Take connections for ever and carry each to the socket at `path`."""
    delay_s = round_trip_ms / 2000
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, target, delay_s), daemon=True).start()


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))
