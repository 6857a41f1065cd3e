"""What a new kiosk needs to find its server: the address and a one-time token, as the server's QR
code has them; and why a server was not reached, as a screen can say it in each language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Unreached(StrEnum):
    """Why nothing came of asking the server."""

    NO_ADDRESS = "NO_ADDRESS"
    """What was scanned or typed is no address of a server."""
    NAME_UNKNOWN = "NAME_UNKNOWN"
    NO_ANSWER = "NO_ANSWER"
    NOBODY_LISTENS = "NOBODY_LISTENS"
    NO_NETWORK = "NO_NETWORK"
    """This machine has no way out."""
    CERTIFICATE = "CERTIFICATE"
    """It is another's, or this machine's date is wrong."""
    NO_TLS = "NO_TLS"
    PLAIN_HTTP = "PLAIN_HTTP"
    """Everybody on the way could read the token."""
    NO_SERVER = "NO_SERVER"
    """Somebody answers, and is no server of ours."""
    OTHER_SERVER = "OTHER_SERVER"
    """It has not the keys that the token names."""
    TOKEN = "TOKEN"
    """The token is not known there, was used, or is too old."""
    OTHER_LOCATION = "OTHER_LOCATION"
    """The token is of another location than the site file."""
    NO_SITE_FILE = "NO_SITE_FILE"
    SITE_FILE = "SITE_FILE"
    """The site file that it gave has mistakes, or is not signed by it."""
    CANNOT_KEEP = "CANNOT_KEEP"
    """This machine's disk does not take what came."""
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where to enrol, and with which token."""

    url: str
    token: str


_TOKEN = re.compile(r"[!-~]{16,128}")
_ADDRESS = re.compile(r"https?://[!-~]{1,200}")


def parse_invitation(text: str) -> Invitation | None:
    """What the server's QR code says, an address and a token; None for anything else."""
    parts = text.split()
    if parts[:2] == ["kiosk", "enrol"]:
        parts = parts[2:]  # the whole line, as the server prints it
    if len(parts) != 2 or not is_address(parts[0]) or not is_token(parts[1]):
        return None
    return Invitation(*parts)


def is_address(text: str) -> bool:
    """Whether this may be a server's address."""
    return _ADDRESS.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether this may be an enrolment token."""
    return _TOKEN.fullmatch(text) is not None
