"""Releases at the server: only what the release maker signed is listed; only kiosks fetch it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import select
from tuf.api.metadata import Metadata, Targets, Timestamp

from central import schema
from central.errors import CannotServeError
from central.releases import adding, maker, publishing, routes
from central.releases.__main__ import cli as maker_commands
from central.releases.maker import About
from kiosk.model.clock import DAY_MS, HOUR_MS
from tests.support.central_server import Journal, Server
from tests.support.releases import ReleaseMaker, content_of, forget_releases


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server, and the header by which a kiosk proves itself there."""
    folder = tmp_path_factory.mktemp("releases")
    server = Server(folder / "central")
    server.start()
    kiosk = Journal(folder / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    kiosk.store.close()
    yield server, {"authorization": f"Bearer {kiosk.token}"}
    server.stop()


@pytest.fixture
def server(running: tuple[Server, dict[str, str]]) -> Server:
    forget_releases(running[0])
    return running[0]


@pytest.fixture
def kiosk(running: tuple[Server, dict[str, str]]) -> dict[str, str]:
    return running[1]


@pytest.fixture
def release_maker(tmp_path: Path, server: Server) -> ReleaseMaker:
    made = ReleaseMaker(tmp_path / "maker")
    made.make_root(server)
    return made


def rows(server: Server) -> list[tuple[str, str, str]]:
    table = schema.release
    query = select(table.c.version, table.c.python, table.c.machine).order_by(table.c.version)
    found: list[tuple[str, str, str]] = server.write(lambda c: [tuple(r) for r in c.execute(query)])
    return found


def test_what_is_signed_is_listed_and_fetched_in_pieces(
    server: Server, release_maker: ReleaseMaker, kiosk: dict[str, str]
) -> None:
    content = content_of("1.0.0")
    release_maker.sign(release_maker.build("1.0.0", content), about=About(notes="Quicker"))
    assert release_maker.publish(server).signed == 1
    assert rows(server) == [("1.0.0", "cp311", "x86_64")]
    row = server.rows(schema.release)[0]
    assert (row.size, row.notes) == (len(content), "Quicker")
    assert row.end_of_support_ms == row.made_ms + maker.SUPPORT_DAYS * DAY_MS
    url = f"{server.url}/releases/targets/{row.sha256}.{row.file}"
    piece = requests.get(url, headers={**kiosk, "range": "bytes=1000-1999"}, timeout=20)
    assert piece.status_code == 206
    assert piece.content == content[1000:2000]
    assert requests.get(url, headers=kiosk, timeout=20).content == content
    assert requests.get(url, timeout=20).status_code == 401
    past = requests.get(url, headers={**kiosk, "range": "bytes=99999999-"}, timeout=20)
    assert past.status_code == 416


@pytest.mark.parametrize(
    "name",
    ["../central.key", "..%2Fcentral.key", "central.key", "0" * 64 + ".none", ".part", "a%00.json"],
)
def test_nothing_else_of_the_disk_is_fetched(
    server: Server, release_maker: ReleaseMaker, kiosk: dict[str, str], name: str
) -> None:
    release_maker.sign(release_maker.build("1.0.0", b"x"))
    release_maker.publish(server)
    for kind in ("targets", "metadata"):
        answer = requests.get(f"{server.url}/releases/{kind}/{name}", headers=kiosk, timeout=20)
        assert answer.status_code == 404


def test_a_file_that_is_on_another_servers_disk_is_asked_for_there(
    server: Server, release_maker: ReleaseMaker, kiosk: dict[str, str]
) -> None:
    release_maker.sign(release_maker.build("1.0.0", b"x"))
    release_maker.publish(server)
    row = server.rows(schema.release)[0]
    stored = f"{row.sha256}.{row.file}"
    (server.central.settings.data / "releases" / stored).unlink()
    url = f"{server.url}/releases/targets/{stored}"
    answer = requests.get(url, headers=kiosk, timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")


def test_what_the_release_maker_did_not_sign_is_not_taken_in(
    server: Server, release_maker: ReleaseMaker, tmp_path: Path
) -> None:
    """Not by another key, not another file under the name, not without its file."""
    path = release_maker.build("1.0.0", b"genuine")
    listing = release_maker.sign(path)
    stranger = maker.open_key(_key(release_maker, "stranger"), "")
    document = Metadata[Targets].from_bytes(listing.read_bytes())
    genuine = listing.read_bytes()
    document.sign(stranger)
    listing.write_bytes(document.to_bytes())
    with pytest.raises(CannotServeError, match="not signed as version 1 of the root asks for"):
        release_maker.publish(server)
    listing.write_bytes(genuine)
    stored = next((release_maker.folder / "targets").iterdir())
    stored.write_bytes(b"another")
    with pytest.raises(CannotServeError, match="not the file that was signed"):
        release_maker.publish(server)
    stored.unlink()
    with pytest.raises(CannotServeError, match=r"signed, and not here: parcel-kiosk-1\.0\.0"):
        release_maker.publish(server)
    assert rows(server) == []
    assert server.rows(schema.release_metadata) == []
    stored.write_bytes(b"genuine")
    assert release_maker.publish(server).signed == 1


def _key(release_maker: ReleaseMaker, name: str) -> Path:
    release_maker.make_key(name)
    return release_maker.keys / name


@pytest.mark.parametrize("signers", [("root1",), ("root1", "root1"), ()])
def test_a_root_counts_by_two_keys_of_three(
    server: Server, tmp_path: Path, signers: tuple[str, ...]
) -> None:
    made = ReleaseMaker(tmp_path / "maker")
    made.make_root(server, signers)
    with pytest.raises(CannotServeError, match="not signed as version 1 of the root asks for"):
        made.sign(made.build("1.0.0", b"x"))


def test_a_root_that_names_another_server_is_refused(
    server: Server, release_maker: ReleaseMaker
) -> None:
    release_maker.sign(release_maker.build("1.0.0", b"x"))
    server.write(publishing.make_key, server.central, "test")
    with pytest.raises(CannotServeError, match="does not name this server's key"):
        release_maker.publish(server)
    release_maker.make_root(server)
    assert release_maker.publish(server).signed == 1


def test_a_list_is_said_to_be_new_again_and_again(
    server: Server, release_maker: ReleaseMaker
) -> None:
    """Else nobody could tell a frozen server from one with nothing new."""
    release_maker.sign(release_maker.build("1.0.0", b"x"))
    release_maker.publish(server)

    def stamp() -> Timestamp:
        content = server.write(publishing.content_of, "timestamp.json")
        return Metadata[Timestamp].from_bytes(content).signed

    first = stamp()
    server.pass_time(HOUR_MS)
    assert not server.write(publishing.renew, server.central)
    server.pass_time(12 * HOUR_MS)
    assert server.write(publishing.renew, server.central)
    assert stamp().version > first.version
    assert stamp().expires > first.expires
    for _ in range(30):
        server.pass_time(DAY_MS)
        assert server.write(publishing.renew, server.central)
    names = [row.name for row in server.rows(schema.release_metadata)]
    assert f"{stamp().snapshot_meta.version}.snapshot.json" in names
    assert len(names) < 30


def test_before_the_release_makers_signature_ends_there_is_an_alarm(
    server: Server, release_maker: ReleaseMaker
) -> None:
    release_maker.sign(release_maker.build("1.0.0", b"x"))
    release_maker.publish(server)
    server.pass_time((maker.LIST_DAYS - 20) * DAY_MS)
    server.write(publishing.renew, server.central)
    alarms = [row for row in server.rows(schema.audit) if row.action.startswith("alarm:release")]
    assert [json.loads(row.detail)["expires"][:4] for row in alarms]


def test_a_delta_is_signed_beside_a_release(server: Server, release_maker: ReleaseMaker) -> None:
    release_maker.sign(release_maker.build("1.0.0", content_of("1.0.0")))
    release_maker.sign(release_maker.build("1.1.0", content_of("1.1.0")))
    release_maker.publish(server)
    listed = server.write(publishing.signed_files)
    (delta,) = [file for name, file in listed.items() if name.endswith(".zst")]
    assert delta.custom["base"] == "parcel-kiosk-1.0.0-cp311-x86_64.squashfs"
    assert delta.length < 10_000
    assert [row[0] for row in rows(server)] == ["1.0.0", "1.1.0"]


def test_a_release_is_made_once(server: Server, release_maker: ReleaseMaker) -> None:
    release_maker.sign(release_maker.build("1.0.0", b"x"))
    with pytest.raises(CannotServeError, match="give it another version"):
        release_maker.sign(release_maker.build("1.0.0", b"y"))


def test_the_release_maker_takes_a_release_back(
    server: Server, release_maker: ReleaseMaker
) -> None:
    release_maker.sign(release_maker.build("1.0.0", content_of("1.0.0")))
    release_maker.sign(release_maker.build("1.1.0", content_of("1.1.0")))
    release_maker.publish(server)
    signer = maker.open_key(release_maker.keys / "targets", "")
    stranger = maker.open_key(_key(release_maker, "stranger"), "")
    before = sorted((release_maker.folder / "targets").iterdir())
    with pytest.raises(CannotServeError, match="not signed as version 1 of the root"):
        maker.remove_release(release_maker.folder, "1.1.0", stranger, release_maker.now_ms)
    assert sorted((release_maker.folder / "targets").iterdir()) == before
    others = server.central.settings.data / "releases" / "somebody-elses.txt"
    others.write_text("stays")
    maker.remove_release(release_maker.folder, "1.1.0", signer, release_maker.now_ms)
    assert len(release_maker.publish(server).deleted) == 2  # with the delta that led to it
    assert [row[0] for row in rows(server)] == ["1.0.0"]
    assert others.exists()


def test_the_ceremony_by_its_commands(server: Server, tmp_path: Path) -> None:
    """As docs/release.md has it, from the keys to what kiosks may fetch."""
    config = tmp_path / "central.toml"
    lines = [f'database_url = "{server.database_url}"'] if server.database_url else []
    config.write_text("\n".join(lines))
    from central.command_line import cli as server_commands

    def run(commands: object, *words: object) -> str:
        done = CliRunner().invoke(commands, [str(word) for word in words])  # type: ignore[arg-type]
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    def serve(*words: object) -> str:
        return run(server_commands, "--config", config, "--data", server.folder, *words)

    def make(*words: object) -> str:
        return run(maker_commands, *words)

    secret = ("--passphrase", "correct horse")
    folder, keys = tmp_path / "public", tmp_path / "keys"
    keys.mkdir()
    public = {
        name: make("key", keys / name, *secret).split()[-1]
        for name in ("root1", "root2", "root3", "targets")
    }
    online = serve("release", "key").strip()
    roots = [word for name in ("root1", "root2", "root3") for word in ("--root", public[name])]
    root = make("root", folder, *roots, "--targets", public["targets"], "--online", online).strip()
    for name in ("root1", "root3"):
        make("sign-root", root, "--key", keys / name, *secret)
    built = tmp_path / "parcel-kiosk-1.0.0-cp311-x86_64.squashfs"
    built.write_bytes(b"a release")
    make("add", folder, built, "--key", keys / "targets", *secret)
    assert "1 files are signed" in serve("release", "add", folder)
    assert serve("release", "list").startswith("1.0.0\tcp311\tx86_64\t0.0 MB\tsupported until 2")
    assert "removed" in serve("release", "remove", "1.0.0")
    assert serve("release", "list") == ""
    make("add", folder, "--key", keys / "targets", *secret)  # signs the same list for a year more
    serve("release", "add", folder / "metadata")
    assert serve("release", "list") == ""  # removed stays removed, until the file comes again
    serve("release", "add", built)
    assert serve("release", "list").startswith("1.0.0")
    with pytest.raises(CannotServeError, match="does not open a key"):
        maker.open_key(keys / "targets", "wrong")


def test_throw_away_keys_are_made_once(server: Server, tmp_path: Path) -> None:
    """To try all of it on one machine: `make release-sign`, again for the next version."""
    online = server.write(publishing.online, server.central, "test").public_key
    for version in ("1.0.0", "1.1.0"):
        built = tmp_path / f"parcel-kiosk-{version}-cp311-x86_64.squashfs"
        built.write_bytes(content_of(version))
        words = ["demo", str(tmp_path / "demo"), str(built), "--online", online]
        assert CliRunner().invoke(maker_commands, words).exit_code == 0
        adding.add(server.central, [tmp_path / "demo" / "public"], "test")
    assert [row[0] for row in rows(server)] == ["1.0.0", "1.1.0"]


def test_who_asks_too_often_waits(
    server: Server, kiosk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "A_MINUTE_MAX", 2)
    url = f"{server.url}/releases/metadata/1.root.json"
    with requests.Session() as session:
        answers = [session.get(url, headers=kiosk, timeout=20) for _ in range(12)]
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert all(float(each.headers["retry-after"]) > 0 for each in refused)
