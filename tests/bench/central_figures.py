"""What the central server costs: syncs under load, messages, the nearest free locker."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Connection, insert

from central import schema
from central.app import build
from central.notify import outbox
from central.notify.worker import Worker
from central.packages.nearest import nearest
from central.parts import Central
from central.settings import Settings, Smtp
from tests.bench.figures import Figures, milliseconds, timed
from tests.load.load import measure

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
    return {"central_sync": measure(1000, 10.0, seconds, 2)}


def notifications(folder: Path, count: int) -> Figures:
    """`central_notifications_per_s`: messages with a code and its picture, from rows that are due
    to the answer of an SMTP server in another process. `cpu_ms` is this process's own."""
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", MAIL_SERVER, str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        if server.stdout is None or not server.stdout.readline():
            raise RuntimeError("the mail server did not start")
        smtp = Smtp(host="127.0.0.1", port=port, security="none", sender="lockers@example.org")
        central = build(Settings(data=folder / "notifications", smtp=smtp))
        central.database.submit(_due_messages, central, count).result()
        cpu_s = time.process_time()
        _, took_s = timed(lambda: asyncio.run(_send_all(central)))
        cpu_s = time.process_time() - cpu_s
        central.database.close()
    finally:
        server.terminate()
        server.wait()
    figures = {"per_s": round(count / took_s, 1), "cpu_ms": round(cpu_s * 1000 / count, 2)}
    return {"central_notifications": figures | {"samples": count}}


async def _send_all(central: Central) -> None:
    worker = Worker(central)
    worker.open()
    while await worker.send_due():
        pass
    await worker.stop()


def _due_messages(connection: Connection, central: Central, count: int) -> None:
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
    for number in range(count):
        outbox.queue(
            connection,
            kind=outbox.Kind.STORED.value,
            package=f"p{number}",
            location="L",
            recipient=f"r{number}",
            channel="email",
            language="en",
            created_ms=now_ms,
            due_ms=now_ms,
        )


def nearest_free(folder: Path, locations: int, samples: int) -> Figures:
    """`central_nearest_ms`: the three nearest locations with a free slot, inside the server."""
    central = build(Settings(data=folder / "nearest"))
    chance = random.Random(1)
    central.database.submit(_spread, locations, chance).result()
    took_s: list[float] = []
    with central.database.reading() as connection:
        for _ in range(samples):
            latitude, longitude = chance.uniform(36, 60), chance.uniform(-9, 25)
            began_s = time.perf_counter()
            nearest(connection, latitude, longitude, "S", 3)
            took_s.append(time.perf_counter() - began_s)
    central.database.close()
    return {"central_nearest_ms": milliseconds(took_s) | {"locations": locations}}


def _spread(connection: Connection, locations: int, chance: random.Random) -> None:
    """As many locations over Europe, one in three of them full."""
    rows = [
        {
            "id": f"L{number}",
            "latitude": chance.uniform(36, 60),
            "longitude": chance.uniform(-9, 25),
            "free": number % 3,
        }
        for number in range(locations)
    ]
    connection.execute(insert(schema.location), rows)
    sizes = [{"location": row["id"], "size": "S", "free": row["free"], "total": 20} for row in rows]
    connection.execute(insert(schema.location_size), sizes)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
