"""A network of kiosks whose lines, machines, boards and doors fail, at a real server's operations.

The kiosks' stores and the server's tables, its keeper's rounds and its worker are the real ones;
the time is turned by hand, the wire is a call, and what goes out is kept.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from central import schema
from central.building import build
from central.context import Central
from central.feed.tables import feed
from central.notify import outages
from central.notify.message import Message
from central.notify.worker import Worker
from central.packages import service
from central.packages.requests import Announcement
from central.settings import Notifications, Settings
from central.sync import enrolment
from central.sync.service import sync
from kiosk.model.clock import HOUR_MS, Reading
from kiosk.model.location import Location
from kiosk.store import boards, commands, holds, journal, meta, packages
from kiosk.store.holds import Contact
from kiosk.sync.client import OBSERVER, _waiting
from kiosk.sync.contract import (
    EnrolRequest,
    PauseStatus,
    Status,
    SyncAnswer,
    SyncRequest,
    wire_event,
)
from kiosk.sync.receiving import receive
from tests.support import postgresql
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, TurnedClock

STEP_MS = 4 * HOUR_MS
RULES = Notifications(
    channels=("email",),
    undo_wait_s=0,
    remind_after_days=(1, 2, 3),
    silent_after_s=9 * 3600,  # of which a kiosk goes by the half, and that is longer than a step
    outage_notified_after_s=10 * 3600,
    outage_over_after_s=14 * 3600,
)
LABELS = tuple(slot.label for slot in LOCATION.slots[:6])
SMALL = replace(LOCATION, slots=LOCATION.slots[:6])


@dataclass
class Outbox:
    """A way out that keeps what goes out."""

    channel: str
    clock: TurnedClock
    sent: list[tuple[int, Message]] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.sent.append((self.clock.wall_ms, message))

    async def close(self) -> None:
        return


class SimulatedKiosk:
    """A kiosk's store with its housekeeping and its sync."""

    def __init__(self, folder: Path, name: str, clock: TurnedClock, seed: int) -> None:
        self.location: Location = replace(SMALL, id=name, name=name)
        self.journal = Journal(folder / f"{name}.db", self.location, seed)
        self.journal.clock = clock
        self.journal.store.close()
        self.journal.open_again()
        self.name, self.clock = name, clock
        self.token = ""
        self.is_alive = self.is_line_up = True
        self.is_closed = False
        self.gives_back = True
        """Whether its holds stand still while its server does not hear of it."""
        self._was_alive = False
        self._heard_ms: int | None = None
        self._silent_after_s: int | None = None

    def housekeep(self) -> None:
        """What a living machine does every minute."""
        if not self.is_alive:
            self._was_alive = False
            return
        contact = None
        if self.gives_back:
            heard_ms, after_s = self._heard_ms, self._silent_after_s
            ago_ms = None if heard_ms is None else self.clock.wall_ms - heard_ms
            contact = Contact(ago_ms, None if after_s is None else after_s * 1000)
        if self._was_alive:
            # A stamp a minute is as good as one now.
            at_ms = self.clock.wall_ms - 60_000
            self.journal.do(holds.stamp_alive, Reading(at_ms, at_ms, "boot"))
            if not self.gives_back:
                self.journal.do(meta.set_value, holds.RAN, f"[{at_ms}, {holds.GAP_MS}, false]")
        self._was_alive = True
        zone = self.location.time_zone
        self.journal.store.submit(holds.tick, zone, contact, is_closed=self.is_closed).result()
        self.journal.do(holds.expire_due)

    async def sync(self, central: Central) -> None:
        """All exchanges until nothing is left to say, where the line is up."""
        while self.is_alive and self.is_line_up and await self._exchange(central):
            continue

    async def _exchange(self, central: Central) -> bool:
        waiting = self.journal.do(_waiting, 500)
        request = SyncRequest(
            epoch=waiting.head.epoch,
            events=tuple(map(wire_event, waiting.events)),
            head=waiting.head,
            cursor=waiting.cursor,
            status=Status(
                boot_id="boot",
                holds_stand_still=waiting.holds_stand_still,
                pause=PauseStatus(reason="maintenance", is_closed=True) if self.is_closed else None,
            ),
        )
        answer: SyncAnswer = await central.database.write(
            sync, central, self.name, self.token, request
        )
        self._heard_ms, self._silent_after_s = self.clock.wall_ms, answer.silent_after_s
        self.journal.do(journal.set_observer_seq, OBSERVER, answer.acked.seq)
        for sent in answer.commands:
            self.journal.do(commands.apply, receive(sent), self.location.time_zone)
        return bool(answer.commands) or self.journal.do(_waiting, 1).events != []

    def restarts(self) -> None:
        """The machine is on again: it has not heard of its server yet."""
        self.is_alive, self._heard_ms = True, None

    def board_goes(self) -> None:
        self.journal.do(boards.went, "board-A", LABELS, "no answer")

    def board_comes(self) -> None:
        self.journal.do(boards.came, "board-A", LABELS, "/dev/ttyUSB0")
        self.journal.do(boards.seen_right, "board-A", LABELS, LABELS[0], "staff:99")

    def hold_until_ms(self, package: str) -> int | None:
        """Until when a package is held, as the kiosk has it."""
        until_ms: int | None = self.journal.do(packages.package, package).hold_until_ms
        return until_ms


class Network:
    """The server and its kiosks."""

    def __init__(self, folder: Path, count: int, rules: Notifications = RULES) -> None:
        self.clock, self.folder = TurnedClock(), folder
        data = folder / "server"
        self.settings = Settings(
            data=data,
            database_url=postgresql.url_of(data),
            notifications=rules,
            public_url="https://lockers.example.org",
        )
        self.central = build(self.settings, self.clock)
        self.began_ms = 0
        self.outbox = Outbox("email", self.clock)
        self.worker = self._worker()
        self.kiosks = [
            SimulatedKiosk(folder, f"k{number}", self.clock, number) for number in range(count)
        ]
        self.packages: dict[str, SimulatedKiosk] = {}

    def _worker(self) -> Worker:
        worker = Worker(self.central)
        worker.open()
        worker._ways = {"email": self.outbox}
        return worker

    def restart(self) -> None:
        """The server ends, and another process begins."""
        self.central.database.close()
        self.central = build(self.settings, self.clock)
        self.worker = self._worker()

    async def open(self) -> None:
        """Every kiosk enrols."""
        for kiosk in self.kiosks:
            adding = partial(
                enrolment.add_location,
                location=kiosk.name,
                name=kiosk.name,
                by="test",
                now_ms=self.clock.wall_ms,
            )
            token = await self.central.database.write(adding)
            request = EnrolRequest(token=token, location=kiosk.name, key=LOCATION_KEY.hex())
            answer = await self.central.database.write(enrolment.enrol, self.central, request)
            kiosk.token = answer.token
            kiosk.housekeep()
            await kiosk.sync(self.central)

    async def deposit(self, kiosk: SimulatedKiosk, number: int) -> str:
        """A package is announced for somebody, and put in."""
        barcode = f"{kiosk.name}-{number}"
        announcement = Announcement.model_validate(
            {
                "barcode": barcode,
                "location": kiosk.name,
                "size": "S",
                "recipient": {
                    "name": "Eva",
                    "email": f"{barcode}@example.org",
                    "language": ("en", "de", "fr", "es", "pl", "ar")[number % 6],
                },
            }
        )
        await self.central.database.write(service.announce, self.central, "shop", announcement)
        await kiosk.sync(self.central)
        package = kiosk.journal.put_in(barcode)
        await kiosk.sync(self.central)
        self.packages[package] = kiosk
        return package

    async def step(self) -> None:
        """Some hours pass."""
        self.clock.wall_ms += STEP_MS
        # Twice: what a kiosk hears in its first exchange it writes down in the next minute.
        for _ in range(2):
            for kiosk in self.kiosks:
                kiosk.housekeep()
                await kiosk.sync(self.central)
            self.clock.wall_ms += 60_000
        await outages.look_round(self.central, self.began_ms)
        while await self.worker.send_due():
            continue

    async def step_beside(self) -> None:
        """A second server of this database looks and sends at the same moment."""
        other = self._worker()
        rounds = [outages.look_round(self.central, self.began_ms) for _ in range(2)]
        await asyncio.gather(*rounds)
        await asyncio.gather(self.worker.send_due(), other.send_due())

    def notified(self, package: str) -> list[tuple[int, str]]:
        """What its person was sent, and when."""
        rows = self._rows(schema.notification, schema.notification.c.package == package)
        kinds = {row.id: row.kind for row in rows}
        return [(at, kinds[m.id]) for at, m in self.outbox.sent if m.id in kinds]

    def messages(self, package: str, kind: str) -> list[Message]:
        """Its person's messages of one kind."""
        rows = self._rows(schema.notification, schema.notification.c.package == package)
        wanted = {row.id for row in rows if row.kind == kind}
        return [message for _, message in self.outbox.sent if message.id in wanted]

    def have_read(self) -> None:
        """Somebody reads the feed of every location from here on."""
        said = update(schema.location).values(feeds="reader")
        self.central.database.submit(lambda c: c.execute(said)).result()

    def said_in_feed(self) -> list[str]:
        """The kinds of what the server itself has said since, in order."""
        rows = self._rows(feed, feed.c.body != "")
        return [str(json.loads(row.body)["kind"]) for row in sorted(rows, key=lambda row: row.id)]

    def server_hold_ms(self, package: str) -> int | None:
        """Until when a package is held, as the server has it."""
        [row] = self._rows(schema.package, schema.package.c.id == package)
        until_ms: int | None = row.hold_until_ms
        return until_ms

    def _rows(self, table: Any, where: Any) -> Sequence[Any]:
        return self.central.database.read(lambda c: c.execute(select(table).where(where)).all())

    def close(self) -> None:
        for kiosk in self.kiosks:
            kiosk.journal.store.close()
        self.central.database.close()


@contextmanager
def network(folder: Path, count: int, rules: Notifications = RULES) -> Iterator[Network]:
    """A network with one server, closed at the end."""
    made = Network(folder, count, rules)
    try:
        asyncio.run(made.open())
        yield made
    finally:
        made.close()


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a kiosk, from one step to another."""

    kiosk: int
    kind: str
    """`line`, `machine` or `board`."""
    begins: int
    ends: int


def drawn_faults(rng: random.Random, kiosks: int, away: int, days_max: int = 9) -> list[Fault]:
    """So many kiosks are away for a day or up to nine, each in one way."""
    steps_a_day = 24 * HOUR_MS // STEP_MS
    return [
        Fault(
            number,
            ("line", "machine", "board")[place % 3],
            begins := rng.randrange(1, 5),
            begins + steps_a_day * rng.randint(1, days_max),
        )
        for place, number in enumerate(rng.sample(range(kiosks), away))
    ]
