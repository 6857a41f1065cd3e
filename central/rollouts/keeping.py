"""The keeper's part of rollouts: who is due is asked, rings are opened, what goes wrong is halted.

One process does it at a time (`central/keeper.py`), in small bites, each a write of its own. Each
bite reads what is so and does what follows from it, so one that is cut off, or done twice, does no
harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, and_, cast, or_, select, update

from central import schema
from central.bites import bite
from central.context import Central, audit
from central.locking import lock_location
from central.outages.reach import silent_before_ms
from central.rollouts import changes, planning
from central.rollouts.changes import BY_ITSELF, LIVE
from central.rollouts.files import files_of, why_not
from central.rollouts.judging import Move, judge
from central.rollouts.standing import counts, is_asked, is_tried, joined
from central.rollouts.tables import rollout, rollout_hold, rollout_location, rollout_ring
from central.sync import commands
from kiosk.model.clock import HOUR_MS, MINUTE_MS
from kiosk.model.commands import ChooseRelease

LOG = logging.getLogger("central.rollouts")
EVERY_S: Final = 30.0
AT_ONCE: Final = 50
"""So many locations are asked in one write."""
BITES_MAX: Final = 200
UNSEEN_MS: Final = HOUR_MS
"""After a longer time without any server what is due is due later."""
LOOKED_AGAIN_MS: Final = HOUR_MS
"""After so long who could not be asked is looked at again."""
_MEMBER, _PLACE = rollout_location, schema.location


async def watch(central: Central) -> None:
    """A duty of the keeper's, for ever."""
    began_ms = central.clock.now_ms()
    while True:
        try:
            await look_round(central, began_ms)
        except Exception:
            LOG.exception("rollouts could not be looked after; again in %.0f s", EVERY_S)
        await asyncio.sleep(EVERY_S)


async def look_round(central: Central, began_ms: int) -> None:
    """Look after each rollout that is not over; one that fails holds up no other."""
    for name in await central.database.look(live):
        try:
            await _look_after(central, name, began_ms)
        except Exception:
            LOG.exception("rollout %s could not be looked after", name)


async def _look_after(central: Central, name: str, began_ms: int) -> None:
    """Nobody was heard of while no server ran: it listens before it judges."""
    now_ms = central.clock.now_ms()
    await bite(central, join, name)
    for _ in range(BITES_MAX):
        if not await bite(central, ask, name, now_ms):
            break
    await bite(central, stretch, central, name, now_ms)
    if now_ms - began_ms >= central.settings.silent_after_s * 1000:
        await bite(central, advance, central, name, now_ms)


def live(connection: Connection) -> list[str]:
    """The rollouts that are looked after, the oldest first."""
    query = select(rollout.c.id).where(rollout.c.state.in_(LIVE))
    return list(connection.execute(query.order_by(rollout.c.created_ms, rollout.c.id)).scalars())


# --- who is asked ------------------------------------------------------------------------------


def join(connection: Connection, name: str) -> None:
    """Have the locations that came since be of a rollout, too."""
    changes.begin(connection)
    row = changes.row_of(connection, name)
    if row.state not in ("RUNNING", "DONE") or row.goes_back_from:
        return
    percents = [each.percent for each in changes.rings_of(connection, name)]
    of_it = select(_MEMBER.c.location).where(_MEMBER.c.rollout == name)
    new = changes.in_area(row.area).where(_PLACE.c.id.not_in(of_it)).order_by(_PLACE.c.id)
    places = connection.execute(new).scalars().all()
    late = [planning.late_member(row.release, percents, each) for each in places]
    changes.add_members(connection, name, late)


def ask(connection: Connection, name: str, now_ms: int) -> bool:
    """Ask some of those whose turn has come; whether there may be more."""
    changes.begin(connection)
    row = changes.row_of(connection, name)
    if row.state not in ("RUNNING", "DONE"):
        return False
    due = _due(connection, row, now_ms)
    lock_location(connection, *(each.location for each in due))
    files = files_of(connection, row.release)
    for each in due:
        _ask_one(connection, row, each, files, now_ms)
    return len(due) == AT_ONCE


def _due(connection: Connection, row: Any, now_ms: int) -> Sequence[Any]:
    ring = rollout_ring
    spread_ms = cast(_MEMBER.c.spread, BigInteger) * row.jitter_s / 1000
    is_open = and_(ring.c.rollout == row.id, ring.c.ring == _MEMBER.c.ring)
    query = (
        select(_MEMBER.c.location, _PLACE.c.status, _PLACE.c.version, _PLACE.c.release_state)
        .select_from(joined().join(ring, is_open))
        .where(
            _MEMBER.c.rollout == row.id,
            _MEMBER.c.asked_ms.is_(None),
            ring.c.opened_ms + spread_ms <= now_ms,
            rollout_hold.c.location.is_(None),
            _PLACE.c.retired_ms.is_(None),
            _PLACE.c.token_hash != "",
            or_(_MEMBER.c.why_not == "", _MEMBER.c.looked_ms <= now_ms - LOOKED_AGAIN_MS),
        )
        .order_by(_MEMBER.c.location)
        .limit(AT_ONCE)
    )
    return connection.execute(query).all()


def _ask_one(
    connection: Connection, row: Any, place: Any, files: Mapping[str, str], now_ms: int
) -> None:
    is_there = place.version == row.release and place.release_state == "good"
    why = "" if is_there else why_not(place.status, row.release, files)
    values: dict[str, Any] = {"looked_ms": now_ms, "why_not": why}
    if not why:
        command = ""
        if not is_there:
            wanted = ChooseRelease(release=row.release, rollout=row.id, sha256=dict(files))
            command = commands.queue(connection, place.location, wanted, BY_ITSELF, now_ms)
        until_ms = now_ms + row.deadline_s * 1000
        values |= {"asked_ms": now_ms, "command": command, "until_ms": until_ms}
    is_it = (_MEMBER.c.rollout == row.id) & (_MEMBER.c.location == place.location)
    connection.execute(update(_MEMBER).where(is_it).values(**values))


def stretch(connection: Connection, central: Central, name: str, now_ms: int) -> None:
    """The time in which a kiosk is not heard of does not count towards its deadline, unless the
    release runs there on trial: that may be why. Nor does the time in which no server looked."""
    changes.begin(connection)
    row = changes.row_of(connection, name)
    if row.state not in LIVE:
        return
    if now_ms - row.looked_ms >= MINUTE_MS:
        looked = update(rollout).where(rollout.c.id == name).values(looked_ms=now_ms)
        connection.execute(looked)
    if now_ms - row.looked_ms > UNSEEN_MS:
        _put_off(connection, name, now_ms - row.looked_ms)
    # A line that comes and goes puts nothing off; and of who is silent for days a row is written a
    # few times a day.
    tenth_ms = row.deadline_s * 100
    long_ago_ms = min(silent_before_ms(central.settings, now_ms), now_ms - tenth_ms)
    is_silent = or_(_PLACE.c.last_sync_ms.is_(None), _PLACE.c.last_sync_ms < long_ago_ms)
    query = (
        select(_MEMBER.c.location)
        .select_from(joined())
        .where(
            _MEMBER.c.rollout == name,
            is_asked(),
            is_silent,
            ~is_tried(),
            _MEMBER.c.until_ms < now_ms + 9 * tenth_ms,
        )
    )
    places = connection.execute(query).scalars().all()
    until_ms = now_ms + row.deadline_s * 1000
    is_one = (_MEMBER.c.rollout == name) & _MEMBER.c.location.in_(places)
    connection.execute(update(_MEMBER).where(is_one).values(until_ms=until_ms))


def _put_off(connection: Connection, name: str, by_ms: int) -> None:
    """Nobody looked for so long: each deadline is later by that."""
    asked = update(_MEMBER).where(_MEMBER.c.rollout == name, is_asked())
    connection.execute(asked.values(until_ms=_MEMBER.c.until_ms + by_ms))
    is_open = (rollout_ring.c.rollout == name) & rollout_ring.c.passed_ms.is_(None)
    opened = update(rollout_ring).where(is_open)
    connection.execute(opened.values(opened_ms=rollout_ring.c.opened_ms + by_ms))


# --- how it goes on ----------------------------------------------------------------------------


def advance(connection: Connection, central: Central, name: str, now_ms: int) -> None:
    """Open the next ring, or halt, as what the kiosks have reported says."""
    changes.begin(connection)
    row = changes.row_of(connection, name)
    if row.state not in ("RUNNING", "DONE"):
        return
    rings = changes.rings_of(connection, name)
    found = counts(connection, name, silent_before_ms(central.settings, now_ms), now_ms)
    verdict = judge(row, rings, found, now_ms)
    of_ring = (rollout_ring.c.rollout == name) & (rollout_ring.c.ring == verdict.ring)
    match verdict.move:
        case Move.NOTHING:
            return
        case Move.HALT:
            LOG.warning("rollout %s of %s halts: %s", name, row.release, verdict.why)
            changes.halt_by_itself(connection, row, verdict.why, now_ms)
        case Move.ENOUGH:
            connection.execute(update(rollout_ring).where(of_ring).values(enough_ms=now_ms))
        case Move.NOT_ENOUGH:
            connection.execute(update(rollout_ring).where(of_ring).values(enough_ms=None))
        case Move.NEXT:
            changes.open_next(connection, rings, now_ms)
            ring = verdict.ring + 1
            audit(connection, now_ms, BY_ITSELF, "rollout.opened", name, ring=ring)
        case Move.DONE:
            changes.open_next(connection, rings, now_ms)
            done = update(rollout).where(rollout.c.id == name)
            connection.execute(done.values(state="DONE", changed_ms=now_ms))
            audit(connection, now_ms, BY_ITSELF, "rollout.done", name, release=row.release)
