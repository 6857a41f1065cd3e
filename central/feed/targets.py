"""Where documents are published, as an address says it; and what publishes there."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from central.errors import CannotServeError
from central.feed.publisher import Publisher, Target
from central.settings import Feed, Settings
from kiosk.model.urls import is_loopback

SCHEMES = ("kafka", "kafka+tls", "nats", "nats+tls", "file")


def target_of(settings: Settings, address: str) -> Target:
    """The target of an address, or of the settings where that is empty. Raises `CannotServeError`,
    which does not repeat the address: a password may stand in it."""
    rules = settings.feed
    try:
        parts = urlsplit(address or rules.target)
        ports = [urlsplit(f"//{each}").port for each in _places(parts.netloc)]
    except ValueError:
        raise CannotServeError(_WRONG) from None
    kind, _, tls = parts.scheme.partition("+")
    name = unquote(parts.path)
    if parts.scheme == "file" and not parts.netloc and name.startswith("/"):
        return Target(kind, (), name, is_tls=False)
    name = name.strip("/")
    places = _places(parts.netloc)
    if parts.scheme not in SCHEMES or kind == "file" or not places or None in ports or not name:
        raise CannotServeError(_WRONG)
    return _with_credentials(rules, settings, kind, places, name, parts.netloc, is_tls=bool(tls))


_WRONG = (
    "where to stream to: right is kafka://HOST:PORT/TOPIC, nats://HOST:PORT/SUBJECT or"
    " file:///PATH, and kafka+tls or nats+tls with TLS"
)


def _places(netloc: str) -> tuple[str, ...]:
    return tuple(filter(None, netloc.rpartition("@")[2].split(",")))


def _with_credentials(
    rules: Feed,
    settings: Settings,
    kind: str,
    places: tuple[str, ...],
    name: str,
    netloc: str,
    *,
    is_tls: bool,
) -> Target:
    user, _, password = netloc.rpartition("@")[0].partition(":")
    target = Target(
        kind,
        places,
        name,
        is_tls,
        unquote(user) or rules.user,
        unquote(password) or rules.password,
        rules.credentials_file,
        rules.tls_ca,
    )
    beyond = [each for each in places if not is_loopback(urlsplit(f"//{each}").hostname or "")]
    if target.password and beyond and not is_tls and not settings.allow_plain_http:
        raise CannotServeError(
            f"{target}: the password would go to {beyond[0]} in plain text; right is"
            f" {kind}+tls://. On a line that is yours alone: allow_plain_http = true in the"
            " settings"
        )
    return target


def publisher_of(target: Target) -> Publisher:
    """What publishes there. Raises `CannotServeError`."""
    try:
        if target.kind == "kafka":
            from central.feed.to_kafka import ToKafka

            return ToKafka(target)
        if target.kind == "nats":
            from central.feed.to_nats import ToNats

            return ToNats(target)
    except ImportError as error:
        raise CannotServeError(
            f"{target}: {error.name} is not installed here, which speaks to it; install what"
            " requirements-server.lock names"
        ) from error
    from central.feed.to_file import ToFile

    return ToFile(Path(target.name))
