"""A machine is dead: its locker is emptied from a laptop, with a backup, the key and the cable; who
took what stands on a receipt, and the journal joins the server's."""

from __future__ import annotations

import asyncio
import queue
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from central import schema
from central.sync import enrolment
from config import DEMO_SITE, load_site
from kiosk.adapters import KEY_FILE, SystemClock, hash_pin
from kiosk.app import init, known_of
from kiosk.data_folder import open_store
from kiosk.model.allocation import FirstAvailable
from kiosk.model.person import Role, Staff
from kiosk.rescue import RescueError, on_laptop
from kiosk.rescue import send as send_journal
from kiosk.server_link import enrol_kiosk
from kiosk.site_model import location_of
from kiosk.store import deposits, journal, packages
from kiosk.store.deposits import DepositRequest
from kiosk.store.packages import Announcement
from tests.support.central_server import Server
from tests.support.simulator_process import SimulatorProcess

SITE = load_site(DEMO_SITE)
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
PIN = "77314159"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "central")
    made.start()
    yield made
    made.stop()


def token_of(server: Server, token: str) -> str:
    return str(server.write(lambda c: enrolment.printed(c, server.central, token)))


@dataclass
class Laptop:
    """`kiosk rescue` in a process of its own, and who sits before it."""

    process: subprocess.Popen[str]
    lines: queue.Queue[str | None] = field(default_factory=queue.Queue)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def until(self, wanted: str) -> str:
        while True:
            line = self.lines.get(timeout=PATIENCE_S)
            assert line is not None, f"it ended before {wanted!r}:\n{''.join(self.said)}"
            self.said.append(line)
            if re.search(wanted, line):
                return line

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def press(self, choice: str) -> None:
        """Type the number that stands before a choice, once it is offered."""
        line = self.until(rf"^ +\d+  {re.escape(choice)}$")
        self.type(line.split()[0])

    def end(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.close()
        while (line := self.lines.get(timeout=PATIENCE_S)) is not None:
            self.said.append(line)
        assert self.process.wait(PATIENCE_S) == 0, "".join(self.said)
        return "".join(self.said)


def laptop(data: Path, *arguments: str) -> Laptop:
    command = [sys.executable, "-m", "kiosk", "rescue", "--data", str(data), *arguments]
    return Laptop(
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
    )


def dead_machine(data: Path, barcodes: list[str]) -> Path:
    """A kiosk with these packages inside, in slots 3, 4 …; its newest backup."""
    person = Staff("77", "Ines Weber", Role.TECHNICIAN, hash_pin(PIN[2:]))
    init(SITE, data, person)
    clock, rng, here = SystemClock(), random.Random(1), location_of(SITE)
    store = open_store(data, known_of(SITE, data), clock, rng, threaded=False)
    for number, barcode in enumerate(barcodes):
        store.submit(packages.announce, Announcement(f"p-{number}", barcode, "S", None)).result()
        request = DepositRequest(f"i-{number}", barcode, "S", f"n-{number}", "11")
        stored = store.submit(deposits.begin_deposit, request, here, FirstAvailable()).result()
        assert stored is not None
        store.submit(deposits.store_package, stored, here, 5, rng).result()
    backup = data / "kiosk-backup.db"
    asyncio.run(store.back_up(backup))
    store.close()
    return backup


def test_every_package_is_taken_out_by_who_signed_in_and_stands_on_the_receipt(
    tmp_path: Path, server: Server
) -> None:
    dead, data, wires = tmp_path / "dead", tmp_path / "laptop", tmp_path / "wires"
    backup = dead_machine(dead, ["ONE", "TWO"])
    enrol_kiosk(SITE, dead, server.url, token_of(server, server.add_location("demo")))
    assert send_journal(SITE, dead)
    with SimulatorProcess(DEMO_SITE, wires) as bank:
        bank.tell("close-after 3.5")
        me = laptop(
            data,
            *(str(backup), "--key", str(dead / KEY_FILE)),
            *("--port", str(wires / "ports" / "lock-bus")),
        )
        me.until("nobody knows what happened since the backup")
        me.until("PIN")
        me.type(PIN)
        for barcode in ("ONE", "TWO"):
            me.until(f"Door .* · {barcode}")
            me.press("Open next")
            slot = str(bank.wait_for("opened")["slot"])
            me.until(f"Door {slot} is open")
            bank.wait_for("closed", slot=slot)
        me.until("Doors left: 22")
        me.press("Done")
        me.until("Receipt .*Ines Weber")
        me.until("TWO")
        me.press("Done")
        said = me.end()
    assert "still inside" not in said
    assert "kiosk rescue --only-send" in said
    _joins(server, data)


def _joins(server: Server, data: Path) -> None:
    """With a network and a new token the server hears of all of it."""
    token = token_of(
        server,
        server.write(lambda c: enrolment.roll(c, "demo", "test", server.central.clock.now_ms())),
    )
    done = laptop(data, "--only-send", "--server", server.url, token).end()
    assert "The server was sent all" in done
    statuses = {row.barcode: row.status for row in server.rows(schema.package)}
    assert statuses == {"ONE": "COLLECTED", "TWO": "COLLECTED"}
    assert server.alarms() == []
    store = open_store(data, known_of(SITE, data), SystemClock(), random.Random(2), threaded=False)
    events = store.submit(journal.after, 0, 10_000).result()
    store.close()
    taken = [event for event in events if event.kind == "PACKAGE_COLLECTED"]
    assert [('"actor":"staff:77"' in each.body, "rescued" in each.body) for each in taken] == [
        (True, True)
    ] * 2


def test_a_rescue_goes_on_where_it_was_when_the_laptop_slept(tmp_path: Path) -> None:
    dead, data, wires = tmp_path / "dead", tmp_path / "laptop", tmp_path / "wires"
    backup = dead_machine(dead, ["ONE", "TWO"])
    port = ("--port", str(wires / "ports" / "lock-bus"))
    with SimulatorProcess(DEMO_SITE, wires) as bank:
        bank.tell("close-after 3.5")
        me = laptop(data, str(backup), "--key", str(dead / KEY_FILE), *port)
        me.until("PIN")
        me.type(PIN)
        me.press("Open next")
        bank.wait_for("closed", slot=str(bank.wait_for("opened")["slot"]))
        me.until("Door .* · TWO")
        me.process.kill()
        me.process.wait()
        me = laptop(data, *port)
        me.until("PIN")
        me.type(PIN)
        me.until("Door .* · TWO")
        me.press("Done")
        said = me.end()
    assert "still inside: door" in said
    again = subprocess.run(
        [sys.executable, "-m", "kiosk", "rescue", str(backup), "--data", str(data)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (again.returncode, "a rescue has begun there" in again.stderr) == (2, True)


def test_a_port_that_no_board_is_on_is_refused_with_those_there_are() -> None:
    assert {board.port for board in on_laptop(SITE, ["/dev/ttyUSB0"]).boards} == {"/dev/ttyUSB0"}
    named = on_laptop(SITE, ["ports/lock-bus=/dev/ttyUSB1"])
    assert {board.port for board in named.boards} == {"/dev/ttyUSB1"}
    with pytest.raises(RescueError, match="there are ports/lock-bus"):
        on_laptop(SITE, ["elsewhere=/dev/ttyUSB1"])
