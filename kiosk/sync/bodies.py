"""The bodies of messages, bounded before anything reads them: what the other side sends may be
small on the wire and huge in memory (a gzip bomb, a million empty lists).

Both ends of the sync use it. A kiosk never sends more than these bounds allow
(`kiosk.sync.client`), and a server's answer stays below them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

BODY_MAX_BYTES: Final = 1024 * 1024
"""Of a message on the wire, packed or not."""
TEXT_MAX_BYTES: Final = 4 * 1024 * 1024
"""Of its text."""
PARTS_MAX: Final = 300_000
"""Of lists, objects and the parts in them, however deep: each costs memory when it is read."""

EVENTS_TEXT_MAX: Final = 1024 * 1024
"""Of the bodies of all events of one message, in characters: each is escaped once more in it, and
what is left is for all else."""
EVENTS_PARTS_MAX: Final = 200_000


class BodyError(Exception):
    """A body that is not read; the message says which bound it breaks or what is wrong with it."""


class BodyTooLargeError(BodyError):
    """A body beyond a bound."""


def text_of(body: bytes, encoding: str) -> bytes:
    """The JSON text of a body that came with this `Content-Encoding`.

    Raises `BodyTooLargeError` beyond a bound and `BodyError` for what is no gzip (RFC 1952) or
    another encoding.
    """
    if len(body) > BODY_MAX_BYTES:
        raise BodyTooLargeError(f"a message has at most {BODY_MAX_BYTES} bytes")
    if encoding in ("", "identity"):
        text = body
    elif encoding == "gzip":
        text = _unpacked(body)
    else:
        raise BodyError(f"content-encoding {encoding[:40]!r} is not known: send gzip, or none")
    parts = sum(text.count(sign) for sign in (b",", b"[", b"{"))
    if parts > PARTS_MAX:
        raise BodyTooLargeError(f"a message has at most {PARTS_MAX} parts, this one has {parts}")
    return text


def _unpacked(body: bytes) -> bytes:
    """What was packed, never more of it than may come."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpacker.decompress(body, TEXT_MAX_BYTES)
    except zlib.error as error:
        raise BodyError(f"the body is not valid gzip: {error}") from error
    if unpacker.unconsumed_tail:
        raise BodyTooLargeError(f"an unpacked message has at most {TEXT_MAX_BYTES} bytes")
    if not unpacker.eof:
        raise BodyError("the body is not valid gzip: it ends too early")
    return text


def how_many_fit(bodies: Iterable[str]) -> int:
    """How many events with these bodies one message takes, at least one."""
    count = size = parts = 0
    for body in bodies:
        size += len(body)
        parts += sum(body.count(sign) for sign in ",[{") + 12  # the fields around the body
        if count and (size > EVENTS_TEXT_MAX or parts > EVENTS_PARTS_MAX):
            break
        count += 1
    return count
