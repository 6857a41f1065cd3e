"""What a step asks with: one sandbox's key, and a word for everything that is sent and answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

PROBLEM: Final = "application/problem+json"
SHOWN_MAX: Final = 1500
"""How much of a body is said."""


class NotAsDocumentedError(AssertionError):
    """The server did something otherwise; the message says what."""


def require(holds: bool, what: str) -> None:
    """Refuse to go on with a step. Raises `NotAsDocumentedError`."""
    if not holds:
        raise NotAsDocumentedError(what)


class Answer:
    """An answer, and what a step wants to see of it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status, self.headers, self._text = (
            response.status_code,
            response.headers,
            response.text,
        )

    @property
    def body(self) -> Any:
        """Its JSON; None where there is none."""
        return json.loads(self._text) if self._text else None

    def is_(self, status: int) -> Answer:
        """The same, once its status is seen to be this one."""
        require(self.status == status, f"status {self.status}, where {status} is documented")
        return self

    def problem(self, status: int, code: str) -> Any:
        """The members of a problem of this type."""
        self.is_(status)
        kind = self.headers.get("content-type", "").partition(";")[0]
        require(kind == PROBLEM, f"content-type {kind!r}, where {PROBLEM} is documented")
        body = self.body
        for member in ("type", "title", "status", "detail", "errors", "error", "message"):
            require(member in body, f"a problem without {member!r}")
        kind = str(body["type"]).rpartition("#")[2]
        require(kind == code, f"the problem {kind!r}, where {code!r} is documented")
        return body


class Client:
    """Asks a server as a carrier's program does."""

    def __init__(self, line: httpx.Client, key: str, say: Callable[[str], None]) -> None:
        self._line, self._key, self._say = line, key, say
        self.seen: set[str] = set()
        """The types of problem that were answered."""
        self.kept: dict[str, Any] = {}
        """What later steps name."""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send a request; say it, and its answer. `raw`: a body that is no JSON."""
        token = self._key if key is None else key
        sent = {"authorization": f"Bearer {token}"} if token else {}
        sent |= dict(headers or {})
        self._say(f"    > {method} {path}")
        for name, value in (headers or {}).items():
            self._say(f"    > {name}: {value}")
        if body is not None:
            self._say(_indented("    > ", body))
        content = raw if body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("content-type", "application/json")
        answer = Answer(self._line.request(method, path, content=content, headers=sent))
        self._say(f"    < {answer.status} {answer.headers.get('content-type', '')}")
        if answer.headers.get("content-type", "").endswith("json"):
            self._say(_indented("    < ", answer.body))
            if answer.status >= 400:
                self.seen.add(str(answer.body.get("error")))
        return answer


def _indented(before: str, body: Any) -> str:
    text = json.dumps(body, indent=1, ensure_ascii=False)
    text = text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}\n…"
    return "\n".join(before + line for line in text.splitlines())
