"""What people do with rollouts: started, paused, gone on with, promoted, halted, gone back from,
ended; a location held. Each is one transaction with its line in the audit log.

One lock stands before all of it, and before each step of the keeper's: a rollout is never halted
by one and opened further by another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from central import schema
from central.adapters import new_id
from central.areas.visible import EVERYWHERE, About, Reach, subtree
from central.context import Central, alarm, audit
from central.database.bulk import upsert
from central.database.locks import lock_name
from central.errors import RequestError, not_found, wrong_field
from central.locking import lock_location
from central.outages.reach import silent_before_ms
from central.releases.tables import release as release_table
from central.rollouts import planning
from central.rollouts.files import files_of, why_not
from central.rollouts.judging import ring_name
from central.rollouts.planning import Plan, spread_of
from central.rollouts.standing import FAILED, is_asked, joined, standing
from central.rollouts.tables import rollout, rollout_hold, rollout_location, rollout_ring
from central.simulated import IS_SANDBOX
from central.sync import commands
from kiosk.model.commands import RELEASE, ChooseRelease, ReleaseOutcome

BY_ITSELF: Final = "server"
UNDER_WAY: Final = ("RUNNING", "PAUSED", "HALTED")
"""The states of a rollout whose locations no other one may ask."""
LIVE: Final = (*UNDER_WAY, "DONE")
"""Those in which it is looked after: what is DONE still waits for who was away."""
ENDED: Final = (ReleaseOutcome.REFUSED.value, ReleaseOutcome.WENT_BACK.value)
"""What is the end of a command."""
NOT_ASKED: Final[dict[str, Any]] = {"asked_ms": None, "command": "", "until_ms": None}
WHY_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something, and where they may."""

    name: str
    reach: Reach


def begin(connection: Connection) -> None:
    """Take the lock of all rollouts."""
    lock_name(connection, "rollouts")


def row_of(connection: Connection, name: str) -> Any:
    """A rollout's row. Raises `RequestError`."""
    row = connection.execute(select(rollout).where(rollout.c.id == name)).first()
    if row is None:
        raise not_found("rollout", name)
    return row


def rings_of(connection: Connection, name: str) -> Sequence[Any]:
    """Its rings, in their order."""
    table = rollout_ring
    query = select(table).where(table.c.rollout == name).order_by(table.c.ring)
    return connection.execute(query).all()


def _acting(connection: Connection, who: Who, name: str, *states: str) -> Any:
    """A rollout that somebody may act on, in one of these states. Raises `RequestError`."""
    begin(connection)
    row = row_of(connection, name)
    if not who.reach.covers(connection, row.area):
        raise not_found("rollout", name)
    if row.state not in states:
        right = " or ".join(states)
        message = f"rollout {name} is {row.state}: this is for one that is {right}"
        raise RequestError(409, "conflict", message)
    return row


def of_rollout(reach: Reach, name: str) -> About:
    """An action on a rollout."""

    def require(connection: Connection) -> None:
        if not reach.covers(connection, row_of(connection, name).area):
            raise not_found("rollout", name)

    return require


def _set(connection: Connection, name: str, now_ms: int, **values: Any) -> None:
    change = update(rollout).where(rollout.c.id == name)
    connection.execute(change.values(changed_ms=now_ms, **values))


# --- started -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RingPreview:
    """A ring of a rollout that may begin."""

    name: str
    locations: int
    unable: int
    """Of how many it is known that they could not be asked now."""


def preview(connection: Connection, central: Central, who: Who, plan: Plan) -> list[RingPreview]:
    """What would begin, so that somebody can look before. Raises `RequestError`."""
    places = _require_possible(connection, who, plan)
    files = files_of(connection, plan.release)
    place = schema.location
    query = select(place.c.id, place.c.status).where(place.c.id.in_(in_area(plan.area)))
    unable = {
        row.id for row in connection.execute(query) if why_not(row.status, plan.release, files)
    }
    members = planning.members_of(plan, places)
    found = []
    for ring in planning.rings_of(plan):
        names = {each.location for each in members if each.ring == ring.ring}
        name = ring_name(ring.ring, ring.percent)
        found.append(RingPreview(name, len(names), len(names & unable)))
    return found


def _require_possible(connection: Connection, who: Who, plan: Plan) -> list[str]:
    """The locations that a rollout would have. Raises `RequestError`."""
    planning.require_fit(plan)
    require_release(connection, plan.release)
    _require_covered(connection, who, plan.area)
    places = _locations_in(connection, plan.area)
    for name in plan.canaries:
        if name not in places:
            raise wrong_field("canaries", name, "the id of a location in service there")
    _require_free(connection, places)
    return places


def start(connection: Connection, central: Central, who: Who, plan: Plan) -> str:
    """Begin a rollout; its id. Raises `RequestError`."""
    begin(connection)
    now_ms = central.clock.now_ms()
    places = _require_possible(connection, who, plan)
    rings = planning.rings_of(plan)
    members = planning.members_of(plan, places)
    made = _insert(connection, plan, rings, members, now_ms)
    _end_done(connection, central, made, now_ms)
    said: dict[str, Any] = {
        "release": plan.release,
        "canaries": list(plan.canaries),
        "area": plan.area,
    }
    audit(connection, now_ms, who.name, "rollout.started", made, locations=len(places), **said)
    return made


def _insert(
    connection: Connection,
    plan: Plan,
    rings: Sequence[planning.Ring],
    members: Sequence[planning.Member],
    now_ms: int,
    goes_back_from: str = "",
) -> str:
    made = new_id()
    values = {
        "id": made,
        "release": plan.release,
        "area": plan.area,
        "jitter_s": plan.jitter_s,
        "soak_s": plan.soak_s,
        "deadline_s": plan.deadline_s,
        "enough_percent": plan.enough_percent,
        "goes_back_from": goes_back_from,
        "created_ms": now_ms,
        "changed_ms": now_ms,
        "looked_ms": now_ms,
    }
    connection.execute(insert(rollout).values(**values))
    rows = [
        {
            "rollout": made,
            "ring": each.ring,
            "percent": each.percent,
            "failures_per_mille": each.failures_per_mille,
            "opened_ms": now_ms if each.ring == 0 else None,
        }
        for each in rings
    ]
    connection.execute(insert(rollout_ring), rows)
    add_members(connection, made, members)
    return made


def add_members(connection: Connection, name: str, members: Sequence[planning.Member]) -> None:
    """Have these locations be of a rollout."""
    rows = [
        {"rollout": name, "location": each.location, "ring": each.ring, "spread": each.spread}
        for each in members
    ]
    if rows:
        connection.execute(insert(rollout_location), rows)


def require_release(connection: Connection, version: str) -> None:
    """Refuse a release that is none, or of which no file is here. Raises `RequestError`."""
    if re.fullmatch(RELEASE, version) is None:
        raise wrong_field("release", version, "a version of three numbers, as 1.4.0")
    table = release_table
    found = select(table.c.version).where(table.c.version == version).limit(1)
    if connection.execute(found).first() is None:
        right = "a release that is here: `central release list` names them"
        raise wrong_field("release", version, right)


def _require_covered(connection: Connection, who: Who, area: str) -> None:
    table = schema.area
    is_known = (
        area == EVERYWHERE
        or connection.execute(select(table.c.id).where(table.c.id == area)).first()
    )
    if not is_known or not who.reach.covers(connection, area):
        raise not_found("area", area)


def in_area(area: str) -> Any:
    """The ids of the real locations in service in an area."""
    place = schema.location
    query = select(place.c.id).where(
        place.c.retired_ms.is_(None), place.c.token_hash != "", ~IS_SANDBOX
    )
    return query if area == EVERYWHERE else query.where(place.c.area.in_(subtree([area])))


def _locations_in(connection: Connection, area: str) -> list[str]:
    place = schema.location
    places = list(connection.execute(in_area(area).order_by(place.c.id)).scalars())
    if not places:
        raise RequestError(409, "conflict", "there is no location in service there")
    return places


def _require_free(connection: Connection, places: Sequence[str]) -> None:
    """No location is asked by two rollouts."""
    member, wanted = rollout_location, set(places)
    query = (
        select(member.c.location, rollout.c.id, rollout.c.release)
        .join(rollout, rollout.c.id == member.c.rollout)
        .where(rollout.c.state.in_(UNDER_WAY))
        .order_by(member.c.location)
    )
    for row in connection.execute(query):
        if row.location in wanted:
            message = (
                f"rollout {row.id} of {row.release} is under way at {row.location}: end it, go"
                " back from it, or wait until it is done"
            )
            raise RequestError(409, "conflict", message)


def _end_done(connection: Connection, central: Central, made: str, now_ms: int) -> None:
    """A rollout that is done is over as soon as another one begins at its locations."""
    old, new = rollout_location.alias("old"), rollout_location.alias("new")
    query = (
        select(rollout.c.id)
        .join(old, old.c.rollout == rollout.c.id)
        .join(new, new.c.location == old.c.location)
        .where(rollout.c.state == "DONE", new.c.rollout == made)
        .distinct()
    )
    for name in connection.execute(query).scalars().all():
        settle(connection, central, name, now_ms)


# --- under way ---------------------------------------------------------------------------------


def pause(connection: Connection, central: Central, who: Who, name: str, why: str) -> None:
    """Ask nobody more; what was asked for goes on. Raises `RequestError`."""
    _acting(connection, who, name, "RUNNING")
    now_ms = central.clock.now_ms()
    _set(connection, name, now_ms, state="PAUSED")
    audit(connection, now_ms, who.name, "rollout.paused", name, why=why)


def resume(connection: Connection, central: Central, who: Who, name: str, why: str) -> None:
    """Go on, also where it halted: what failed until now halts it no more. Raises
    `RequestError`."""
    row = _acting(connection, who, name, "PAUSED", "HALTED")
    now_ms = central.clock.now_ms()
    accepted = 0
    if row.state == "HALTED":
        accepted = _accept(connection, central, name, now_ms)
        _open_again(connection, name, now_ms)
    is_all = all(each.passed_ms is not None for each in rings_of(connection, name))
    state = "DONE" if is_all else "RUNNING"
    _set(connection, name, now_ms, state=state, halted_why="")
    audit(connection, now_ms, who.name, "rollout.resumed", name, why=why, accepted=accepted)


def _accept(connection: Connection, central: Central, name: str, now_ms: int) -> int:
    """Somebody has looked at what failed."""
    how = standing(silent_before_ms(central.settings, now_ms), now_ms)
    failed = (
        select(rollout_location.c.location)
        .select_from(joined())
        .where(rollout_location.c.rollout == name, how.in_([each.value for each in FAILED]))
    )
    names = connection.execute(failed).scalars().all()
    table = rollout_location
    is_one = (table.c.rollout == name) & table.c.location.in_(names)
    connection.execute(update(table).where(is_one).values(is_accepted=True))
    return len(names)


def _open_again(connection: Connection, name: str, now_ms: int) -> None:
    """The newest ring has all its time once more."""
    opened = [each for each in rings_of(connection, name) if each.opened_ms is not None]
    if opened[-1].passed_ms is None:
        of_ring = (rollout_ring.c.rollout == name) & (rollout_ring.c.ring == opened[-1].ring)
        again = update(rollout_ring).where(of_ring).values(opened_ms=now_ms, enough_ms=None)
        connection.execute(again)


def promote(connection: Connection, central: Central, who: Who, name: str, why: str) -> int:
    """Open the next ring now, whatever the last one says; which one. Raises `RequestError`."""
    _acting(connection, who, name, "RUNNING", "PAUSED")
    now_ms = central.clock.now_ms()
    rings = rings_of(connection, name)
    opened = [each for each in rings if each.opened_ms is not None]
    if len(opened) == len(rings):
        raise RequestError(409, "conflict", f"all rings of rollout {name} are open")
    open_next(connection, rings, now_ms)
    _set(connection, name, now_ms, state="RUNNING")
    ring = int(rings[len(opened)].ring)
    audit(connection, now_ms, who.name, "rollout.promoted", name, why=why, ring=ring)
    return ring


def open_next(connection: Connection, rings: Sequence[Any], now_ms: int) -> None:
    """The newest ring has passed, and the next one, if there is one, is open."""
    opened = [each for each in rings if each.opened_ms is not None]
    for ring, values in (
        (opened[-1], {"passed_ms": now_ms}),
        *((each, {"opened_ms": now_ms}) for each in rings[len(opened) : len(opened) + 1]),
    ):
        is_it = (rollout_ring.c.rollout == ring.rollout) & (rollout_ring.c.ring == ring.ring)
        connection.execute(update(rollout_ring).where(is_it).values(**values))


def halt(connection: Connection, central: Central, who: Who, name: str, why: str) -> int:
    """Stop it by hand: who has not switched yet stays with what runs; how many those are. Raises
    `RequestError`."""
    _acting(connection, who, name, "RUNNING", "PAUSED", "DONE")
    now_ms = central.clock.now_ms()
    audit(connection, now_ms, who.name, "rollout.halted", name, why=why)
    return _halt(connection, name, why or "by hand", who.name, now_ms)


def halt_by_itself(connection: Connection, row: Any, why: str, now_ms: int) -> None:
    """Too much went wrong: it stops, with an alarm."""
    count = _halt(connection, row.id, why, BY_ITSELF, now_ms)
    said = {"release": row.release, "why": why, "stay": count}
    alarm(connection, now_ms, "rollout-halted", row.id, **said)


def _halt(connection: Connection, name: str, why: str, by: str, now_ms: int) -> int:
    _set(connection, name, now_ms, state="HALTED", halted_why=why[:WHY_MAX])
    return withdraw(connection, name, by, now_ms)


def withdraw(
    connection: Connection, name: str, by: str, now_ms: int, only: str | None = None
) -> int:
    """Who was asked, and has neither begun to run the release nor ended with it, is to stay with
    what runs, and is asked no more; how many those are. Of whom nothing came in time stays so."""
    member, place, command = rollout_location, schema.location, schema.command
    has_begun = (place.c.version == rollout.c.release) & (place.c.release_state != "")
    has_ended = func.coalesce(command.c.state, "").in_(ENDED)
    query = (
        select(member.c.location, member.c.command, member.c.until_ms)
        .select_from(joined())
        .where(member.c.rollout == name, is_asked(), member.c.command != "")
        .where(~has_begun, ~has_ended)
        .order_by(member.c.location)
    )
    if only is not None:
        query = query.where(member.c.location == only)
    rows = connection.execute(query).all()
    lock_location(connection, *(row.location for row in rows))
    stay = ChooseRelease(rollout=name)
    for row in rows:
        is_unseen = commands.queue(connection, row.location, stay, by, now_ms) == row.command
        values = {} if row.until_ms <= now_ms else dict(NOT_ASKED)
        values |= {} if is_unseen else {"was_seen": True}
        if values:
            is_it = (member.c.rollout == name) & (member.c.location == row.location)
            connection.execute(update(member).where(is_it).values(**values))
    return len(rows)


# --- over --------------------------------------------------------------------------------------


def go_back(
    connection: Connection, central: Central, who: Who, name: str, release: str, why: str
) -> str:
    """Have everybody who was asked run an older release again; the id of the rollout that does it.
    It has one ring, and halts by nothing. Raises `RequestError`."""
    row = _acting(connection, who, name, *LIVE)
    now_ms = central.clock.now_ms()
    require_release(connection, release)
    if planning.number_of(release) >= planning.number_of(row.release):
        right = f"an older release than {row.release}"
        raise wrong_field("release", release, right)
    settle(connection, central, name, now_ms)
    withdraw(connection, name, who.name, now_ms)
    places = _touched(connection, name)
    if not places:
        message = f"no kiosk has heard of rollout {name} yet: end it instead"
        raise RequestError(409, "conflict", message)
    plan = Plan(
        release=release,
        area=row.area,
        jitter_s=min(row.jitter_s, planning.BACK_JITTER_S),
        soak_s=0,
        deadline_s=row.deadline_s,
        enough_percent=row.enough_percent,
    )
    rings = [planning.Ring(0, 100, 1000)]
    members = [planning.Member(place, 0, spread_of(release, place)) for place in places]
    made = _insert(connection, plan, rings, members, now_ms, goes_back_from=name)
    said = {"release": release, "from": row.release, "locations": len(places)}
    audit(connection, now_ms, who.name, "rollout.back", made, why=why, **said)
    return made


def _touched(connection: Connection, name: str) -> list[str]:
    """The locations whose kiosks may have heard of it."""
    member, place = rollout_location, schema.location
    may_have = or_(is_asked(), member.c.was_seen, place.c.version == rollout.c.release)
    query = select(member.c.location).select_from(joined())
    query = query.where(member.c.rollout == name, may_have).order_by(member.c.location)
    return list(connection.execute(query).scalars())


def end(connection: Connection, central: Central, who: Who, name: str, why: str) -> None:
    """Look after it no more; who has not switched yet stays with what runs. Raises
    `RequestError`."""
    _acting(connection, who, name, *LIVE)
    now_ms = central.clock.now_ms()
    settle(connection, central, name, now_ms)
    withdraw(connection, name, who.name, now_ms)
    audit(connection, now_ms, who.name, "rollout.ended", name, why=why)


def settle(connection: Connection, central: Central, name: str, now_ms: int) -> None:
    """It is over: how far each location has come is written down, for what runs there from now on
    is another's."""
    member = rollout_location
    how = standing(silent_before_ms(central.settings, now_ms), now_ms).label("how")
    rows = connection.execute(
        select(member.c.location, how).select_from(joined()).where(member.c.rollout == name)
    ).all()
    by: dict[str, list[str]] = {}
    for row in rows:
        by.setdefault(row.how, []).append(row.location)
    for word, places in sorted(by.items()):
        is_one = (member.c.rollout == name) & member.c.location.in_(places)
        connection.execute(update(member).where(is_one).values(settled=word))
    _set(connection, name, now_ms, state="ENDED")


# --- held --------------------------------------------------------------------------------------


def hold(connection: Connection, central: Central, who: str, location: str, why: str) -> None:
    """Have no rollout change a location; what it was asked and has not done is taken back. Raises
    `RequestError`."""
    begin(connection)
    place = schema.location.c.id
    if connection.execute(select(place).where(place == location)).first() is None:
        raise not_found("location", location)
    now_ms = central.clock.now_ms()
    upsert(
        connection,
        rollout_hold,
        {"location": location},
        {"why": why[:WHY_MAX], "since_ms": now_ms},
    )
    member = rollout_location
    asked = (
        select(member.c.rollout)
        .join(rollout, rollout.c.id == member.c.rollout)
        .where(member.c.location == location, rollout.c.state.in_(LIVE), is_asked())
    )
    for name in connection.execute(asked).scalars().all():
        withdraw(connection, name, who, now_ms, only=location)
    audit(connection, now_ms, who, "rollout.held", location, place=location, why=why)


def let_go(connection: Connection, central: Central, who: str, location: str) -> None:
    """Hold a location no more: it is asked again when it is its turn. Raises `RequestError`."""
    begin(connection)
    gone = connection.execute(delete(rollout_hold).where(rollout_hold.c.location == location))
    if not gone.rowcount:
        raise not_found("held location", location)
    table = rollout_location
    live = select(rollout.c.id).where(rollout.c.state.in_(LIVE))
    is_one = (table.c.location == location) & table.c.rollout.in_(live)
    connection.execute(update(table).where(is_one).values(**NOT_ASKED))
    now_ms = central.clock.now_ms()
    audit(connection, now_ms, who, "rollout.let-go", location, place=location)
