"""Personal fields and PIN hashes, sealed: a stolen database tells nobody's name, number or PIN.

The key is derived from the location's key, which lies outside the database. Sealing is Fernet
(AES-128-CBC with HMAC-SHA-256, https://github.com/fernet/spec), from the `cryptography` package.
"""

from __future__ import annotations

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken

from kiosk.store.errors import StoreError


class Sealer:
    """Seals and opens texts under a location's key; the empty text stays empty."""

    def __init__(self, location_key: bytes | None = None) -> None:
        """Without a key it seals nothing and opens nothing but empty texts."""
        self._fernet: Fernet | None = None
        if location_key is not None:
            derived = hmac.digest(location_key, b"parcel-kiosk sealed fields", "sha256")
            self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, text: str) -> str:
        """The text as it may lie in the database."""
        return self._tool().encrypt(text.encode()).decode() if text else ""

    def open(self, sealed: str) -> str:
        """The text that was sealed; a `StoreError` when it was sealed under another key."""
        if not sealed:
            return ""
        try:
            return self._tool().decrypt(sealed).decode()
        except InvalidToken as error:
            raise StoreError(
                "a sealed field does not open with this location key; bring the right key back"
            ) from error

    def is_sealed(self, text: str) -> bool:
        """Whether a text was sealed with this key."""
        try:
            return bool(self._tool().decrypt(text.encode()))
        except InvalidToken:
            return False

    def _tool(self) -> Fernet:
        if self._fernet is None:
            raise StoreError("the store was given no location key to seal personal fields with")
        return self._fernet
