"""What a courier without a list costs: badges checked in a second, and a kiosk that is offline
decides about a hundred thousand of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiosk.model.clock import DAY_MS, Instant
from kiosk.model.signed_badge import BadgeError, SignedBadge, Why, read, sign
from kiosk.store import badges
from kiosk.store.badges import CarrierAccess, KnownKey, Revocation
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from tests.bench.figures import Figures, milliseconds, percentile, timed

NOW_MS = 1_800_000_000_000
LOCATION = "market"
KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
OTHERS_KEY = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
REVOKED = 500
"""As many as a carrier may have revoked."""
BEFORE_MS, AFTER_MS = NOW_MS - DAY_MS, NOW_MS + DAY_MS


class StandingClock:
    """The network is down, and the clock is right."""

    def now(self) -> Instant:
        return Instant(NOW_MS, 1, "bench", True)

    def confirm(self) -> None:
        """It is."""


def _badge(number: int, key: Ed25519PrivateKey = KEY, **change: object) -> str:
    usual: dict[str, object] = {
        "carrier": "swift",
        "pseudonym": f"c-{number}",
        "id": f"{number:016x}",
        "from_s": BEFORE_MS // 1000,
        "until_s": AFTER_MS // 1000,
        "locations": (),
        "regions": ("south",),
    }
    return sign(SignedBadge(**{**usual, **change}), key)  # type: ignore[arg-type]


def _forged(number: int) -> str:
    text = _badge(number)
    return text[:-2] + ("AA" if text[-2:] != "AA" else "BA")


MADE: tuple[tuple[Callable[[int], str], Why | None], ...] = (
    (_badge, None),
    (partial(_badge, until_s=NOW_MS // 1000), Why.ENDED),
    (partial(_badge, from_s=NOW_MS // 1000 + 1), Why.NOT_YET),
    (partial(_badge, regions=("north",)), Why.ELSEWHERE),
    (partial(_badge, key=OTHERS_KEY), Why.UNKNOWN_KEY),
    (_forged, Why.FORGED),
)
"""What couriers hold before the scanner in turn, and what is right to say."""


def checks(folder: Path, couriers: int) -> Figures:
    """`badge_check_ms`, `badge_checks_per_s`, `badge_check_vs_verify` and `badges_decided`.

    So many couriers each scan a badge of their own at one kiosk, whose server is away: of six one
    is good, the others are wrong in a way each, and one in a hundred is revoked. A check is all
    that a scan costs but the screen: the text is read, looked up in the kiosk's database, verified
    and judged, from the calling thread into the store's and back. The ratio is to one bare Ed25519
    verification of a good badge's signature, measured between the checks; `wrong` is how many were
    decided otherwise than is right, and `rows` how many the kiosk then keeps.
    """
    store = Store(folder / "badges.db", StandingClock(), Random(1))
    try:
        store.use_key(bytes(32))
        store.submit(badges.take, _known(couriers)).result()
        check_s, verify_s, wrong = list[float](), list[float](), 0
        for number in range(couriers):
            make, expected = MADE[number % len(MADE)]
            if expected is None and number in _revoked(couriers):
                expected = Why.REVOKED
            text = make(number)
            said, took_s = timed(_decide, store, text)
            check_s.append(took_s)
            wrong += said is not expected
            if number % 10 == 0:
                verify_s.append(_verified(number))
        rows = store.submit(_rows).result()
    finally:
        store.close()
    p50 = percentile(check_s, 50)
    return {
        "badge_check_ms": milliseconds(check_s),
        "badge_checks_per_s": round(len(check_s) / sum(check_s)),
        "badge_check_vs_verify": round(p50 / percentile(verify_s, 50), 2),
        "badges_decided": {"couriers": couriers, "wrong": wrong, "rows": rows},
    }


def _revoked(couriers: int) -> range:
    step = max(len(MADE), couriers // REVOKED // len(MADE) * len(MADE))
    return range(0, couriers, step)[:REVOKED]


def _known(couriers: int) -> CarrierAccess:
    revoked = [Revocation("swift", "", f"c-{each}", AFTER_MS) for each in _revoked(couriers)]
    keys = [KnownKey("swift", KEY.public_key().public_bytes_raw())]
    return CarrierAccess(("south",), keys, revoked)


def _decide(store: Store, text: str) -> Why | None:
    try:
        store.submit(badges.admitted, read(text), LOCATION).result()
    except BadgeError as error:
        return error.why
    return None


def _verified(number: int) -> float:
    scanned = read(_badge(number))
    public_key = Ed25519PublicKey.from_public_bytes(KEY.public_key().public_bytes_raw())
    message = b"parcel-kiosk badge 1\n" + scanned.body
    return timed(public_key.verify, scanned.signature, message)[1]


def _rows(writer: Writer) -> int:
    tables = ("staff", "carrier_key", "revoked_badge", "bucket", "sign_in_try", "journal")
    counts: Counter[str] = Counter()
    for table in tables:
        row = writer.one(f"SELECT count(*) AS n FROM {table}")
        counts[table] = row["n"] if row is not None else 0
    return sum(counts.values())
