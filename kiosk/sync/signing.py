"""Whether a command is the server's: each is signed with the key that the enrolment pinned.

A kiosk whose server did not sign its commands when it enrolled takes unsigned ones until it has
seen the first signed one, and then never again. What is not proven is answered, and moves nothing
on: neither the kiosk's place in the row of commands nor what it knows of an opening.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import JsonValue

from kiosk.model.clock import DAY_MS, Instant
from kiosk.store.commands import Received
from kiosk.sync.contract import command_text

SIGNED_VALID_MS = DAY_MS
"""A command is signed when it is sent: an older one was kept by somebody, and comes again."""


def proven_by(sent: JsonValue, location: str, keys: Sequence[str]) -> str | None:
    """The key, in hexadecimal, that signed a command; None where it is not signed, and "" where
    its signature is none of these keys'."""
    fields = sent if isinstance(sent, Mapping) else {}
    signature, signed_ms = fields.get("whole_signature"), fields.get("signed_ms")
    if not signature and signed_ms is None:
        return None
    try:
        named = (location, fields["n"], fields["id"], fields["type"], fields.get("body", {}))
        text = command_text(*named, signed_ms)
    except (KeyError, ValueError, TypeError, RecursionError):
        return ""
    return signed_by(text, str(signature), keys) or ""


def signed_by(text: bytes, signature: str, keys: Sequence[str]) -> str | None:
    """The key, in hexadecimal, that signed a text; None where it is none of these."""
    for key in keys:
        try:
            raw = bytes.fromhex(signature)
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(raw, text)
        except (InvalidSignature, ValueError):
            continue
        return key
    return None


def too_old(sent: JsonValue, now: Instant) -> str:
    """Why a command that is proven came too late; "" when it did not, or nobody knows the time."""
    fields = sent if isinstance(sent, Mapping) else {}
    signed_ms = fields.get("signed_ms")
    if not now.is_trusted or not isinstance(signed_ms, int):
        return ""
    late_ms = now.wall_ms - signed_ms
    if abs(late_ms) <= SIGNED_VALID_MS:
        return ""
    return f"it was signed {late_ms / 3_600_000:.1f} h ago by this kiosk's clock: it comes again"


def unproven(received: Received, sent: JsonValue, why: str) -> Received:
    """A command that nobody knows to be the server's: it is answered, once, and no more."""
    fields = sent if isinstance(sent, Mapping) else {"sent": sent}
    said = {name: fields[name] for name in ("n", "id", "type", "body", "sent") if name in fields}
    digest = sha256(repr(said).encode("utf-8", "replace")).hexdigest()
    return replace(received, n=0, command=None, problem=why, digest=digest)
