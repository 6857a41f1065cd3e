"""A message is sent by one worker, however many there are, and settled by nobody else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import OperationalError

from central import schema
from central.building import build
from central.context import Central
from central.notify import leasing, worker
from tests.support import postgresql
from tests.support.central_server import (
    Journal,
    Mailbox,
    Server,
    TurnedClock,
    announce,
    wait_until,
)
from tests.support.operators import obey, sync

COUNT = 12
WAYS = frozenset({"email"})


def test_a_lease_that_went_to_another_is_not_settled_by_the_first(tmp_path: Path) -> None:
    """A worker was not heard of for too long, and comes back with what it had sent."""
    clock = TurnedClock()
    central = build(postgresql.settings_of(tmp_path / "central"), clock)
    database, rules = central.database, central.settings.notifications
    sent = leasing.Outcome("one", {"status": "sent"})

    def queue(connection: Connection) -> None:
        row = {"id": "one", "kind": "stored", "channel": "email", "due_ms": clock.wall_ms}
        connection.execute(insert(schema.notification).values(**row))

    def leased_by(owner: str) -> list[str]:
        rows = database.submit(worker._lease, central, owner, 10, WAYS).result()
        return [row.id for row in rows]

    def settled_by(owner: str) -> tuple[str, str]:
        database.submit(worker._settle, rules, owner, [sent]).result()
        row = database.read(lambda c: c.execute(schema.notification.select()).one())
        return row.status, row.leased_by

    database.submit(queue).result()
    assert leased_by("first") == ["one"]
    assert leased_by("second") == []
    clock.wall_ms += leasing.LEASE_MS - 1000
    database.submit(leasing.renew, central, "first", ["one"]).result()
    clock.wall_ms += leasing.LEASE_MS - 1000
    assert leased_by("second") == []
    clock.wall_ms += 2000
    assert leased_by("second") == ["one"]
    database.submit(leasing.renew, central, "first", ["one"]).result()
    assert settled_by("first") == ("leased", "second")
    assert settled_by("second") == ("sent", "second")
    database.close()


class FailsAtOnePart(worker.Worker):
    """Its first part fails at once; the others take until they are let go."""

    def __init__(self, central: Central) -> None:
        super().__init__(central)
        self.is_begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.ended = 0
        self._parts = itertools.count()

    async def _send_some(self, some: Sequence[Any]) -> None:
        if next(self._parts) == 0:
            raise OperationalError("", None, Exception("the database is away"))
        self.is_begun.set()
        await self.may_end.wait()
        self.ended += len(some)


def test_what_only_a_newer_server_can_send_waits_for_that_one(tmp_path: Path) -> None:
    """It runs beside this one during an update, and fills the same outbox."""
    central = build(postgresql.settings_of(tmp_path / "central"), TurnedClock())
    messages = {
        "pigeon": ("stored", "pigeon"),
        "serenade": ("serenade", "email"),
        "not set up": ("stored", "sms"),
        "ours": ("stored", "email"),
    }

    def queue(connection: Connection) -> None:
        for name, (kind, channel) in messages.items():
            row: dict[str, object] = {"id": name, "kind": kind, "channel": channel}
            row |= {"due_ms": central.clock.now_ms() - 1}
            connection.execute(insert(schema.notification).values(**row))

    central.database.submit(queue).result()
    rows = central.database.submit(worker._lease, central, "this", 10, WAYS).result()
    assert [row.id for row in rows] == ["ours"]
    found = central.database.read(lambda c: c.execute(schema.notification.select()).all())
    assert {row.id: row.status for row in found} == {
        "pigeon": "queued",
        "serenade": "queued",
        "not set up": "dead",
        "ours": "leased",
    }
    central.database.close()


def test_what_is_being_sent_stays_leased_when_another_part_fails(tmp_path: Path) -> None:
    """Else another worker sends it, too, while this one still does."""
    central = build(postgresql.settings_of(tmp_path / "central"))
    now_ms = central.clock.now_ms()

    def queue(connection: Connection) -> None:
        row = {"kind": "stored", "channel": "email", "due_ms": now_ms - 1}
        rows = [{"id": f"n{number}", **row} for number in range(worker.SETTLE + 1)]
        connection.execute(insert(schema.notification), rows)

    async def send() -> None:
        some = FailsAtOnePart(central)
        some._ways = dict.fromkeys(WAYS)  # type: ignore[assignment]
        sending = asyncio.create_task(some.send_due())
        await some.is_begun.wait()
        await asyncio.sleep(0)
        assert not sending.done()
        some.may_end.set()
        with pytest.raises(OperationalError):
            await sending
        assert some.ended == 1

    central.database.submit(queue).result()
    asyncio.run(asyncio.wait_for(send(), 60))
    central.database.close()


def test_two_servers_send_each_message_once(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> None:
    url = postgresql.cluster().new_database()
    servers = [
        Server(tmp_path / "central", smtp_port=mailbox[0], database_url=url) for _ in range(2)
    ]
    for each in servers:
        each.start()
    first = servers[0]
    kiosk = Journal(tmp_path / "kiosk.db")
    assert kiosk.enrol(first, first.add_location()).ok
    key = first.add_key()
    for number in range(COUNT):
        assert announce(first, key, f"B{number}").status_code == 201
    obey(kiosk)
    for number in range(COUNT):
        kiosk.put_in(f"B{number}")
    sync(kiosk)
    mailbox[1].wait_for(COUNT, 60)
    now_ms = first.clock.wall_ms
    wait_until(
        lambda: all(
            row.status == "sent" for row in first.rows(schema.notification) if row.due_ms <= now_ms
        )
    )
    assert len({mail["Message-ID"] for mail in mailbox[1].mails}) == COUNT
    assert len(mailbox[1].mails) == COUNT
    kiosk.store.close()
    for each in servers:
        each.stop()
    postgresql.cluster().drop(url)
