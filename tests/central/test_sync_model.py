"""Thousands of exchanges of many kiosks with a server, at random from a seed: whatever is lost,
doubled or late on the way, and whichever side is brought back from an older backup, at quiet both
know the same, and each command was answered.

Client and server are the real ones; between them is no network, so that thousands take seconds.
"""

from __future__ import annotations

import gzip
import os
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from central import backup, schema
from central.building import build
from central.errors import RequestError
from central.packages import service as packages_service
from central.sync import enrolment, journal_export, service
from kiosk.store import slots
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import EnrolAnswer, EnrolRequest, Place, Status, SyncRequest
from kiosk.sync.journal_import import recall
from kiosk.sync.servers import Servers
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, TurnedClock
from tests.support.postgresql import settings_of

SEEDS = 3000 if os.environ.get("TEST_BUDGET") == "nightly" else 15
STEPS = 60
FAULTS = ("none", "none", "lost request", "lost answer", "doubled", "late", "cut answer")
DISASTERS = ("kiosk restored", "server restored", "kiosk restored without the server")


class ModelServer:
    """A server's database and its functions, with no socket before them."""

    def __init__(self, folder: Path) -> None:
        self.settings, self.clock = settings_of(folder), TurnedClock()
        self.central = build(self.settings, self.clock)

    def do(self, operation: Any, *args: Any) -> Any:
        return self.central.database.submit(operation, *args).result()

    def back_up(self) -> Path:
        path = self.settings.data / "copy.db"
        path.unlink(missing_ok=True)
        backup.backup(self.settings, path)
        return path

    def restore(self, file: Path) -> None:
        self.close()
        backup.restore(self.settings, file, self.clock.now_ms())
        self.central = build(self.settings, self.clock)

    def rows(self, table: Any) -> list[Any]:
        return self.central.database.read(lambda c: list(c.execute(table.select())))

    def close(self) -> None:
        self.central.database.close()


class NoNetwork(BaseAdapter):
    """Gives a request to the server's own function, with the faults that a network has."""

    def __init__(self, server: ModelServer, token: str, rng: random.Random) -> None:
        super().__init__()
        self.server, self.token, self.rng = server, token, rng
        self.is_well = False
        self.known = Place()
        """How long the kiosk's journal was, as the server heard last."""
        self.held: list[SyncRequest] = []
        self.happened: Counter[str] = Counter()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.url is not None
        if request.method == "GET":
            return _response(self.events(request.url))
        assert isinstance(request.body, bytes)
        zipped = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if zipped else request.body
        message = SyncRequest.model_validate_json(body)
        fault = "none" if self.is_well else self.rng.choice(FAULTS)
        self.happened[fault] += 1
        if fault in ("lost request", "late"):
            if fault == "late":
                self.held.append(message)
            raise requests.ConnectionError("it is gone")
        answer = self.deliver(message)
        if fault == "doubled":
            answer = self.deliver(message)
        if fault == "lost answer":
            raise requests.ConnectionError("the answer is gone")
        return _response(answer[: len(answer) // 2] if fault == "cut answer" else answer)

    def deliver(self, message: SyncRequest) -> bytes:
        central = self.server.central
        self.known = message.head
        return _bytes(self.server.do(service.sync, central, LOCATION.id, self.token, message))

    def events(self, url: str) -> bytes:
        asked = {name: values[0] for name, values in parse_qs(urlparse(url).query).items()}
        epoch, after = asked["epoch"], int(asked["after"])
        # A few at a time, so that there is always more.
        return _bytes(
            self.server.do(journal_export.events_of, LOCATION.id, self.token, epoch, after, 7)
        )

    def let_go(self) -> None:
        """What was held up arrives after all, long after it was given up."""
        for message in self.held:
            self.deliver(message)
        self.held.clear()

    def close(self) -> None:
        return


def _bytes(message: BaseModel) -> bytes:
    return message.model_dump_json().encode()


def _response(body: bytes) -> requests.Response:
    response = requests.Response()
    raw = HTTPResponse(BytesIO(body), preload_content=False)
    response.status_code, response.raw = 200, raw
    return response


class Pair:
    """One kiosk and one server, what happens to them, and between them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        (folder / "server").mkdir(parents=True)
        self.server = ModelServer(folder / "server")
        self.journal = Journal(folder / "kiosk.db", LOCATION, seed)
        enrolled = self.enrol()
        url, token = "https://server", enrolled.token
        self.identity = Identity(url, LOCATION.id, token, enrolled.public_key)
        self.ticks = 0
        self.network = NoNetwork(self.server, self.identity.token, self.rng)
        self.client = self.new_client()
        self.inside: list[str] = []
        self.is_sure = True
        """Whether nothing that happened was forgotten by both."""
        self.happened: Counter[str] = Counter()
        self.copies = {"kiosk": self.journal.back_up("0"), "server": self.server.back_up()}

    def enrol(self) -> EnrolAnswer:
        server, now_ms = self.server, self.server.clock.now_ms()
        token = server.do(
            lambda connection: enrolment.add_location(connection, LOCATION.id, "", "test", now_ms)
        )
        asked = EnrolRequest(token=token, location=LOCATION.id, key=LOCATION_KEY.hex())
        answer: EnrolAnswer = server.do(enrolment.enrol, server.central, asked)
        return answer

    def new_client(self) -> SyncClient:
        journal = self.journal
        client = SyncClient(journal.store, LOCATION, self.identity, self.status, self.rng)
        client._servers.session.mount("https://", self.network)
        return client

    def status(self) -> Status:
        self.ticks += 1
        return Status(boot_id=f"boot-{self.journal.lives}", monotonic_ms=self.ticks)

    def step(self, number: int) -> None:
        """Something happens, or the two talk."""
        match self.rng.randrange(40):
            case 0:
                self.copies["kiosk"] = self.journal.back_up(str(number))
            case 1:
                self.copies["server"] = self.server.back_up()
            case 2:
                self.restore_kiosk()
            case 3:
                self.restore_server()
            case 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13:
                self.put_in(f"P{number}")
            case 14 | 15 | 16 | 17 | 18 if self.inside and self.is_sure:
                place = self.rng.randrange(len(self.inside))
                self.journal.take_out(self.inside.pop(place))
            case 19 | 20 | 21 | 22 | 23:
                self.command()
            case 24 | 25 | 26:
                self.network.let_go()
            case _:
                self.exchange()

    def put_in(self, barcode: str) -> None:
        if not self.is_sure:
            # After a restore that leaves doubts nobody puts in until somebody has looked inside.
            for record in self.journal.do(slots.suspects)[:1]:
                self.journal.do(slots.set_service, record.label, "NO_DEPOSITS", "dirty", "staff:9")
            return
        self.inside.append(self.journal.put_in(barcode))

    def restore_kiosk(self) -> None:
        """The kiosk's database is lost; mostly the server is there to be asked."""
        knows_all = {row.hash for row in self.server.rows(schema.event)} >= {
            event.hash for event in self.journal.events()
        }
        # Who restores knows whether it ran on after the server had last heard of it.
        head, known = self.journal.head(), self.network.known
        is_known = head.epoch == known.epoch and head.seq <= known.seq
        doubt = "" if is_known else "it ran on"
        asks = self.rng.random() < 0.8
        with Servers((self.identity.url,)) as servers:
            servers.session.mount("https://", self.network)
            recaller = partial(recall, servers, self.identity) if asks else None
            restored = self.journal.restore(self.copies["kiosk"], recaller, doubt)
        self.happened[DISASTERS[0] if asks else DISASTERS[2]] += 1
        assert knows_all or restored.doubt, "what the server cannot know was taken for certain"
        self.is_sure = self.is_sure and not restored.doubt
        self.client = self.new_client()

    def restore_server(self) -> None:
        self.network.held.clear()  # no connection outlives the server
        self.server.restore(self.copies["server"])
        self.happened[DISASTERS[1]] += 1

    def command(self) -> None:
        """An operator keeps a package longer, where the server knows one."""
        held = [row.id for row in self.server.rows(schema.package) if row.status == "STORED"]
        if not held:
            return
        package, central = self.rng.choice(held), self.server.central
        try:
            self.server.do(packages_service.extend, central, "op", package, 1, None)
        except RequestError as error:
            assert error.code == "too_long"

    def exchange(self) -> bool:
        try:
            return self.client.sync_once() > 0
        except (requests.RequestException, ValidationError):
            return False

    def come_to_rest(self) -> None:
        self.network.is_well = True
        self.network.let_go()
        for _ in range(60):
            sent = self.server.rows(schema.command)
            if self.exchange() and not any(row.state == "QUEUED" for row in sent):
                return
        raise AssertionError("the two never came to rest")

    def require_equal(self) -> None:
        mine = self.journal.events()
        there = {(row.epoch, row.seq): row.hash for row in self.server.rows(schema.event)}
        assert [there.get((event.epoch, event.seq)) for event in mine] == [e.hash for e in mine]
        if self.is_sure:
            assert len(there) == len(mine)
            kept = {row.id: row.status for row in self.server.rows(schema.package)}
            stored = sorted(package for package, status in kept.items() if status == "STORED")
            assert stored == sorted(self.inside)
            assert self.journal.do(slots.suspects) == []
            audit = self.server.rows(schema.audit)
            assert not [row for row in audit if row.action.startswith("alarm:")]
        self.require_room_kept()
        answered = Counter(e.body for e in mine if e.kind == "COMMAND_APPLIED")
        assert all(times == 1 for times in answered.values())

    def require_room_kept(self) -> None:
        """What is kept of the room at the location is what its packages say."""
        waiting = [
            row
            for row in self.server.rows(schema.package)
            if row.status == "PENDING" and row.is_announced
        ]
        (location,) = self.server.rows(schema.location)
        assert location.promised == len(waiting)
        for row in self.server.rows(schema.location_size):
            assert row.promised == sum(each.size in (row.size, None) for each in waiting)

    def close(self) -> None:
        self.journal.store.close()
        self.server.close()


@pytest.mark.timeout(0)
def test_whatever_happens_to_them_and_between_them_kiosk_and_server_agree_at_quiet(
    tmp_path: Path,
) -> None:
    happened: Counter[str] = Counter()
    for seed in range(SEEDS):
        pair = Pair(tmp_path / str(seed), seed)
        try:
            for number in range(STEPS):
                pair.step(number)
            pair.come_to_rest()
            pair.require_equal()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            pair.close()
        happened += pair.network.happened + pair.happened
    assert all(happened[what] for what in (*FAULTS, *DISASTERS)), happened


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path / "pair", 1)
    yield made
    made.close()


def test_a_client_that_takes_a_lost_answer_for_an_acknowledgement_is_found(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative control: events that were never delivered count as sent."""
    monkeypatch.setattr(NoNetwork, "deliver", lambda *_: b"{}")
    pair.put_in("P")
    pair.exchange()
    with pytest.raises(AssertionError):
        pair.require_equal()


def test_a_kiosk_that_begins_again_where_its_backup_ended_is_found(pair: Pair) -> None:
    """A negative control: without its server a restored kiosk forgets, and the model sees it."""
    pair.network.is_well = True
    pair.put_in("P")
    pair.exchange()
    pair.journal.restore(pair.copies["kiosk"], None)
    pair.client = pair.new_client()
    with pytest.raises(AssertionError):
        pair.require_equal()


def test_a_command_that_a_restored_server_numbers_again_is_missed_without_that(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A negative control: a command under a number that was passed would wait for ever."""
    monkeypatch.setattr("central.sync.commands.number_again", lambda *_: None)
    pair.network.is_well = True
    pair.put_in("P")
    while not pair.exchange():
        pass
    older = pair.server.back_up().rename(pair.server.settings.data / "older.db")
    pair.command()
    pair.come_to_rest()
    pair.server.restore(older)
    pair.command()
    with pytest.raises(AssertionError, match="never came to rest"):
        pair.come_to_rest()
