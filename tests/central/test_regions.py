"""Two regions as two servers: who belongs where, each goes on alone, and all of it put together."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from pydantic import ValidationError
from sqlalchemy import create_engine, insert

from central.command_line import cli
from central.errors import CannotServeError, RequestError
from central.regions import directory, merging
from central.regions.directory import Place
from central.settings import Region, Settings
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import Status
from tests.support import postgresql
from tests.support.brokers import Nats, nats_server, needs_nats
from tests.support.central_server import LOCATION, LOCATION_KEY, Journal, wait_until
from tests.support.server_process import ROOT, ServerProcess

CITIES = {"north": (53.55, 10.0), "south": (48.14, 11.58)}


def said_by(*words: str) -> Result:
    """A command of the server, as the command line runs it."""
    return CliRunner().invoke(cli, words)


class RegionProcess(ServerProcess):
    """A region's server as a process, and its stream."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        super().__init__(folder / "central", folder / "central.toml")
        self.name, self.others = name, ""
        self._stream: subprocess.Popen[bytes] | None = None
        self.configure()
        self.run("init")
        self.key = self.run("key", "add", "carrier").strip()
        self.headers = {"authorization": f"Bearer {self.key}"}
        self.tokens = {f"{name}-{step}": self._place(f"{name}-{step}", step) for step in (1, 2)}

    def _place(self, name: str, step: int) -> str:
        """A location some kilometres from the middle of its city; its token."""
        latitude, longitude = CITIES[self.name]
        words = ["--latitude", str(latitude + step / 50), "--longitude", str(longitude)]
        return self.add_location(name, *words)

    def add_location(self, name: str, *words: str) -> str:
        [token] = re.findall(r"enrol_[\w-]+", self.run("location", "add", name, *words))
        return str(token)

    def configure(self, *others: RegionProcess) -> None:
        """Say which other regions there are."""
        tables = "".join(
            f'[regions.{each.name}]\nurl = "{each.url}"\nkey = "{each.key}"\n' for each in others
        )
        assert self.config is not None
        self.config.write_text(
            f'region = "{self.name}"\npublic_url = "{self.url}"\nallow_plain_http = true\n{tables}'
        )

    def run(self, *words: str) -> str:
        """One of its commands, in this process."""
        done = said_by(*postgresql.words_of(self.folder, self.config), *words)
        assert done.exit_code == 0, done.output
        return done.stdout

    def stream(self, address: str) -> None:
        """Publish what happens."""
        with self.log.open("ab") as log:
            self._stream = subprocess.Popen(
                [*self._command(), "stream", address], cwd=ROOT, stdout=log, stderr=log
            )

    def end_stream(self) -> None:
        if self._stream is not None:
            self._stream.kill()
            self._stream.wait()

    def ask(self, path: str, **query: object) -> requests.Response:
        return requests.get(
            f"{self.url}/v1/{path}",
            params={name: str(value) for name, value in query.items()},
            headers=self.headers,
            timeout=20,
        )

    def announce(self, location: str, barcode: str) -> requests.Response:
        message = {"barcode": barcode, "location": location, "recipient": {"name": "Eva"}}
        url = f"{self.url}/v1/packages"
        return requests.post(url, json=message, headers=self.headers, timeout=20)

    def is_read(self) -> bool:
        return self.rows("SELECT count(*) FROM feed") == [(0,)]


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[tuple[RegionProcess, RegionProcess]]:
    """Two of them, which know of each other; the first does not run yet."""
    north, south = (RegionProcess(tmp_path / name, name) for name in CITIES)
    north.configure(south)
    south.configure(north)
    south.start()
    yield north, south
    for each in (north, south):
        each.end_stream()
        with contextlib.suppress(AssertionError):
            each.kill()


def kiosk_of(region: RegionProcess, folder: Path, name: str) -> Journal:
    """A kiosk that has enrolled at its region."""
    journal = Journal(folder / f"{name}.db", replace(LOCATION, id=name), seed=hash_of(name))
    journal.clock.wall_ms = time.time_ns() // 1_000_000
    journal.url = region.url
    message = {"token": region.tokens[name], "location": name, "key": LOCATION_KEY.hex()}
    answer = requests.post(f"{region.url}/v1/enrol", json=message, timeout=20)
    assert answer.ok, answer.text
    journal.token = answer.json()["token"]
    assert journal.send(journal.events()).ok
    return journal


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode()[-8:], "big")


def work(journal: Journal, first: int, count: int) -> None:
    for number in range(first, first + count):
        package = journal.put_in(f"P-{number}")
        journal.take_out(package)
        assert journal.send(journal.events()[-40:]).ok


def refuses(answer: requests.Response, there: RegionProcess) -> bool:
    said = answer.json()
    is_refused = answer.status_code == 421 and said["error"] == "other_region"
    return is_refused and (said["region"], said["url"]) == (there.name, there.url)


def is_listed(region: RegionProcess, other: RegionProcess) -> Callable[[], bool]:
    named = f"SELECT count(*) FROM directory WHERE region = '{other.name}'"
    return lambda: region.rows(named) != [(0,)]


def test_each_region_says_which_one_a_location_is_of(
    tmp_path: Path, regions: tuple[RegionProcess, RegionProcess]
) -> None:
    north, south = regions
    there = kiosk_of(south, tmp_path, "south-1")
    north.start()  # it asks the other at its start, and once a minute
    here = kiosk_of(north, tmp_path, "north-1")
    wait_until(is_listed(north, south))
    assert refuses(north.ask("locations/south-1"), south)
    assert refuses(north.announce("south-1", "A"), south)
    assert south.announce("south-1", "A").status_code == 201
    assert north.ask("locations/north-1").ok
    assert north.ask("locations/nowhere").status_code == 404
    latitude, longitude = CITIES["south"]
    found = north.ask("locations/nearest", lat=latitude, lon=longitude).json()
    assert [(each["id"], each["region"], each["url"]) for each in found] == [
        ("south-1", "south", south.url),
        ("north-1", "north", north.url),
    ]
    assert found[0]["as_of_ms"] <= time.time_ns() // 1_000_000
    # Cut off, it goes on with what it heard last, and with its own.
    south.kill()
    assert refuses(north.ask("locations/south-1"), south)
    work(here, 0, 2)
    assert north.announce("north-1", "B").status_code == 201
    for each in (here, there):
        each.store.close()


def test_a_kiosk_hears_of_the_right_region_and_does_not_move(
    tmp_path: Path, regions: tuple[RegionProcess, RegionProcess]
) -> None:
    north, south = regions
    journal = kiosk_of(south, tmp_path, "south-1")
    north.start()
    wait_until(is_listed(north, south))
    public_key = south.run("signing-key", "show").split()[0]
    kept: list[Identity] = []
    identity = Identity(north.url, "south-1", journal.token, public_key)
    with SyncClient(
        journal.store, journal.location, identity, Status, journal.rng, None, kept.append
    ) as client:
        wait_until(lambda: "other_region" in client.state.message)
        assert south.url in client.state.message
        assert not client.state.is_reached
    assert kept == []
    headers = {"authorization": f"Bearer {south.tokens['south-2']}"}
    answer = requests.get(f"{north.url}/v1/enrol", headers=headers, timeout=20)
    assert answer.status_code == 401
    assert f"of another region: south at {south.url}" in answer.json()["message"]
    journal.store.close()


def place(name: str, latitude: float = 0.0) -> Place:
    return Place(id=name, latitude=latitude, longitude=0.0, free_by_size={"S": 1})


def test_what_another_region_says_of_a_location_here_is_not_heeded(tmp_path: Path) -> None:
    """And it sends nobody to an address of its own choice."""
    region = Region(url="https://south.example.org", key="k")
    settings = Settings(region="north", regions={"south": region})
    from central import schema
    from central.database.columns import metadata

    engine = create_engine(f"sqlite:///{tmp_path}/central.db")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(schema.location).values(id="elbe"))
        directory.keep(connection, "south", [place("elbe"), place("isar")], 1)
        directory.require_here(connection, settings, "elbe")
        with pytest.raises(RequestError) as refused:
            directory.require_here(connection, settings, "isar")
        assert refused.value.detail == {"region": "south", "url": region.url}
        # A region that is in the settings no more counts no more.
        directory.require_here(connection, Settings(region="north"), "isar")
        directory.keep(connection, "south", [place("lech")], 2)
        directory.require_here(connection, settings, "isar")


def test_a_region_names_no_number_that_a_database_does_not_take() -> None:
    with pytest.raises(ValidationError):
        Place(id="isar", free_by_size={"S": 2**63})


@pytest.mark.parametrize("spot", [(0.0, 0.0), (89.0, 0.0), (0.0, 179.9)])
def test_the_nearest_elsewhere_are_the_nearest(tmp_path: Path, spot: tuple[float, float]) -> None:
    from central.database.columns import metadata
    from central.globe import distance_km

    settings = Settings(
        region="north", regions={"south": Region(url="https://south.example.org", key="k")}
    )
    places = [
        Place(id=f"p{n}", latitude=n * 37 % 179 - 89, longitude=n * 61 % 359 - 179,
              free_by_size={"S": n % 3, "M": n % 2})
        for n in range(200)
    ]  # fmt: skip
    engine = create_engine(f"sqlite:///{tmp_path}/central.db")
    metadata.create_all(engine)
    with engine.begin() as connection:
        directory.keep(connection, "south", places, 1)
        found = directory.nearest_elsewhere(connection, settings, *spot, "M", 5)
    wanted = sorted(
        (round(distance_km(*spot, each.latitude or 0, each.longitude or 0), 3), each.id)
        for each in places
        if each.free_by_size["M"]
    )
    assert [(each["distance_km"], each["id"]) for each in found] == wanted[:5]


# --- put together --------------------------------------------------------------------------------


class Headquarters:
    """Its database, and the commands that fill it and hold it against the regions."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.file = folder, folder / "headquarters.db"

    def merge(self, documents: list[dict[str, Any]]) -> str:
        lines = self._folder / "documents.jsonl"
        lines.write_text("".join(f"{json.dumps(each)}\n" for each in documents))
        return self._run("merge", str(lines))

    def compare(self, *regions: RegionProcess) -> str:
        files = []
        for each in regions:
            file = self._folder / f"{each.name}.jsonl"
            file.write_text(each.run("region", "counts", "--until", "2099-01-01"))
            files.append(str(file))
        return self._run("compare", "--until", "2099-01-01", *files)

    def _run(self, verb: str, *words: str) -> str:
        into = ["--into", f"sqlite:///{self.file}"]
        return str(said_by("region", verb, *into, *words).output)


@needs_nats
def test_regions_that_were_cut_off_are_equal_at_headquarters_again(
    tmp_path: Path, regions: tuple[RegionProcess, RegionProcess]
) -> None:
    north, south = regions
    headquarters = Headquarters(tmp_path)
    north.start()
    with nats_server(tmp_path / "nats") as nats:
        for each in regions:
            each.stream(nats.address)
            wait_until(lambda each=each: each.rows("SELECT name FROM feed_reader") != [])  # type: ignore[misc]
        kiosks = {
            name: kiosk_of(region, tmp_path, name) for region in regions for name in region.tokens
        }
        live_on(kiosks, regions, 0)
        nats.kill()
        south.end_stream()
        live_on(kiosks, regions, 1)  # each goes on alone
        south.kill()
        live_on({name: each for name, each in kiosks.items() if "north" in name}, (north,), 2)
        south.start()
        south.stream(nats.address)
        live_on(kiosks, regions, 3)
        nats.start()
        wait_until(lambda: north.is_read() and south.is_read(), 90)
        documents = documents_of(nats, regions)
    half = len(documents) // 2
    headquarters.merge(documents[half:])
    assert " 0 contradicted" in headquarters.merge(documents)
    assert " 0 new" in headquarters.merge(documents)
    said = headquarters.compare(north, south)
    assert said.endswith(" 0 differences\n"), said
    assert {each["region"] for each in documents} == {"north", "south"}
    for journal in kiosks.values():
        journal.store.close()
    require_that_a_lost_row_is_found(headquarters, regions)


def live_on(kiosks: dict[str, Journal], regions: tuple[RegionProcess, ...], turn: int) -> None:
    for name, each in kiosks.items():
        work(each, turn * 10, 2)
        region = next(region for region in regions if name.startswith(region.name))
        assert region.announce(name, f"B-{turn}").status_code == 201


def documents_of(nats: Nats, regions: tuple[RegionProcess, RegionProcess]) -> list[dict[str, Any]]:
    published = sum(
        int(each.rows("SELECT sum(published) FROM feed_reader")[0][0]) for each in regions
    )
    wait_until(lambda: nats.count() >= published)
    return nats.documents()


def require_that_a_lost_row_is_found(
    headquarters: Headquarters, regions: tuple[RegionProcess, RegionProcess]
) -> None:
    """One that is missing, one that is another, and one that no region has."""
    engine = create_engine(f"sqlite:///{headquarters.file}")
    with engine.begin() as connection:
        ours = "SELECT name, epoch, seq FROM merged WHERE source = '{}' AND location = 'north-1'"
        kiosk, server = (
            connection.exec_driver_sql(ours.format(each) + " ORDER BY seq DESC LIMIT 3").all()
            for each in ("kiosk", "server")
        )
        for row in (kiosk[1], server[1]):
            connection.exec_driver_sql("DELETE FROM merged WHERE name = ?", (row.name,))
        connection.exec_driver_sql(
            "UPDATE merged SET hash = 'another' WHERE source = 'kiosk' AND location = 'south-1'"
            " AND seq = 3"
        )
        connection.exec_driver_sql(
            "UPDATE merged SET seq = 999999 WHERE source = 'kiosk' AND location = 'south-2'"
            " AND seq = 4"
        )
    said = headquarters.compare(*regions)
    assert (
        f"north-1 {_day(said, 'north-1')} {kiosk[1].epoch}: {kiosk[1].seq} is missing here" in said
    )
    assert f"{server[1].epoch}: {server[1].seq} is missing here" in said
    assert "the same numbers, with another content" in said
    assert "999999 is here, and not in the region any more" in said
    assert " 5 differences" in said


def _day(said: str, location: str) -> str:
    line = next(
        line for line in said.splitlines() if location in line and "what the server" not in line
    )
    return line.split()[1]


DOCUMENT = {
    "version": 1, "name": "north/elbe/e/1", "region": "north", "location": "elbe",
    "epoch": "e", "seq": 1, "source": "kiosk", "kind": "KIOSK_STARTED", "at_ms": 1,
    "recorded_ms": 1, "hash": "aa", "body": {"actor": "kiosk", "rows": []},
}  # fmt: skip


def test_a_name_under_which_there_is_something_else_is_said(tmp_path: Path) -> None:
    headquarters = Headquarters(tmp_path)
    newer = {**DOCUMENT, "sender": "known by now", "something": "of a newer version"}
    assert "1 new, 1 known, 0 unreadable, 0 contradicted" in headquarters.merge([DOCUMENT, newer])
    said = headquarters.merge([{**DOCUMENT, "hash": "bb"}, {**DOCUMENT, "seq": 2}, {"a": 1}])
    assert "0 new, 0 known, 2 unreadable, 1 contradicted" in said
    assert "north/elbe/e/1: something else was there already, and stays" in said


@pytest.mark.parametrize(
    "line",
    [
        b'{"name": "\xff"}',
        *(
            json.dumps({**DOCUMENT, **changed}).encode()
            for changed in (
                {"recorded_ms": 2**63},
                {"seq": 2**63, "name": f"north/elbe/e/{2**63}"},
                {"hash": "a\0"},
                {"epoch": "\0", "name": "north/elbe/\0/1"},
            )
        ),
    ],
)
def test_what_no_database_takes_is_said_and_the_rest_is_merged(tmp_path: Path, line: bytes) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    first.write_bytes(line + b"\n")
    second.write_text(json.dumps(DOCUMENT))
    into = ["--into", f"sqlite:///{tmp_path}/headquarters.db"]
    done = said_by("region", "merge", *into, str(first), str(second))
    assert done.exit_code == 1
    assert "first.jsonl: 0 new, 0 known, 1 unreadable, 0 contradicted" in done.output
    assert "second.jsonl: 1 new, 0 known, 0 unreadable, 0 contradicted" in done.output


def test_counts_that_are_none_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "counts.jsonl"
    count = {"region": "north", "location": "elbe", "day": "", "epoch": "e", "digest": ""}
    file.write_text(json.dumps({**count, "seqs": "1-two"}))
    into = ["--into", f"sqlite:///{tmp_path}/headquarters.db"]
    said_by("region", "merge", *into, str(file))
    done = said_by("region", "compare", *into, str(file))
    assert isinstance(done.exception, CannotServeError)
    assert "this is not what central region counts prints" in str(done.exception)


def test_numbers_are_written_in_short_and_read_again() -> None:
    for seqs in ([], [1], [1, 2, 3], [1, 3, 4, 9], [2, 4, 6]):
        assert sorted(merging.numbers(merging.ranges(seqs))) == seqs
    assert merging.ranges([1, 2, 3, 7]) == "1-3,7"
