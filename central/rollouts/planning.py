"""What a rollout is to be: its rings, who is in which, and what is refused of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from central.errors import wrong_field

CANARIES_MAX: Final = 3
PERCENTS: Final = (5, 25, 100)
"""How much of the network is asked once each ring behind the canaries is open."""
FAILURES_PER_MILLE: Final = 10
"""So many of a ring may fail, the canaries never."""
MILLION: Final = 1_000_000
BACK_JITTER_S: Final = 900
"""Going back is spread over no more than this."""
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Plan:
    """A rollout as somebody wants it."""

    release: str
    canaries: tuple[str, ...] = ()
    area: str = ""
    percents: tuple[int, ...] = PERCENTS
    failures_per_mille: int = FAILURES_PER_MILLE
    jitter_s: int = HOUR_S
    """Over how long the locations of a ring are asked."""
    soak_s: int = DAY_S
    """How long enough of a ring is to be confirmed before the next one opens."""
    deadline_s: int = 2 * DAY_S
    """By when something is to have come of it, while a kiosk is heard of: it switches at night."""
    enough_percent: int = 90


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring: `percent` 0 is that of the canaries."""

    ring: int
    percent: int
    failures_per_mille: int


@dataclass(frozen=True, slots=True)
class Member:
    """A location of a rollout."""

    location: str
    ring: int
    spread: int


def require_fit(plan: Plan) -> None:
    """Refuse a plan that is none. Raises `RequestError`, which names the field."""
    if not 1 <= len(plan.canaries) <= CANARIES_MAX:
        right = f"1 to {CANARIES_MAX} locations, chosen by hand"
        raise wrong_field("canaries", ", ".join(plan.canaries), right)
    if len(set(plan.canaries)) != len(plan.canaries):
        raise wrong_field("canaries", ", ".join(plan.canaries), "each location once")
    percents = list(plan.percents)
    if percents != sorted(set(percents)) or percents[-1:] != [100] or percents[0] < 1:
        right = "rising numbers of per cent that end with 100, as 5, 25, 100"
        raise wrong_field("rings", ", ".join(map(str, percents)), right)
    for field, value, least, most in (
        ("failures_per_mille", plan.failures_per_mille, 0, 1000),
        ("jitter_s", plan.jitter_s, 0, 7 * DAY_S),
        ("soak_s", plan.soak_s, 0, 30 * DAY_S),
        ("deadline_s", plan.deadline_s, DAY_S, 30 * DAY_S),
        ("enough_percent", plan.enough_percent, 1, 100),
    ):
        if not least <= value <= most:
            raise wrong_field(field, value, f"{least} to {most}")


def rings_of(plan: Plan) -> list[Ring]:
    """The canaries, then each part of the network."""
    behind = enumerate(plan.percents, 1)
    return [
        Ring(0, 0, 0),
        *(Ring(ring, percent, plan.failures_per_mille) for ring, percent in behind),
    ]


def members_of(plan: Plan, places: Sequence[str]) -> list[Member]:
    """Who is in which ring: the canaries as chosen, the others in the order of a hash of theirs,
    which is another one for each release, so that it is not always the same who go first."""
    found = [Member(each, 0, 0) for each in plan.canaries]
    others = sorted(set(places) - set(plan.canaries), key=lambda each: _hash(plan.release, each))
    for place, name in enumerate(others):
        ring = next(
            ring
            for ring, percent in enumerate(plan.percents, 1)
            if place * 100 < percent * len(others)
        )
        found.append(Member(name, ring, spread_of(plan.release, name)))
    return found


def late_member(release: str, percents: Sequence[int], name: str) -> Member:
    """Who came when the rollout had begun. `percents` are those of its rings, in their order."""
    at = _hash(release, name) / 2**64 * 100
    ring = next((ring for ring, percent in enumerate(percents) if at < percent), len(percents) - 1)
    return Member(name, ring, spread_of(release, name))


def spread_of(release: str, name: str) -> int:
    """When within a ring's jitter a location is asked, in millionths."""
    return _hash(f"spread {release}", name) % MILLION


def number_of(release: str) -> tuple[int, ...]:
    """By which releases are older and newer."""
    return tuple(int(part) for part in release.split("."))


def _hash(salt: str, name: str) -> int:
    return int.from_bytes(sha256(f"{salt}|{name}".encode()).digest()[:8])
