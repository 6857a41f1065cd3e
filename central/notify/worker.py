"""The worker: takes what is due from the outbox, sends it, and writes down what came of it.

A row is leased before it is sent, so several workers can share the table. The lease is renewed for
as long as its owner works on it, by the clock that all servers have in common, and nobody else
settles it. A worker that died gives its rows back when the lease ends: a message may then go out
twice, under one Message-ID.
What fails is tried again later and later. What is the channel's trouble costs no row a try: it is
given up only when nobody wants it any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from central import kept, schema
from central.adapters import new_id
from central.context import Central
from central.database import faults
from central.database.common_clock import common_ms
from central.locking import lock_location
from central.notify import leasing, outbox, short_links
from central.notify.counting import count, late_since_ms
from central.notify.health import Health, pause_ms
from central.notify.holding import hold, is_counted
from central.notify.leasing import Outcome
from central.notify.message import Dropped, Message, Unreachable, Waits
from central.notify.messages import compose
from central.notify.outbox import OPERATORS, WITH_CODE, Kind
from central.notify.senders import (
    ChannelError,
    Notifier,
    RefusedError,
    SendError,
    UnclearError,
    notifiers,
)
from central.outages.reach import WAITS
from central.settings import Notifications
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.masking import without_contacts

LOG = logging.getLogger("central.notify")
BATCH = 64
SETTLE = 16
"""So many messages are sent and settled together: after a crash at most two lots go out again."""
SETTLE_AGAIN_S = 1.0
LOOK_S = 0.5
BASE_S = 5
BACK_OFF_MAX_S = 600
ATTEMPTS_MAX = 8
WANTED_MS = 72 * HOUR_MS
"""How long a message without a code is news. One with a code is wanted while the package waits."""
NEVER_QUIET = (Kind.CODE, Kind.REISSUED, Kind.STOPPED, Kind.STARTED)
"""Somebody asked for it just now."""


_Composed = Message | Dropped | Unreachable | Waits | Exception
"""A message, or why there is none."""


class Worker:
    """Sends what the outbox holds, in a task of its own."""

    def __init__(self, central: Central) -> None:
        self._central = central
        self._ways: dict[str, Notifier] = {}
        self._health: dict[str, Health] = {}
        self._woken, self._is_ending = asyncio.Event(), False
        self._task: asyncio.Task[None] | None = None
        self._rng = random.Random()
        self._owner = new_id()
        """Whose leases are this worker's."""

    def start(self) -> None:
        """Begin, on the running loop."""
        self.open()
        self._task = asyncio.create_task(self._run())

    def open(self) -> None:
        """Make the ways out, so that `send_due` can be called."""
        self._ways = notifiers(self._central.settings)

    async def stop(self) -> None:
        """Finish what is being sent and write down what came of it, then end."""
        self._is_ending = True
        self.wake()
        if self._task is not None:
            await self._task
        for way in self._ways.values():
            await way.close()

    @property
    def state(self) -> str:
        """How it is, in a word."""
        return "ended" if self._task is None or self._task.done() else "works"

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    async def _run(self) -> None:
        while not self._is_ending:
            self._woken.clear()
            try:
                sent = await self.send_due()
            except Exception:
                LOG.exception("the outbox could not be worked on; again in %s s", LOOK_S)
                sent = 0
            if sent < BATCH and not self._is_ending:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()

    async def send_due(self) -> int:
        """Send one batch of what is due; return how many rows were dealt with."""
        central = self._central
        if not await central.database.look(_is_anything_due, central.clock.now_ms()):
            return 0
        leased = await central.database.write(
            _lease, central, self._owner, BATCH, frozenset(self._ways)
        )
        # Two parts at a time: while one waits for the other side, the next is written.
        side_by_side = asyncio.Semaphore(2)

        async def deal_with(some: Sequence[Any]) -> None:
            async with side_by_side:
                if self._is_ending:
                    await self._give_back(some)
                else:
                    await self._send_some(some)

        parts = [leased[start : start + SETTLE] for start in range(0, len(leased), SETTLE)]
        async with leasing.kept(central, self._owner, [row.id for row in leased]):
            # To the end of all, whichever fails: what is being sent is kept leased until then.
            ends = await asyncio.gather(*map(deal_with, parts), return_exceptions=True)
        for error in ends:
            if error is not None:
                raise error
        return len(leased)

    async def _give_back(self, rows: Sequence[Any]) -> None:
        writing = self._central.database.at(may_repeat=True)
        await writing.write(leasing.give_back, self._owner, [row.id for row in rows])

    async def _send_some(self, some: Sequence[Any]) -> None:
        central = self._central
        try:
            composed = await central.database.look(_composed, central, some)
            back = await self._kept_back(some, composed)
        except SQLAlchemyError:
            # Nothing was sent of it: it goes as soon as the database answers.
            await self._give_back(some)
            raise
        outcomes = await asyncio.gather(
            *(self._deal_with(*each) for each in zip(some, composed, back, strict=True))
        )
        await self._settle(outcomes)
        for row, outcome in zip(some, outcomes, strict=True):
            count(row, outcome.values)

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what came of messages, however long that takes: they are sent."""
        rules, writing = self._central.settings.notifications, self._central.database
        while True:
            try:
                return await writing.at(may_repeat=True).write(
                    _settle, rules, self._owner, outcomes
                )
            except SQLAlchemyError as error:
                if self._is_ending or faults.is_own(error):
                    raise
                LOG.error("what was sent could not be written down; again: %s", error)
                await asyncio.sleep(SETTLE_AGAIN_S)

    async def _kept_back(
        self, rows: Sequence[Any], composed: Sequence[_Composed]
    ) -> list[Outcome | None]:
        """What becomes of the messages that do not go now: in the quiet hours, while their channel
        is down, when too many went."""
        outcomes = list[Outcome | None]()
        may_go: list[tuple[Any, Message]] = []
        for row, message in zip(rows, composed, strict=True):
            outcomes.append(await self._not_now(row) if isinstance(message, Message) else None)
            if isinstance(message, Message) and outcomes[-1] is None and not is_counted(row):
                may_go.append((row, message))
        if not may_go:
            return outcomes
        held = await self._held(may_go)
        return [
            Outcome(row.id, held[row.id]) if row.id in held else outcome
            for row, outcome in zip(rows, outcomes, strict=True)
        ]

    async def _held(self, may_go: Sequence[tuple[Any, Message]]) -> dict[str, dict[str, Any]]:
        """Those that wait because too many went; where one cannot be counted, it alone fails."""
        central = self._central
        try:
            return await central.database.write(hold, central, may_go)
        except Exception as error:
            faults.require_own(error)
            if len(may_go) == 1:
                LOG.exception("notification %s cannot be counted", may_go[0][0].id)
                return {may_go[0][0].id: self._failed(may_go[0][0], _in_words(error)).values}
        held: dict[str, dict[str, Any]] = {}
        for each in may_go:
            held |= await self._held([each])
        return held

    async def _not_now(self, row: Any) -> Outcome | None:
        try:
            quiet_ms = await self._quiet_until(row)
            if quiet_ms is not None:
                values = {"status": "queued", "due_ms": quiet_ms, "late_since_ms": None}
                return Outcome(row.id, values)
            return await self._shut(row)
        except Exception as error:
            faults.require_own(error)
            LOG.exception("of notification %s it is not known whether it may go", row.id)
            return self._failed(row, _in_words(error))

    async def _shut(self, row: Any) -> Outcome | None:
        """The channel is known to be down: nothing is tried."""
        health = await self._health_of(row.channel)
        if not health.is_shut(self._central.clock.now_ms()):
            return None
        late = {"late_since_ms": late_since_ms(row), "due_ms": health.shut_until_ms}
        return Outcome(row.id, {"status": "queued", **late})

    async def _deal_with(self, row: Any, message: _Composed, back: Outcome | None) -> Outcome:
        """What comes of one message, whatever is wrong with it; the others go on."""
        try:
            return await self._outcome_of(row, message, back)
        except Exception as error:
            LOG.exception("notification %s failed in a way it should not", row.id)
            return self._failed(row, _in_words(error))

    async def _outcome_of(self, row: Any, message: _Composed, back: Outcome | None) -> Outcome:
        if isinstance(message, Exception):
            return self._failed(row, _in_words(message))
        if isinstance(message, Dropped):
            return Outcome(row.id, {"status": "dropped", "reason": message.reason})
        if isinstance(message, Waits):
            waits = {"status": "queued", "due_ms": message.until_ms, "late_since_ms": None}
            return Outcome(row.id, {**waits, "reason": WAITS})
        if isinstance(message, Unreachable):
            return Outcome(row.id, {"status": "dead", "error": message.reason})
        return back or await self._send(row, message)

    async def _send(self, row: Any, message: Message) -> Outcome:
        now_ms = self._central.clock.now_ms
        shut = await self._shut(row)
        if shut is not None:
            return shut
        health = await self._health_of(row.channel)
        try:
            await self._ways[row.channel].send(message)
        except ChannelError as error:
            return await self._channel_failed(row, health, str(error))
        except RefusedError as error:
            return Outcome(row.id, {"status": "dead", "error": str(error)})
        except UnclearError as error:
            return await self._unclear(row, str(error))
        except SendError as error:
            return self._failed(row, str(error))
        except Exception as error:
            LOG.exception("channel %s failed in a way it should not", row.channel)
            return self._failed(row, f"{type(error).__name__}: {error}")
        if health.worked():
            LOG.warning("channel %s works again", row.channel)
            await self._tell(row.channel, Kind.CHANNEL_BACK, "goes out again")
        values = {"status": "sent", "sent_ms": now_ms(), "error": "", "message_id": message.id}
        values["held"] = ""
        if row.reason == WAITS:
            values["reason"] = ""
        return Outcome(row.id, values)

    async def _health_of(self, channel: str) -> Health:
        """How a channel goes; what operators have heard of it holds beyond a restart."""
        if channel not in self._health:
            is_reported = await self._central.database.look(outbox.is_down_reported, channel)
            self._health.setdefault(channel, Health(is_reported=is_reported))
        return self._health[channel]

    async def _channel_failed(self, row: Any, health: Health, error: str) -> Outcome:
        """The row waits and keeps its tries; the channel rests when this was not the first."""
        now_ms = self._central.clock.now_ms()
        if health.failed(now_ms):
            said = without_contacts(error)
            LOG.warning("channel %s does not work: %s", row.channel, said)
            await self._tell(row.channel, Kind.CHANNEL_DOWN, f"does not go out: {said}")
        return self._waits(row, error, health.shut_until_ms)

    async def _unclear(self, row: Any, error: str) -> Outcome:
        """Tries are counted while there is another way to the person; the last way is kept to."""
        rules = self._central.settings.notifications
        try:
            way = await self._central.database.look(outbox.another_way, rules, row)
        except SQLAlchemyError:
            LOG.exception(
                "of notification %s it is not known whether it may go another way", row.id
            )
            way = None
        return self._waits(row, error) if way is None else self._failed(row, error)

    def _waits(self, row: Any, error: str, not_before_ms: int = 0) -> Outcome:
        """The row keeps its tries, and is given up only when nobody wants it any more."""
        now_ms = self._central.clock.now_ms()
        if row.kind not in WITH_CODE and now_ms - row.created_ms > WANTED_MS:
            return Outcome(row.id, {"status": "dead", "error": error})
        pause = int(pause_ms(now_ms - row.created_ms) * self._rng.uniform(0.8, 1.0))
        due_ms = max(now_ms + pause, not_before_ms)
        values = {"status": "queued", "error": error, "late_since_ms": late_since_ms(row)}
        return Outcome(row.id, {**values, "due_ms": due_ms})

    async def _tell(self, channel: str, kind: Kind, what: str) -> None:
        central = self._central
        rules, now_ms = central.settings.notifications, central.clock.now_ms()
        try:
            await central.database.write(outbox.tell_of_channel, rules, kind, channel, what, now_ms)
        except SQLAlchemyError:
            # What became of the message itself is not to be lost with it.
            LOG.exception("operators do not hear that channel %s %s", channel, what)

    def _failed(self, row: Any, error: str) -> Outcome:
        attempts = row.attempts + 1
        if attempts >= ATTEMPTS_MAX:
            return Outcome(row.id, {"status": "dead", "attempts": attempts, "error": error})
        pause_s = min(BACK_OFF_MAX_S, BASE_S * 2**attempts) * self._rng.uniform(0.5, 1.0)
        due_ms = self._central.clock.now_ms() + int(pause_s * 1000)
        values = {"status": "queued", "attempts": attempts, "error": error, "due_ms": due_ms}
        return Outcome(row.id, {**values, "late_since_ms": late_since_ms(row)})

    async def _quiet_until(self, row: Any) -> int | None:
        """When a telephone may ring again; None when it may now."""
        if row.channel in ("email", OPERATORS) or row.kind in NEVER_QUIET:
            return None
        zone = await self._central.database.look(_time_zone, row.location)
        return quiet_until_ms(
            self._central.settings.notifications, zone, self._central.clock.now_ms()
        )


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def quiet_until_ms(rules: Notifications, zone: str, now_ms: int) -> int | None:
    """When the quiet hours end that hold now at a place; None outside them.

    They end by the clock on the wall there, whatever minutes its zone is off the full hour and
    whatever is done to the clock in that night.
    """
    begin, end, there = rules.quiet_from_h, rules.quiet_until_h, ZoneInfo(zone)
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(there)
    hour = local.hour
    is_quiet = begin <= hour < end if begin < end else hour >= begin or hour < end
    if begin == end or not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if hour >= end else 0)
    while True:
        wall = datetime.combine(day, time(end), there)
        at_ms = int(wall.timestamp() * 1000)
        if at_ms <= now_ms and wall.replace(fold=1).timestamp() * 1000 > now_ms:
            at_ms = int(wall.replace(fold=1).timestamp() * 1000)  # the hour comes twice
        if at_ms > now_ms:
            return at_ms
        day += timedelta(days=1)


def _composed(connection: Connection, central: Central, rows: Sequence[Any]) -> list[_Composed]:
    """The messages of these rows; where one cannot be written, why."""
    composed: list[_Composed] = []
    for row in rows:
        try:
            composed.append(compose(connection, central, row))
        except Exception as error:
            faults.require_own(error)
            LOG.exception("notification %s cannot be written", row.id)
            composed.append(error)
    return composed


def _time_zone(connection: Connection, location: str) -> str:
    table = schema.location
    found = connection.execute(select(table.c.time_zone).where(table.c.id == location)).scalar()
    return kept.zone_of(found or "UTC")


CHANNELS: Final = ("email", "sms", "apprise", OPERATORS)
"""Every channel that this version knows, set up or not."""


WAITS_MS: Final = DAY_MS
"""An update of all servers takes less; after that nobody knows what it is, and it is given up."""


def _is_due(now_ms: int) -> ColumnElement[bool]:
    """Messages that may be leased now. One of a channel or a kind that only a newer server knows,
    which runs beside this one or did, waits for that one, but not for ever."""
    table = schema.notification
    is_channel = table.c.channel.in_([schema.fixed(each) for each in CHANNELS])
    is_kind = table.c.kind.in_([schema.fixed(each.value) for each in Kind])
    is_anybodys = (is_channel & is_kind) | (table.c.due_ms < now_ms - WAITS_MS)
    return leasing.is_due(now_ms) & leasing.is_message() & is_anybodys


def _is_anything_due(connection: Connection, now_ms: int) -> bool:
    table = schema.notification
    some = select(table.c.id).where(_is_due(now_ms)).limit(1)
    return connection.execute(some).first() is not None


def _lease(
    connection: Connection, central: Central, owner: str, limit: int, ways: frozenset[str]
) -> Sequence[Any]:
    """Take messages that are due, so that no other worker sends them meanwhile."""
    table, now_ms = schema.notification, common_ms(connection, central.clock)
    wanted = select(table.c.id).where(_is_due(now_ms)).order_by(table.c.due_ms).limit(limit)
    rows = leasing.take(connection, wanted, owner, now_ms)
    unreachable = [row.id for row in rows if row.channel not in ways]
    if unreachable:
        connection.execute(
            update(table)
            .where(table.c.id.in_(unreachable))
            .values(status="dead", error="this channel is not set up on the server")
        )
    # Short enough for a telephone; an e-mail has room for the whole link.
    short_links.keep(connection, central, (row for row in rows if row.channel == "sms"))
    return [row for row in rows if row.channel in ways]


def _settle(
    connection: Connection, rules: Notifications, owner: str, outcomes: Sequence[Outcome]
) -> None:
    """Write down what came of each; who could not be reached one way is notified another way."""
    table = schema.notification
    given_up = [each.id for each in outcomes if each.values.get("status") == "dead"]
    if given_up:
        places = select(table.c.location).where(table.c.id.in_(given_up))
        lock_location(connection, *connection.execute(places).scalars())
    # In order, as whoever locks several of them does.
    for outcome in sorted(outcomes, key=lambda each: each.id):
        row = leasing.settle_one(connection, owner, outcome)
        if row is not None and row.status == "dead":
            _try_another_way(connection, rules, row)


def _try_another_way(connection: Connection, rules: Notifications, row: Any) -> None:
    savepoint = connection.begin_nested()
    try:
        outbox.try_another_way(connection, rules, row)
    except Exception as error:
        faults.require_own(error)
        savepoint.rollback()
        LOG.exception("notification %s goes no other way", row.id)
    else:
        savepoint.commit()


def resend(connection: Connection, notification: str, now_ms: int) -> bool:
    """Try a dead message once more; False when it is not dead."""
    table = schema.notification
    changed = connection.execute(
        update(table)
        .where(table.c.id == notification, table.c.status == "dead", leasing.is_message())
        .values(
            status="queued",
            attempts=0,
            due_ms=now_ms,
            late_since_ms=None,
            error="",
            delivered_ms=None,
        )
    )
    return bool(changed.rowcount)
