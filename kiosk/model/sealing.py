"""Texts sealed under a key that lies outside the database, and found again without being opened.

AES-256-GCM (NIST SP 800-38D) with a random nonce, from the `cryptography` package. The context,
such as a table and its column, is bound to what is sealed: a value that is copied elsewhere does
not open. Several keys open, the newest seals: so a key is changed while nothing is lost.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.model.invariants import require

PREFIX: Final = "s1."
"""What each sealed text begins with: the version of this form."""
NAME_BYTES: Final = 4
NONCE_BYTES: Final = 12
INDEX_BYTES: Final = 16


class UnsealError(ValueError):
    """A text does not open: another key sealed it, it belongs elsewhere, or it was changed."""


class Sealing:
    """Seals and opens texts; the empty text stays empty."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Of these keys of random bytes the last one seals, and each opens what it sealed."""
        require(bool(keys), "sealing needs a key")
        self._ciphers = {_name(key): AESGCM(_derived(key, b"seal")) for key in keys}
        self._newest = _name(keys[-1])
        self._index_key = _derived(keys[-1], b"index")

    @property
    def name(self) -> str:
        """The newest key's name, which tells nothing of it."""
        return self._newest.hex()

    def seal(self, text: str, context: str) -> str:
        """The text as it may lie in the database."""
        if not text:
            return ""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, text.encode(), _bound(context))
        return PREFIX + base64.urlsafe_b64encode(self._newest + nonce + sealed).decode()

    def open(self, sealed: str, context: str) -> str:
        """The text that was sealed in this context. Raises `UnsealError`."""
        if not sealed:
            return ""
        name, nonce, kept = _parts(sealed)
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise UnsealError(f"{context}: it was sealed with another key")
        try:
            return cipher.decrypt(nonce, kept, _bound(context)).decode()
        except InvalidTag as error:
            raise UnsealError(f"{context}: it was changed, or belongs elsewhere") from error

    def is_newest(self, sealed: str) -> bool:
        """Whether a text is sealed, and with the newest key."""
        try:
            return not sealed or _parts(sealed)[0] == self._newest
        except UnsealError:
            return False

    def blind_index(self, text: str, context: str) -> str:
        """What a text is found by, always the same, from which nobody without the key learns it;
        nothing for the empty text. Upper and lower case are one."""
        if not text:
            return ""
        said = _bound(context) + b"\x00" + text.strip().casefold().encode()
        return hmac.digest(self._index_key, said, "sha256")[:INDEX_BYTES].hex()


def is_sealed(text: str) -> bool:
    """Whether a text has the form of a sealed one."""
    try:
        return bool(text) and bool(_parts(text))
    except UnsealError:
        return False


def _parts(sealed: str) -> tuple[bytes, bytes, bytes]:
    """The name of the key, the nonce, and what was sealed."""
    if not sealed.startswith(PREFIX):
        raise UnsealError("it is not sealed")
    try:
        whole = base64.b64decode(sealed.removeprefix(PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnsealError("it is cut or changed") from error
    start = NAME_BYTES + NONCE_BYTES
    if len(whole) <= start:
        raise UnsealError("it is cut")
    return whole[:NAME_BYTES], whole[NAME_BYTES:start], whole[start:]


def _bound(context: str) -> bytes:
    return context.encode()


def _derived(key: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"parcel sealing " + label).derive(key)


def _name(key: bytes) -> bytes:
    return _derived(key, b"name")[:NAME_BYTES]
