"""A release maker with throw-away keys, a server that lists what they signed, and a kiosk's line to
it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, delete

from central import schema
from central.releases import adding, maker, publishing
from central.releases.maker import About, Trusted
from kiosk.model.release_files import file_name
from kiosk.sync.servers import Servers
from kiosk.updates.fetching import Line
from tests.support.central_server import NOW_MS, Server

PYTHON, MACHINE = "cp311", "x86_64"
KEYS = ("root1", "root2", "root3", "targets")


def forget_releases(server: Server) -> None:
    """The server is as if nobody had ever brought it a release."""
    tables = (schema.release, schema.release_metadata, schema.release_key)

    def forget(connection: Connection) -> None:
        for table in tables:
            connection.execute(delete(table))

    server.write(forget)
    shutil.rmtree(server.central.settings.data / "releases", ignore_errors=True)
    server.clock.wall_ms = NOW_MS


def no_pause(_: float) -> None:
    """Nobody waits between two pieces."""


class ReleaseMaker:
    """Keys, and the folder of what is public."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder / "public", folder / "keys"
        self.keys.mkdir(parents=True)
        self.public = {name: self.make_key(name) for name in KEYS}
        self.now_ms = 0

    def make_key(self, name: str) -> str:
        return maker.make_key(self.keys / name, "")

    def make_root(self, server: Server, signers: tuple[str, ...] = ("root1", "root2")) -> bytes:
        """The next root, signed by some keys; the file's content."""
        self.now_ms = server.clock.wall_ms
        online = server.write(publishing.online, server.central, "test").public_key
        roots = [self.public[name] for name in ("root1", "root2", "root3")]
        trusted = Trusted(roots, [self.public["targets"]], [online])
        path = maker.draft_root(self.folder, trusted, self.now_ms)
        for name in signers:
            maker.sign_root(path, maker.open_key(self.keys / name, ""))
        return path.read_bytes()

    def build(self, version: str, content: bytes) -> Path:
        """A file as if it had been built."""
        path = self.folder.parent / "built" / file_name(version, PYTHON, MACHINE)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def sign(self, *paths: Path, about: About | None = None) -> Path:
        """Sign that these are genuine, too."""
        signer = maker.open_key(self.keys / "targets", "")
        self.now_ms += 1000
        return maker.add_files(self.folder, paths, signer, self.now_ms, about or About())

    def publish(self, server: Server) -> adding.Added:
        """Bring all of it to the server."""
        return adding.add(server.central, [self.folder], "test")


def content_of(version: str, size: int = 3_000_000) -> bytes:
    """What a release of this version holds: most of it is in each of them."""
    rng = random.Random("all of them")
    parts = [rng.randbytes(1000) for _ in range(size // 1000)]
    own = random.Random(version)
    parts[len(parts) // 2] = own.randbytes(1000)
    return b"".join(parts)


def line_of(
    server: Server, token: str, pause: Callable[[float], None] = no_pause, url: str = ""
) -> Line:
    """A kiosk's line to a server, or to what stands in between."""
    return Line(Servers([url or server.url]), token, 10**9, pause)
