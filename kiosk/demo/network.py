"""The demo's network: a wire from the kiosk to its server that can be cut and joined again."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading

PIECE = 65_536


class Wire:
    """Carries what comes to a port on loopback to another port, as long as it is whole."""

    def __init__(self, port: int, to_port: int) -> None:
        self._port, self._to_port = port, to_port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server: socketserver.ThreadingTCPServer | None = None

    def join(self) -> None:
        """Make it whole."""
        if self._server is not None:
            return
        wire = self

        class Carrier(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire._carry(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self._port), Carrier)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def cut(self) -> None:
        """Nothing gets through any more, not even what is on its way."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self._lock:
            cut = sorted(self._open, key=socket.socket.fileno)
        for end in cut:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _carry(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._to_port))
        except OSError:
            return
        with self._lock:
            self._open |= {near, far}
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        far.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Carry until the source ends; then the target hears that nothing more comes."""
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
