"""Who turns what happens into webhooks and sends them, beside the worker of the messages.

Each receiver that something is due for has a lane of its own: it leases what is due there, sends a
few side by side, and settles them. So one that hangs holds up nobody but itself. One that fails
rests, longer and longer, and is then asked with one webhook alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from central.adapters import new_id
from central.context import Central, alarm
from central.counters import WEBHOOK_DELAY_SECONDS, WEBHOOKS
from central.database import faults
from central.errors import RequestError
from central.feed import readers
from central.feed.tables import feed, feed_reader
from central.notify import leasing
from central.notify.counting import late_since_ms
from central.notify.health import FAILURES, Health, pause_ms
from central.notify.leasing import Outcome
from central.webhooks import deliveries, endpoints, signing, writing
from central.webhooks.connecting import (
    Answer,
    Connections,
    NotAllowedError,
    NotReachedError,
    Resolve,
    Resolver,
    retry_after_ms,
    tls_of,
)
from central.webhooks.destinations import Named
from central.webhooks.tables import webhook_endpoint
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.masking import without_contacts

LOG = logging.getLogger("central.webhooks")
BATCH: Final = 32
"""So many of a receiver are leased and settled together: after a crash no more go out again."""
LOOK_S: Final = 0.5
BEGIN_S: Final = 10.0
"""So often locations are looked for that do not write for webhooks yet."""
SETTLE_AGAIN_S: Final = 1.0
PAUSE_MAX_S: Final = 3 * 3600
"""The longest pause between two tries of one webhook."""
GONE: Final = "it answered 410: gone"
TOO_LATE: Final = "it was not answered in time, however often others were tried"


class Webhooks:
    """Two tasks and a lane for each receiver."""

    def __init__(self, central: Central, resolve: Resolve | None = None) -> None:
        self._central, self._rules = central, central.settings.webhooks
        self._named = Named.of(self._rules.addresses)
        self._own_resolver = Resolver() if resolve is None else None
        self._resolve: Resolve = self._own_resolver or resolve or Resolver()
        self._tls = tls_of(self._rules.tls_ca)
        self._health: dict[str, Health] = {}
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_ending = False
        self._written, self._due = asyncio.Event(), asyncio.Event()
        self._rng, self._owner = random.Random(), new_id()

    def start(self) -> None:
        """Begin, on the running loop."""
        self._tasks = [
            asyncio.create_task(self._for_ever(self._begin, self._written, BEGIN_S)),
            asyncio.create_task(self._for_ever(self.write_due, self._written, LOOK_S)),
            asyncio.create_task(self._for_ever(self._open_lanes, self._due, LOOK_S)),
        ]

    async def stop(self) -> None:
        """Finish what is being sent and write down what came of it, then end."""
        self._is_ending = True
        self.wake()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*self._lanes.values())
        if self._own_resolver is not None:
            self._own_resolver.close()

    @property
    def state(self) -> str:
        """How it is, in a word."""
        is_over = not self._tasks or any(task.done() for task in self._tasks)
        return "ended" if is_over else "works"

    def wake(self) -> None:
        """Something may have happened."""
        self._written.set()
        self._due.set()

    async def _for_ever(
        self, work: Callable[[], Coroutine[Any, Any, bool]], woken: asyncio.Event, pause_s: float
    ) -> None:
        while not self._is_ending:
            woken.clear()
            try:
                is_more = await work()
            except Exception:
                LOG.exception("webhooks could not be worked on; again in %s s", pause_s)
                is_more = False
            if not is_more and not self._is_ending:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await woken.wait()

    # --- what happened becomes webhooks --------------------------------------------------------

    async def _begin(self) -> bool:
        """Have every location write for webhooks, once there is a receiver."""
        database, reader = self._central.database, endpoints.READER
        now_ms = self._central.clock.now_ms
        state = await database.look(_reading, reader)
        if state != 0:
            # Nobody looked for too long: what the journal has of that time is looked at again. Or
            # somebody ended it, though there are receivers.
            with contextlib.suppress(RequestError):
                if state is not None or await database.look(_is_received):
                    await database.write(readers.add, reader, "server", now_ms(), state)
            return False
        for location in await database.look(readers.not_begun, reader):
            if self._is_ending:
                break
            await database.write(readers.begin_at, reader, location, now_ms(), shows=False)
        return False

    async def write_due(self) -> bool:
        """Turn one batch of what happened into webhooks; whether there may be more."""
        database = self._central.database
        if not await database.look(_is_anything_written):
            return False
        try:
            count = await database.write(writing.take, self._central)
        except Exception as error:
            faults.require_own(error)
            LOG.exception("some of what happened cannot be turned into webhooks")
            count = await self._one_by_one()
        self._due.set()
        return count > 0

    async def _one_by_one(self) -> int:
        """Of a batch that fails leave out the fact that is to blame."""
        database = self._central.database
        for _ in range(writing.BATCH):
            try:
                if not await database.write(writing.take, self._central, 1):
                    break
            except Exception as error:  # noqa: BLE001 - one bad fact must not stop the others
                faults.require_own(error)
                why = f"{type(error).__name__}: {error}"[:500]
                await database.write(writing.pass_over, self._central, why)
        return 1

    # --- sending -------------------------------------------------------------------------------

    async def _open_lanes(self) -> bool:
        """Open a lane for each receiver that something is due for and that does not rest."""
        now_ms = self._central.clock.now_ms()
        for endpoint in await self._central.database.look(deliveries.due, now_ms):
            health = self._health.setdefault(endpoint, Health())
            if endpoint not in self._lanes and not health.is_shut(now_ms):
                self._lanes[endpoint] = asyncio.create_task(self._lane(endpoint, health))
        return False

    async def _lane(self, endpoint: str, health: Health) -> None:
        connections: Connections | None = None
        try:
            while not self._is_ending:
                row = await self._central.database.look(_endpoint, endpoint)
                if row.disabled_ms is not None or row.removed_ms is not None:
                    await self._give_up(endpoint, None, deliveries.DISABLED)
                    break
                if connections is None:
                    connections = self._connections(row.url)
                if not await self._send_some(row, connections, health):
                    break
        except Exception:
            LOG.exception("the webhooks of receiver %s could not be sent", endpoint)
        finally:
            del self._lanes[endpoint]
            if connections is not None:
                await connections.close()

    def _connections(self, url: str) -> Connections:
        most = self._rules.side_by_side
        return Connections(url, self._named, self._resolve, self._tls, most=most)

    async def _give_up(self, endpoint: str, before_ms: int | None, why: str) -> None:
        database = self._central.database
        while count := await database.write(deliveries.give_up, endpoint, before_ms, why):
            WEBHOOKS.labels(outcome="dead").inc(count)
            if self._is_ending:
                break

    async def _send_some(self, receiver: Any, connections: Connections, health: Health) -> bool:
        """Send what is due for a receiver, as far as it goes; whether to go on."""
        central, was_down = self._central, health.failures >= FAILURES
        limit = 1 if health.failures else BATCH
        rows = await central.database.write(
            deliveries.lease, central, self._owner, receiver.id, limit
        )
        if not rows:
            return False
        secrets = signing.in_use(signing.read_secrets(receiver.secrets), central.clock.now_ms())
        gate = asyncio.Semaphore(self._rules.side_by_side)

        async def one(row: Any) -> Outcome | None:
            async with gate:
                if self._is_ending or health.is_shut(central.clock.now_ms()):
                    return None
                return await self._try(row, secrets, connections, health)

        async with leasing.kept(central, self._owner, [row.id for row in rows]):
            outcomes = await asyncio.gather(*map(one, rows))
            await self._settle(receiver.id, rows, outcomes)
        now_ms = central.clock.now_ms()
        if was_down and health.failures == 0:
            await central.database.write(deliveries.bring_forward, receiver.id, now_ms)
        if health.is_shut(now_ms):
            before_ms = now_ms - self._rules.try_for_h * HOUR_MS
            await self._give_up(receiver.id, before_ms, TOO_LATE)
            return False
        return True

    async def _try(
        self,
        row: Any,
        secrets: Sequence[signing.Secret],
        connections: Connections,
        health: Health,
    ) -> Outcome:
        """What comes of one webhook, whatever is wrong with it; the others go on."""
        now_ms, payload = self._central.clock.now_ms(), row.facts.encode()
        try:
            headers = signing.headers(secrets, row.id, now_ms // 1000, payload)
            answer = await connections.post(payload, headers, self._rules.answer_within_s)
        except (NotReachedError, NotAllowedError) as error:
            return self._failed(row, health, str(error), is_receivers=True)
        except Exception as error:
            LOG.exception("webhook %s failed in a way it should not", row.id)
            return self._failed(row, health, f"{type(error).__name__}: {error}")
        if 200 <= answer.status < 300:
            health.worked()
            values = {"status": "sent", "sent_ms": self._central.clock.now_ms(), "error": ""}
            return Outcome(row.id, {**values, "attempts": row.attempts + 1})
        if answer.status == 410:
            values = {"status": "dead", "error": GONE, "attempts": row.attempts + 1}
            return Outcome(row.id, values)
        is_receivers = answer.status >= 500 or answer.status == 429
        return self._failed(
            row, health, _said(answer), answer.retry_after, is_receivers=is_receivers
        )

    def _failed(
        self,
        row: Any,
        health: Health,
        error: str,
        retry_after: str = "",
        *,
        is_receivers: bool = False,
    ) -> Outcome:
        """It waits for its next try, and is given up when it was tried for long enough. What was
        the receiver's trouble and not this webhook's is due as soon as that is over."""
        now_ms, since_ms = self._central.clock.now_ms(), late_since_ms(row)
        health.failed(now_ms)
        values = {"attempts": row.attempts + 1, "error": without_contacts(error)}
        values["reason"] = deliveries.RECEIVERS if is_receivers else ""
        if now_ms - since_ms >= self._rules.try_for_h * HOUR_MS:
            return Outcome(row.id, {**values, "status": "dead"})
        pause = int(pause_ms(now_ms - since_ms, PAUSE_MAX_S) * self._rng.uniform(0.8, 1.0))
        asked_ms = min(retry_after_ms(retry_after, now_ms) or 0, now_ms + DAY_MS)
        health.shut_until_ms = max(health.shut_until_ms, asked_ms)
        due_ms = max(now_ms + pause, asked_ms)
        return Outcome(
            row.id, {**values, "status": "queued", "due_ms": due_ms, "late_since_ms": since_ms}
        )

    async def _settle(
        self, endpoint: str, rows: Sequence[Any], outcomes: Sequence[Outcome | None]
    ) -> None:
        """Write down what came of webhooks, however long that takes: they are sent."""
        came = [each for each in outcomes if each is not None]
        back = [row.id for row, each in zip(rows, outcomes, strict=True) if each is None]
        is_gone = any(each.values["error"] == GONE for each in came)
        writing_ = self._central.database.at(may_repeat=True)
        while True:
            try:
                now_ms = self._central.clock.now_ms()
                await writing_.write(_written_down, self._owner, came, back, now_ms)
                if is_gone:
                    await writing_.write(_gone, endpoint, now_ms)
                break
            except SQLAlchemyError as error:
                if self._is_ending or faults.is_own(error):
                    raise
                LOG.error("what was sent could not be written down; again: %s", error)
                await asyncio.sleep(SETTLE_AGAIN_S)
        for row, each in zip(rows, outcomes, strict=True):
            if each is not None:
                _count(row, each)


def _written_down(
    connection: Connection,
    owner: str,
    came: Sequence[Outcome],
    back: Sequence[str],
    now_ms: int,
) -> None:
    deliveries.settle(connection, owner, came, now_ms)
    if back:
        leasing.give_back(connection, owner, back)


def _gone(connection: Connection, endpoint: str, now_ms: int) -> None:
    """A receiver said that it is to be asked no more."""
    if endpoints.disable(connection, "server", endpoint, GONE, now_ms):
        alarm(connection, now_ms, "webhook-gone", endpoint)


def _said(answer: Answer) -> str:
    moved = "; a webhook goes to no other address" if 300 <= answer.status < 400 else ""
    text = " ".join(answer.text.split())
    return f"it answered {answer.status}{moved}{': ' if text else ''}{text}"


def _count(row: Any, outcome: Outcome) -> None:
    status = outcome.values["status"]
    WEBHOOKS.labels(outcome="failed" if status == "queued" else status).inc()
    if status == "sent":
        delay_s = (outcome.values["sent_ms"] - late_since_ms(row)) / 1000
        WEBHOOK_DELAY_SECONDS.observe(max(0.0, delay_s))


def _endpoint(connection: Connection, endpoint: str) -> Any:
    table = webhook_endpoint
    return connection.execute(select(table).where(table.c.id == endpoint)).one()


def _reading(connection: Connection, name: str) -> int | None:
    """None: nobody reads. 0: it reads. Else from when on nothing was read, for too long."""
    table = feed_reader
    row = connection.execute(
        select(table).where(table.c.name == name, table.c.removed_ms.is_(None))
    ).first()
    if row is None:
        return None
    return 0 if row.stopped_ms is None else int(row.unread_since_ms or row.stopped_ms)


def _is_received(connection: Connection) -> bool:
    """Whether there is a receiver for whom something is to be written."""
    return bool(writing.receiving(connection))


def _is_anything_written(connection: Connection) -> bool:
    table = feed
    some = select(table.c.id).where(table.c.reader == endpoints.READER).limit(1)
    return connection.execute(some).first() is not None
