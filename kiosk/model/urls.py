"""Addresses of pages and requests, put together so that no value becomes another part of them."""

from __future__ import annotations

from urllib.parse import quote, urlencode


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
