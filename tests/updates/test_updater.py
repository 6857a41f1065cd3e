"""Another release comes: fetched in the background, switched to when nobody is here, and reported
as what really came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from central.rates import Rates
from central.releases.maker import About
from kiosk.model.commands import ReleaseOutcome
from kiosk.store import releases
from kiosk.updates import fetching, spool, updater
from kiosk.updates.fetching import Line
from tests.support.central_server import Journal, Server
from tests.support.releases import ReleaseMaker, content_of, forget_releases, line_of
from tests.support.updated_kiosk import UpdatedKiosk

NAME = "parcel-kiosk-{}-cp311-x86_64.squashfs"
SIZE = 1_200_000
Pause = Callable[[float], None]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Journal]]:
    folder = tmp_path_factory.mktemp("updater")
    server = Server(folder / "central")
    server.start()
    kiosk = Journal(folder / "kiosk.db")
    assert kiosk.enrol(server, server.add_location()).ok
    yield server, kiosk
    kiosk.store.close()
    server.stop()


class Site:
    """A server with releases, and a kiosk that runs 1.0.0."""

    def __init__(self, server: Server, journal: Journal, folder: Path) -> None:
        forget_releases(server)
        server.app.state.rates = Rates(server.central)
        self.server, self.release_maker = server, ReleaseMaker(folder / "maker")
        root = self.release_maker.make_root(server)
        store, token = journal.store, journal.token
        store.submit(_forget).result()
        self.lines: list[Line] = []

        def line(pause: Pause) -> Line:
            self.lines.append(line_of(server, token, pause))
            return self.lines[-1]

        self.kiosk = UpdatedKiosk(folder / "machine", store, line, server.clock.wall_ms, root)
        path = self.release("1.0.0")
        self.kiosk.put("1.0.0", path, sha256_of("1.0.0"))
        self.before = len(self.kiosk.said())

    def release(self, version: str, deltas_from: int = 3) -> Path:
        path = self.release_maker.build(version, content_of(version, SIZE))
        self.release_maker.sign(path, about=About(deltas_from=deltas_from))
        self.release_maker.publish(self.server)
        return path

    def stored(self, name: str) -> Path:
        """A file at the server."""
        folder = self.server.central.settings.data / "releases"
        (found,) = folder.glob(f"*.{name}")
        return found


def _forget(writer: Any) -> None:
    writer.db.execute("DELETE FROM meta WHERE key LIKE 'release%'")


def sha256_of(version: str) -> str:
    return hashlib.sha256(content_of(version, SIZE)).hexdigest()


@pytest.fixture
def site(running: tuple[Server, Journal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(updater, "LOOK_S", 0.01)
    monkeypatch.setattr(spool, "ROOM_BYTES", 0)
    return Site(*running, tmp_path)


def said(site: Site) -> list[tuple[str, str]]:
    return site.kiosk.said()[site.before :]


def outcomes(site: Site) -> list[str]:
    return [outcome for outcome, _ in said(site)]


def test_a_release_comes_proves_itself_and_runs(site: Site) -> None:
    site.release("1.1.0")
    kiosk = site.kiosk
    kiosk.around.is_night = False
    kiosk.choose("1.1.0", sha256=sha256_of("1.1.0"))
    kiosk.updates.step()
    kiosk.updates.step()
    assert (outcomes(site), kiosk.request.exists()) == (["FETCHED"], False)
    kiosk.around.is_night, kiosk.around.is_here = True, 1
    kiosk.updates.step()
    assert not kiosk.request.exists()  # somebody is at the panel
    kiosk.updates.step()
    assert kiosk.request.exists()
    kiosk.keeper.take()
    kiosk.updates.step()
    assert outcomes(site) == ["FETCHED", "TRYING"]
    kiosk.keeper.judge("1.1.0", is_well=True)
    kiosk.begin()  # it is another release that goes on
    assert kiosk.updates.step() is None
    assert outcomes(site) == ["FETCHED", "TRYING", "RUNNING"]
    assert kiosk.rehearsed == [content_of("1.1.0", SIZE)]
    left = [path.name for path in (kiosk.data / "updates").iterdir()]
    assert left == ["trusted.json"]


def test_one_that_goes_back_says_why(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.choose("1.1.0")
    site.kiosk.updates.step()
    site.kiosk.keeper.take()
    site.kiosk.updates.step()
    site.kiosk.keeper.judge("1.1.0", is_well=False, why="the store does not open")
    site.kiosk.begin()
    site.kiosk.updates.step()
    outcome, detail = said(site)[-1]
    assert outcome == "WENT_BACK"
    assert "the store does not open" in detail
    site.kiosk.choose("1.1.0", "c2")
    site.kiosk.updates.step()
    assert said(site)[-1][0] == "REFUSED"
    assert "it was tried here" in said(site)[-1][1]


def refused(site: Site, why: str, version: str = "1.1.0", sha256: str = "") -> None:
    site.kiosk.choose(version, sha256=sha256)
    assert site.kiosk.updates.step() is None
    ((outcome, detail),) = said(site)
    assert outcome == "REFUSED"
    assert why in detail
    assert not site.kiosk.request.exists()
    assert not list((site.kiosk.data / "updates").glob("*.squashfs"))


def test_what_nobody_signed_is_refused(site: Site) -> None:
    refused(site, "parcel-kiosk-1.1.0-cp311-x86_64.squashfs is not signed by the release maker")


def test_another_file_than_the_server_names_is_refused(site: Site) -> None:
    site.release("1.1.0")
    refused(site, "and the server names", sha256="0" * 64)


def test_a_rehearsal_that_fails_is_the_end_of_it(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.problem = "the first screen shows nothing"
    refused(site, "its rehearsal failed: the first screen shows nothing")


def test_without_room_nothing_is_fetched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.release("1.1.0")
    monkeypatch.setattr(spool, "ROOM_BYTES", 10**18)
    refused(site, "the disk lacks")


def test_without_a_keeper_nothing_is_fetched(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.around.status_file.unlink()
    refused(site, "nobody keeps releases on this machine")


def test_a_machine_that_trusts_nobody_takes_nothing(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.files.root_file.unlink()
    refused(site, "does not say whom it trusts")


def test_a_server_that_shows_an_old_list_is_refused(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.wall_ms += 4 * 86_400_000
    site.kiosk.around.wall_ms = site.kiosk.wall_ms
    refused(site, "what the server says is not believed")


def test_what_the_keeper_refuses_is_said(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.choose("1.1.0")
    site.kiosk.updates.step()
    path = site.kiosk.data / "updates" / NAME.format("1.1.0")
    path.write_bytes(b"changed on the disk")
    with pytest.raises(Exception, match="not the one with that SHA-256"):
        site.kiosk.keeper.take()
    site.kiosk.updates.step()
    assert said(site)[-1][0] == "REFUSED"
    assert "the keeper did not take it" in said(site)[-1][1]


def test_a_delta_is_enough(site: Site) -> None:
    """The whole file is not even at the server any more."""
    site.release("1.1.0")
    site.stored(NAME.format("1.1.0")).unlink()
    site.kiosk.choose("1.1.0")
    site.kiosk.updates.step()
    assert outcomes(site) == ["FETCHED"]
    assert site.kiosk.rehearsed == [content_of("1.1.0", SIZE)]


@pytest.mark.parametrize("how", ["base changed", "delta changed", "delta missing", "delta gone"])
def test_where_a_delta_does_not_do_the_whole_file_comes(site: Site, how: str) -> None:
    site.release("1.1.0")
    delta = site.stored(f"{NAME.format('1.1.0')}.from-1.0.0.zst")
    (base,) = site.kiosk.files.releases.iterdir()
    match how:
        case "base changed":
            base.write_bytes(bytes(SIZE))
        case "delta changed":
            delta.write_bytes(bytes(delta.stat().st_size))
        case "delta gone":
            delta.unlink()
        case _:
            site.release("1.2.0", deltas_from=0)
    version = "1.2.0" if how == "delta missing" else "1.1.0"
    site.kiosk.choose(version)
    site.kiosk.updates.step()
    assert site.kiosk.rehearsed == [content_of(version, SIZE)]


def test_a_download_that_was_cut_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not in the piece that a power cut may have spoilt."""
    monkeypatch.setattr(fetching, "PIECE_BYTES", 100_000)
    site.release("1.1.0", deltas_from=0)
    taken: list[tuple[int, int]] = []
    piece = Line._piece

    def counted(line: Line, file: Any, begin: int, end: int) -> bytes:
        if len(taken) == 5:
            taken.append((begin, end))
            raise requests.ConnectionError("the line was cut")
        taken.append((begin, end))
        return piece(line, file, begin, end)

    monkeypatch.setattr(Line, "_piece", counted)
    site.kiosk.choose("1.1.0")
    assert site.kiosk.updates.step() == updater.AGAIN_S[0]
    assert outcomes(site) == []
    site.kiosk.begin()
    site.kiosk.updates.step()
    assert outcomes(site) == ["FETCHED"]
    assert taken[6] == (400_000, 500_000)
    assert site.kiosk.rehearsed == [content_of("1.1.0", SIZE)]


def test_a_visit_holds_the_download_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a piece nor a question while somebody is at the panel."""
    site.release("1.1.0", deltas_from=0)
    looks: list[int] = []
    piece = Line._piece

    def counted(line: Line, file: Any, begin: int, end: int) -> bytes:
        looks.append(site.kiosk.around.is_here)
        return piece(line, file, begin, end)

    document = Line.document

    def asked(line: Line, name: str) -> Any:
        looks.append(site.kiosk.around.is_here)
        return document(line, name)

    monkeypatch.setattr(Line, "_piece", counted)
    monkeypatch.setattr(Line, "document", asked)
    site.kiosk.around.is_here = 4
    site.kiosk.choose("1.1.0")
    site.kiosk.updates.step()
    assert looks
    assert max(looks) < 0


def test_to_stay_ends_what_was_begun(site: Site) -> None:
    site.release("1.1.0")
    site.kiosk.choose("1.1.0")
    site.kiosk.updates.step()
    assert site.kiosk.request.exists()
    site.kiosk.choose("", "c2")
    site.kiosk.updates.step()
    assert said(site)[-1] == ("RUNNING", "1.0.0")
    assert not site.kiosk.request.exists()


def test_the_power_goes_before_the_request(site: Site) -> None:
    """It was noted that the release is handed over, and it is not: it is, after the start."""
    site.release("1.1.0")
    site.kiosk.choose("1.1.0")
    site.kiosk.updates.step()
    site.kiosk.request.unlink()
    site.kiosk.begin()
    for _ in range(4):
        site.kiosk.updates.step()
    assert site.kiosk.request.exists()
    assert outcomes(site) == ["FETCHED"]


def test_what_the_power_left_of_a_rehearsal_is_removed(site: Site) -> None:
    """A copy of the database among it."""
    folder = site.kiosk.data / "updates"
    copy = folder / "rehearsal" / "data" / "kiosk.db"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"a copy")
    (folder / "some.part").write_bytes(b"a piece")
    site.kiosk.begin()
    assert site.kiosk.updates.step() is None
    assert list(folder.iterdir()) == []


def test_a_server_that_is_away_refuses_nothing(site: Site) -> None:
    site.release("1.1.0")
    url, site.server.url = site.server.url, "http://127.0.0.1:9"
    site.kiosk.begin()
    site.kiosk.choose("1.1.0")
    waits = [site.kiosk.updates.step() for _ in range(3)]
    assert waits == [30.0, 60.0, 120.0]
    assert outcomes(site) == []
    site.server.url = url
    site.kiosk.begin()
    site.kiosk.updates.step()
    assert outcomes(site) == ["FETCHED"]


def test_an_answer_to_an_earlier_choice_is_not_given(site: Site) -> None:
    """What is reported names the command that it answers."""
    site.kiosk.choose("1.1.0", "c9")
    store, refused = site.kiosk.store, ReleaseOutcome.REFUSED
    assert not store.submit(releases.report, "c8", refused).result()
    assert outcomes(site) == []
