"""Enrolment: a one-time token of the server is exchanged for this kiosk's own, which is kept."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from http.client import responses
from pathlib import Path

import requests
from pydantic import ValidationError

from kiosk.model.invitation import Unreached
from kiosk.model.location import Location
from kiosk.model.urls import asking, is_open_to_readers
from kiosk.model.wrapping import is_pinned, pin_of, wrap
from kiosk.store import meta
from kiosk.sync.client import Identity, layout_of
from kiosk.sync.contract import (
    EnrolAnswer,
    EnrolRequest,
    M,
    ServerKeys,
    SiteFileAnswer,
    site_file_text,
)
from kiosk.sync.deadline import BoundedSession
from kiosk.sync.reaching import (
    answer_text,
    is_out_of_reach,
    kind_of,
    server_url,
    why_not_reached,
)
from kiosk.sync.servers import TIMEOUT_S
from kiosk.sync.signing import signed_by
from kiosk.sync.transport import BY_TLS, PlainLineError, Transport

IDENTITY_FILE = "centre.json"
"""In the data folder, for its owner only."""
_WRITTEN = {
    "url": r"https?://[!-~]+",
    "location": r"[A-Za-z0-9-]{1,32}",
    "token": r"[!-~]+",
    "public_key": r"[0-9A-Fa-f]{64}",
    "former_key": r"([0-9A-Fa-f]{64})?",
}
"""What each part of it looks like."""


class EnrolError(Exception):
    """The kiosk is not enrolled; the message says what to do, and `why` says it for a screen."""

    def __init__(self, message: str, why: Unreached = Unreached.OTHER) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A site file as the server gave it, proven to be its own."""

    location: str
    text: str


class _NotReachedError(EnrolError):
    """Nobody was reached, or nothing was asked yet that is done once: another address may be
    tried."""


def enrol(
    data: Path,
    location: Location,
    location_key: bytes,
    url: str,
    token: str,
    transport: Transport = BY_TLS,
    *,
    at_older_server: bool = False,
) -> Identity:
    """Become known to the server at `url`, or where that is not reached at another address of it
    that the site file names; raises `EnrolError`.

    The token is good once: when it may have arrived, no other address is tried. `at_older_server`:
    it is of 0.2, and takes no wrapped key; it is sent as it is, by TLS alone.
    """
    url = _address(url)
    _require_token(token)
    failures: list[EnrolError] = []
    for each in dict.fromkeys((url, *transport.urls)):
        try:
            identity = _enrolled_at(
                location, location_key, each, token, transport, at_older_server=at_older_server
            )
        except _NotReachedError as error:
            failures.append(error)
        else:
            keep(data, identity)
            return identity
    raise EnrolError("\n".join(str(each) for each in failures), failures[0].why)


def fetch_site(url: str, token: str, question: str, transport: Transport = BY_TLS) -> SiteFile:
    """The site file of the location whose enrolment token this is, signed by the server whose keys
    the token pins; `question` is made up for this call, in hexadecimal. Raises `EnrolError`."""
    url = _address(url)
    _require_token(token)
    try:
        with transport.session(url) as session:
            server = _Server(session, url, token)
            keys = _keys(server, token)
            answer = server.ask("GET", SiteFileAnswer, where=asking("/site", question=question))
    except PlainLineError as error:
        raise EnrolError(str(error), Unreached.PLAIN_HTTP) from error
    said = site_file_text(answer.location, question, answer.text)
    if signed_by(said, answer.signature, (keys.public_key,)) is None:
        problem = f"{url}: the site file is not signed by this server"
        raise EnrolError(problem, Unreached.SITE_FILE)
    return SiteFile(answer.location, answer.text)


def _enrolled_at(
    location: Location,
    location_key: bytes,
    url: str,
    token: str,
    transport: Transport,
    *,
    at_older_server: bool,
) -> Identity:
    try:
        with transport.session(url) as session:
            server = _Server(session, url, token)
            keys = None if at_older_server else _keys(server, token)
            message = _request(token, location, location_key, keys, url)
            known = server.ask("POST", EnrolAnswer, message.model_dump_json(exclude_defaults=True))
    except PlainLineError as error:
        raise EnrolError(str(error), Unreached.PLAIN_HTTP) from error
    if keys is not None and known.public_key != keys.public_key:
        raise EnrolError(f"{url}: the server answers with another key than it showed before")
    return Identity(
        url,
        known.location,
        known.token,
        known.public_key,
        signs_commands=known.signs_commands,
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """Where to enrol."""

    session: BoundedSession
    url: str
    token: str

    def ask(self, method: str, answer_of: type[M], text: str = "", where: str = "") -> M:
        """Its answer; `where` is asked behind the enrolment's path. Raises `EnrolError`."""
        status, answer = self.exchange(method, text, where)
        if status != 200:
            why = _refusal(status, answer)
            raise EnrolError(f"{self.url}: the server refuses: {_reason(status, answer)}", why)
        try:
            return answer_of.model_validate_json(answer)
        except ValidationError as error:
            raise EnrolError(
                f"{self.url}: what is there does not answer as a server does", Unreached.NO_SERVER
            ) from error

    def exchange(self, method: str, text: str = "", where: str = "") -> tuple[int, bytes]:
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        try:
            with (
                self.session.exchange(),
                self.session.request(
                    method,
                    f"{self.url}/v1/enrol{where}",
                    data=text or None,
                    headers=headers,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                body = answer_text(answer)
        except (requests.RequestException, OSError) as error:
            problem = f"{self.url}: the server is not reached: {_why(error, self.url)}"
            why = _kind(error, self.url)
            if method == "GET" or _is_out_of_reach(error):
                raise _NotReachedError(problem, why) from error
            raise EnrolError(problem, why) from error
        if answer.is_redirect:
            place = answer.headers["location"][:200]
            raise EnrolError(
                f"{self.url}: the server is elsewhere, it points to {place!r}: name that",
                Unreached.NO_SERVER,
            )
        return answer.status_code, body


def _why(error: Exception, url: str) -> str:
    if isinstance(error, requests.RequestException):
        return why_not_reached(error, url)
    return str(error)  # a certificate of the site file that is not there


def _kind(error: Exception, url: str) -> Unreached:
    if isinstance(error, requests.RequestException):
        return kind_of(error, url)
    return Unreached.OTHER


def _is_out_of_reach(error: Exception) -> bool:
    return isinstance(error, requests.RequestException) and is_out_of_reach(error)


def _keys(server: _Server, token: str) -> ServerKeys:
    """The server's public keys, which must be those that the token pins. Raises `EnrolError`."""
    status, _ = server.exchange("GET") if not pin_of(token) else (200, b"")
    if status == 405:
        raise EnrolError(
            f"{server.url}: this server is older than 0.3 and takes the location's key only as it"
            " is: update the server first, or enrol with --at-older-server, by https alone"
        )
    keys = server.ask("GET", ServerKeys)
    if not is_pinned(token, keys.public_key, keys.wrapping_key):
        raise EnrolError(
            f"{server.url}: who answers there has not the keys that the token names: it is another"
            " server, or somebody in between; central location roll prints a token of today",
            Unreached.OTHER_SERVER,
        )
    return keys


def _address(url: str) -> str:
    try:
        return server_url(url)
    except ValueError as error:
        raise EnrolError(str(error), Unreached.NO_ADDRESS) from error


def _require_token(token: str) -> None:
    if not re.fullmatch(r"[!-~]{1,128}", token):
        raise EnrolError(
            f"{token[:200]!r} is no token: copy it whole from what the central server printed"
            " (central location roll makes a new one)",
            Unreached.TOKEN,
        )


def _request(
    token: str, location: Location, location_key: bytes, keys: ServerKeys | None, url: str
) -> EnrolRequest:
    layout = layout_of(location)
    if keys is not None:
        wrapped = wrap(location_key, keys.wrapping_key, location.id, token)
        return EnrolRequest(token=token, location=location.id, wrapped_key=wrapped, layout=layout)
    if is_open_to_readers(url):
        raise EnrolError(f"{url}: the location's key goes to an older server by https alone")
    return EnrolRequest(token=token, location=location.id, key=location_key.hex(), layout=layout)


_REFUSALS = {
    "unauthorised": Unreached.TOKEN,
    "other_location": Unreached.OTHER_LOCATION,
    "no_site_file": Unreached.NO_SITE_FILE,
}


def _refusal(status: int, text: bytes) -> Unreached:
    """What an answer other than 200 means: the server's own word, or somebody else's page."""
    try:
        return _REFUSALS.get(str(json.loads(text)["error"]), Unreached.OTHER)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Unreached.NO_SERVER


def _reason(status: int, text: bytes) -> str:
    try:
        return " ".join(str(json.loads(text)["message"]).split())[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{status} {responses.get(status, '')}".strip()


def keep(data: Path, identity: Identity) -> None:
    """Write the file whole, for its owner only, so that it is there after a power cut; an older
    one is replaced."""
    path = data / IDENTITY_FILE
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(identity), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(data, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def identity_in(data: Path) -> Identity | None:
    """What this kiosk kept of its enrolment; None when it is not enrolled.

    Raises `EnrolError` when the file cannot be used.
    """
    path = data / IDENTITY_FILE
    if not path.exists():
        return None
    try:
        identity = meta.read_as(Identity, path.read_text(encoding="utf-8"))
        _require_written_right(identity)
    except (OSError, ValueError, TypeError) as error:
        raise EnrolError(f"{path}: {error}; enrol this kiosk again: kiosk enrol") from error
    return identity


def _require_written_right(identity: Identity) -> None:
    """Refuse what a damaged disk or a hand made of the file, which would fail at each sync."""
    if not isinstance(identity.signs_commands, bool):
        raise ValueError("signs_commands is neither true nor false")
    for name, form in _WRITTEN.items():
        value = getattr(identity, name)
        if not isinstance(value, str) or not re.fullmatch(form, value):
            raise ValueError(f"{name} is not written as the server gave it")
