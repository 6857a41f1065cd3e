"""What the feed costs: how fast a stream passes on what waits."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from sqlalchemy import Connection, insert

from central import schema
from central.building import build
from central.context import Central
from central.feed import readers
from central.feed.stream import Stream, begin_everywhere
from central.feed.targets import publisher_of, target_of
from central.settings import Settings
from tests.bench.figures import Figures
from tests.support.brokers import NATS_SERVER, kafka_cluster, nats_server

LOCATIONS = 100
BODY = (
    '{"actor":"staff:11","rows":[["slot",{"label":"7","status":"OCCUPIED"}],["package",'
    '{"id":"PACKAGE","barcode":"JD014600006281230704","status":"STORED","slot":"7"}]]}'
)


def streams(folder: Path, count: int) -> Figures:
    """`feed_file`, `feed_kafka` (librdkafka's mock of three brokers, in a process of its own) and
    `feed_nats` (a real one with its stream on disk): so many documents of a hundred locations from
    SQLite, read, published, acknowledged by the broker and deleted."""
    found: Figures = {"feed_file": _through(folder / "file", f"file://{folder}/feed.jsonl", count)}
    with kafka_cluster() as kafka:
        found["feed_kafka"] = _through(folder / "kafka", kafka.address, count)
    if NATS_SERVER is not None:
        with nats_server(folder / "nats-server") as nats:
            found["feed_nats"] = _through(folder / "nats", nats.address, count)
    return found


def _through(folder: Path, address: str, count: int) -> Figures:
    central = build(Settings(data=folder))
    central.database.submit(fill, count).result()
    central.database.submit(readers.add, "bench", "bench", 1, 0).result()
    begin_everywhere(central, "bench")
    target = target_of(central.settings, address)
    publisher = publisher_of(target)
    stream = Stream(central, "bench", target, publisher)
    running = threading.Thread(target=stream.run)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    running.start()
    while _waiting(central):
        time.sleep(0.02)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    stream.end()
    running.join()
    publisher.close()
    [state] = central.database.read(readers.states)
    central.database.close()
    return {
        "per_s": round(state.published / took_s, 1),
        "cpu_ms": round(cpu_s * 1000 / state.published, 3),
        "samples": state.published,
    }


def _waiting(central: Central) -> bool:
    [state] = central.database.read(readers.states)
    return state.waiting > 0


def fill(connection: Connection, count: int) -> None:
    """So many deposits at a hundred locations."""
    names = [f"place-{number}" for number in range(LOCATIONS)]
    connection.execute(insert(schema.location), [{"id": name} for name in names])
    epochs = [{"location": name, "epoch": "e", "seq": count} for name in names]
    connection.execute(insert(schema.location_epoch), epochs)
    rows = [
        {
            "location": names[number % LOCATIONS],
            "epoch": "e",
            "seq": number // LOCATIONS + 1,
            "kind": "PACKAGE_STORED",
            "body": BODY.replace("PACKAGE", f"p-{number}"),
            "wall_ms": 1_798_761_600_000 + number,
            "is_trusted": True,
            "hash": f"{number:064x}",
            "received_ms": 1_798_761_600_000 + number,
            "package": f"p-{number}",
        }
        for number in range(count)
    ]
    connection.execute(insert(schema.event), rows)
