"""What is tried against a kiosk that asks for releases, through its own client over real HTTP.

Whoever tries it has the server, or stands on the line: they show old lists, freeze them, change
files, count ahead, sign with what they stole. They never have the release maker's keys.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select
from tuf.api.metadata import Metadata, Root, Targets

from central import schema
from central.rates import Rates
from central.releases import maker, publishing
from central.releases.signed import OnlineSigner, name_of
from kiosk.model.clock import DAY_MS, Instant
from kiosk.updates.fetching import WrongFileError
from kiosk.updates.metadata import Catalogue, Documents, Seen, UntrustedError, refresh
from tests.support.central_server import Journal, Server
from tests.support.releases import ReleaseMaker, content_of, forget_releases, line_of

NAME = "parcel-kiosk-{}-cp311-x86_64.squashfs"
SIZE = 1_200_000
FAR = 10**12
"""A version far ahead of all that the server has signed."""


@dataclass
class Site:
    """A server, who makes its releases, and a kiosk with what it remembers."""

    server: Server
    release_maker: ReleaseMaker
    token: str
    root: bytes
    folder: Path
    seen: Seen = field(default_factory=dict)
    url: str = ""

    def refresh(self, days: float = 0, *, is_trusted: bool = True) -> Catalogue:
        now_ms = self.server.clock.wall_ms + round(days * DAY_MS)
        documents = Documents.read(self.folder / "trusted.json")
        line = line_of(self.server, self.token, url=self.url)
        now = Instant(now_ms, 0, "boot", is_trusted)
        found = refresh(self.root, documents, self.seen, line.document, now, self.folder)
        self.seen = found.seen
        return found

    def release(self, version: str) -> None:
        """A genuine one, signed and at the server."""
        path = self.release_maker.build(version, content_of(version, SIZE))
        self.release_maker.sign(path)
        self.release_maker.publish(self.server)

    def fetch(self, version: str) -> Path:
        file = self.refresh().file(NAME.format(version))
        assert file is not None
        return line_of(self.server, self.token, url=self.url).fetch(file, self.folder)

    def documents(self) -> list[Any]:
        """All that the server shows, for whoever keeps it."""
        rows: list[Any] = self.server.write(
            lambda c: [dict(row._mapping) for row in c.execute(select(schema.release_metadata))]
        )
        return rows

    def show(self, rows: list[Any]) -> None:
        """Whoever has the server has it show this."""
        table = schema.release_metadata

        def change(connection: Any) -> None:
            connection.execute(delete(table))
            connection.execute(insert(table), rows)

        self.server.write(change)

    def add(self, *contents: bytes) -> None:
        """Have the server show further documents, in the place of any of the same name."""
        kept = {row["name"]: row for row in self.documents()}
        for content in contents:
            document = Metadata[Any].from_bytes(content)
            values = {"role": document.signed.type, "version": document.signed.version}
            name = name_of(document.signed)
            kept[name] = {"name": name, "content": content, "made_ms": 0, **values}
        self.show(list(kept.values()))

    @property
    def stolen(self) -> OnlineSigner:
        """The server's own key."""
        signer: OnlineSigner = self.server.write(publishing.online, self.server.central, "thief")
        return signer

    @property
    def stored(self) -> dict[str, Path]:
        """The server's files by the release's version."""
        paths = (self.server.central.settings.data / "releases").glob("*.squashfs")
        return {path.name.split("-")[2]: path for path in paths}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server, and the token of a kiosk."""
    folder = tmp_path_factory.mktemp("attacks")
    server = Server(folder / "central")
    server.start()
    kiosk = Journal(folder / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    kiosk.store.close()
    yield server, kiosk.token
    server.stop()


@pytest.fixture
def site(running: tuple[Server, str], tmp_path: Path) -> Site:
    server, token = running
    forget_releases(server)
    server.app.state.rates = Rates(server.central)
    release_maker = ReleaseMaker(tmp_path / "maker")
    root = release_maker.make_root(server)
    folder = tmp_path / "updates"
    folder.mkdir()
    site = Site(server, release_maker, token, root, folder)
    site.release("1.0.0")
    return site


def test_a_genuine_release_is_fetched(site: Site) -> None:
    assert site.fetch("1.0.0").read_bytes() == content_of("1.0.0", SIZE)
    site.release("1.1.0")
    assert site.fetch("1.1.0").read_bytes() == content_of("1.1.0", SIZE)


# --- old lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["nothing", "its files"])
def test_the_list_of_yesterday_is_refused(site: Site, lost: str) -> None:
    """Rollback; also by a kiosk that lost its files, for its database remembers."""
    site.refresh()
    yesterday = site.documents()
    site.release("1.1.0")
    site.refresh()
    if lost == "its files":
        (site.folder / "trusted.json").unlink()
    site.show(yesterday)
    with pytest.raises(UntrustedError):
        site.refresh()


def test_the_control_a_kiosk_that_remembers_nothing_takes_it(site: Site) -> None:
    """The negative control: what refuses it is what was kept."""
    yesterday = site.documents()
    site.release("1.1.0")
    site.refresh()
    (site.folder / "trusted.json").unlink()
    site.seen = {}
    site.show(yesterday)
    site.refresh()


def test_a_list_that_nobody_renews_is_refused_in_time(site: Site) -> None:
    """Freeze: somebody keeps an update from a kiosk by showing it what was true once."""
    site.refresh(days=2)
    with pytest.raises(UntrustedError, match="expired"):
        site.refresh(days=4)


@pytest.mark.parametrize("days", [4, 4000, -20_000])
def test_nothing_expires_by_a_clock_that_is_not_trusted(site: Site, days: int) -> None:
    site.refresh(days=days, is_trusted=False)


def test_a_server_that_was_restored_is_believed_again(site: Site) -> None:
    """Its backup is older than what the kiosk has seen; what it signs from then on is newer."""
    backup = site.documents()
    for _ in range(5):
        site.server.pass_time(DAY_MS)
        site.server.write(publishing.renew, site.server.central)
    site.refresh()
    site.server.pass_time(1000)
    site.show(backup)
    with pytest.raises(UntrustedError):
        site.refresh()
    site.server.write(publishing.renew, site.server.central)
    site.refresh()


def test_a_stolen_timestamp_brings_no_old_list_back(site: Site) -> None:
    site.refresh()
    (old,) = [row["version"] for row in site.documents() if row["role"] == "snapshot"]
    site.release("1.1.0")
    site.refresh()
    site.add(site.stolen.timestamp(FAR, old, site.server.clock.wall_ms))
    with pytest.raises(UntrustedError):
        site.refresh()


# --- the whole server is stolen -------------------------------------------------------------------


def test_a_wholly_stolen_server_installs_nothing_of_its_own(site: Site) -> None:
    """It signs what is newest by its own key, and a list with a release of the thief's."""
    site.refresh()
    now_ms, thief = site.server.clock.wall_ms, maker.open_key(_stranger(site), "")
    rows = {row["name"]: row["content"] for row in site.documents()}
    listing = Metadata[Targets].from_bytes(rows["1.targets.json"])
    listing.signed.version = 2
    listing.sign(thief)
    site.add(
        listing.to_bytes(),
        site.stolen.snapshot(FAR, 2, now_ms),
        site.stolen.timestamp(FAR, FAR, now_ms),
    )
    with pytest.raises(UntrustedError, match="targets was signed by 0/1 keys"):
        site.refresh()


@pytest.mark.parametrize("signers", [("stranger",), ("root1", "stranger"), ("root1",)])
def test_a_root_of_the_thiefs_own_is_not_believed(site: Site, signers: tuple[str, ...]) -> None:
    """Nor one that a single key of the root has signed."""
    stranger = _stranger(site)
    root = Metadata[Root].from_bytes(site.root)
    root.signed.version = 2
    signer = maker.open_key(stranger, "")
    root.signed.add_key(signer.public_key, "root")
    root.signed.add_key(signer.public_key, "targets")
    root.signatures.clear()
    for name in signers:
        root.sign(maker.open_key(site.release_maker.keys / name, ""), append=True)
    site.add(root.to_bytes())
    with pytest.raises(UntrustedError):
        site.refresh()


def _stranger(site: Site) -> Path:
    site.release_maker.make_key("stranger")
    return site.release_maker.keys / "stranger"


def test_after_the_server_was_stolen_a_new_root_brings_it_back(site: Site) -> None:
    """The thief counted ahead; the new key counts from the start, also for who saw the thief's."""
    now_ms = site.server.clock.wall_ms
    site.add(site.stolen.snapshot(FAR, 1, now_ms), site.stolen.timestamp(FAR, FAR, now_ms))
    site.refresh()
    site.server.write(
        lambda c: c.execute(
            delete(schema.release_metadata).where(schema.release_metadata.c.version == FAR)
        )
    )
    site.server.write(publishing.make_key, site.server.central, "test")
    site.release_maker.make_root(site.server, ("root2", "root3"))
    site.release("1.1.0")
    assert site.fetch("1.1.0").is_file()


def test_a_key_that_the_root_takes_away_signs_no_more(site: Site) -> None:
    site.refresh()
    before = site.documents()
    site.release_maker.public["targets"] = site.release_maker.make_key("targets2")
    root = site.release_maker.make_root(site.server)
    site.show(before)
    site.add(root)
    with pytest.raises(UntrustedError, match="targets was signed by 0/1 keys"):
        site.refresh()


def test_a_kiosk_that_was_off_for_many_roots_comes_back(site: Site) -> None:
    for _ in range(30):
        site.release_maker.make_root(site.server)
    site.release("1.1.0")
    assert site.fetch("1.1.0").is_file()
    assert site.fetch("1.0.0").is_file()


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, SIZE // 2, SIZE - 1])
def test_one_bit_of_a_release_is_turned(site: Site, at: int) -> None:
    path = site.stored["1.0.0"]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(WrongFileError):
        site.fetch("1.0.0")
    assert not list(site.folder.glob("*.part"))
    assert not (site.folder / NAME.format("1.0.0")).exists()


def test_a_release_is_cut_short(site: Site) -> None:
    path = site.stored["1.0.0"]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(requests.RequestException):
        site.fetch("1.0.0")


def test_more_comes_than_was_signed(site: Site) -> None:
    path = site.stored["1.0.0"]
    genuine = path.read_bytes()
    path.write_bytes(genuine + b"more")
    assert site.fetch("1.0.0").read_bytes() == genuine


@pytest.fixture
def between(site: Site) -> Iterator[Callable[[str], None]]:
    """Somebody on the line, who answers one kind of request without an end."""
    endless = [""]

    class Endless(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            headers = {
                name: self.headers[name]
                for name in ("authorization", "range")
                if name in self.headers
            }
            url = f"{site.server.url}{self.path}"
            answer = requests.get(url, headers=headers, timeout=20)
            self.send_response(answer.status_code)
            if "content-range" in answer.headers:
                self.send_header("content-range", answer.headers["content-range"])
            self.end_headers()
            try:
                self.wfile.write(answer.content)
                while endless[0] and endless[0] in self.path:
                    self.wfile.write(b" " * 65_536)
            except OSError:
                self.close_connection = True

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    Thread(target=proxy.serve_forever, daemon=True).start()
    site.url = f"http://127.0.0.1:{proxy.server_port}"

    def make_endless(what: str) -> None:
        endless[0] = what

    yield make_endless
    proxy.shutdown()
    proxy.server_close()


@pytest.mark.parametrize("document", ["timestamp.json", "snapshot.json", "targets.json", "root"])
def test_a_document_without_an_end(
    site: Site, between: Callable[[str], None], document: str
) -> None:
    between(document)
    if document == "root":
        site.release_maker.make_root(site.server)
        site.release("1.1.0")
    with pytest.raises(UntrustedError, match="longer than it may be"):
        site.refresh()


def test_a_file_without_an_end(site: Site, between: Callable[[str], None]) -> None:
    between(".squashfs")
    with pytest.raises(WrongFileError, match="more came than was asked for"):
        site.fetch("1.0.0")
    assert sum(path.stat().st_size for path in site.folder.iterdir()) < 2 * SIZE
    between("")
    assert site.fetch("1.0.0").is_file()


# --- what the kiosk kept is damaged ---------------------------------------------------------------


def _damages(kept: bytes) -> dict[str, bytes | None]:
    whole = json.loads(kept)
    found: dict[str, bytes | None] = {
        "missing": None,
        "empty": b"",
        "short": kept[: len(kept) // 2],
        "zeroed": bytes(len(kept)),
        "no object": b"[]",
        "no texts": b'{"timestamp.json": 1}',
        "deep": b"[" * 100_000,
    }
    for name in whole:
        for how, content in {"empty": "", "garbage": "\0" * 100, "other": "{}"}.items():
            found[f"{how} {name}"] = json.dumps({**whole, name: content}).encode()
        rest = {each: content for each, content in whole.items() if each != name}
        found[f"lost {name}"] = json.dumps(rest).encode()
    found["a path"] = json.dumps({**whole, "../../escaped": "x"}).encode()
    return found


def test_lost_and_damaged_files_of_a_kiosk_heal(site: Site) -> None:
    for _ in range(3):
        site.release_maker.make_root(site.server)
    site.release("1.1.0")
    site.refresh()
    path = site.folder / "trusted.json"
    kept = path.read_bytes()
    for how, content in _damages(kept).items():
        shutil.rmtree(site.folder)
        site.folder.mkdir()
        if content is not None:
            path.write_bytes(content)
        site.refresh()
        assert json.loads(path.read_bytes()) == json.loads(kept), how
        assert not (site.folder.parent / "escaped").exists()


def test_a_stolen_key_of_a_server_is_no_key_of_the_release_maker(site: Site) -> None:
    """Every pair of roles: the server's key signs no list and no root."""
    key = Ed25519PrivateKey.generate()
    assert OnlineSigner(key).public_key not in site.root.decode()
    root = Metadata[Root].from_bytes(site.root).signed
    online = set(root.roles["timestamp"].keyids)
    assert not online & (set(root.roles["targets"].keyids) | set(root.roles["root"].keyids))
