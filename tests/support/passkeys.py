"""A key that answers as a security stick does, by the bytes of WebAuthn; and as a wrong one."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

PRESENT, ATTESTED = 0x01, 0x40


@dataclass
class SoftKey:
    """One passkey, on the curve P-256."""

    secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    flags: int = PRESENT
    """What it says of whoever holds it; 0 is nobody."""

    def create(self, options: dict[str, Any], origin: str) -> str:
        """The answer to the options of a page that makes a passkey, as JSON."""
        numbers = self.secret.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        known = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        place = str(options["rp"]["id"])
        attested = {
            "fmt": "none",
            "attStmt": {},
            "authData": self._data(place, self.flags | ATTESTED) + known,
        }
        client = _client("webauthn.create", options["challenge"], origin)
        return self._answer(
            clientDataJSON=client, attestationObject=cbor2.dumps(attested), transports=["usb"]
        )

    def get(self, options: dict[str, Any], origin: str) -> str:
        """The answer to the options of a page that asks for a passkey, as JSON."""
        self.count += 1
        data = self._data(str(options["rpId"]), self.flags)
        client = _client("webauthn.get", options["challenge"], origin)
        signature = self.secret.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, place: str, flags: int) -> bytes:
        return sha256(place.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, **response: Any) -> str:
        name = bytes_to_base64url(self.id)
        texts = {
            key: bytes_to_base64url(value) if isinstance(value, bytes) else value
            for key, value in response.items()
        }
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": texts})


def _client(kind: str, challenge: str, origin: str) -> bytes:
    said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
    return json.dumps(said).encode()
