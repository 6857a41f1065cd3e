"""No token and no person's link on a line that others can read, unless a setting allows it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from central.errors import CannotServeError
from central.settings import Settings
from kiosk.model.urls import is_loopback, is_open_to_readers

if TYPE_CHECKING:
    from apprise import NotifyBase


def require_none(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Refuse to serve, or to send tokens, in plain text beyond this machine.

    Raises `CannotServeError` with what to change.
    """
    if settings.allow_plain_http:
        return
    for problem in (*_listening(settings, sockets), *_sending(settings)):
        raise CannotServeError(
            f"{problem}. On a line that is yours alone: allow_plain_http = true in the settings"
        )


def _listening(settings: Settings, sockets: Sequence[socket.socket]) -> Iterator[str]:
    if is_open_to_readers(settings.base_url) and settings.public_url:
        yield (
            f"public_url {settings.public_url!r}: everybody on the way could read passwords, tokens"
            " and links; right is an https address: that of the proxy that ends TLS"
        )
    # At watched_at there are figures alone.
    places = [each.getsockname()[:2] for each in sockets]
    beyond = [host for host, port in places if port == settings.port and not is_loopback(host)]
    if beyond and settings.tls_certificate is None and not settings.public_url:
        yield (
            f"host {settings.host!r}: other machines would reach this server by http, which"
            " everybody on the way can read; right is 127.0.0.1 behind a proxy that ends TLS, with"
            " its https address as public_url, or a tls_certificate"
        )


def _sending(settings: Settings) -> Iterator[str]:
    sms, smtp = settings.sms, settings.smtp
    if sms is not None and sms.url and is_open_to_readers(sms.url):
        yield f"sms.url {sms.url!r}: the gateway's token would go in plain text; right is https"
    is_mail_open = smtp is not None and smtp.security == "none" and not is_loopback(smtp.host)
    if smtp is not None and smtp.password and is_mail_open:
        yield (
            f"smtp.security 'none': the password would go to {smtp.host} in plain text; right is"
            " 'starttls' or 'tls'"
        )
    notifications = settings.notifications
    for url in (*notifications.operator_urls, notifications.person_url):
        service = _service(url) if url else None
        if service is not None and _is_plain(service):
            yield (
                f"notifications: {service.service_name}: an address of Apprise without TLS; right"
                f" is one that begins with {_first(service.secure_protocol)}://"
            )


def _service(url: str) -> NotifyBase | None:
    from apprise import Apprise  # it takes long to read, and few have such an address

    return Apprise.instantiate(url)


def _is_plain(service: NotifyBase) -> bool:
    """Whether it could speak TLS, does not, and is elsewhere."""
    host = str(getattr(service, "host", "") or "")
    return bool(service.secure_protocol and not service.secure and host and not is_loopback(host))


def _first(names: object) -> str:
    return names if isinstance(names, str) else str(next(iter(names)))  # type: ignore[call-overload]
