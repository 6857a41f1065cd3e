"""Addresses of pages and requests, put together so that no value becomes another part of them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote, urlencode, urlsplit

READ_TWO_WAYS = re.compile(r"[\\\s\x00-\x1f\x7f]")
"""Signs that are in no address. Programs differ in what host they find around them: with
`http://a\\@b` one asks a, another b."""


def part(value: object) -> str:
    """A value as one part of a path: a slash, a question mark or a blank in it stays in it."""
    return quote(str(value), safe="")


def path(*parts: object) -> str:
    """A path of these parts: `path("packages", "a/b")` is `/packages/a%2Fb`."""
    return "".join(f"/{part(each)}" for each in parts)


def asking(address: str, **values: object) -> str:
    """An address with a query of these values."""
    return f"{address}?{urlencode(values, quote_via=quote, safe='')}"


def host(name: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{name}]" if ":" in name else name


def is_loopback(name: str) -> bool:
    """Whether a host is this machine by its own name: what is sent to it is on no wire."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name.rstrip(".").lower() == "localhost"


def is_open_to_readers(url: str) -> bool:
    """Whether what is sent to this address can be read on its way: no TLS, and not this machine.
    One of which programs may think differently can be."""
    if READ_TWO_WAYS.search(url.strip()):
        return True
    parts = urlsplit(url)
    return parts.scheme.lower() not in ("https", "wss") and not is_loopback(parts.hostname or "")
