"""Names and numbers are planted, live through every flow, are erased, and then lie nowhere.

The server and the kiosk are processes with data folders of their own. Everything that they write
is searched, their logs, temporary files and spools among it.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from config import DEMO_SITE, load_site
from kiosk.app import make_kiosk
from kiosk.server_link import enrol_kiosk
from tests.support.central_server import Mailbox, mail_server, text_of, wait_until
from tests.support.planted import leaks
from tests.support.server_process import ROOT, ServerProcess
from tests.support.simulator_process import SimulatorProcess

PROGRAM = ROOT / "tests" / "support" / "quiet_kiosk.py"
PASSWORD = "correct horse battery"
OPERATOR = "dispatch-uhlenhorst@planted.example"
COURIER, COURIER_PIN = "Wilhelmine Zaunkönig", "4713"
ZOE = {
    "name": "Zoë Quendolín",
    "email": "zoe.quendolin@planted.example",
    "phone": "+49 171 5550111",
    "user_id": "customer-quendolin-77",
}
OTTO = {"name": "Ottokar Vrubelsky", "phone": "+49 171 5550222", "user_id": "vrubelsky-78"}
NADJA = {
    "name": "Nadezhda Kolmogortseva",
    "email": "n.kolmogortseva@planted.example",
    "phone": "+49 171 5550333",
    "user_id": "kolmogortseva-79",
}
BORIS = {"name": "Boris Achtelik", "email": "boris@achtelik.example", "user_id": "achtelik-80"}
NEEDLES = [
    *("Quendolín", "quendolin", "Vrubelsky", "Kolmogortseva", "Achtelik", "Zaunkönig"),
    *("1715550111", "171 5550111", "1715550222", "171 5550222", "1715550333", "171 5550333"),
    *("uhlenhorst", "argon2id"),
]
ERASED = [each for each in NEEDLES if each not in ("uhlenhorst", "argon2id")]
AHEAD_DAYS = 40
"""Longer than a kiosk keeps names after the last package."""


class KioskProcess:
    """The kiosk of `tests/support/quiet_kiosk.py`."""

    def __init__(self, site: Path, data: Path, log: Path, ahead_days: int = 0) -> None:
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(site), str(data), str(ahead_days)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                text=True,
            )
        assert self._answer() == "ready"

    def act(self, *words: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the kiosk ended"
        return json.loads(line)

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0


class Site:
    """A server, a kiosk, its bank, and all that they write, under one folder."""

    def __init__(self, folder: Path, mailbox: tuple[int, Mailbox]) -> None:
        self.folder, self.mails = folder, mailbox[1]
        self.spool = folder / "sms"
        config = folder / "central.toml"
        self.server = ServerProcess(folder / "central", config)
        config.write_text(
            f'public_url = "{self.server.url}"\nsync_s = 1\n'
            f'[smtp]\nhost = "127.0.0.1"\nport = {mailbox[0]}\nsecurity = "none"\n'
            'sender = "lockers@example.org"\n'
            f'[sms]\nfolder = "{self.spool}"\n[notifications]\nundo_wait_s = 0\n'
            "quiet_from_h = 0\nquiet_until_h = 0\n"  # whatever hour it is at the kiosk just now
        )
        self.data = folder / "kiosk"
        self.data.mkdir()
        self.site = folder / "site.toml"
        self.site.write_text(f'{DEMO_SITE.read_text()}\n[backup]\nfolder = "backups"\n')
        make_kiosk(load_site(self.site), self.data)
        self.key = ""

    def call(self, method: str, path: str, **body: Any) -> Any:
        headers = {"authorization": f"Bearer {self.key}"}
        url = f"{self.server.url}/v1/packages{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def announce(self, barcode: str, person: dict[str, str]) -> str:
        body = {"barcode": barcode, "location": "demo", "size": "S", "recipient": person}
        return str(self.call("POST", "", **body)["id"])

    def wait_for(self, package: str, status: str) -> None:
        wait_until(lambda: self.call("GET", f"/{package}")["status"] == status)

    def code_for(self, address: str, count: int = 1) -> str:
        """The code of the last of so many mails to somebody."""

        def mails() -> list[Any]:
            to = zip(self.mails.recipients, list(self.mails.mails), strict=False)
            return [mail for who, mail in to if who == address]

        wait_until(lambda: len(mails()) >= count)
        [code] = re.findall(r"^(\d{3} \d{3} \d{3})$", text_of(mails()[-1]), re.MULTILINE)
        return str(code).replace(" ", "")

    def kiosk_command(self, *words: str) -> str:
        where = ["--config", str(self.site), "--data", str(self.data)]
        command = [sys.executable, "-m", "kiosk", *words, *where]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        (tmp_path / name.lower()).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    with mail_server() as mailbox:
        made = Site(tmp_path, mailbox)
        made.server.start()
        try:
            yield made
        finally:
            made.server.stop()


def look_at_pages(site: Site) -> None:
    """An operator looks people up, and changes a contact there, too."""
    http = requests.Session()
    home = f"{site.server.url}/operators"
    form = {"email": OPERATOR, "password": PASSWORD}
    http.post(f"{home}/sign-in", data=form, timeout=20)
    for word in ("quendolin", ZOE["email"], "+491715550111", "Vrubelsky"):
        http.get(f"{home}/packages", params={"q": word}, timeout=20)
    found = http.get(f"{home}/packages", params={"q": "Vrubelsky"}, timeout=20).text
    assert OTTO["name"] in found, "the honest operator finds nobody any more"
    for page in ("", "/audit", "/notifications", "/staff", "/accounts", "/reports"):
        http.get(f"{home}{page}", timeout=20)


HAS_STAFF = (
    "SELECT 1 FROM location, staff_list"
    " WHERE json_extract(location.status, '$.staff_version') = staff_list.version"
)


def live(site: Site, kiosk: KioskProcess) -> None:
    """Every flow: announced, put in, notified, issued again, another contact, picked up, recalled,
    exported."""
    zoe, otto = site.announce("PLANTED-1", ZOE), site.announce("PLANTED-2", OTTO)
    boris = site.announce("PLANTED-3", BORIS)
    site.call("POST", f"/{boris}/cancel", why="wrong address")
    wait_until(lambda: bool(site.server.rows(HAS_STAFF)))
    queued = "SELECT 1 FROM command WHERE state = 'QUEUED'"
    wait_until(lambda: not site.server.rows(queued))
    kiosk.act("deposit", f"12{COURIER_PIN}", ["PLANTED-1", "PLANTED-2"])
    site.wait_for(zoe, "STORED")
    site.wait_for(otto, "STORED")
    wait_until(lambda: site.spool.is_dir() and any(site.spool.iterdir()))
    site.code_for(ZOE["email"])
    site.call("POST", f"/{zoe}/code", user_id=ZOE["user_id"])
    code = site.code_for(ZOE["email"], 2)
    look_at_pages(site)
    site.call("PUT", f"/{otto}/recipient", **NADJA)
    site.call("POST", f"/{zoe}/extend", days=1)
    wait_until(lambda: not site.server.rows(queued))
    assert ZOE["email"] in site.server.run("person", "export", ZOE["email"])
    kiosk.act("pickup", code)
    kiosk.act("pickup", site.code_for(NADJA["email"]))
    site.wait_for(zoe, "RETRIEVED")
    site.wait_for(otto, "RETRIEVED")


def sealed_texts(site: Site) -> list[str]:
    """What lies sealed of people now, at both ends; the kiosk stands still."""
    found: list[str] = []
    names = "SELECT name FROM recipient UNION SELECT phone FROM recipient"
    more = " UNION SELECT email FROM recipient UNION SELECT owner FROM package"
    found += [text for (text,) in site.server.rows(names + more) if text]
    path = site.data / "kiosk.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        found += [text for (text,) in database.execute(names) if text]
    assert len(found) > 8
    return found


def test_who_was_planted_and_erased_lies_nowhere(site: Site) -> None:
    server, folder = site.server, site.folder
    server.run("user", "add", OPERATOR, "--password", PASSWORD, "--role", "operator")
    site.key = server.run("key", "add", "A shop").strip()
    server.run("staff", "add", "12", "--name", COURIER, "--pin", COURIER_PIN)
    token = server.add_location("demo")
    with SimulatorProcess(site.site, site.data) as bank:
        bank.tell("close-after 0.25")
        enrol_kiosk(load_site(site.site), site.data, server.url, token)
        kiosk = KioskProcess(site.site, site.data, folder / "kiosk.log")
        live(site, kiosk)
        assert "Quendol" in site.kiosk_command("export", "--table", "packages", "--personal")
        site.kiosk_command("report")
        site.kiosk_command("backup")
        server.run("backup", str(folder / "before.db"))
        # Sealed as long as it is needed: the files alone say nothing. An SMS daemon is to read its.
        ours = (site.site, site.spool)
        assert leaks(folder, NEEDLES, *ours) == []
        kiosk.stop()
        sealed = sealed_texts(site)
        server.run("staff", "remove", "12")
        for contact in (ZOE["email"], OTTO["phone"], NADJA["email"], BORIS["email"]):
            server.run("person", "erase", contact)
        shutil.rmtree(site.data / "backups")
        kiosk = KioskProcess(site.site, site.data, folder / "kiosk.log", AHEAD_DAYS)
        site.kiosk_command("backup")
        kiosk.stop()
    server.stop()
    server.start()
    server.run("backup", str(folder / "after.db"))
    before = folder / "before.db"
    assert leaks(folder, ERASED, site.site) == []
    assert leaks(folder, sealed, before) == [], "sealed still, and the key lies beside it"
    server.stop()
    server.run("restore", str(before))
    server.start()
    assert leaks(folder, [*ERASED, *sealed], before, site.site) == [], "the backup brought back"


def test_a_planted_leak_is_found_however_it_is_written(tmp_path: Path) -> None:
    written = {
        "utf8.log": "to Zoë Quendolín".encode(),
        "capitals.log": b"QUENDOLIN",
        "utf16.tmp": "Quendolín".encode("utf-16"),
        "latin.txt": "Quendolín".encode("latin-1"),
        "escaped.json": json.dumps({"name": "Quendolín"}).encode(),
        "packed.gz": gzip.compress("Quendolín".encode()),
        "mail.eml": b"UXVlbmRvbMOtbg==" + b"\n",
        "query.log": b"GET /?q=Quendol%C3%ADn",
    }
    for name, held in written.items():
        (tmp_path / name).write_bytes(held)
    with contextlib.closing(sqlite3.connect(tmp_path / "some.db")) as database, database:
        database.execute("CREATE TABLE t (a TEXT)")
        database.execute("INSERT INTO t VALUES (?)", ("x" * 4000 + "Vrubelsky" + "x" * 4000,))
    found = {each.partition(":")[0] for each in leaks(tmp_path, NEEDLES)}
    assert found == {*written, "some.db"}
