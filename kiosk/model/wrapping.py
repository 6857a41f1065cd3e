"""The location's key on its way to the server: wrapped to the server's own key, and to no other.

HPKE (RFC 9180) of the `cryptography` package, with X25519, HKDF-SHA256 and ChaCha20-Poly1305. Which
key is the server's, the text of the enrolment token pins: behind its point stands a hash of the
server's two public keys.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
PIN_BYTES = 16


class NotWrappedError(ValueError):
    """A key that was not wrapped for this server, this location and this token."""


def pin(public_key: str, wrapping_key: str) -> str:
    """What a token says of the server's two public keys, which are in hexadecimal."""
    digest = sha256(f"parcel-kiosk server keys\n{public_key}\n{wrapping_key}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:PIN_BYTES]).decode().rstrip("=")


def is_pinned(token: str, public_key: str, wrapping_key: str) -> bool:
    """Whether these are the keys that a token's text pins; also where it pins none."""
    pinned = pin_of(token)
    return not pinned or hmac.compare_digest(pinned, pin(public_key, wrapping_key))


def bare(token: str) -> str:
    """A token without what its text pins."""
    return token.partition(".")[0]


def pin_of(token: str) -> str:
    """What a token's text pins; "" where it pins nothing."""
    return token.partition(".")[2]


def wrap(key: bytes, wrapping_key: str, location: str, token: str) -> str:
    """The location's key for this server alone, in hexadecimal. Raises `ValueError` for what is no
    public key."""
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(wrapping_key))
    return SUITE.encrypt(key, public, _info(location, token)).hex()


def unwrap(wrapped: str, key: X25519PrivateKey, location: str, token: str) -> bytes:
    """The location's key. Raises `NotWrappedError`."""
    try:
        return SUITE.decrypt(bytes.fromhex(wrapped), key, _info(location, token))
    except (InvalidTag, ValueError) as error:
        raise NotWrappedError("the location's key is not wrapped for this server") from error


def _info(location: str, token: str) -> bytes:
    return f"parcel-kiosk location key\n{location}\n{bare(token)}".encode()
