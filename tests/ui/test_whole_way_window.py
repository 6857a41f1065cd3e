"""The whole way of a package, every part of it real: announced to the server, scanned in by a
courier at the kiosk's window, notified by e-mail, fetched with what the mail says; the
same while the network is cut in the midst of it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from central import schema
from kiosk.server_link import enrol_kiosk
from tests.support.bad_network import BadNetwork
from tests.support.central_server import EVA, Mailbox, Server, mail_server, text_of, wait_until
from tests.support.panel_spots import Spots
from tests.support.window_bench import SITE, WindowBench, bench, wait_open_enough

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
BARCODE = "00340434123456789012"


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


@pytest.fixture
def wire(server: Server) -> Iterator[BadNetwork]:
    """The cable between kiosk and server: whole, until somebody cuts it."""
    made = BadNetwork(server.url, 1)
    made.is_well = True
    yield made
    made.stop()


def enrolled(server: Server, wire: BadNetwork) -> Callable[[Path], None]:
    token = server.add_location(SITE.location.id)
    return lambda data: enrol_kiosk(SITE, data, wire.url, token)


def announce(server: Server, headers: dict[str, str]) -> str:
    announcement = {"barcode": BARCODE, "location": SITE.location.id, "size": "S", "recipient": EVA}
    answer = requests.post(
        f"{server.url}/v1/packages", json=announcement, headers=headers, timeout=20
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def status_of(server: Server, headers: dict[str, str], package: str) -> Any:
    answer = requests.get(f"{server.url}/v1/packages/{package}", headers=headers, timeout=20)
    return answer.json()["status"]


def is_applied(server: Server) -> bool:
    rows = server.rows(schema.command)
    return bool(rows) and all(row.state == "APPLIED" for row in rows)


def put_in(machine: WindowBench) -> str:
    """The courier signs in, scans, puts it in, shuts the door, is done."""
    machine.press("first", "COURIER")
    machine.type("114711\n")
    slot = machine.scan_and_open(BARCODE)
    machine.shut(slot)
    machine.press("scan", "DONE")
    machine.press("receipt", "DONE")
    return slot


def take_out(machine: WindowBench, code: str, slot: str) -> None:
    machine.press("first", "PICK_UP")
    machine.screen.type(code)
    assert machine.bank.wait_for("opened")["slot"] == slot
    machine.now = machine.screen.after(machine.now)
    wait_open_enough()
    machine.shut(slot)
    machine.press("thanks", "DONE")


def code_in(box: Mailbox) -> str:
    """What the mail tells to type."""
    mail = box.wait_for(1, 40)[0]
    assert mail["To"] == EVA["email"]
    found = re.findall(r"^([\d ]+)$", text_of(mail), re.MULTILINE)
    assert len(found) == 1, (mail["Subject"], text_of(mail))
    [code] = found
    return str(code).replace(" ", "")


def subjects(box: Mailbox, count: int) -> list[str]:
    return [str(mail["Subject"]) for mail in box.wait_for(count, 40)]


@pytest.mark.parametrize("is_cut", [True, False] if IS_NIGHTLY else [True])
def test_the_whole_way_of_a_package_with_the_network_cut_at_each_step_or_not(
    tmp_path: Path,
    where: Spots,
    server: Server,
    mailbox: tuple[int, Mailbox],
    wire: BadNetwork,
    is_cut: bool,
) -> None:
    data, headers, box = tmp_path / "kiosk", server.add_key(), mailbox[1]
    data.mkdir()
    with bench(data, where, enrolled(server, wire)) as machine:
        package = announce(server, headers)
        wait_until(lambda: is_applied(server))
        wire.is_cut = is_cut
        slot = put_in(machine)
        if is_cut:
            machine.picture("put-in-while-cut-off")
            assert status_of(server, headers, package) == "PENDING"
            assert box.mails == []
        wire.is_cut = False
        code = code_in(box)
        wire.is_cut = is_cut
        take_out(machine, code, slot)
        if is_cut:
            assert status_of(server, headers, package) == "STORED"
        wire.is_cut = False
        assert subjects(box, 2) == ["Your package is here", "Your package was picked up"]
        assert status_of(server, headers, package) == "RETRIEVED"
        assert server.alarms() == []
        assert machine.stop() == 0
