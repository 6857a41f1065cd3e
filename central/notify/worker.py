"""The worker: takes what is due from the outbox, sends it, and writes down what came of it.

A row is leased before it is sent, so several workers can share the table, and a worker that died
gives its rows back when the lease ends: a message may then go out twice, under one Message-ID.
What fails is tried again later and later; while a channel is down its rows wait without losing a
try.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from sqlalchemy import Connection, or_, select, update

from central import schema
from central.notify import outbox
from central.notify.messages import Dropped, Message, compose
from central.notify.outbox import OPERATORS, Kind
from central.notify.senders import Notifier, RefusedError, SendError, notifiers
from central.parts import Central
from central.settings import Notifications

LOG = logging.getLogger("central.notify")
BATCH = 64
SETTLE = 16
"""So many messages are sent and settled together: after a crash at most two lots go out again."""
LEASE_MS = 120_000
LOOK_S = 0.5
BASE_S = 5
BACK_OFF_MAX_S = 600
ATTEMPTS_MAX = 8
BREAKER_FAILURES = 5
BREAKER_S = 30.0
HOUR_MS = 3_600_000
NEVER_QUIET = (Kind.CODE, Kind.REISSUED)
"""Somebody stands at the locker and asked for it."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    id: str
    values: dict[str, Any]


class Worker:
    """Sends what the outbox holds, in a task of its own."""

    def __init__(self, central: Central) -> None:
        self._central = central
        self._ways: dict[str, Notifier] = {}
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=BREAKER_FAILURES, default_ttl=BREAKER_S, exclude=[RefusedError]
        )
        self._woken, self._is_ending = asyncio.Event(), False
        self._task: asyncio.Task[None] | None = None
        self._chance = random.Random()

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
            _lease, central.clock.now_ms(), BATCH, frozenset(self._ways)
        )
        # Two parts at a time: while one waits for the other side, the next is written.
        side_by_side = asyncio.Semaphore(2)

        async def deal_with(some: Sequence[Any]) -> None:
            async with side_by_side:
                if self._is_ending:
                    await central.database.write(_give_back, [row.id for row in some])
                else:
                    await self._send_some(some)

        parts = [leased[start : start + SETTLE] for start in range(0, len(leased), SETTLE)]
        await asyncio.gather(*(deal_with(some) for some in parts))
        return len(leased)

    async def _send_some(self, some: Sequence[Any]) -> None:
        central = self._central
        composed = await central.database.look(_composed, central, some)
        outcomes = await asyncio.gather(
            *(self._deal_with(*each) for each in zip(some, composed, strict=True))
        )
        await central.database.write(_settle, central.settings.notifications, outcomes)

    async def _deal_with(self, row: Any, message: Message | Dropped | Exception) -> _Outcome:
        if isinstance(message, Exception):
            return self._failed(row, f"{type(message).__name__}: {message}")
        if isinstance(message, Dropped):
            return _Outcome(row.id, {"status": "dropped", "reason": message.reason})
        quiet_ms = await self._quiet_until(row)
        if quiet_ms is not None:
            return _Outcome(row.id, {"status": "queued", "due_ms": quiet_ms})
        return await self._send(row, message)

    async def _send(self, row: Any, message: Message) -> _Outcome:
        now_ms = self._central.clock.now_ms
        try:
            async with await self._breakers.get_breaker(row.channel):
                await self._ways[row.channel].send(message)
        except OpenedState:
            # The channel is known to be down: nothing was tried.
            return _Outcome(
                row.id, {"status": "queued", "due_ms": now_ms() + int(BREAKER_S * 1000)}
            )
        except RefusedError as error:
            return _Outcome(row.id, {"status": "dead", "error": str(error)})
        except SendError as error:
            return self._failed(row, str(error))
        except Exception as error:
            LOG.exception("channel %s failed in a way it should not", row.channel)
            return self._failed(row, f"{type(error).__name__}: {error}")
        values = {"status": "sent", "sent_ms": now_ms(), "error": "", "message_id": message.id}
        return _Outcome(row.id, values)

    def _failed(self, row: Any, error: str) -> _Outcome:
        attempts = row.attempts + 1
        if attempts >= ATTEMPTS_MAX:
            return _Outcome(row.id, {"status": "dead", "attempts": attempts, "error": error})
        pause_s = min(BACK_OFF_MAX_S, BASE_S * 2**attempts) * self._chance.uniform(0.5, 1.0)
        due_ms = self._central.clock.now_ms() + int(pause_s * 1000)
        return _Outcome(
            row.id, {"status": "queued", "attempts": attempts, "error": error, "due_ms": due_ms}
        )

    async def _quiet_until(self, row: Any) -> int | None:
        """When a telephone may ring again; None when it may now."""
        if row.channel in ("email", OPERATORS) or row.kind in NEVER_QUIET:
            return None
        zone = await self._central.database.look(_time_zone, row.location)
        return quiet_until_ms(
            self._central.settings.notifications, zone, self._central.clock.now_ms()
        )


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


def _composed(
    connection: Connection, central: Central, rows: Sequence[Any]
) -> list[Message | Dropped | Exception]:
    """The messages of these rows; where one cannot be written, why."""
    composed: list[Message | Dropped | Exception] = []
    for row in rows:
        try:
            composed.append(compose(connection, central, row))
        except Exception as error:
            LOG.exception("notification %s cannot be written", row.id)
            composed.append(error)
    return composed


def _time_zone(connection: Connection, location: str) -> str:
    table = schema.location
    found = connection.execute(select(table.c.time_zone).where(table.c.id == location)).scalar()
    return found or "UTC"


def _due(now_ms: int) -> Any:
    table = schema.notification
    return (table.c.due_ms <= now_ms) & or_(
        table.c.status == "queued",
        (table.c.status == "leased") & (table.c.leased_until_ms < now_ms),
    )


def _is_anything_due(connection: Connection, now_ms: int) -> bool:
    table = schema.notification
    return connection.execute(select(table.c.id).where(_due(now_ms)).limit(1)).first() is not None


def _lease(connection: Connection, now_ms: int, limit: int, ways: frozenset[str]) -> Sequence[Any]:
    """Take rows that are due, so that no other worker sends them meanwhile."""
    table = schema.notification
    wanted = select(table.c.id).where(_due(now_ms)).order_by(table.c.due_ms).limit(limit)
    chosen = connection.execute(wanted.with_for_update(skip_locked=True)).scalars().all()
    rows = connection.execute(
        update(table)
        .where(table.c.id.in_(chosen))
        .values(status="leased", leased_until_ms=now_ms + LEASE_MS)
        .returning(table)
    ).all()
    unreachable = [row.id for row in rows if row.channel not in ways]
    if unreachable:
        connection.execute(
            update(table)
            .where(table.c.id.in_(unreachable))
            .values(status="dead", error="this channel is not set up on the server")
        )
    return [row for row in rows if row.channel in ways]


def _give_back(connection: Connection, notifications: Sequence[str]) -> None:
    """These were taken and not begun: whoever comes next may have them at once."""
    table = schema.notification
    connection.execute(
        update(table)
        .where(table.c.id.in_(notifications), table.c.status == "leased")
        .values(status="queued", leased_until_ms=None)
    )


def _settle(connection: Connection, rules: Notifications, outcomes: Sequence[_Outcome]) -> None:
    """Write down what came of each; who could not be reached one way is told another way."""
    table = schema.notification
    for outcome in outcomes:
        row = connection.execute(
            update(table)
            # The gateway may have said already what became of it: that stands.
            .where(table.c.id == outcome.id, table.c.status == "leased")
            .values(leased_until_ms=None, **outcome.values)
            .returning(table)
        ).first()
        if row is not None and row.status == "dead":
            outbox.try_another_way(connection, rules, row)


def resend(connection: Connection, notification: str, now_ms: int) -> bool:
    """Try a dead message once more; False when it is not dead."""
    table = schema.notification
    changed = connection.execute(
        update(table)
        .where(table.c.id == notification, table.c.status == "dead")
        .values(status="queued", attempts=0, due_ms=now_ms, error="", delivered_ms=None)
    )
    return bool(changed.rowcount)
