"""Whether a package can be fetched now, and if not, why: the one place that says it.

While it cannot, its hold stands still, reminders wait, and nobody hears that it expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, null, or_, select

from central import schema
from central.outages.tables import package_outage
from central.settings import Settings
from kiosk.model.location import SHUTS_PEOPLE_OUT, Service


class Why(StrEnum):
    """Why a package cannot be fetched."""

    SILENT = "silent"
    """The kiosk is not heard of: it may be down, or only its line."""
    PAUSED = "paused"
    """The location is paused, and gives nothing out."""
    DOOR = "door"
    """Its door does not open, or its lock board does not answer."""
    CATCHING_UP = "catching-up"
    """The kiosk is heard of, and has yet to say what happened and until when holds go on."""


REPORTED: Final = (Why.SILENT, Why.PAUSED, Why.DOOR)
"""What people hear of; the other is over before they could read it."""

WAITS: Final = "it waits until the package can be fetched"
"""What is said of a message that waits for that."""
_LOCATION, _SLOT = schema.location, schema.slot


def is_silent(silent_before_ms: Any) -> ColumnElement[bool]:
    """Whether a location's kiosk was heard of, and not since then."""
    is_older: ColumnElement[bool] = _LOCATION.c.last_sync_ms < silent_before_ms
    return is_older


def why_location_is_out(silent_before_ms: Any) -> ColumnElement[Any]:
    """Why nobody can fetch anything at a location; NULL while they can, and where its kiosk is out
    of service for good: nobody is promised anything there."""
    is_in_service = _LOCATION.c.retired_ms.is_(None)
    return case(
        (and_(is_silent(silent_before_ms), is_in_service), Why.SILENT.value),
        (_LOCATION.c.is_closed.is_(True), Why.PAUSED.value),
        else_=null(),
    )


def is_shut() -> ColumnElement[bool]:
    """Whether nobody gets at what lies behind a door; the kiosk's own rule, by which it has holds
    stand still."""
    reasons = [schema.fixed(reason.value) for reason in SHUTS_PEOPLE_OUT]
    return or_(
        _SLOT.c.is_reachable.is_(False),
        _SLOT.c.service == schema.fixed(Service.DO_NOT_OPEN.value),
        and_(
            _SLOT.c.service == schema.fixed(Service.NO_DEPOSITS.value),
            _SLOT.c.service_reason.in_(reasons),
        ),
    )


def why_not(silent_before_ms: Any) -> ColumnElement[Any]:
    """Why a package cannot be fetched, of a row of its location and one of its slot; NULL while it
    can."""
    has_more = or_(_LOCATION.c.holds_stand_still.is_(True), _LOCATION.c.queue > 0)
    return case(
        (is_silent(silent_before_ms), Why.SILENT.value),
        (_LOCATION.c.is_closed.is_(True), Why.PAUSED.value),
        (is_shut(), Why.DOOR.value),
        (has_more, Why.CATCHING_UP.value),
        else_=null(),
    )


def has_slot() -> ColumnElement[bool]:
    """Whether a slot is the one in which a package lies."""
    package = schema.package
    return and_(_SLOT.c.location == package.c.location, _SLOT.c.label == package.c.slot)


_WHY_NOT = (
    select(
        why_not(bindparam("silent_before_ms")).label("why"),
        package_outage.c.since_ms,
        package_outage.c.package.is_not(None).label("is_known"),
    )
    .select_from(schema.package)
    .join(_LOCATION, _LOCATION.c.id == schema.package.c.location)
    .join(_SLOT, has_slot(), isouter=True)
    .join(package_outage, package_outage.c.package == schema.package.c.id, isouter=True)
    .where(schema.package.c.id == bindparam("of_package"))
)


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a package can be fetched now."""

    why_not: Why | None = None
    """Why it cannot; None: it can, as far as anybody knows."""
    since_ms: int = 0
    """Since when that is so."""
    is_known: bool = False
    """An outage of it has begun, and is not over: what has come back may go again."""


def reach_of(connection: Connection, settings: Settings, package: str, now_ms: int) -> Reach:
    """Whether a package can be fetched now. The one place that says so."""
    asked = {"silent_before_ms": silent_before_ms(settings, now_ms), "of_package": package}
    row = connection.execute(_WHY_NOT, asked).first()
    if row is None:
        return Reach()
    why = None if row.why is None else Why(row.why)
    return Reach(why, row.since_ms if row.is_known else now_ms, bool(row.is_known))


def silent_before_ms(settings: Settings, now_ms: int) -> int:
    """A kiosk that was not heard of since then is silent."""
    return now_ms - settings.silent_after_s * 1000
