"""When a ring opens the next, and when a rollout halts: rules of numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from central.rollouts.standing import IN_PROGRESS, Counts, Standing

CANARIES = "the canaries"


class Move(Enum):
    """What becomes of a rollout now."""

    NOTHING = auto()
    HALT = auto()
    ENOUGH = auto()
    """Enough of the ring is confirmed since now: it begins to soak."""
    NOT_ENOUGH = auto()
    """It was enough, and is no more: it soaks from the beginning, once it is."""
    NEXT = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of it, and why."""

    move: Move
    ring: int = 0
    why: str = ""


def ring_name(ring: int, percent: int) -> str:
    """What people call a ring."""
    return CANARIES if percent == 0 else f"ring {ring} ({percent} %)"


def judge(plan: Any, rings: Sequence[Any], counts: Mapping[int, Counts], now_ms: int) -> Verdict:
    """What becomes of a rollout. `plan` is its row, `rings` those of its rings in their order."""
    opened = [each for each in rings if each.opened_ms is not None]
    for each in opened:
        why = _too_many_failed(each, counts.get(each.ring, Counts({})))
        if why:
            return Verdict(Move.HALT, each.ring, why)
    if not opened or opened[-1].passed_ms is not None:
        return Verdict(Move.NOTHING)
    ring = opened[-1]
    found = counts.get(ring.ring, Counts({}))
    if not _is_enough(plan, ring, found):
        return _without_enough(plan, ring, found, now_ms)
    if ring.enough_ms is None:
        return Verdict(Move.ENOUGH, ring.ring)
    if now_ms - ring.enough_ms < plan.soak_s * 1000:
        return Verdict(Move.NOTHING)
    return Verdict(Move.DONE if ring.ring == rings[-1].ring else Move.NEXT, ring.ring)


def _too_many_failed(ring: Any, found: Counts) -> str:
    if found.failed * 1000 <= ring.failures_per_mille * found.counted:
        return ""
    allowed = f"{ring.failures_per_mille / 10:g} %" if ring.failures_per_mille else "none"
    name = ring_name(ring.ring, ring.percent)
    return f"{name}: {found.failed} of {found.counted} failed, and {allowed} may"


def _is_enough(plan: Any, ring: Any, found: Counts) -> bool:
    if found.counted == 0:
        # Nobody of this ring can be heard of. That is no evidence where it is the first one.
        return bool(ring.ring > 0 and found.of(Standing.WAITING) == 0)
    return bool(found.confirmed * 100 >= plan.enough_percent * found.counted)


def _without_enough(plan: Any, ring: Any, found: Counts, now_ms: int) -> Verdict:
    if ring.enough_ms is not None:
        return Verdict(Move.NOT_ENOUGH, ring.ring)
    is_early = now_ms < ring.opened_ms + (plan.jitter_s + plan.deadline_s) * 1000
    if is_early or found.of(*IN_PROGRESS):
        # Who came back late has a deadline of its own.
        return Verdict(Move.NOTHING)
    name = ring_name(ring.ring, ring.percent)
    why = (
        f"{name}: {found.confirmed} of {found.counted} are confirmed by the deadline, and"
        f" {plan.enough_percent} % are needed"
    )
    return Verdict(Move.HALT, ring.ring, why)
