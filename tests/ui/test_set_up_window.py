"""From "Not set up yet" to the first pickup, on the real window, with a real server: the server's
code is scanned, the doors are walked, the power goes in the middle, and nothing secret stays."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from central import schema
from central.locations import site_files
from central.sync import enrolment
from config import load_site
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import Receipt, ScanPackage
from kiosk.flows.views.customer import First, Thanks
from kiosk.new_machine import NOTES
from tests.support.central_server import EVA, Mailbox, Server, mail_server, text_of, wait_until
from tests.support.installer import SET_UP_VIEWS, Installer, site_text
from tests.support.panel_spots import Spots, spots
from tests.support.screen import own_screen
from tests.support.simulator_process import SimulatorProcess
from tests.support.window_bench import PLACE, SIZES, wait_open_enough

pytestmark = pytest.mark.window

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
LABELS = None if IS_NIGHTLY else ("3", "9", "14")
"""All 24 doors by night."""
AT_MOST_S = 600.0
NUMBER, SECRET = "99", "271828"
BARCODE = "00340434123456789012"
VIEWS = {
    **SET_UP_VIEWS,
    "first": First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP)),
    "scan": ScanPackage(
        name="Kim", sizes=SIZES, choices=(Choice.DONE, Choice.TYPE_BARCODE, Choice.UNDO_LAST)
    ),
    "receipt": Receipt(name="Kim", number="1", lines=(), choices=(Choice.DONE,)),
    "thanks": Thanks(slot="3", choices=(Choice.DONE, Choice.OPEN_AGAIN, Choice.SOMETHING_WRONG)),
}


@pytest.fixture(scope="module")
def places() -> Spots:
    with own_screen(600, 1000) as screen, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", screen.environment["DISPLAY"])
        return spots(VIEWS, PLACE)


@pytest.fixture
def mailbox() -> Iterator[tuple[int, Mailbox]]:
    with mail_server() as found:
        yield found


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0])
    made.clock.wall_ms = time.time_ns() // 1_000_000
    made.start()
    yield made
    made.stop()


def invitation(server: Server) -> tuple[str, str]:
    """What the QR code on the location's page says, and the token in it."""
    token = server.add_location("demo")
    now_ms = server.clock.wall_ms
    server.write(lambda c: site_files.keep(c, "demo", site_text(LABELS), "test", now_ms))
    token = str(server.write(lambda c: enrolment.printed(c, server.central, token)))
    return f"{server.url} {token}", token


def announce(server: Server) -> None:
    body = {"barcode": BARCODE, "location": "demo", "size": "S", "recipient": EVA}
    answer = requests.post(
        f"{server.url}/v1/packages", json=body, headers=server.add_key(), timeout=20
    )
    assert answer.status_code == 201, answer.text
    wait_until(lambda: all(row.state == "APPLIED" for row in server.rows(schema.command)))


def code_in(box: Mailbox) -> str:
    mail = box.wait_for(1, 40)[0]
    [code] = re.findall(r"^([\d ]+)$", text_of(mail), re.MULTILINE)
    return str(code).replace(" ", "")


def test_from_not_set_up_to_the_first_pickup_with_the_power_cut_in_the_middle(
    tmp_path: Path, places: Spots, server: Server, mailbox: tuple[int, Mailbox]
) -> None:
    data, config = tmp_path / "kiosk", tmp_path / "kiosk" / "site.toml"
    drawn = tmp_path / "bank.toml"
    drawn.write_text(site_text(LABELS), encoding="utf-8")
    doors = [slot.label for slot in load_site(drawn).slots]
    code, token = invitation(server)
    with own_screen(600, 1000) as screen, SimulatorProcess(drawn, data) as bank:
        me = Installer(screen, places, data, config)
        me.start()
        try:
            me.touch("not set up", "GO_ON")
            me.scan("4006381333931")  # a bottle of water: it is said to be none
            me.scan(code)
            me.power_cut()  # the code was kept: it is not asked for again
            me.wait()
            me.touch("site", "YES")
            me.wait()
            me.touch("boards", "GO_ON")
            me.touch("bank", "GO_ON")
            assert me.shut_next(bank) == doors[0]
            assert bank.wait_for("opened")["slot"] == doors[1]
            # The door stands open; it is shut while the kiosk is away, and tried again.
            me.power_cut(lambda: bank.tell(f"close {doors[1]}"))
            me.wait()
            assert [me.shut_next(bank) for _ in doors[1:]] == doors[1:]
            me.now = me.screen.after(me.now)
            for typed in (NUMBER, SECRET, SECRET):
                me.type(typed)
            me.touch("ready", "DONE")
            wait_until(lambda: bool(server.rows(schema.slot)))
            announce(server)
            _first_package(me, bank, mailbox[1])
        except BaseException:
            screen.picture(Path("build/pictures/set-up-failed.png"))
            raise
        assert me.stop() == 0
    assert me.seconds() < AT_MOST_S, me.done
    kept = [path for path in (*data.rglob("*"), me.log) if path.is_file()]
    for path in kept:
        if path.name != "location.key":
            text = path.read_bytes()
            assert token.encode() not in text, path
            assert SECRET.encode() not in text, path
    assert not (data / NOTES).exists()
    assert (config.stat().st_mode & 0o077, config.read_text()) == (0, site_text(LABELS))


def _first_package(me: Installer, bank: SimulatorProcess, box: Mailbox) -> None:
    """The installer puts in what was announced, and fetches it by the code in the mail."""
    me.touch("first", "COURIER")
    me.type(NUMBER + SECRET)
    me.done.append("hold a code before the scanner")
    bank.tell(f"scan {BARCODE}")
    slot = str(bank.wait_for("opened")["slot"])
    me.now = me.screen.after(me.now)
    wait_open_enough()
    me.done.append("see a door open, push it shut, come back")
    bank.tell(f"close {slot}")
    me.now = me.screen.after(me.now)
    me.touch("scan", "DONE")
    me.touch("receipt", "DONE")
    code = code_in(box)
    me.touch("first", "PICK_UP")
    me.done += ["type a digit"] * len(code)
    me.screen.type(code)
    assert bank.wait_for("opened")["slot"] == slot
    me.now = me.screen.after(me.now)
    wait_open_enough()
    me.done.append("see a door open, push it shut, come back")
    bank.tell(f"close {slot}")
    me.now = me.screen.after(me.now)
    me.touch("thanks", "DONE")
