"""A real central server on a free port, a real mailbox beside it, and kiosks' real journals."""

from __future__ import annotations

import asyncio
import functools
import random
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, Protocol

import requests
from aiosmtpd.controller import Controller
from sqlalchemy import update

from central import carrier_changes as changes
from central import housekeeping, schema
from central.app import create_app
from central.auth import Scope
from central.building import build
from central.database import Database
from central.listening import web_server
from central.monitoring import figures
from central.operators.accounts import add_key
from central.retention import PRUNED
from central.settings import Limits, Notifications, Settings, SignIn, SingleSignOn, Sms, Smtp
from central.sync import enrolment
from kiosk.model.allocation import FirstAvailable
from kiosk.model.carriers import OPERATOR, CarrierScope
from kiosk.model.clock import Instant
from kiosk.model.location import Location
from kiosk.model.person import Recipient
from kiosk.private_files import make_private, private_folder
from kiosk.store import departures, deposits, intents, journal, packages, slots
from kiosk.store import restore as backup_restore
from kiosk.store.deposits import DepositRequest
from kiosk.store.intents import IntentPurpose
from kiosk.store.packages import Announcement
from kiosk.store.restore import Recaller, Restored
from kiosk.store.store import Store
from kiosk.sync.contract import Place, SyncRequest, WireEvent, wire_event
from tests.gallery.locker import sample_location
from tests.support import postgresql

LOCATION = sample_location()
LOCATION_KEY = bytes(range(32))
NOW_MS = 1_798_761_600_000


class TurnedClock:
    """A clock that a test turns."""

    def __init__(self, wall_ms: int = NOW_MS) -> None:
        self.wall_ms = wall_ms
        self.is_trusted = True

    def now(self) -> Instant:
        return Instant(self.wall_ms, self.wall_ms, "boot", self.is_trusted)

    def now_ms(self) -> int:
        return self.wall_ms

    def confirm(self) -> None:
        return


class Mailbox:
    """Takes every mail; refuses those to `nobody@…`."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.recipients: list[str] = []
        """Whom the mails were for, by their envelopes."""
        self._arrived = threading.Condition()

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        with self._arrived:
            self.mails.append(message_from_bytes(envelope.content))
            self.recipients += envelope.rcpt_tos
            self._arrived.notify_all()
        return "250 OK"

    def wait_for(self, count: int, timeout_s: float = 20.0) -> list[Message]:
        """The mails, once there are so many."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.mails) >= count, timeout_s)
            return list(self.mails)


def wait_until(holds: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Wait until something holds that other threads bring about."""
    end_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end_s, "it never came so far"
        time.sleep(0.02)


def text_of(mail: Message) -> str:
    """The plain text of a mail."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode()
    raise AssertionError("the mail has no plain text")


@functools.cache
def _migrated() -> bytes:
    """SQLite's file of a server that was never used, with this version's tables."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "central.db"
        Database(f"sqlite:///{file}", file.with_suffix(".key")).close()
        return file.read_bytes()


def lay_tables(folder: Path) -> None:
    """Where nothing lies yet, a copy of what the migrations make: they take longer than all else of
    a start. A server that is a process of its own (`ServerProcess`) runs them."""
    if not folder.exists() or not any(folder.iterdir()):
        private_folder(folder)
        file = folder / "central.db"
        make_private(file)
        file.write_bytes(_migrated())


@dataclass
class Server:
    """A running central server."""

    folder: Path
    clock: TurnedClock = field(default_factory=TurnedClock)
    smtp_port: int = 0
    port: int = 0
    rules: Notifications = field(default_factory=lambda: Notifications(undo_wait_s=0))
    limits: Limits = field(default_factory=Limits)
    sms: Sms | None = None
    sender: str = "Lockers <lockers@example.org>"
    reply_to: str = ""
    is_public: bool = False
    """Whether people reach it, so that their messages have links."""
    host: str = "127.0.0.1"
    """What its address says; passkeys need a name."""
    sign_in: SignIn = field(default_factory=lambda: SignIn(second_factor="nobody"))
    """Most tests are about something else than second factors."""
    single_sign_on: SingleSignOn | None = None
    others: dict[str, Any] = field(default_factory=dict)
    """Further settings."""
    database_url: str = ""
    """Empty: the one that the tests run on."""

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)  # who comes before the server is up waits for it
        self.port = listener.getsockname()[1]
        self.url = f"http://{self.host}:{self.port}"
        smtp = None
        if self.smtp_port:
            smtp = Smtp(
                host="127.0.0.1",
                port=self.smtp_port,
                sender=self.sender,
                reply_to=self.reply_to,
                security="none",
            )
        self.database_url = self.database_url or postgresql.url_of(self.folder)
        settings = Settings(
            data=self.folder,
            smtp=smtp,
            sms=self.sms,
            notifications=self.rules,
            limits=self.limits,
            database_url=self.database_url,
            public_url=self.url if self.is_public else "",
            sign_in=self.sign_in,
            single_sign_on=self.single_sign_on,
            **self.others,
        )
        if not self.database_url:
            lay_tables(self.folder)
        self.central = build(settings, self.clock)
        self.app = create_app(self.central)
        self._server = web_server(self.app, settings)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def write(self, operation: Callable[..., Any], *args: Any) -> Any:
        return self.central.database.submit(operation, *args).result()

    def pass_time(self, ms: int) -> None:
        """Time passes, in which each kiosk came as often as it should."""
        heard = update(schema.location).values(last_sync_ms=self.clock.wall_ms + ms)
        self.write(lambda c: c.execute(heard))
        self.clock.wall_ms += ms

    def tidy(self, now_ms: int) -> None:
        """One round of the housekeeping, and of what is deleted for its age."""
        asyncio.run(housekeeping.tidy(self.central, now_ms))
        for some in PRUNED.values():
            self.write(some, self.central.settings.retention, now_ms)

    def metrics(self) -> str:
        """What Prometheus reads, with the figures counted just now."""
        asyncio.run(figures.make(self.central))
        return requests.get(f"{self.url}/metrics", timeout=20).text

    def rows(self, table: Any) -> list[Any]:
        """All of a table. SQLite gives them as they were inserted; PostgreSQL does so of none that
        was changed, so numbered ones are asked for by their numbers."""
        query, keys = table.select(), list(table.primary_key)
        if self.database_url and any(key.type.python_type is int for key in keys):
            query = query.order_by(*keys)
        return self.central.database.read(lambda c: list(c.execute(query)))

    def dead_message(self) -> Any:
        """The message that is given up, once there is one."""
        dead: list[Any] = []

        def find() -> bool:
            dead.extend(row for row in self.rows(schema.notification) if row.status == "dead")
            return bool(dead)

        wait_until(find)
        return dead[0]

    def add_location(self, name: str = LOCATION.id, **values: Any) -> str:
        """Make a location known; its enrolment token."""
        token: str = self.write(
            lambda c: enrolment.add_location(c, name, name, "test", self.clock.wall_ms, **values)
        )
        return token

    def add_carrier(self, carrier: str) -> None:
        """Make a carrier of this id, and of this name."""
        self.write(lambda c: changes.add(c, self.central, "test", carrier, carrier))

    def add_key(self, *scopes: str, carrier: str = OPERATOR) -> dict[str, str]:
        """The headers of a new API key."""
        wanted = [Scope(scope) for scope in scopes] or list(Scope)
        token = self.write(
            lambda c: add_key(c, self.central, "test", "test", wanted, 100_000, carrier)
        )
        return {"authorization": f"Bearer {token}"}

    def alarms(self) -> list[str]:
        return [row.action for row in self.rows(schema.audit) if row.action.startswith("alarm:")]


@contextmanager
def mail_server() -> Iterator[tuple[int, Mailbox]]:
    """A real SMTP server on loopback: its port, and what it takes."""
    box = Mailbox()
    with socket.socket() as free:  # the controller does not take port 0
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, box
    finally:
        controller.stop()


class Journal:
    """A kiosk's real store, and the bare requests with which its journal is sent."""

    def __init__(
        self,
        path: Path,
        location: Location = LOCATION,
        seed: int = 1,
        *,
        threaded: bool = False,
    ) -> None:
        self.clock, self.rng = TurnedClock(), random.Random(seed)
        self.location, self.path, self.lives = location, path, 1
        self.store = Store(path, self.clock, self.rng, threaded=threaded)
        self.store.use_key(LOCATION_KEY)
        self.do(slots.configure, location)
        self.token, self.url = "", ""

    def back_up(self, name: str) -> Path:
        """A copy of the database beside it."""
        copy = self.path.with_name(f"{self.path.name}.{name}")
        copy.unlink(missing_ok=True)
        asyncio.run(self.store.back_up(copy))
        return copy

    def restore(self, file: Path, recaller: Recaller | None, doubt: str = "") -> Restored:
        """The database is lost, and a copy of it put in its place."""
        self.store.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.lives += 1
        restored = backup_restore.restore(
            file, self.path, "", self.clock, self.rng, recaller, doubt, LOCATION_KEY
        )
        self.open_again()
        return restored

    def open_again(self, *, is_keyed: bool = True) -> None:
        """Open the database after it was closed, and something done to its file."""
        self.store = Store(self.path, self.clock, self.rng, threaded=False)
        if is_keyed:
            self.store.use_key(LOCATION_KEY)

    def do(self, operation: Callable[..., Any], *args: Any) -> Any:
        return self.store.submit(operation, *args).result()

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def announce(self, barcode: str, package: str | None = None, phone: str = "") -> str:
        """Announced by the server, with the phone of its recipient if there is one."""
        package = package or self.new_id()
        person = Recipient(self.new_id(), "Eva", phone) if phone else None
        self.do(packages.announce, Announcement(package, barcode, "S", person))
        return package

    def put_in(self, barcode: str, carrier: str = OPERATOR) -> str:
        """A deposit by a courier of this carrier; the package's id."""
        scope = CarrierScope((carrier,))
        request = DepositRequest(self.new_id(), barcode, "S", self.new_id(), "11", scope=scope)
        deposit = self.do(deposits.begin_deposit, request, self.location, FirstAvailable())
        self.do(deposits.store_package, deposit, self.location, 5, self.rng)
        return str(deposit.package)

    def take_out(self, package: str) -> None:
        """A pickup."""
        slot = self.do(packages.package, package).slot
        intent = self.new_id()
        self.do(intents.intend, intent, slot, IntentPurpose.PICKUP, "customer", package)
        self.do(departures.retrieve, package, intent)

    def events(self, after: int = 0) -> list[WireEvent]:
        return [wire_event(event) for event in self.do(journal.after, after, 10_000)]

    def head(self) -> Place:
        last = self.events()[-1]
        return Place(epoch=last.epoch, seq=last.seq, hash=last.hash)

    def enrol(self, server: Server, token: str) -> requests.Response:
        self.url = server.url
        message = {"token": token, "location": self.location.id, "key": LOCATION_KEY.hex()}
        answer = requests.post(f"{self.url}/v1/enrol", json=message, timeout=20)
        if answer.ok:
            self.token = answer.json()["token"]
        return answer

    def send(
        self,
        events: Sequence[WireEvent],
        head: Place | None = None,
        cursor: int = 0,
        *,
        wants_people: bool = False,
    ) -> requests.Response:
        """Send these events as they are."""
        message = SyncRequest(
            epoch=events[-1].epoch if events else self.head().epoch,
            events=tuple(events),
            head=head or self.head(),
            cursor=cursor,
            wants_people=wants_people,
            is_idle=head is not None or not events or events[-1].seq == self.head().seq,
        )
        return requests.post(
            f"{self.url}/v1/locations/{self.location.id}/sync",
            data=message.model_dump_json(),
            headers={"authorization": f"Bearer {self.token}"},
            timeout=20,
        )


EVA = {"name": "Eva", "email": "eva@example.org", "phone": "+49 171 0000001", "user_id": "eva"}


class HasUrl(Protocol):
    """A server, wherever it runs."""

    url: str


def announce(
    server: HasUrl, headers: dict[str, str], barcode: str, **more: Any
) -> requests.Response:
    """Announce a package for Eva through the API."""
    announcement = {
        "barcode": barcode,
        "location": LOCATION.id,
        "size": "S",
        "recipient": EVA,
        **more,
    }
    return requests.post(
        f"{server.url}/v1/packages", json=announcement, headers=headers, timeout=20
    )
