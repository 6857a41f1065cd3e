"""Two server processes on one PostgreSQL, asked for things of one location at the same moment."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import Connection, create_engine, insert, text

from central import schema
from central.auth import Scope
from central.building import build
from central.context import Central
from central.operators.accounts import add_key
from central.settings import load
from central.sync import enrolment
from central.tokens import token_hash
from tests.load.journals import Kiosk
from tests.support import postgresql

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
LIMITS = {
    "commands_by_location_and_sender": 1_000_000,
    "changes_by_package": 1_000_000,
    "open_announcements_min": 1_000_000,
}
T = TypeVar("T")
LOSE = """
CREATE SEQUENCE losses;
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('losses') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NULL;
END $$
"""
"""Counts what no rollback takes back, so that it kills once."""
DEFERRED = " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()"
RECIPIENT = {"name": "Eva", "email": "eva@example.org", "user_id": "eva"}


class Pair:
    """The two, and what they have in common."""

    def __init__(self, folder: Path, *, has_locks: bool = True) -> None:
        self.folder = folder
        self.module = "central" if has_locks else "tests.support.without_locks"
        self.database_url = postgresql.cluster().new_database()
        self.engine = create_engine(self.database_url)
        self.config = folder / "central.toml"
        self.config.write_text(
            f"data = {json.dumps(str(folder / 'data'))}\n"
            f"database_url = {json.dumps(self.database_url)}\n"
            "[notifications]\nundo_wait_s = 0\n"
            "[limits]\n" + "".join(f"{name} = {most}\n" for name, most in LIMITS.items()),
            encoding="utf-8",
        )
        self.processes: list[subprocess.Popen[bytes]] = []
        self.urls: list[str] = []
        self.log = folder / "central.log"

    def start(self, count: int = 2) -> None:
        """Start them at the same moment, and wait until each answers."""
        ports = [_free_port() for _ in range(count)]
        words = [sys.executable, "-m", self.module, "--config", str(self.config), "serve", "--port"]
        with self.log.open("ab") as log:
            self.processes += [
                subprocess.Popen([*words, str(port)], cwd=ROOT, stdout=log, stderr=log)
                for port in ports
            ]
        self.urls += [f"http://127.0.0.1:{port}" for port in ports]
        deadline = time.monotonic() + PATIENCE_S
        while not all(_is_up(url) for url in self.urls):
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            assert all(each.poll() is None for each in self.processes), self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End them, and drop their database."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE_S)
        self.engine.dispose()
        postgresql.cluster().drop(self.database_url)

    def prepare(self, *locations: str, per_minute: int = 100_000) -> str:
        """Make locations known, whose kiosks' tokens are `kiosk_` and their ids; an API key."""
        rows = [{"id": each, "token_hash": token_hash(f"kiosk_{each}")} for each in locations]

        def make(connection: Connection, central: Central) -> str:
            if rows:
                connection.execute(insert(schema.location), rows)
            return add_key(connection, central, "test", "shop", list(Scope), per_minute)

        return self.write(make)

    def enrolment_token(self, location: str) -> str:
        """The one-time token of a new location."""

        def make(connection: Connection, central: Central) -> str:
            now_ms = central.clock.now_ms()
            return enrolment.add_location(connection, location, "", "test", now_ms)

        return self.write(make)

    def write(self, operation: Callable[[Connection, Central], str]) -> str:
        """Write something beside the two."""
        central = build(load(self.config), may_be_beside=True)
        try:
            return central.database.submit(operation, central).result()
        finally:
            central.database.close()

    def kill_connections(self) -> int:
        """End all connections of the servers, whatever they are at; how many they were."""
        return self.number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    @contextmanager
    def next_commit_lost(self, table: str) -> Iterator[None]:
        """Of the next transaction that inserts into a table, its connection is killed while it is
        committed."""
        with self.engine.begin() as connection:
            connection.execute(text(LOSE))
            name = text(f"CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON {table}{DEFERRED}")
            connection.execute(name)
        try:
            yield
        finally:
            with self.engine.begin() as connection:
                connection.execute(text(f"DROP TRIGGER lost ON {table}"))
                connection.execute(text("DROP FUNCTION lose"))
                connection.execute(text("DROP SEQUENCE losses"))

    def rows(self, sql: str) -> list[Any]:
        """What the database says."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def number(self, sql: str) -> int:
        """The one number that the database says."""
        return int(self.rows(sql)[0][0])


@contextmanager
def running(folder: Path, *, has_locks: bool = True) -> Iterator[Pair]:
    """Two of them, until the end."""
    pair = Pair(folder, has_locks=has_locks)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


class Callers:
    """Who asks both servers, each over connections of its own."""

    def __init__(self, pair: Pair, key: str) -> None:
        self.pair = pair
        self.program = {"authorization": f"Bearer {key}"}
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=0)
        self.client = httpx.AsyncClient(timeout=60, limits=limits)

    async def announce(
        self, server: int, barcode: str, location: str, key: str = ""
    ) -> httpx.Response:
        """Announce a package at one of the servers."""
        headers = self.program | ({"Idempotency-Key": key} if key else {})
        body = {"barcode": barcode, "location": location, "size": "S", "recipient": RECIPIENT}
        url = f"{self.pair.urls[server]}/v1/packages"
        return await self.client.post(url, headers=headers, json=body)

    async def sync(self, server: int, location: str, body: bytes) -> httpx.Response:
        """A kiosk's sync at one of the servers."""
        headers = {"authorization": f"Bearer kiosk_{location}", "content-encoding": "gzip"}
        url = f"{self.pair.urls[server]}/v1/locations/{location}/sync"
        return await self.client.post(url, headers=headers, content=body)

    async def new_code(self, server: int, package: str) -> httpx.Response:
        """Ask for a new code at one of the servers."""
        url = f"{self.pair.urls[server]}/v1/packages/{package}/code"
        return await self.client.post(url, headers=self.program, json={"user_id": "eva"})

    async def enrol(self, server: int, location: str, token: str) -> httpx.Response:
        """A kiosk enrols at one of the servers."""
        body = {"location": location, "token": token, "key": "07" * 32}
        return await self.client.post(f"{self.pair.urls[server]}/v1/enrol", json=body)

    async def room(self, server: int, location: str) -> httpx.Response:
        """Ask for a location's room at one of the servers."""
        url = f"{self.pair.urls[server]}/v1/locations/{location}"
        return await self.client.get(url, headers=self.program)


def with_callers(pair: Pair, key: str, work: Callable[[Callers], Coroutine[Any, Any, T]]) -> T:
    """What comes of work with callers who have this API key."""

    async def run() -> T:
        callers = Callers(pair, key)
        async with callers.client:
            return await work(callers)

    return asyncio.run(run())


async def both(one: Coroutine[Any, Any, Any], two: Coroutine[Any, Any, Any]) -> tuple[Any, Any]:
    """Two requests at the same moment."""
    first, second = await asyncio.gather(one, two)
    return first, second


# --- what two servers may get wrong: each tells how often ------------------------------------


async def same_sync_twice(callers: Callers, location: str, rounds: int) -> int:
    """A kiosk's sync comes to both, as after a balancer's retry: sound events in quarantine."""
    kiosk, faults = Kiosk(location), 0
    for _ in range(rounds):
        body = kiosk.request(10)
        for answer in await both(*(callers.sync(n, location, body) for n in (0, 1))):
            faults += answer.status_code != 200 or len(answer.json()["parked"])
    known = callers.pair.number(f"SELECT count(*) FROM event WHERE location = '{location}'")
    return faults + abs(known - 10 * rounds)


async def many_commands(callers: Callers, location: str, count: int) -> int:
    """Announcements to one location over both: those that failed, or have no command."""
    answers = await asyncio.gather(
        *(callers.announce(n % 2, f"{location}-{n}", location) for n in range(count))
    )
    queued = callers.pair.number(f"SELECT count(*) FROM command WHERE location = '{location}'")
    return sum(answer.status_code != 201 for answer in answers) + abs(queued - count)


async def same_key_twice(callers: Callers, location: str, rounds: int) -> int:
    """One idempotency key comes to both: answers that are not the same one."""
    faults = 0
    for n in range(rounds):
        one, two = await both(
            *(callers.announce(at, f"{location}-{n}", location, f"{location} {n}") for at in (0, 1))
        )
        is_right = one.status_code == two.status_code == 201 and one.content == two.content
        faults += not is_right
    return faults


async def same_barcode_twice(callers: Callers, location: str, rounds: int) -> int:
    """One barcode is announced at both, as two requests: pairs of which not one alone was taken."""
    faults = 0
    for n in range(rounds):
        answers = await both(*(callers.announce(at, f"{location}-{n}", location) for at in (0, 1)))
        faults += sorted(answer.status_code for answer in answers) != [201, 409]
    return faults


async def two_new_codes(callers: Callers, location: str, rounds: int) -> int:
    """Two new codes for one package, one at each: pairs of which one was lost."""
    announced = await callers.announce(0, f"{location}-package", location)
    assert announced.status_code == 201, announced.text
    package, faults = announced.json()["id"], 0
    with callers.pair.engine.begin() as connection:
        stored = text("UPDATE package SET status = 'STORED', locator = '123' WHERE id = :id")
        connection.execute(stored, {"id": package})
    counter = f"SELECT code_counter FROM package WHERE id = '{package}'"
    for _ in range(rounds):
        before = callers.pair.number(counter)
        answers = await both(*(callers.new_code(at, package) for at in (0, 1)))
        is_right = [answer.status_code for answer in answers] == [200, 200]
        faults += not is_right or callers.pair.number(counter) != before + 2
    return faults


Probe = Callable[[Callers, str, int], Coroutine[Any, Any, int]]
PROBES: tuple[Probe, ...] = (
    same_sync_twice,
    many_commands,
    same_key_twice,
    same_barcode_twice,
    two_new_codes,
)
LOCKED_PROBES: tuple[Probe, ...] = (same_sync_twice, same_barcode_twice, two_new_codes)
"""Those that the row of the location keeps right."""


def faults_of(probes: Sequence[Probe], pair: Pair, rounds: int) -> dict[str, int]:
    """How often each thing went wrong, at a new location each."""
    locations = [f"{each.__name__}-{uuid.uuid4().hex[:8]}" for each in probes]
    key = pair.prepare(*locations)

    async def run(callers: Callers) -> dict[str, int]:
        pairs = zip(probes, locations, strict=True)
        return {each.__name__: await each(callers, at, rounds) for each, at in pairs}

    return with_callers(pair, key, run)
