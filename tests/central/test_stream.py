"""The feed to real brokers: nothing lost, each location in order, whoever is killed on the way."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from central.feed import readers
from central.feed.stream import begin_everywhere
from central.feed.tables import feed
from tests.support.brokers import Kafka, Nats, kafka_cluster, nats_server, needs_nats
from tests.support.central_server import LOCATION, Journal, Server, wait_until
from tests.support.server_process import ROOT

LOCATIONS, PACKAGES = 3, 12


class StreamProcess:
    """`python -m central stream` beside a server, as a process that can be killed."""

    def __init__(self, server: Server, *words: str, settings: str = "") -> None:
        self._log = server.folder.parent / "stream.log"
        config = server.folder.parent / "stream.toml"
        url = server.central.settings.database_url
        config.write_text(f'region = "north"\ndatabase_url = "{url}"\n{settings}')
        self._command = [sys.executable, "-m", "central", "--config", str(config)]
        self._command += ["--data", str(server.folder), "stream", *words]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(60)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")


@contextlib.contextmanager
def streaming(server: Server, *words: str, settings: str = "") -> Iterator[StreamProcess]:
    process = StreamProcess(server, *words, settings=settings)
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture
def kiosks(tmp_path: Path, server: Server) -> Iterator[list[Journal]]:
    """Kiosks at several locations, of which one has a point in its name."""
    journals = []
    for number in range(LOCATIONS):
        location = replace(LOCATION, id=f"place.{number}" if number == 1 else f"place-{number}")
        journal = Journal(tmp_path / f"{location.id}.db", location, seed=number + 1)
        assert journal.enrol(server, server.add_location(location.id)).ok
        journals.append(journal)
    yield journals
    for each in journals:
        each.store.close()


def begin(server: Server) -> None:
    server.write(readers.add, "stream", "test", server.clock.wall_ms)
    begin_everywhere(server.central, "stream")


def be_busy(kiosks: Sequence[Journal], first: int, count: int) -> None:
    for number in range(first, first + count):
        for each in kiosks:
            package = each.put_in(f"P-{number}")
            each.take_out(package)
            assert each.send(each.events()[-50:]).ok


def written(kiosks: Sequence[Journal]) -> list[str]:
    """The names of all that the kiosks wrote down."""
    return [
        f"north/{each.location.id}/{event.epoch}/{event.seq}"
        for each in kiosks
        for event in each.events()
    ]


def require_in_order(documents: Sequence[dict[str, Any]]) -> int:
    """Within each location and epoch no fact comes before one that it follows, however often it
    comes; how many came once more."""
    reached: dict[tuple[str, str], int] = {}
    again = 0
    for each in documents:
        place = each["location"], each["epoch"]
        known = reached.get(place, 0)
        assert each["seq"] <= known + 1, f"{each['name']} came right after {known}"
        again += each["seq"] <= known
        reached[place] = max(known, each["seq"])
    return again


def is_read(server: Server) -> bool:
    return not server.rows(feed)


def test_an_order_that_is_wrong_is_found() -> None:
    right = [{"name": "", "location": "a", "epoch": "e", "seq": n} for n in (1, 2, 2, 3)]
    assert require_in_order(right) == 1
    with pytest.raises(AssertionError):
        require_in_order([right[0], right[3]])


def test_all_of_it_comes_to_kafka_and_another_client_reads_it(
    server: Server, kiosks: list[Journal]
) -> None:
    with kafka_cluster() as kafka:
        begin(server)
        with streaming(server, kafka.address) as stream:
            be_busy(kiosks, 0, PACKAGES)
            wait_until(lambda: is_read(server))
            assert stream.stop() == 0
        _require_whole(server, kiosks, kafka)


def test_kafka_gets_all_of_it_though_the_stream_is_killed(
    server: Server, kiosks: list[Journal]
) -> None:
    with kafka_cluster() as kafka:
        begin(server)
        stream = StreamProcess(server, kafka.address)
        for number in range(3):
            be_busy(kiosks, number * PACKAGES, PACKAGES)
            stream.start()
            before = len(server.rows(feed))
            wait_until(lambda before=before: len(server.rows(feed)) < before)  # type: ignore[misc]
            stream.kill()
        with streaming(server, kafka.address):
            wait_until(lambda: is_read(server))
        _require_whole(server, kiosks, kafka)


def _require_whole(server: Server, kiosks: list[Journal], kafka: Kafka) -> None:
    published = server.central.database.read(readers.states)[0].published
    partitions = kafka.documents(published)
    for each in partitions:
        require_in_order(each)
    names = {document["name"] for each in partitions for document in each}
    assert set(written(kiosks)) <= names


@needs_nats
def test_nats_gets_all_of_it_though_everything_is_killed(
    tmp_path: Path, server: Server, kiosks: list[Journal]
) -> None:
    begin(server)
    with nats_server(tmp_path / "nats") as nats:
        stream = StreamProcess(server, nats.address)
        stream.start()
        be_busy(kiosks, 0, PACKAGES)
        nats.kill()
        be_busy(kiosks, PACKAGES, PACKAGES)
        wait_until(lambda: "not published" in stream.log())
        nats.start()
        be_busy(kiosks, 2 * PACKAGES, PACKAGES)
        stream.kill()
        be_busy(kiosks, 3 * PACKAGES, PACKAGES)
        with streaming(server, nats.address):
            wait_until(lambda: is_read(server))
        _require_in_nats(server, kiosks, nats)


def _require_in_nats(server: Server, kiosks: list[Journal], nats: Nats) -> None:
    documents = nats.documents()
    # What comes twice within two minutes, NATS itself leaves out by its name.
    assert require_in_order(documents) == 0
    names = [each["name"] for each in documents]
    assert set(written(kiosks)) <= set(names)
    published = server.central.database.read(readers.states)[0].published
    assert len(names) == published


@needs_nats
def test_a_stream_says_which_one_the_broker_lacks_and_no_password(
    tmp_path: Path, server: Server, kiosks: list[Journal]
) -> None:
    with nats_server(tmp_path / "nats", ("me", "hush-hush")) as nats:
        place = nats.address.removeprefix("nats://").removesuffix("lockers")
        words = [f"nats://{place}other"]
        settings = '[feed]\nuser = "me"\npassword = "hush-hush"\n'
        with streaming(server, *words, settings=settings) as stream:
            wait_until(lambda: "no stream takes other.>" in stream.log())
        with streaming(server, nats.address.replace("//", "//me:hush-hush@")) as stream:
            wait_until(lambda: is_read(server))
        with streaming(server, nats.address.replace("//", "//me:wrong-one@")) as stream:
            be_busy(kiosks, 0, 1)
            wait_until(lambda: "Authorization" in stream.log())
        assert "hush-hush" not in stream.log()
        assert "wrong-one" not in stream.log()


def test_one_stream_reads_at_a_time(tmp_path: Path, server: Server, kiosks: list[Journal]) -> None:
    target = f"file://{tmp_path}/feed.jsonl"
    with streaming(server, target) as first:
        wait_until(lambda: "what happens goes to" in first.log())
        second = StreamProcess(server, target)
        second.start()
        assert second.wait() == 2
        assert "another central stream reads for 'stream' already" in second.log()


def test_a_file_holds_whole_lines_whenever_the_stream_is_killed(
    tmp_path: Path, server: Server, kiosks: list[Journal]
) -> None:
    file = tmp_path / "feed.jsonl"
    begin(server)
    be_busy(kiosks, 0, 2)
    with streaming(server, f"file://{file}"):
        wait_until(lambda: is_read(server))
    with file.open("a") as torn:
        torn.write('{"version": 1, "name": "north/pl')
    be_busy(kiosks, 2, 2)
    with streaming(server, f"file://{file}"):
        wait_until(lambda: is_read(server))
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    require_in_order(documents)
    assert set(written(kiosks)) <= {each["name"] for each in documents}


def test_a_server_starts_beside_a_stream_that_was_there_first(
    tmp_path: Path, server: Server, kiosks: list[Journal]
) -> None:
    server.stop()
    file = tmp_path / "feed.jsonl"
    with streaming(server, f"file://{file}"):
        wait_until(file.exists)
        server.start()
        be_busy(kiosks, 0, 1)
        wait_until(lambda: is_read(server))
    assert set(written(kiosks)) <= {json.loads(each)["name"] for each in file.open()}
