"""Where webhooks may go: to public addresses, and to those that the settings name.

A carrier chooses the URL, and this server is inside its operator's network. So an address counts
and no name: what a name stands for is asked once for each connection, and the connection is made to
the very address that was checked. No later answer to the same question has any effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import urlsplit

from central.errors import RequestError
from kiosk.model.urls import READ_TWO_WAYS

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
URL_MAX: Final = 1000

_SPECIAL_4: Final = tuple(
    IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # what a large cloud gives its own machines to ask, at a public address
    )
)
"""All of IANA's special-purpose registry (RFC 6890), and multicast."""
_GLOBAL_6: Final = IPv6Network("2000::/3")
"""All that is global unicast. Outside of it are loopback, mapped and compatible addresses, NAT64
(64:ff9b::), unique local, link-local, site-local, multicast."""
_SPECIAL_6: Final = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # Teredo, ORCHID, benchmarks and other protocols of the IETF
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address is in it
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""An IPv4 address behind these 32 bits is reached through a tunnel (RFC 5214)."""


def is_public(address: Address) -> bool:
    """Whether an address is an ordinary one of the public network."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    if address.scope_id is not None:
        return False
    if address not in _GLOBAL_6 or any(address in network for network in _SPECIAL_6):
        return False
    return int(address) >> 32 & 0xFFFFFFFF not in _ISATAP


@dataclass(frozen=True, slots=True)
class Named:
    """What the settings name, though it is not public."""

    networks: tuple[Network, ...] = ()

    @staticmethod
    def of(texts: Sequence[str]) -> Named:
        """Of the settings' texts. Raises `ValueError`."""
        return Named(tuple(ip_network(each) for each in texts))

    def has(self, address: Address) -> bool:
        """Whether an address is among them."""
        return any(address in network for network in self.networks)


def allowed(addresses: Sequence[Address], named: Named, *, is_tls: bool) -> list[Address]:
    """Those of a name's addresses that may be connected to. Without TLS the named ones alone."""
    return [each for each in addresses if named.has(each) or (is_tls and is_public(each))]


def require_url(url: str, named: Named) -> str:
    """Refuse what is no receiver's URL. Raises `RequestError` that says what would be right."""
    problem = _problem_of(url, named)
    if problem:
        shown = url[:100] if "@" not in url else "…"
        raise RequestError(422, "invalid", f"url {shown!r}: {problem}")
    return url


def _problem_of(url: str, named: Named) -> str:
    if len(url) > URL_MAX or READ_TWO_WAYS.search(url) or not url.isascii():
        return f"right are {URL_MAX} characters at most, of those that stand in URLs"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "right is https://HOST/PATH"
    if parts.scheme not in ("https", "http") or not host or port == 0:
        return "right is https://HOST/PATH"
    if "@" in parts.netloc:
        return "no user or password stands in it; each webhook is signed instead"
    if parts.fragment or "#" in url:
        return "what is behind # reaches no receiver; leave it out"
    if parts.scheme == "http" and not named.networks:
        return "right is https; http goes only to addresses that webhooks.addresses names"
    literal = literal_of(host)
    if literal is not None and not allowed([literal], named, is_tls=parts.scheme == "https"):
        return "its address is not public, and webhooks.addresses in the settings does not name it"
    return ""


def literal_of(host: str) -> Address | None:
    """The address that stands in the place of a host; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
