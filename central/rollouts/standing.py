"""How far each location of a rollout is: one expression, of what its kiosk has reported.

Nothing of it is kept. A release runs somewhere when the program there says that it is this version
and its keeper says that it has proven itself; that it was asked for is no evidence. Whatever
has come to no end by its deadline has come to none: no location stays under way for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, func, or_, select

from central import schema
from central.areas.visible import NETWORK, Reach, visible_to
from central.rollouts.tables import rollout, rollout_hold, rollout_location
from kiosk.model.commands import ReleaseOutcome


class Standing(StrEnum):
    """How far a location is."""

    WAITING = "WAITING"
    """Its ring is not open, or its turn has not come."""
    ASKED = "ASKED"
    FETCHED = "FETCHED"
    TRYING = "TRYING"
    """The release runs there, and has yet to prove itself."""
    CONFIRMED = "CONFIRMED"
    """The kiosk reports that the release runs and has proven itself."""
    UNWELL = "UNWELL"
    """The same, and that something there does not work."""
    SILENT = "SILENT"
    """The kiosk has taken the command, or runs the release, and is not heard of now."""
    AWAY = "AWAY"
    """The kiosk was not heard of since it was asked."""
    WENT_BACK = "WENT_BACK"
    REFUSED = "REFUSED"
    LOST = "LOST"
    """It tried the release, and was not heard of again."""
    OVERDUE = "OVERDUE"
    """It is heard of, and nothing came of it in time."""
    UNABLE = "UNABLE"
    """It cannot be asked: nobody keeps releases there, or none is made for such a machine."""
    HELD = "HELD"
    GONE = "GONE"
    """It is out of service, or its kiosk is not enrolled."""


IN_PROGRESS: Final = frozenset(
    {Standing.WAITING, Standing.ASKED, Standing.FETCHED, Standing.TRYING}
)
FAILED: Final = frozenset({Standing.WENT_BACK, Standing.REFUSED, Standing.LOST, Standing.OVERDUE})
NOT_COUNTED: Final = frozenset({Standing.AWAY, Standing.UNABLE, Standing.HELD, Standing.GONE})
"""Of whom nothing can be heard of this release: they hold nothing up, and are never done."""
GOOD: Final = "good"
TRIAL: Final = "trial"
"""As a keeper says what runs (`kiosk.sync.contract.ReleaseStatus`)."""

_MEMBER, _PLACE, _COMMAND = rollout_location, schema.location, schema.command


def joined() -> FromClause:
    """The locations of rollouts, with all that says how far they are."""
    is_held = rollout_hold.c.location == _MEMBER.c.location
    is_its_command = and_(_MEMBER.c.command != "", _COMMAND.c.id == _MEMBER.c.command)
    return (
        _MEMBER.join(rollout, rollout.c.id == _MEMBER.c.rollout)
        .join(_PLACE, _PLACE.c.id == _MEMBER.c.location)
        .outerjoin(_COMMAND, is_its_command)
        .outerjoin(rollout_hold, is_held)
    )


def standing(silent_before_ms: int, now_ms: int) -> ColumnElement[str]:
    """How far a location is, over `joined`; `silent_before_ms`: who was not heard of since then is
    not heard of now."""
    is_silent = or_(_PLACE.c.last_sync_ms.is_(None), _PLACE.c.last_sync_ms < silent_before_ms)
    is_over = _MEMBER.c.until_ms <= now_ms
    # An answered command is deleted when it is old.
    was_reached = or_(_COMMAND.c.id.is_(None), _COMMAND.c.sent_ms.is_not(None))
    return case(
        (_MEMBER.c.settled != "", _MEMBER.c.settled),
        (or_(_PLACE.c.retired_ms.is_not(None), _PLACE.c.token_hash == ""), Standing.GONE.value),
        (runs(), _of_running(is_silent)),
        (rollout_hold.c.location.is_not(None), Standing.HELD.value),
        (~is_asked() & (_MEMBER.c.why_not != ""), Standing.UNABLE.value),
        (~is_asked(), Standing.WAITING.value),
        (_went_back(), Standing.WENT_BACK.value),
        (_says(ReleaseOutcome.REFUSED), Standing.REFUSED.value),
        (is_silent & is_tried() & is_over, Standing.LOST.value),
        (is_silent & was_reached, Standing.SILENT.value),
        (is_silent, Standing.AWAY.value),
        (is_over, Standing.OVERDUE.value),
        (is_tried(), Standing.TRYING.value),
        (_says(ReleaseOutcome.FETCHED), Standing.FETCHED.value),
        else_=Standing.ASKED.value,
    )


def is_asked() -> ColumnElement[bool]:
    """Whether a location was asked to run the release."""
    return _MEMBER.c.asked_ms.is_not(None)


def runs() -> ColumnElement[bool]:
    """Whether a kiosk reported, after it was asked, that the release runs and is good. One that was
    asked to stay after all may have begun before it heard that."""
    is_since = or_(_PLACE.c.last_sync_ms >= _MEMBER.c.asked_ms, _MEMBER.c.was_seen.is_(True))
    is_good = and_(_PLACE.c.version == rollout.c.release, _PLACE.c.release_state == GOOD)
    return and_(is_good, is_since)


def is_tried() -> ColumnElement[bool]:
    """Whether the release runs on trial, as far as was heard."""
    on_trial = and_(_PLACE.c.version == rollout.c.release, _PLACE.c.release_state == TRIAL)
    return or_(on_trial, _says(ReleaseOutcome.TRYING))


def _of_running(is_silent: ColumnElement[bool]) -> ColumnElement[str]:
    is_unwell = func.coalesce(_PLACE.c.is_well, True).is_(False)
    return case(
        (is_silent, Standing.SILENT.value),
        (is_unwell, Standing.UNWELL.value),
        else_=Standing.CONFIRMED.value,
    )


def _went_back() -> ColumnElement[bool]:
    return or_(_says(ReleaseOutcome.WENT_BACK), _PLACE.c.went_back == rollout.c.release)


def _says(outcome: ReleaseOutcome) -> ColumnElement[bool]:
    """Whether this is the last that a kiosk reported of the command."""
    return func.coalesce(_COMMAND.c.state, "") == outcome.value


@dataclass(frozen=True, slots=True)
class Counts:
    """How many locations are how far."""

    by: Mapping[Standing, int]
    accepted: int = 0
    """Of the failed ones those that somebody has looked at."""

    def of(self, *standings: Standing) -> int:
        """How many are as far as one of these."""
        return sum(self.by.get(each, 0) for each in standings)

    @property
    def all(self) -> int:
        return sum(self.by.values())

    @property
    def confirmed(self) -> int:
        return self.of(Standing.CONFIRMED)

    @property
    def failed(self) -> int:
        """Those that failed and that nobody has accepted."""
        return self.of(*FAILED) - self.accepted

    @property
    def counted(self) -> int:
        """Those of which something can be heard."""
        return self.all - self.of(*NOT_COUNTED) - self.accepted


def counts(
    connection: Connection,
    name: str,
    silent_before_ms: int,
    now_ms: int,
    reach: Reach = NETWORK,
) -> dict[int, Counts]:
    """How far the locations of a rollout are, by ring; of those that somebody may see."""
    how = standing(silent_before_ms, now_ms).label("how")
    inner = (
        select(_MEMBER.c.ring, how, _MEMBER.c.is_accepted)
        .select_from(joined())
        .where(_MEMBER.c.rollout == name, visible_to(reach, _MEMBER.c.location))
        .subquery()
    )
    accepted = func.count().filter(inner.c.is_accepted.is_(True))
    query = select(inner.c.ring, inner.c.how, func.count(), accepted)
    by_ring: dict[int, dict[Standing, int]] = {}
    seen: dict[int, int] = {}
    for ring, word, count, looked_at in connection.execute(
        query.group_by(inner.c.ring, inner.c.how)
    ):
        state = Standing(word)
        by_ring.setdefault(ring, {})[state] = count
        seen[ring] = seen.get(ring, 0) + (looked_at if state in FAILED else 0)
    return {ring: Counts(by, seen[ring]) for ring, by in by_ring.items()}


def members(name: str, silent_before_ms: int, now_ms: int, *columns: Any) -> Any:
    """A query of the locations of a rollout, each with how far it is, as `standing`."""
    how = standing(silent_before_ms, now_ms).label("standing")
    return select(*columns, how).select_from(joined()).where(_MEMBER.c.rollout == name)
