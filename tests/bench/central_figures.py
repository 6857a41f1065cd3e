"""What the central server costs: syncs under load, messages, the nearest free locker."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, insert, select

from central import schema
from central.building import build
from central.context import Central
from central.notify import outbox
from central.notify.worker import Worker
from central.packages.nearest import nearest
from central.settings import Settings, Smtp
from tests.bench.figures import Figures, milliseconds, timed
from tests.load.load import paced

MAIL_SERVER = """
import sys, threading
from aiosmtpd.controller import Controller

class Takes:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"

Controller(Takes(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
print("ready", flush=True)
threading.Event().wait()
"""


def syncs(seconds: float) -> Figures:
    """`central_sync`: a thousand locations that sync every 10 s, two events each time, against a
    server process of its own; client and server share this machine's cores."""
    return {"central_sync": paced(1000, 10.0, seconds, 2)}


def notifications(folder: Path, count: int) -> Figures:
    """`central_notifications`: messages with a code and its picture, from rows that are due to the
    answer of an SMTP server in another process. `per_s` is with all of them due at once, `cpu_ms`
    this process's own. `central_notification_wait_ms`: from the row's commit to the answer, at 120
    a second."""
    with _mail_server() as smtp:
        central = build(Settings(data=folder / "notifications", smtp=smtp))
        central.database.submit(people_with_packages, central, count).result()
        central.database.submit(make_due, central, range(count)).result()
        cpu_s = time.process_time()
        _, took_s = timed(lambda: asyncio.run(_send_all(central)))
        cpu_s = time.process_time() - cpu_s
        asyncio.run(_send_as_they_come(central, count))
        waited_s = central.database.read(_waited_s)
        central.database.close()
    return {
        "central_notifications": {
            "per_s": round(count / took_s, 1),
            "cpu_ms": round(cpu_s * 1000 / count, 2),
            "samples": count,
        },
        "central_notification_wait_ms": milliseconds(waited_s),
    }


@contextmanager
def _mail_server() -> Iterator[Smtp]:
    """An SMTP server in a process of its own, that takes every mail."""
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", MAIL_SERVER, str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        if server.stdout is None or not server.stdout.readline():
            raise RuntimeError("the mail server did not start")
        yield Smtp(host="127.0.0.1", port=port, security="none", sender="lockers@example.org")
    finally:
        server.terminate()
        server.wait()


async def _send_all(central: Central) -> None:
    worker = Worker(central)
    worker.open()
    while await worker.send_due():
        pass
    await worker.stop()


PER_S = 120
STEADY = "steady"
"""The language of the messages that come one by one, by which their rows are found again."""


async def _send_as_they_come(central: Central, count: int) -> None:
    """So many a second are due, one after the other; a worker sends them as it does in a server."""
    worker = Worker(central)
    worker.start()
    began_s = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, number / PER_S - (time.perf_counter() - began_s)))
        await central.database.write(make_due, central, range(number, number + 1), STEADY)
        worker.wake()
    while central.database.read(_waited_s, sent=False):
        await asyncio.sleep(0.05)
    await worker.stop()


def _waited_s(connection: Connection, *, sent: bool = True) -> list[float]:
    table = schema.notification
    rows = connection.execute(select(table).where(table.c.language == STEADY))
    return [
        ((row.sent_ms or 0) - row.due_ms) / 1000 for row in rows if (row.status == "sent") is sent
    ]


def people_with_packages(connection: Connection, central: Central, count: int) -> None:
    """So many people, each with a package at one location."""
    now_ms = central.clock.now_ms()
    key = central.secrets.seal(bytes(32))
    connection.execute(insert(schema.location).values(id="L", name="Market", key_sealed=key))
    people = [{"id": f"r{n}", "name": "Eva", "email": f"e{n}@example.org"} for n in range(count)]
    connection.execute(insert(schema.recipient), people)
    packages = [
        {
            "id": f"p{number}",
            "location": "L",
            "barcode": f"b{number}",
            "status": "STORED",
            "slot": "1",
            "recipient": f"r{number}",
            "locator": f"{number % 1000:03}",
            "code_counter": 1,
            "hold_until_ms": now_ms + 86_400_000,
        }
        for number in range(count)
    ]
    connection.execute(insert(schema.package), packages)


def make_due(
    connection: Connection, central: Central, numbers: range, language: str = "en"
) -> None:
    """A message to each of these people, due now."""
    now_ms = central.clock.now_ms()
    for number in numbers:
        outbox.queue(
            connection,
            kind=outbox.Kind.STORED.value,
            package=f"p{number}",
            location="L",
            recipient=f"r{number}",
            channel="email",
            language=language,
            created_ms=now_ms,
            due_ms=now_ms,
        )


FULL_ABOUT = (48.0, 8.0)
FULL_DEGREES = 2.0
"""Around this place nothing is left for so many degrees."""


def nearest_free(folder: Path, locations: int, samples: int) -> Figures:
    """`central_nearest_ms`: the three nearest locations with a free slot, inside the server;
    `central_nearest_full_ms`: from a place around which every free door is promised."""
    central = build(Settings(data=folder / "nearest"))
    rng = random.Random(1)
    central.database.submit(_spread, locations, rng).result()
    anywhere_s: list[float] = []
    full_s: list[float] = []
    with central.database.reading() as connection:
        for _ in range(samples):
            place = (rng.uniform(36, 60), rng.uniform(-9, 25))
            anywhere_s.append(timed(nearest, connection, *place, "S", 3)[1])
            full_s.append(timed(nearest, connection, *FULL_ABOUT, "S", 3)[1])
    central.database.close()
    return {
        "central_nearest_ms": milliseconds(anywhere_s) | {"locations": locations},
        "central_nearest_full_ms": milliseconds(full_s) | {"locations": locations},
    }


def _spread(connection: Connection, locations: int, rng: random.Random) -> None:
    """As many locations over Europe, one in three of them full, and all around one place."""
    rows = []
    sizes = []
    for number in range(locations):
        latitude, longitude, free = rng.uniform(36, 60), rng.uniform(-9, 25), number % 3
        place = {"latitude": latitude, "longitude": longitude}
        is_near = abs(latitude - FULL_ABOUT[0]) + abs(longitude - FULL_ABOUT[1]) < FULL_DEGREES
        kept = {"free": free, "promised": free if is_near else 0, **place}
        rows.append({"id": f"L{number}", **kept})
        sizes.append({"location": f"L{number}", "size": "S", "total": 20, **kept})
    connection.execute(insert(schema.location), rows)
    connection.execute(insert(schema.location_size), sizes)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
