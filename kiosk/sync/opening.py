"""A door opened remotely: only by the server's signature, fresh, and only a few times an hour."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiosk.model.clock import Instant
from kiosk.model.commands import Open
from kiosk.store.errors import RefusedError
from kiosk.sync.contract import OPENING_VALID_MS, opening_text


def require_signed(
    opening: Open,
    command_id: str,
    signature: str,
    location: str,
    public_keys: Sequence[str],
    now: Instant,
) -> None:
    """Refuse an opening that the server at which this kiosk enrolled has not signed just now.

    Raises `RefusedError`. Ed25519 (RFC 8032); what is signed names the location, the command, the
    slot and the moment.
    """
    signed_ms = opening.signed_ms
    if signed_ms is None:
        raise RefusedError("the opening does not say when it was signed")
    text = opening_text(location, command_id, opening.slot, signed_ms)
    if not any(_is_signed_with(key, signature, text) for key in public_keys):
        raise RefusedError("the opening is not signed by this kiosk's server")
    if not now.is_trusted:
        raise RefusedError("this kiosk does not know what time it is")
    late_s = (now.wall_ms - signed_ms) / 1000
    if abs(late_s) * 1000 > OPENING_VALID_MS:
        raise RefusedError(f"the opening was signed {late_s:.0f} s ago by this kiosk's clock")


def _is_signed_with(public_key: str, signature: str, text: bytes) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True
