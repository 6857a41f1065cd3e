"""A carrier's receiver of webhooks, as a process of its own: it verifies with the published library
and answers as a test asks it to, badly too.

`python -m tests.support.webhook_receiver` prints its port. What a receiver of some name is to do is
sent to it at `/control/NAME`, and what came to `/hook/NAME` is read there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from standardwebhooks import Webhook, WebhookVerificationError

ROOT = Path(__file__).parents[2]


@dataclass
class _Hook:
    """One receiver: what it does, and what came."""

    mode: str = "ok"
    secret: str = ""
    came: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


HOOKS: defaultdict[str, _Hook] = defaultdict(_Hook)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, json.dumps(HOOKS[self.path.rpartition("/")[2]].came))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        _, kind, name = self.path.split("/")[:3]
        hook = HOOKS[name]
        if kind == "control":
            for field_, value in json.loads(body).items():
                setattr(hook, field_, value)
            hook.released.set()
            hook.released = threading.Event()
            self._answer(200, "{}")
            return
        self._note(hook, body)
        answer: Callable[[_Hook], None] = getattr(self, f"_{hook.mode}")
        answer(hook)

    def _note(self, hook: _Hook, body: bytes) -> None:
        problem = "" if hook.secret else "there is no secret yet"
        try:
            if hook.secret:
                Webhook(hook.secret).verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError) as error:
            problem = str(error) or type(error).__name__
        said = json.loads(body)
        hook.came.append(
            {
                "id": self.headers["webhook-id"],
                "problem": problem,
                "signatures": self.headers["webhook-signature"],
                "timestamp": self.headers["webhook-timestamp"],
                "text": body.decode(),
                "type": said["type"],
                "data": said["data"],
                "mode": hook.mode,
            }
        )

    def _ok(self, _hook: _Hook) -> None:
        self._answer(204, "")

    def _fail(self, _hook: _Hook) -> None:
        self._answer(500, "the receiver is broken")

    def _refuse(self, _hook: _Hook) -> None:
        self._answer(400, "not this one")

    def _hang(self, hook: _Hook) -> None:
        hook.released.wait(60)
        self.close_connection = True

    def _wait(self, hook: _Hook) -> None:
        """Taken, but only when it is let go."""
        hook.released.wait(60)
        self._answer(204, "")

    def _drip(self, hook: _Hook) -> None:
        """Byte by byte, and never to the end of the headers."""
        self.close_connection = True
        text = b"HTTP/1.1 200 OK\r\nx-long: "
        for byte in text + b"a" * 10_000:
            try:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            except OSError:
                return
            if hook.released.wait(0.02):
                return

    def _endless(self, hook: _Hook) -> None:
        """Taken, with a body that never ends."""
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not hook.released.is_set():
            try:
                self.wfile.write(b"x" * 65_536)
            except OSError:
                return

    def _move(self, _hook: _Hook) -> None:
        self._answer(301, "", location="/hook/elsewhere")

    def _gone(self, _hook: _Hook) -> None:
        self._answer(410, "")

    def _later(self, _hook: _Hook) -> None:
        self._answer(429, "", **{"retry-after": "7200"})

    def _answer(self, status: int, text: str, **headers: str) -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        return


class ReceiverProcess:
    """It, from outside."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, name: str) -> str:
        """Where a receiver of this name is."""
        return f"http://127.0.0.1:{self.port}/hook/{name}"

    def tell(self, name: str, **what: str) -> None:
        """What a receiver is to do from now on; whoever hangs there is let go."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/control/{name}", json=what, timeout=20
        )
        assert answer.ok

    def came(self, name: str) -> list[dict[str, Any]]:
        """What came there, in its order."""
        answer = requests.get(f"http://127.0.0.1:{self.port}/control/{name}", timeout=20)
        found: list[dict[str, Any]] = answer.json()
        return found


@contextmanager
def receiver_process() -> Iterator[ReceiverProcess]:
    """One that runs until the end."""
    command = [sys.executable, "-m", "tests.support.webhook_receiver"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield ReceiverProcess(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
