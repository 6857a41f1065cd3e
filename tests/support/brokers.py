"""Brokers that the server's stream publishes to: a real NATS that can be killed, and librdkafka's
own Kafka for tests, in a process of its own, which other clients reach over TCP."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from confluent_kafka import Consumer, Producer
from nats.js.api import StorageType, StreamConfig

PATIENCE_S = 60.0
NATS_SERVER = shutil.which("nats-server")
needs_nats = pytest.mark.skipif(
    NATS_SERVER is None, reason="there is no nats-server: apt-get install nats-server"
)
Documents = list[dict[str, Any]]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Nats:
    """A NATS server with JetStream on a folder and a port that stay the same."""

    def __init__(self, folder: Path, subject: str = "lockers", *users: tuple[str, str]) -> None:
        self._folder, self._port, self._subject = folder, _free_port(), subject
        self._users = [["--user", user, "--pass", password] for user, password in users]
        self._secret = f"{users[0][0]}:{users[0][1]}@" if users else ""
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        asyncio.run(self._make_stream())

    @property
    def address(self) -> str:
        """Where to publish."""
        return f"nats://127.0.0.1:{self._port}/{self._subject}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(NATS_SERVER), "-a", "127.0.0.1", "-p", str(self._port), "-js"]
        command += ["-sd", str(self._folder), *(word for user in self._users for word in user)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end_s = time.monotonic() + PATIENCE_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            assert time.monotonic() < end_s, "NATS did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def documents(self) -> Documents:
        """All that its stream holds, in its order."""
        return asyncio.run(self._read())

    def count(self) -> int:
        """How many messages its stream holds."""
        return asyncio.run(self._count())

    async def _connected(self) -> Any:
        return await nats.connect(f"nats://{self._secret}127.0.0.1:{self._port}")

    async def _make_stream(self) -> None:
        client = await self._connected()
        rules = StreamConfig(
            name="lockers", subjects=[f"{self._subject}.>"], storage=StorageType.FILE
        )
        await client.jetstream().add_stream(rules)
        await client.close()

    async def _count(self) -> int:
        client = await self._connected()
        info = await client.jetstream().stream_info("lockers")
        await client.close()
        return int(info.state.messages)

    async def _read(self) -> Documents:
        client = await self._connected()
        stream = client.jetstream()
        count = (await stream.stream_info("lockers")).state.messages
        puller = await stream.pull_subscribe(f"{self._subject}.>", stream="lockers")
        found: Documents = []
        while len(found) < count:
            found += [json.loads(each.data) for each in await puller.fetch(500, timeout=10)]
        await client.close()
        return found


@contextmanager
def nats_server(folder: Path, *users: tuple[str, str]) -> Iterator[Nats]:
    """One that is there while the `with` block lasts."""
    server = Nats(folder, "lockers", *users)
    try:
        yield server
    finally:
        server.kill()


class Kafka:
    """Where librdkafka's mock of a cluster is, and what another client reads there."""

    def __init__(self, servers: str, topic: str) -> None:
        self.servers, self.topic = servers, topic

    @property
    def address(self) -> str:
        return f"kafka://{self.servers}/{self.topic}"

    def documents(self, names: int) -> list[Documents]:
        """What each partition holds, in its order, once there are so many names."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": f"test-{time.monotonic_ns()}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        consumer.subscribe([self.topic])
        found: dict[int, Documents] = {}
        seen: set[str] = set()
        end_s = time.monotonic() + PATIENCE_S
        try:
            while len(seen) < names:
                assert time.monotonic() < end_s, f"{len(seen)} of {names} came"
                for each in consumer.consume(500, 0.5):
                    value = each.value()
                    if each.error() is not None or value is None:
                        continue
                    document = json.loads(value)
                    key = each.key()
                    assert isinstance(key, bytes)
                    assert key.decode() == document["location"]
                    seen.add(document["name"])
                    found.setdefault(each.partition() or 0, []).append(document)
        finally:
            consumer.close()
        return list(found.values())


@contextmanager
def kafka_cluster(topic: str = "lockers", brokers: int = 3) -> Iterator[Kafka]:
    """A mock of three brokers in a process of its own while the `with` block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.brokers", str(brokers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        servers = process.stdout.readline().strip()
        assert servers, "the mock did not start"
        yield Kafka(servers, topic)
    finally:
        process.kill()
        process.wait()


def _be_a_cluster(brokers: int) -> None:
    host = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": brokers})
    known = host.list_topics(timeout=30).brokers.values()
    print(",".join(f"{each.host}:{each.port}" for each in known), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _be_a_cluster(int(sys.argv[1]))
