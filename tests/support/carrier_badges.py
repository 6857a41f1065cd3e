"""A carrier's key and the badges that it signs, and what a kiosk knows of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.model.signed_badge import SignedBadge, sign
from kiosk.store.badges import CarrierAccess, KnownKey

CARRIER, OTHER_CARRIER = "swift", "tortoise"
BADGE_ID = "00112233445566ff"


def key_of(name: str) -> Ed25519PrivateKey:
    """A key that is the same for the same name."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")[:32])


def public_of(name: str) -> bytes:
    """What the badges that it signs are checked with."""
    return key_of(name).public_key().public_bytes_raw()


def badge_at(now_ms: int, *, key: str = CARRIER, **change: Any) -> str:
    """The text of a badge that is valid at this moment, an hour before and an hour after, unless
    it is to say something else."""
    now_s = now_ms // 1000
    usual = SignedBadge(CARRIER, "c-48213", BADGE_ID, now_s - 3600, now_s + 3600)
    return sign(replace(usual, **change), key_of(key))


def access(*carriers: str, **change: Any) -> CarrierAccess:
    """What a kiosk knows where these carriers have one key each."""
    keys = tuple(KnownKey(carrier, public_of(carrier)) for carrier in carriers or (CARRIER,))
    return replace(CarrierAccess(keys=keys), **change)
