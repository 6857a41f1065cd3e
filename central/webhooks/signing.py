"""How a webhook is signed, after *Standard Webhooks*: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`).

A receiver has one secret for each. While they are changed the ones before sign as well, so that
nothing is refused whichever of them a carrier's system knows at that moment.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from central.adapters import RNG

SECRET_PREFIX: Final = "whsec_"
PUBLIC_PREFIX: Final = "whpk_"
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs for a receiver, until when; None: until it is changed."""

    key: str
    """Of the HMAC, in base64."""
    seed: str
    """Of the Ed25519 key, in base64."""
    until_ms: int | None = None

    @property
    def shown(self) -> str:
        """What the receiver is given, once."""
        return SECRET_PREFIX + self.key

    @property
    def public_key(self) -> str:
        """With which a receiver verifies without a secret."""
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return PUBLIC_PREFIX + b64encode(public).decode()

    @property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(b64decode(self.seed))

    def signatures(self, content: bytes) -> list[str]:
        """Of what is sent, one of each kind."""
        mac = hmac.digest(b64decode(self.key), content, "sha256")
        signature = self._private.sign(content)
        return [f"v1,{b64encode(mac).decode()}", f"v1a,{b64encode(signature).decode()}"]


def new_secret() -> Secret:
    """One that nobody knows."""
    return Secret(_random(), _random())


def _random() -> str:
    return b64encode(RNG.randbytes(SECRET_BYTES)).decode()


def read_secrets(text: str) -> list[Secret]:
    """The secrets as they are kept, the newest first."""
    return [Secret(**each) for each in json.loads(text)]


def kept_text(secrets: Sequence[Secret]) -> str:
    """The text that they are kept as."""
    return json.dumps([asdict(each) for each in secrets])


def in_use(secrets: Sequence[Secret], now_ms: int) -> list[Secret]:
    """Those that sign at this moment."""
    return [each for each in secrets if each.until_ms is None or now_ms < each.until_ms]


def rotated(secrets: Sequence[Secret], until_ms: int) -> list[Secret]:
    """A new secret before the newest, which signs until then; older ones no more."""
    before = secrets[0]
    return [new_secret(), Secret(before.key, before.seed, until_ms)]


def headers(secrets: Sequence[Secret], id_: str, at_s: int, payload: bytes) -> dict[str, str]:
    """The headers of one try: the id is the same on each, the time is that of the try."""
    content = f"{id_}.{at_s}.".encode() + payload
    signed = [each for secret in secrets for each in secret.signatures(content)]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signed),
    }
