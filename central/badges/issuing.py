"""A badge is made: checked, signed with the carrier's key that lies here, and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, literal, select

from central import schema
from central.adapters import RNG
from central.badges import keys
from central.carriers import places
from central.carriers.carriers import require_known
from central.context import Central, audit
from central.errors import RequestError, not_found
from central.simulated import IS_SANDBOX
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.signed_badge import (
    ID_BYTES,
    VALID_DAYS_MAX,
    SignedBadge,
    UnfitBadgeError,
    sign,
)

USUAL_MS = 7 * DAY_MS
EARLY_MS = 10 * 60_000
"""By how much it begins before it is asked for, where nothing else is wanted: kiosks' clocks are
not all alike."""
AHEAD_DAYS_MAX = 31
"""So far ahead a badge may begin: what is revoked stays so until each that was made has ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a badge is to say."""

    carrier: str
    pseudonym: str
    from_ms: int | None = None
    """None: from now on."""
    until_ms: int | None = None
    """None: for as long as usual."""
    locations: Sequence[str] = ()
    regions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """A badge, and its text."""

    badge: SignedBadge
    text: str


def issue(connection: Connection, central: Central, by: str, wanted: Wanted) -> Issued:
    """Make a badge. Raises `RequestError`."""
    now_ms = central.clock.now_ms()
    require_known(connection, wanted.carrier)
    key, key_until_ms = keys.signer(connection, central, wanted.carrier, now_ms)
    from_ms, until_ms = _times(wanted, now_ms, key_until_ms)
    badge = SignedBadge(
        wanted.carrier,
        wanted.pseudonym.strip(),
        RNG.randbytes(ID_BYTES).hex(),
        from_ms // 1000,
        until_ms // 1000,
        _known(connection, wanted.carrier, wanted.locations),
        tuple(sorted(set(wanted.regions))),
    )
    try:
        text = sign(badge, key)
    except UnfitBadgeError as error:
        raise RequestError(422, "invalid", str(error)) from error
    subject = f"{badge.carrier}:{badge.pseudonym}"
    audit(connection, now_ms, by, "badge.issue", subject, badge=badge.id, until_ms=until_ms)
    return Issued(badge, text)


def _times(wanted: Wanted, now_ms: int, key_until_ms: int | None) -> tuple[int, int]:
    """From when to when it is valid. Raises `RequestError`."""
    longest_ms, from_ms, until_ms = VALID_DAYS_MAX * DAY_MS, wanted.from_ms, wanted.until_ms
    if from_ms is None:
        is_longest = until_ms is not None and until_ms - now_ms > longest_ms - EARLY_MS
        from_ms = now_ms if is_longest else now_ms - EARLY_MS
    if until_ms is None:
        until_ms = max(from_ms, now_ms) + USUAL_MS
    if wanted.until_ms is None and key_until_ms is not None:
        until_ms = min(until_ms, key_until_ms)
    if until_ms <= max(from_ms, now_ms):
        raise RequestError(422, "invalid", "valid_until_ms: it is over by then; later is right")
    if until_ms - from_ms > longest_ms:
        raise RequestError(
            422, "invalid", f"valid_until_ms: a badge is valid for {VALID_DAYS_MAX} days at most"
        )
    if from_ms > now_ms + AHEAD_DAYS_MAX * DAY_MS or from_ms < now_ms - 24 * HOUR_MS:
        raise RequestError(
            422,
            "invalid",
            f"valid_from_ms: a badge begins within {AHEAD_DAYS_MAX} days, or did within one",
        )
    if key_until_ms is not None and until_ms > key_until_ms:
        raise RequestError(
            422, "invalid", "valid_until_ms: the carrier's key ends before that; sooner is right"
        )
    return from_ms, until_ms


def _known(connection: Connection, carrier: str, locations: Sequence[str]) -> tuple[str, ...]:
    """The locations of a badge, each once; where its carrier does not work there is none."""
    wanted = sorted(set(locations))
    table = schema.location
    real = select(table.c.id).where(table.c.id.in_(wanted), ~IS_SANDBOX)
    if places.is_limited(connection, carrier):
        real = real.where(places.works_at(literal(carrier)))
    known = set(connection.execute(real).scalars())
    for each in wanted:
        if each not in known:
            raise not_found("location", each)
    return tuple(wanted)
