"""The badges that couriers who are on no list hold before the scanner: good ones, and all others.

Each badge has a pseudonym of its own, under which it stands here when it is good, and whether it
ever may open a session: the audit asks here, and not the kiosk's own rule.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.model.clock import HOUR_MS, Instant
from kiosk.model.signed_badge import SignedBadge, sign
from kiosk.model.site_code import code_of_day, local_day, typed
from kiosk.store import badges
from kiosk.store.badges import CarrierAccess, KnownKey, Revocation
from tests.sim.site import CARRIERS, LOCATION, LOCATION_KEY, Site

REGION = "south"
KINDS = (
    "good",
    "good",
    "good",
    "good",
    "ended",
    "early",
    "elsewhere",
    "key of another carrier",
    "unknown carrier",
    "forged",
    "cut",
    "revoked",
)
REVOKED_MAX = 20


def key_of(name: str) -> Ed25519PrivateKey:
    """A carrier's key, the same for the same name."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


KEYS = {carrier: key_of(carrier) for carrier in (*CARRIERS.values(), "green")}
"""Of the carriers that the kiosk knows, and of one that it does not."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What of a badge is so."""

    text: str
    from_ms: int
    until_ms: int
    is_sound: bool
    """Whether it may open a session in its time."""


class Wallet:
    """All badges that there are at one site."""

    def __init__(self, site: Site, rng: random.Random) -> None:
        self._site, self._rng = site, rng
        self.issued: dict[str, Truth] = {}
        """By pseudonym."""
        self.typed: set[str] = set()
        """The codes of the day, right or wrong, that were typed."""
        self._revoked: list[Revocation] = []

    def sync(self) -> None:
        """The kiosk hears from its server."""
        known = CarrierAccess(
            (REGION,),
            [KnownKey(carrier, _public(KEYS[carrier])) for carrier in CARRIERS.values()],
            tuple(self._revoked),
            tuple(CARRIERS.values()),
        )
        self._site.store.peek(badges.take, known)

    def badge(self, carrier: str) -> str:
        """What a courier of this carrier holds before the scanner."""
        rng = self._rng
        kind, now_s = rng.choice(KINDS), self._site.clock.now().wall_ms // 1000
        pseudonym = f"c-{len(self.issued)}"
        says = SignedBadge(
            carrier,
            pseudonym,
            f"{rng.getrandbits(64):016x}",
            now_s - rng.randrange(1, 86_400),
            now_s + rng.randrange(1, 2 * 86_400),
            *rng.choice((((), ()), ((LOCATION.id,), ()), (("other",), (REGION,)))),
        )
        key = KEYS[carrier]
        match kind:
            case "ended":
                says = replace(says, until_s=now_s - rng.randrange(3600))
                says = replace(says, from_s=says.until_s - 3600)
            case "early":
                says = replace(says, from_s=now_s + rng.randrange(1, 3600))
                says = replace(says, until_s=says.from_s + 3600)
            case "elsewhere":
                says = replace(says, locations=("other",), regions=("north",))
            case "key of another carrier":
                key = KEYS[next(each for each in CARRIERS.values() if each != carrier)]
            case "unknown carrier":
                says, key = replace(says, carrier="green"), KEYS["green"]
            case "revoked":
                self._revoke(says)
        text = sign(says, key)
        if kind == "forged":
            at = rng.randrange(10, len(text))
            text = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        elif kind == "cut":
            text = text[: rng.randrange(6, len(text))]
        is_sound = kind in ("good", "ended", "early")
        self.issued[pseudonym] = Truth(text, says.from_s * 1000, says.until_s * 1000, is_sound)
        return text + rng.choice(("", "\r\n"))

    def _revoke(self, says: SignedBadge) -> None:
        """The carrier revokes it before it is scanned, and the kiosk has heard of it."""
        is_courier = self._rng.random() < 0.5
        named = ("", says.pseudonym) if is_courier else (says.id, "")
        self._revoked.append(Revocation(says.carrier, *named, says.until_s * 1000))
        self._revoked = self._revoked[-REVOKED_MAX:]
        self.sync()

    def is_good(self, pseudonym: str, at: Instant) -> bool:
        """Whether the badge under this pseudonym may open a session at a moment."""
        truth = self.issued.get(pseudonym)
        if truth is None or not truth.is_sound or not at.is_trusted:
            return False
        return truth.from_ms <= at.wall_ms < truth.until_ms

    def code(self, carrier: str, at: Instant, days: int = 0) -> str:
        """What a carrier's couriers type, on this day or some days from it."""
        day = local_day(at.wall_ms, LOCATION.time_zone) + timedelta(days=days)
        code = code_of_day(LOCATION_KEY, LOCATION.id, carrier, day, LOCATION.time_zone)
        return typed(code.digits, 2)

    def typed_code(self, carrier: str) -> str:
        """What a courier of this carrier types: mostly today's code."""
        days = self._rng.choice((0, 0, 0, -1, -2, 1))
        text = self.code(carrier, self._site.clock.now(), days)
        self.typed.add(text)
        return text

    def good_codes(self, carrier: str, at: Instant) -> set[str]:
        """The codes that count at a moment: of the day, and of the one before while it is early."""
        if not at.is_trusted:
            return set()
        earlier = replace(at, wall_ms=at.wall_ms - 4 * HOUR_MS)
        return {self.code(carrier, at), self.code(carrier, earlier)}


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
