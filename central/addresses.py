"""E-mail addresses: checked in one place, kept in one spelling, and put whole into headers."""

from __future__ import annotations

import re
from contextlib import suppress
from email.header import Header
from email.headerregistry import Address
from email.utils import formataddr
from urllib.parse import quote

from email_validator import EmailNotValidError, validate_email

_CLEAR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9.-]+|\+?[0-9]+")
"""What stays one address however it is read. Apprise takes `o'kim@…` for `kim@…`, `x/eve@…` in a
path for `eve@…`, and decodes some parts twice."""


def fields_of(url: str) -> list[str]:
    """Which of a person's addresses a URL like `mailto://…?to={email}` has a place for."""
    return [name for name in ("email", "phone") if f"{{{name}}}" in url]


def in_url(url: str, email: str, phone: str) -> str:
    """A URL with a person's addresses in their places.

    Raises `ValueError` where one is missing, or might be read as somebody else's.
    """
    values = {"email": email, "phone": phone}
    for name in fields_of(url):
        if not _CLEAR.fullmatch(values[name]):
            raise ValueError(f"this {name} might be read as somebody else's in the channel's URL")
        url = url.replace(f"{{{name}}}", quote(values[name], safe=""))
    return url


_LOCAL_BYTES_MAX = 64
"""RFC 5321 has no longer names of mailboxes."""


def address(text: str, *, is_inside: bool = False) -> str:
    """The one address of a text, its domain as IDNA has it. Blanks at the ends are left out.

    `is_inside` also takes what only a network of one's own knows: `lockers@mailhost`. Raises
    `ValueError` that says what is wrong.
    """
    try:
        found = validate_email(
            text.strip(" "), check_deliverability=False, globally_deliverable=not is_inside
        )
    except EmailNotValidError as error:
        raise ValueError(
            f"{text!r} is no e-mail address like kim@example.org, one alone: {error}"
        ) from error
    if len(found.local_part.encode()) > _LOCAL_BYTES_MAX:
        problem = (
            f"before the @ there are more than {_LOCAL_BYTES_MAX} bytes, which no server takes"
        )
        raise ValueError(f"{text!r} is no e-mail address: {problem}")
    return f"{found.local_part}@{found.ascii_domain}"


def address_or_none(text: str) -> str:
    """The address of a text, or "" for nothing but blanks. Raises `ValueError`."""
    return address(text) if text.strip(" ") else ""


def spellings(text: str) -> list[str]:
    """A text as it is, and as an address is kept, to look somebody up by."""
    found = [text.strip()]
    with suppress(ValueError):
        found.append(address(text, is_inside=True))
    return found


def folded(text: str) -> str:
    """An address as it is compared: in the one spelling that is kept, without case."""
    return spellings(text)[-1].casefold()


def sender(text: str) -> Address:
    """The sender of a text like `lockers@example.org` or `Lockers <lockers@example.org>`.

    Raises `ValueError` that says what is wrong.
    """
    name, within = "", text.strip(" ")
    if within.endswith(">"):
        name, _, within = within[:-1].rpartition("<")
    name = name.strip(" ").removeprefix('"').removesuffix('"')
    if not name.isprintable():
        raise ValueError(f"{text!r}: the sender's name has a line break or a control character")
    found = address(within, is_inside=True)
    if not found.isascii():
        raise ValueError(f"{text!r}: not every mail server takes a sender with such letters")
    return Address(name, addr_spec=found)


def header_of(of: Address) -> str:
    """A From or To header: the name encoded (RFC 2047), the address apart."""
    if of.display_name.isascii():
        return formataddr((of.display_name, of.addr_spec))
    return f"{Header(of.display_name, 'utf-8').encode()} <{of.addr_spec}>"
