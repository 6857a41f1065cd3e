"""What webhooks cost: how many a second go from what happened to their receivers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from central import schema
from central.building import build
from central.carriers.visible import Visible
from central.context import Central
from central.feed import readers
from central.feed.stream import begin_everywhere
from central.settings import Settings, Webhooks
from central.webhooks import endpoints
from central.webhooks.worker import Webhooks as Worker
from kiosk.model.carriers import OPERATOR
from tests.bench.feed_figures import fill
from tests.bench.figures import Figures
from tests.support.webhook_receiver import ReceiverProcess, receiver_process

RECEIVERS = 4


def webhooks(folder: Path, count: int) -> Figures:
    """`webhooks`: so many deposits of a hundred locations, read from the feed, written into the
    outbox, signed, posted to four receivers that verify them in a process of their own, and settled
    on SQLite; `webhooks_beside_a_dead_one`: the same while a fifth receiver hangs. Their ratio says
    what a dead receiver costs the others."""
    with receiver_process() as receiver:
        names = [f"bench-{number}" for number in range(RECEIVERS)]
        alone = _sent(folder / "alone", names, receiver, count)
        receiver.tell("dead", mode="hang")
        beside = _sent(folder / "beside", [*names, "dead"], receiver, count)
    ratio = round(beside["per_s"] / alone["per_s"], 2)
    return {
        "webhooks": alone,
        "webhooks_beside_a_dead_one": beside | {"to_alone": ratio},
    }


def _sent(folder: Path, names: list[str], receiver: ReceiverProcess, count: int) -> Figures:
    rules = Webhooks(addresses=("127.0.0.1",), answer_within_s=60)
    central = build(Settings(data=folder, webhooks=rules))
    central.database.submit(fill, count).result()
    central.database.submit(readers.add, endpoints.READER, "bench", 1, 0).result()
    central.database.submit(_make, central, receiver, names).result()
    begin_everywhere(central, endpoints.READER)
    wanted = count * RECEIVERS
    began_s, cpu_s = time.perf_counter(), time.process_time()
    took_s = asyncio.run(_run(central, wanted, receiver)) - began_s
    cpu_s = time.process_time() - cpu_s
    central.database.close()
    return {
        "per_s": round(wanted / took_s, 1),
        "cpu_ms": round(cpu_s * 1000 / wanted, 3),
        "samples": wanted,
    }


def _make(
    connection: Connection, central: Central, receiver: ReceiverProcess, names: list[str]
) -> None:
    whose = Visible(OPERATOR, None)
    for name in names:
        url = receiver.url(name)
        made = endpoints.add(connection, central, "bench", whose, url, ["package.deposited"])
        receiver.tell(name, secret=made["secret"])
    rows = connection.execute(select(schema.event.c.package, schema.event.c.location)).all()
    packages = [
        {"id": row.package, "location": row.location, "barcode": row.package} for row in rows
    ]
    connection.execute(insert(schema.package), packages)


async def _run(central: Central, wanted: int, receiver: ReceiverProcess) -> float:
    """When so many were received."""
    worker = Worker(central)
    worker.start()
    while await central.database.look(_count_sent) < wanted:
        await asyncio.sleep(0.05)
    ended_s = time.perf_counter()
    await asyncio.to_thread(receiver.tell, "dead", mode="ok")
    await worker.stop()
    return ended_s


def _count_sent(connection: Connection) -> int:
    table = schema.notification
    query = select(func.count()).where(table.c.status == "sent", table.c.endpoint != "")
    return int(connection.execute(query).scalar_one())
