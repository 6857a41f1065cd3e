"""The link with which a courier takes a receipt along: to the server's page of one visit.

It names where the visit began in the journal, and is proven with the location's key, which the
kiosk and its server have. So the kiosk makes it without a network, nobody else can, and the page is
there as soon as the journal is. No name, code or number of a package or a person is in it.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Final

from kiosk.model.invariants import require
from kiosk.model.urls import path

PAGE: Final = "receipt"
PROOF_BYTES: Final = 16


def receipt_link(url: str, location_key: bytes, location: str, epoch: str, seq: int) -> str:
    """The link to the receipt of the visit that began with this event, at a server that people
    reach under `url`."""
    shown = proof(location_key, location, epoch, seq)
    return f"{url}{path(PAGE, location, epoch, seq, shown)}"


def proof(location_key: bytes, location: str, epoch: str, seq: int) -> str:
    """What only who has the location's key can say of a visit."""
    require(len(location_key) >= 32, "a location key has at least 32 bytes")
    said = f"parcel-kiosk receipt\n{location}\n{epoch}\n{seq}"
    digest = hmac.digest(location_key, said.encode(), sha256)
    return base64.urlsafe_b64encode(digest[:PROOF_BYTES]).decode().rstrip("=")


def is_proven(shown: str, location_key: bytes, location: str, epoch: str, seq: int) -> bool:
    """Whether a link's proof is of this visit."""
    right = proof(location_key, location, epoch, seq)
    return hmac.compare_digest(shown.encode(), right.encode())
