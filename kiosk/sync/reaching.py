"""Where the server is, what it answers, and in plain words why it is not reached."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
)

from kiosk.model.invitation import Unreached
from kiosk.sync.bodies import BODY_MAX_BYTES, BodyError, text_of

_NO_WAY_OUT = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


def server_url(text: str) -> str:
    """A server's address as it is kept: in ASCII, without a slash at its end.

    Raises `ValueError` that says how to write it.
    """
    try:
        prepared = requests.Request("GET", text.strip()).prepare().url or ""
        parts = urlsplit(prepared)
        has_port = urlsplit(text.strip()).port != 0
    except (requests.RequestException, ValueError) as error:
        raise _not_right(text) from error
    is_right = has_port and prepared.isascii() and _is_host(parts.hostname or "")
    if not is_right or parts.scheme not in ("http", "https") or set("@?#") & set(text):
        raise _not_right(text)
    return prepared.rstrip("/")


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return ":" in host or all(0 < len(label) <= 63 for label in labels)


def _not_right(text: str) -> ValueError:
    return ValueError(
        f"{text!r} is no address of a central server: write it like https://lockers.example.org"
        " or http://192.0.2.7:8080"
    )


def why_not_reached(error: requests.RequestException, url: str) -> str:
    """What is wrong between here and the server, and where to look."""
    return _found(error, url)[1]


def kind_of(error: requests.RequestException, url: str) -> Unreached:
    """The same, for a screen that says it in its own words."""
    return _found(error, url)[0]


def _found(error: requests.RequestException, url: str) -> tuple[Unreached, str]:
    causes = list(_causes(error))

    def is_from(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in causes)

    if isinstance(error, requests.HTTPError):
        return Unreached.NO_SERVER, str(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return (
            Unreached.OTHER,
            "the proxy that this machine's environment names does not let it through",
        )
    if is_from(socket.gaierror):
        name = urlsplit(url).hostname
        said = f"the name {name} is not known: is it written right, is the network up?"
        return Unreached.NAME_UNKNOWN, said
    if is_from(ssl.SSLCertVerificationError):
        return (
            Unreached.CERTIFICATE,
            "its certificate is not one that this machine trusts, or is another name's",
        )
    if isinstance(error, requests.exceptions.SSLError) or is_from(ssl.SSLError):
        return Unreached.NO_TLS, "it speaks no HTTPS there: is it http://, or another port?"
    if isinstance(error, requests.Timeout) or is_from(TimeoutError):
        said = "nobody answers there in time: is the address right, is the network up?"
        return Unreached.NO_ANSWER, said
    if is_from(ConnectionRefusedError):
        said = "nobody listens there: does the server run, is the port right?"
        return Unreached.NOBODY_LISTENS, said
    for each in causes:
        if isinstance(each, OSError) and each.errno and each.strerror:
            kind = Unreached.NO_NETWORK if each.errno in _NO_WAY_OUT else Unreached.OTHER
            return kind, f"{each.strerror}: is it https://, is the network up?"
    said = "who is there hung up, or speaks no HTTP: is it https://, or another port?"
    return Unreached.NO_SERVER, said


def is_out_of_reach(error: requests.RequestException) -> bool:
    """Whether nobody was reached at all, so that nothing was asked of anybody."""
    no_line = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
    return any(isinstance(each, no_line) for each in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from, the libraries' wrapping taken off."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
        waiting += [one for one in inner if isinstance(one, BaseException)]


def answer_text(answer: requests.Response) -> bytes:
    """The text of a server's answer, of which no more is read than may come.

    The request was made with `stream=True`. Raises `requests.RequestException` when the answer
    breaks off or is beyond a bound: it is no proper answer then.
    """
    try:
        body = answer.raw.read(BODY_MAX_BYTES + 1, decode_content=False)
        return text_of(body, answer.headers.get("content-encoding", ""))
    except BodyError as error:
        raise requests.RequestException(f"its answer is not read: {error}") from error
    except (OSError, HTTPError) as error:
        raise requests.ConnectionError(f"its answer broke off: {error}") from error
