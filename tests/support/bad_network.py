"""A network between a kiosk and its server that fails in every way a network can."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

FAULTS = (
    "pass",
    "pass",
    "delay",
    "lose request",
    "lose answer",
    "double",
    "cut answer",
    "error",
    "nonsense",
)
PASSED_ON = ("content-encoding", "content-type", "authorization", "accept-encoding")


class BadNetwork:
    """An HTTP forwarder with faults; `is_cut` parts the two sides, `is_well` ends all faults."""

    def __init__(self, target: str, seed: int) -> None:
        self.target = target
        self.is_cut = self.is_well = False
        self.next_faults: list[str] = []
        """What happens to the next requests, before the rng decides again."""
        self.happened: Counter[str] = Counter()
        self._rng, self._lock = random.Random(seed), threading.Lock()
        network = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                network.deal_with(self)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def deal_with(self, request: BaseHTTPRequestHandler) -> None:
        """Forward one request, in one of the ways."""
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        with self._lock:
            fault = "pass" if self.is_well else self._rng.choice(FAULTS)
            fault = self.next_faults.pop(0) if self.next_faults else fault
        fault = "lose request" if self.is_cut else fault
        self.happened[fault] += 1
        request.close_connection = fault != "pass"
        if fault == "lose request":
            return
        if fault in ("error", "nonsense"):
            self._answer(request, 500 if fault == "error" else 200, b"<html>Hello</html>")
            return
        if fault == "delay":
            time.sleep(0.1)
        answer = self._forward(request, body)
        if fault == "double":
            answer = self._forward(request, body)
        if fault == "lose answer" or answer is None:
            return
        self._answer(request, answer.status_code, answer.content, is_cut=fault == "cut answer")

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> requests.Response | None:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        try:
            url = self.target + request.path
            return requests.request(request.command, url, data=body, headers=headers, timeout=20)
        except requests.RequestException:
            return None

    @staticmethod
    def _answer(
        request: BaseHTTPRequestHandler, status: int, body: bytes, *, is_cut: bool = False
    ) -> None:
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if is_cut else body)
