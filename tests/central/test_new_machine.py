"""A computer becomes a kiosk: the server's code is scanned or typed, what is wrong is said in plain
words, and whatever step the power goes at, it goes on there and nothing is left half."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk import app, new_machine
from kiosk.adapters import KEY_FILE, SystemClock
from kiosk.app import known_of
from kiosk.data_folder import open_store
from kiosk.demo.player import Player
from kiosk.flows.enrolment import set_up as set_up_flow
from kiosk.flows.events import Entered, Preference, Pressed, Scanned
from kiosk.flows.person import Event, Person
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.set_up import (
    NotReached,
    NotSetUp,
    ShowInvitation,
    SiteFound,
    Typed,
    TypeInvitation,
)
from kiosk.flows.views.shared import View
from kiosk.model.invitation import Unreached
from kiosk.new_machine import NOTES, NewMachine, is_new
from kiosk.store import set_up
from kiosk.store.remains import DATABASE
from kiosk.sync.enrol import identity_in
from tests.central.test_rescue import SITE
from tests.central.test_site_files import TEXT, keep, token_of
from tests.support.central_server import Server

ROOT = Path(__file__).parents[2]
Act = Callable[["Installer"], Coroutine[Any, Any, None]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "central")
    made.start()
    yield made
    made.stop()


class Installer:
    """Who stands at the machine, and what they see."""

    def __init__(self, data: Path) -> None:
        self.data, self.config = data, data / "site.toml"
        self.player = Player()
        self.machine = NewMachine(self.config, data)
        self.person = Person(self.player)

    def do(self, event: Event) -> None:
        self.person.happened(event)

    async def begin(self, code: str) -> None:
        await self.player.until(NotSetUp)
        self.do(Preference("ar", is_access=True))
        self.do(Pressed(Choice.GO_ON))
        await self.player.until(ShowInvitation)
        self.do(Scanned(code))

    async def failed(self) -> NotReached:
        return await self.player.until(NotReached)

    async def take(self) -> None:
        found = await self.player.until(SiteFound)
        assert (found.name, found.doors) == ("Demo locker", 24)
        self.do(Pressed(Choice.YES))


def at(data: Path, act: Act) -> None:
    """Set a machine up as `act` has it, to the end."""

    async def story() -> None:
        me = Installer(data)
        flow = asyncio.create_task(set_up_flow(me.person, me.machine))
        hands = asyncio.create_task(act(me))
        await asyncio.wait({flow, hands}, return_when=asyncio.FIRST_COMPLETED)
        if hands.done():
            hands.result()
        await flow
        hands.cancel()

    asyncio.run(story())


def code_of(server: Server) -> str:
    token = token_of(server)
    keep(server)
    return f"{server.url} {token}"


def progress_in(data: Path) -> set_up.Progress | None:
    clock, rng = SystemClock(), random.Random(1)
    store = open_store(data, known_of(SITE, data), clock, rng, threaded=False)
    try:
        return store.submit(set_up.progress).result()
    finally:
        store.close()


def is_whole(data: Path) -> bool:
    """A kiosk that is enrolled, with its own site file, of which nothing else is left."""
    assert (data / "site.toml").read_text(encoding="utf-8") == TEXT
    assert identity_in(data) is not None
    assert not (data / NOTES).exists()
    assert not list(data.glob("*.part"))
    return progress_in(data) == set_up.Progress("ar", is_access=True)


def test_a_code_that_is_scanned_makes_it_a_kiosk_of_its_location(
    tmp_path: Path, server: Server
) -> None:
    data, code = tmp_path / "kiosk", code_of(server)

    async def act(me: Installer) -> None:
        await me.begin("4006381333931")
        await me.player.until(ShowInvitation, lambda view: view.is_refused)
        me.do(Scanned(f"kiosk enrol {code}"))  # the line that stands beside it is taken, too
        await me.take()

    at(data, act)
    assert is_whole(data)
    assert not is_new(data / "site.toml", data)
    token = code.split()[1]
    for path in data.iterdir():
        assert token.encode() not in path.read_bytes(), path


def test_address_and_token_are_typed_where_nothing_scans(tmp_path: Path, server: Server) -> None:
    data, (url, token) = tmp_path / "kiosk", code_of(server).split()

    async def act(me: Installer) -> None:
        await me.player.until(NotSetUp)
        me.do(Preference("ar", is_access=True))
        me.do(Pressed(Choice.GO_ON))
        await me.player.until(ShowInvitation)
        me.do(Pressed(Choice.TYPE_IT))
        await me.player.until(TypeInvitation)
        me.do(Entered("lockers"))
        await me.player.until(TypeInvitation, lambda view: view.is_refused)
        me.do(Entered(url))
        await me.player.until(TypeInvitation, lambda view: view.what is Typed.TOKEN)
        me.do(Entered(token))
        await me.take()

    at(data, act)
    assert is_whole(data)


def test_what_is_wrong_is_said_and_tried_again_when_it_is_mended(
    tmp_path: Path, server: Server
) -> None:
    data, token = tmp_path / "kiosk", token_of(server)

    async def act(me: Installer) -> None:
        for url, why in (
            ("http://127.0.0.1:9", Unreached.NOBODY_LISTENS),
            ("https://lockers.invalid", Unreached.NAME_UNKNOWN),
            (server.url.replace("http:", "https:"), Unreached.NO_TLS),
            ("http://192.0.2.7:8080", Unreached.PLAIN_HTTP),
            (f"{server.url}/elsewhere", Unreached.OTHER),
        ):
            if why is Unreached.NOBODY_LISTENS:
                await me.begin(f"{url} {token}")
            else:
                await me.player.until(ShowInvitation)
                me.do(Scanned(f"{url} {token}"))
            assert (await me.failed()).why is why, url
            me.do(Pressed(Choice.ANOTHER_SERVER))
        await me.player.until(ShowInvitation)
        me.do(Scanned(f"{server.url} {token[:-3]}abc"))
        assert (await me.failed()).why is Unreached.OTHER_SERVER
        me.do(Pressed(Choice.ANOTHER_SERVER))
        await me.player.until(ShowInvitation)
        me.do(Scanned(f"{server.url} enrol_madeupmadeupmadeup"))
        assert (await me.failed()).why is Unreached.TOKEN
        me.do(Pressed(Choice.ANOTHER_SERVER))
        await me.player.until(ShowInvitation)
        me.do(Scanned(f"{server.url} {token}"))
        assert (await me.failed()).why is Unreached.NO_SITE_FILE
        await asyncio.to_thread(keep, server)
        me.do(Pressed(Choice.TRY_AGAIN))
        await me.take()

    at(data, act)
    assert is_whole(data)


def test_a_site_file_that_lies_there_is_enough_without_a_server(tmp_path: Path) -> None:
    data = tmp_path / "kiosk"
    data.mkdir()
    (data / "site.toml").write_text(TEXT, encoding="utf-8")

    async def act(me: Installer) -> None:
        await me.player.until(NotSetUp)
        me.do(Preference("ar", is_access=True))
        me.do(Pressed(Choice.GO_ON))
        view = await me.player.until(ShowInvitation)
        assert Choice.WITHOUT_SERVER in view.choices
        me.do(Pressed(Choice.WITHOUT_SERVER))

    at(data, act)
    assert progress_in(data) == set_up.Progress("ar", is_access=True)
    assert identity_in(data) is None


class PowerCutError(BaseException):
    """The machine is gone."""


CUTS = (
    *(("keep_private", 2, False), ("keep_private", 4, True), ("keep_private", 5, False)),
    *(("keep_private", 6, True), ("make_kiosk", 1, False), ("make_kiosk", 1, True)),
    *(("enrol_kiosk", 1, False), ("enrol_kiosk", 1, True), ("sync_folder", 1, True)),
)
"""At which call of which step, and whether before or after it. The one moment that is not here is
within the enrolment, when the server has used the token up and this machine has not kept that."""


@pytest.mark.parametrize(("step", "number", "is_after"), CUTS)
def test_a_power_cut_at_a_step_loses_nothing_and_leaves_nothing_half(
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
    is_after: bool,
) -> None:
    data, code = tmp_path / "kiosk", code_of(server)
    with monkeypatch.context() as patch:
        _cut_at(patch, step, number, is_after)
        with pytest.raises(PowerCutError):
            at(data, lambda me: _all(me, code))
    at(data, lambda me: _all(me, code))
    assert is_whole(data)


def _cut_at(patch: pytest.MonkeyPatch, cut: str, number: int, is_after: bool) -> None:
    where: Any = app if cut == "make_kiosk" else new_machine
    step, count = getattr(where, cut), [0]

    def dying(*args: object, **kwargs: object) -> object:
        count[0] += 1
        if count[0] == number and not is_after:
            raise PowerCutError
        done = step(*args, **kwargs)
        if count[0] == number:
            raise PowerCutError
        return done

    patch.setattr(where, cut, dying)


async def _all(me: Installer, code: str) -> None:
    """Whatever is asked is done."""
    while True:
        view = await me.player.until(View)
        match view:
            case NotSetUp():
                me.do(Preference("ar", is_access=True))
                me.do(Pressed(Choice.GO_ON))
            case ShowInvitation():
                me.do(Scanned(code))
            case SiteFound():
                me.do(Pressed(Choice.YES))
            case NotReached():
                raise AssertionError(view)


def test_what_a_power_cut_left_of_a_database_is_made_again(tmp_path: Path, server: Server) -> None:
    data, code = tmp_path / "kiosk", code_of(server)
    data.mkdir()
    notes = {"language": "ar", "is_access": True, "url": "", "token": "", "is_making": True}
    (data / NOTES).write_text(json.dumps(notes), encoding="utf-8")
    (data / KEY_FILE).write_bytes(b"half")
    (data / DATABASE).write_bytes(b"SQLite format 3\0")
    at(data, lambda me: _all(me, code))
    assert is_whole(data)


def test_only_who_asks_for_it_sets_a_machine_up_and_whoever_began_is_sent_there(
    tmp_path: Path,
) -> None:
    def run(data: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kiosk", "run", "--data", str(data)]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    mistyped = run(tmp_path / "mistyped")
    assert (mistyped.returncode, "there is no database" in mistyped.stderr) == (2, True)
    assert not (tmp_path / "mistyped").exists()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / NOTES).write_text("{}", encoding="utf-8")
    begun = run(tmp_path / "begun")
    assert (begun.returncode, "kiosk run --set-up" in begun.stderr) == (2, True)
