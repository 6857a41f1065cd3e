"""The addresses of the server: the first that works is asked, and the first one again in time.

They are addresses of one server, or of several that share a database: what was sent by one of them
is known at the others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import requests

from kiosk.sync.deadline import BoundedSession
from kiosk.sync.reaching import answer_text, why_not_reached
from kiosk.sync.transport import BY_TLS, PlainLineError, Transport

LOG = logging.getLogger("kiosk.sync")
TIMEOUT_S: Final = (5.0, 30.0)
"""How long to wait for the connection, and for each answer."""
FIRST_AGAIN: Final = 10
"""After so many exchanges with another the first address is tried again; twice as many each time
that it is still away, up to the second number."""
FIRST_AGAIN_MAX: Final = 640


class NotReachedError(requests.RequestException):
    """None of the addresses was reached; the message says of each why."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an address answered."""

    url: str
    status: int
    text: bytes
    before: tuple[requests.RequestException, ...]
    """Why the addresses before it did not."""


class Servers:
    """The addresses, and which of them is asked now."""

    def __init__(self, urls: Sequence[str], transport: Transport = BY_TLS) -> None:
        self.urls = tuple(urls)
        self._transport = transport
        self._sessions: dict[str, BoundedSession] = {}
        self._now = 0
        self._worked = 0
        self._exchanges = 0
        self._first_again = FIRST_AGAIN
        self._answered_at = ""

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address that is asked now."""
        return self.urls[self._now]

    @property
    def session(self) -> BoundedSession:
        """What it is asked by. Raises `PlainLineError`."""
        if self.url not in self._sessions:
            self._sessions[self.url] = self._transport.session(self.url)
        return self._sessions[self.url]

    def require_safe(self) -> None:
        """Refuse addresses at which a token could be read. Raises `PlainLineError`."""
        for url in self.urls:
            self._transport.require_safe(url)

    def close(self) -> None:
        """End all connections."""
        for session in self._sessions.values():
            session.close()

    # --- one exchange after another --------------------------------------------------------

    def begin(self) -> None:
        """An exchange begins: perhaps it is time to see whether the first address is back."""
        self._now = self._worked
        if self._worked and self._exchanges >= self._first_again:
            self._now = 0

    def answered(self) -> None:
        """The address that was asked answered as it should: the next exchanges keep to it."""
        if self.url != self._answered_at:
            if self._answered_at:
                LOG.info("the server is asked at %s now", self.url)
            self._answered_at, self._exchanges = self.url, 0
        self._worked = self._now
        self._exchanges += 1
        if self._now == 0:
            self._first_again = FIRST_AGAIN

    def failed(self) -> bool:
        """It did not: on to the next one. True where it was only tried again, and the one that
        worked is asked at once."""
        if self._now != self._worked:
            self._now, self._exchanges = self._worked, 0
            self._first_again = min(2 * self._first_again, FIRST_AGAIN_MAX)
            return True
        self._now = self._worked = (self._worked + 1) % len(self.urls)
        self._exchanges = 0
        return False

    # --- one request, wherever it is answered ------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        token: str,
        *,
        data: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answered:
        """The answer of the first address that is reached and can answer. Raises
        `NotReachedError`, or `PlainLineError`."""
        failures: list[tuple[str, requests.RequestException]] = []
        first, count = self._worked, len(self.urls)
        for place in range(count):
            self._now = self._worked = (first + place) % count
            url = self.url
            try:
                status, text = self._asked(method, path, token, data, params)
            except PlainLineError:
                raise
            except requests.RequestException as error:
                failures.append((url, error))
                continue
            if status < 500 or place == count - 1:
                return Answered(url, status, text, tuple(error for _, error in failures))
            failures.append((url, requests.HTTPError(f"it answered {status}")))
        raise NotReachedError(why_none_is_reached(failures)) from failures[0][1]

    def _asked(
        self,
        method: str,
        path: str,
        token: str,
        data: str | None,
        params: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {token}"}
        if data is not None:
            headers["content-type"] = "application/json"
        session = self.session
        with (
            session.exchange(),
            session.request(
                method,
                f"{self.url}{path}",
                data=data,
                params=params,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            return answer.status_code, answer_text(answer)


def servers_of(transport: Transport, enrolled_at: str) -> Servers:
    """The addresses that the site file names, or the one at which this kiosk enrolled."""
    return Servers(transport.urls or (enrolled_at,), transport)


def why_none_is_reached(failures: Sequence[tuple[str, requests.RequestException]]) -> str:
    """What is wrong between here and each of the addresses."""
    (_, first), *others = failures
    reasons = [why_not_reached(first, failures[0][0])]
    reasons += [f"nor at {url}: {why_not_reached(error, url)}" for url, error in others]
    return "; ".join(reasons)
