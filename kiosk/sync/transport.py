"""How requests with a token go to the server: by TLS, but on this machine itself.

A token, and whatever a command says, could be read and changed by everybody on a plain line. Only a
setting of the site file, by its name, allows that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests

from kiosk.model.urls import is_loopback, is_open_to_readers
from kiosk.sync.deadline import BoundedSession


class PlainLineError(requests.RequestException):
    """The server's address is on a line that others can read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Transport:
    """What the site file says of the line to the server."""

    allow_plain_http: bool = False
    client_certificate: Path | None = None
    """With which this kiosk proves itself to the proxy in front of the server (PEM)."""
    client_key: Path | None = None
    """Of that certificate; None where both are in one file."""
    ca: Path | None = None
    """Who the server's certificate is issued by, in the place of those that the machine trusts."""
    urls: tuple[str, ...] = ()
    """The server's addresses, the one to ask first; none: where this kiosk enrolled."""

    def require_safe(self, url: str) -> None:
        """Refuse an address at which a token could be read on its way. Raises `PlainLineError`."""
        if is_open_to_readers(url) and not self.allow_plain_http:
            raise PlainLineError(
                f"{url}: http is in plain text: everybody on the way could read the token and the"
                " commands; name the server's https address, or, on a line that is yours alone, set"
                " allow_plain_http = true in [server] of the site file"
            )

    def session(self, url: str) -> BoundedSession:
        """A session for requests to this address. Raises `PlainLineError`."""
        self.require_safe(url)
        made = BoundedSession()
        if self.ca is not None:
            made.verify = str(self.ca)
        if self.client_certificate is not None:
            certificate = str(self.client_certificate)
            key = self.client_key
            made.cert = certificate if key is None else (certificate, str(key))
        # No proxy of the environment stands between a machine and itself.
        made.trust_env = not is_loopback(_host(url))
        return made


BY_TLS: Final = Transport()
"""Where the site file says nothing."""


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
