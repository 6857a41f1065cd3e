"""What a process of the server does: all of it, or some roles of several processes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from central.building import build
from central.context import Central
from central.database import leadership
from central.errors import CannotServeError
from central.keeper import Keeper
from central.notify.worker import SETTLE
from central.settings import Settings, load, require_all_on_sqlite, roles_of
from tests.bench.central_figures import make_due, people_with_packages
from tests.support import postgresql
from tests.support.central_server import Mailbox, mail_server

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0


def test_roles_stand_on_a_command_line_in_any_order() -> None:
    assert roles_of("keeper, api") == ("api", "keeper")
    assert roles_of("worker,worker") == ("worker",)


@pytest.mark.parametrize("text", ["", "api,", "API", "api worker", "master"])
def test_what_is_no_role_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(CannotServeError, match=r"no role; right is one of api, worker, keeper"):
        roles_of(text)


def test_a_duty_that_fails_begins_again(tmp_path: Path) -> None:
    central = build(Settings(data=tmp_path / "central"))
    calls = 0

    async def kept() -> None:
        again = asyncio.Event()

        async def duty(_central: Central) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise RuntimeError("in a way it should not")
            again.set()

        keeper = Keeper(central, leadership(central.settings.url), (duty,))
        keeper.start()
        await asyncio.wait_for(again.wait(), PATIENCE_S)
        await keeper.stop()

    asyncio.run(kept())
    assert calls == 2
    central.database.close()


def test_on_sqlite_nothing_is_left_undone(tmp_path: Path) -> None:
    """Nobody else would send the messages, or keep house."""
    require_all_on_sqlite(Settings(data=tmp_path))
    alone = Settings(data=tmp_path, roles=("api",))
    with pytest.raises(CannotServeError, match="nobody else would be worker and keeper"):
        require_all_on_sqlite(alone)
    require_all_on_sqlite(
        Settings(data=tmp_path, roles=("api",), database_url="postgresql+psycopg://x@/y")
    )


class Processes:
    """Processes of one server on PostgreSQL, each with roles of its own."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.url = postgresql.cluster().new_database()
        self.config = folder / "central.toml"
        self.config.write_text(
            f"data = {json.dumps(str(folder / 'data'))}\n"
            f"database_url = {json.dumps(self.url)}\n{settings}",
            encoding="utf-8",
        )
        self._log = folder / "central.log"
        self.started: list[Process] = []
        # The key is made once, as on a first machine from which the others have it.
        build(load(self.config)).database.close()

    def start(self, roles: str) -> Process:
        made = Process(self.config, roles, self._log)
        self.started.append(made)
        return made

    def stop(self) -> None:
        for each in self.started:
            each.kill()
        postgresql.cluster().drop(self.url)


class Process:
    """One of them."""

    def __init__(self, config: Path, roles: str, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        words = ["--config", str(config), "serve", "--port", str(port), "--role", roles]
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "central", *words], cwd=ROOT, stdout=file, stderr=file
            )
        wait_until(lambda: bool(self.roles()), f"{roles} ready; see {log}")

    def roles(self) -> dict[str, str]:
        """What it says of its roles; nothing where it does not answer."""
        try:
            answer = requests.get(f"{self.url}/readyz", timeout=2)
        except requests.RequestException:
            return {}
        return dict(answer.json().get("roles", {})) | {"": "ready"} if answer.ok else {}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until_s, what
        time.sleep(0.1)


def test_one_process_keeps_house_and_another_when_it_hangs_or_dies(tmp_path: Path) -> None:
    all_of_them = Processes(tmp_path)
    try:
        first, second = all_of_them.start("keeper"), all_of_them.start("keeper")

        def works(one: Process) -> bool:
            return one.roles().get("keeper") == "works"

        wait_until(lambda: works(first), "the first keeps house")
        assert second.roles()["keeper"] == "stands by"
        first.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: works(second), "the second keeps house")
        first.process.send_signal(signal.SIGCONT)
        wait_until(lambda: first.roles().get("keeper") == "stands by", "the first stands by")
        assert works(second)
        second.kill()
        wait_until(lambda: works(first), "the first keeps house again")
    finally:
        all_of_them.stop()


def test_a_process_answers_what_its_roles_are_for(tmp_path: Path) -> None:
    all_of_them = Processes(tmp_path)
    try:
        api, worker = all_of_them.start("api"), all_of_them.start("worker")
        assert requests.get(f"{api.url}/v1/packages/x", timeout=20).status_code == 401
        assert requests.get(f"{worker.url}/v1/packages/x", timeout=20).status_code == 404
        assert requests.get(f"{worker.url}/operators", timeout=20).status_code == 404
        for each in (api, worker):
            assert requests.get(f"{each.url}/healthz", timeout=20).json() == {"status": "ok"}
            assert requests.get(f"{each.url}/metrics", timeout=20).ok
        assert (set(api.roles()), set(worker.roles())) == ({""}, {"", "worker"})
    finally:
        all_of_them.stop()


MESSAGES = 300


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[tuple[Processes, Mailbox]]:
    with mail_server() as (port, box):
        smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsender = "l@example.org"\n'
        all_of_them = Processes(tmp_path, f'{smtp}security = "none"\n')
        try:
            yield all_of_them, box
        finally:
            all_of_them.stop()


def test_what_a_killed_worker_had_goes_out_by_another(
    mails: tuple[Processes, Mailbox],
) -> None:
    """Nothing is left, and nothing goes out twice but what was under way."""
    all_of_them, box = mails
    central = build(load(all_of_them.config))
    central.database.submit(people_with_packages, central, MESSAGES).result()
    killed, other = all_of_them.start("worker"), all_of_them.start("worker")
    central.database.submit(make_due, central, range(MESSAGES)).result()
    central.database.close()
    box.wait_for(SETTLE, PATIENCE_S)
    killed.kill()
    engine = create_engine(all_of_them.url)
    waiting = text("SELECT count(*) FROM notification WHERE status <> 'sent'")

    def left() -> int:
        with engine.connect() as connection:
            return int(connection.execute(waiting).scalar_one())

    wait_until(lambda: left() == 0, "all messages sent")
    engine.dispose()
    sent = [str(mail["Message-ID"]) for mail in box.mails]
    assert len(set(sent)) == MESSAGES
    assert len(sent) - MESSAGES <= 2 * SETTLE
    assert other.roles()["worker"] == "works"
