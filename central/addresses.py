"""E-mail addresses: checked in one place, kept in one spelling, and put whole into headers."""

from __future__ import annotations

from contextlib import suppress
from email.header import Header
from email.headerregistry import Address
from email.utils import formataddr

from email_validator import EmailNotValidError, validate_email


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
