"""A message as it goes out, and the reasons for which one does not."""

from __future__ import annotations

from dataclasses import dataclass

from central.notify.outbox import Kind


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to go out."""

    id: str
    kind: Kind
    channel: str
    to: str
    """An e-mail address or a telephone number; empty for operators."""
    subject: str
    text: str
    html: str = ""
    picture: bytes = b""
    """The QR code as a PNG; empty where there is none."""
    short: str = ""
    """The text for a telephone."""
    receipt_url: str = ""
    """Where the gateway may say what became of it; empty where nobody reaches this server."""
    unsubscribe_url: str = ""
    """Where a mail program stops messages of this kind; empty for those that are needed."""
    language: str = ""
    logo: bytes = b""
    """The owner's logo as a PNG; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message that is not sent, because its reason is gone or nobody can get it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A message that cannot go this way to this person: another has to be found."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waits:
    """A message that would not be true now, and may be later."""

    until_ms: int
