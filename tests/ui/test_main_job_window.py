"""The main job as people do it: the real window, the real ports, fingers, a scanner, and at the end
the database and the bytes on the wire."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from glass import ROOT, Spots, spots
from screen import Screen, own_screen
from simulator_process import SimulatorProcess

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from drivers.boards.lockboard_8a import encode_unlock
from kiosk.app import announce, read_announcements
from kiosk.flows.doors import YES_OR_NO
from kiosk.flows.machine import READ
from kiosk.flows.maintenance import DOORS_CHOICES, REASONS
from kiosk.flows.reconciliation import INSIDE
from kiosk.flows.views import (
    Ask,
    Choice,
    ChooseReason,
    ChooseSize,
    DoorOpen,
    DoorPage,
    DoorRow,
    Doors,
    EnterPin,
    First,
    Machine,
    Purpose,
    Question,
    Receipt,
    Round,
    ScanPackage,
    SizeOffer,
    Thanks,
    Vitals,
)
from kiosk.model.location import Service, SlotStatus, SuspectReason

DEMO_BADGE = "PKS:11:DEMOBADGEOFKIM11"
PLACE = (540, 960, 0, 0)
PICTURES = ROOT / "build" / "pictures"
SITE = load_site(DEMO_SITE)
SIZES = tuple(
    SizeOffer(name, size.width_mm, size.height_mm, size.depth_mm, size.max_weight_kg, 8)
    for name, size in SITE.sizes.items()
)
ROWS = tuple(
    DoorRow(
        slot=slot.label,
        size=slot.size,
        door="CLOSED",  # type: ignore[arg-type]
        status=SlotStatus.EMPTY,
        service=Service.IN_SERVICE,
        board=slot.board,
        channel=slot.channel,
        reachable=True,
    )
    for slot in SITE.slots
)
DOOR_CHOICES = (
    *(Choice.OPEN_DOOR, Choice.OUT_OF_SERVICE, Choice.DO_NOT_OPEN),
    *(Choice.TEST_LOCK, Choice.HISTORY, Choice.BACK),
)
VIEWS = {
    "first": First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP)),
    "pin": EnterPin(choices=(Choice.BACK,)),
    "scan": ScanPackage(
        name="Kim", sizes=SIZES, choices=(Choice.DONE, Choice.TYPE_BARCODE, Choice.UNDO_LAST)
    ),
    "size": ChooseSize(barcode="x", sizes=SIZES, choices=(Choice.BACK,)),
    "receipt": Receipt(name="Kim", number="1", lines=(), choices=(Choice.DONE,)),
    "thanks": Thanks(slot="3", choices=(Choice.DONE, Choice.OPEN_AGAIN, Choice.SOMETHING_WRONG)),
    "doors": Doors(doors=ROWS, boards=(), name="Robin", choices=DOORS_CHOICES),
    "doubt": Doors(doors=ROWS, boards=(), name="Robin", choices=(*DOORS_CHOICES, Choice.ROUND)),
    "round": Round(
        slot="5",
        suspect=SuspectReason.MAY_HOLD_SOMETHING,
        left=1,
        choices=(Choice.LOOK_INSIDE, Choice.SKIP, Choice.DONE),
    ),
    "look": DoorOpen(slot="5", purpose=Purpose.LOOK, choices=INSIDE),
    "door": DoorPage(row=ROWS[4], choices=DOOR_CHOICES),
    "machine": Machine(
        now_ms=0,
        is_time_trusted=True,
        vitals=Vitals(),
        events=1,
        has_backup=SITE.backup is not None,
        choices=(*READ, Choice.RESTART, Choice.BACK),
    ),
    "restart": Ask(question=Question.RESTART, choices=YES_OR_NO),
    "reason": ChooseReason(slot="5", reasons=REASONS, choices=(Choice.BACK,)),
}


@dataclass
class Machine:
    """A locker on the bench: screen, bank, kiosk; and the hands that use it."""

    screen: Screen
    bank: SimulatorProcess
    data: Path
    where: Spots
    told: socket.socket
    """What the kiosk tells systemd."""
    kiosk: subprocess.Popen[bytes] | None = None
    now: bytes = b""
    pictures: int = field(default=0)

    def start(self) -> None:
        """Start the kiosk and wait for its first screen."""
        before = self.screen.pixels()
        self.kiosk = subprocess.Popen(
            [
                *(sys.executable, "-m", "kiosk", "run", "--data", str(self.data)),
                *("--geometry", "540x960+0+0"),
            ],
            env={**self.screen.environment, "NOTIFY_SOCKET": str(self.data / "notify")},
            cwd=ROOT,
            stderr=(self.data / "kiosk.log").open("ab"),
        )
        self.now = self.screen.after(before)

    def act(self, action: Callable[[], None]) -> None:
        """Do something and wait until the screen shows what came of it."""
        action()
        self.now = self.screen.after(self.now)

    def press(self, view: str, what: str) -> None:
        self.act(lambda: self.screen.touch(self.where[view][what]))

    def type(self, text: str) -> None:
        self.act(lambda: self.screen.type(text))

    def picture(self, name: str) -> None:
        self.pictures += 1
        self.screen.picture(PICTURES / f"{self.pictures:02d}-{name}.png")

    def scan_and_open(self, text: str) -> str:
        """Hold something before the scanner; the slot whose door opens."""
        self.bank.tell(f"scan {text}")
        slot = str(self.bank.wait_for("opened")["slot"])
        self.now = self.screen.after(self.now)
        return slot

    def shut(self, slot: str) -> None:
        self.act(lambda: self.bank.tell(f"close {slot}"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.kiosk is not None
        self.kiosk.send_signal(number)
        return self.kiosk.wait(15)

    def code_for(self, phone: str) -> str:
        """The code in the message that this phone got."""
        for path in (self.data / "phones").iterdir():
            text = path.read_text(encoding="utf-8")
            if phone in text:
                found = re.search(r"Code ([\d ]+)\.", text)
                assert found is not None
                return found[1].replace(" ", "")
        raise AssertionError(f"no message for {phone}")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.data / "kiosk.db")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def unlocks_on_the_wire(self) -> list[str]:
        """Every unlock frame that reached the boards, in hex."""
        events = map(json.loads, (self.data / "wire.log").read_text().splitlines())
        frames = [bytes.fromhex(each["hex"]) for each in events if each["direction"] == "in"]
        return [frame.hex() for frame in frames if frame[:1] == b"\x8a"]


@pytest.fixture(scope="module")
def where() -> Iterator[Spots]:
    with own_screen(600, 1000) as screen, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", screen.environment["DISPLAY"])
        yield spots(VIEWS, PLACE)


@contextmanager
def bench(data: Path, where: Spots) -> Iterator[Machine]:
    announce(SITE, data, read_announcements(DEMO_PACKAGES))
    wire = data / "wire.log"
    with (
        own_screen(600, 1000) as screen,
        SimulatorProcess(DEMO_SITE, data, "--wire-log", str(wire)) as bank,
    ):
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(data / "notify"))
        machine = Machine(screen, bank, data, where, told)
        machine.start()
        try:
            yield machine
        finally:
            if machine.kiosk is not None and machine.kiosk.poll() is None:
                machine.kiosk.kill()
            told.close()


def wait_open_enough() -> None:
    """A door that is shut within two seconds is asked about; a person takes longer."""
    time.sleep(2.2)


def test_three_packages_go_in_two_come_out_and_a_slot_goes_out_of_service(
    tmp_path: Path, where: Spots
) -> None:
    with bench(tmp_path, where) as machine:
        machine.picture("first")
        used = courier(machine)
        customers(machine, used)
        technician(machine)
        assert machine.stop() == 0
        statuses = dict(machine.rows("SELECT barcode, status FROM package WHERE slot IS NOT NULL"))
        assert statuses == {"TBA306214578001": "STORED"}
        [(service, reason)] = machine.rows(
            "SELECT service, service_reason FROM slot WHERE label = '5'"
        )
        assert (service, reason) == ("NO_DEPOSITS", "door jams")
        order = [used[0], used[1], used[2], used[0], used[1]]
        assert machine.unlocks_on_the_wire() == [unlock_frame(slot) for slot in order]


def unlock_frame(label: str) -> str:
    slot = next(slot for slot in SITE.slots if slot.label == label)
    board = next(board for board in SITE.boards if board.name == slot.board)
    return encode_unlock(board.address, slot.channel).hex()


def courier(machine: Machine) -> list[str]:
    machine.press("first", "COURIER")
    machine.type("114711\n")
    machine.picture("scan")
    used = []
    for barcode in ("00340434123456789012", "1Z999AA10123456784"):
        slot = machine.scan_and_open(barcode)
        machine.picture("put-in")
        machine.shut(slot)
        used.append(slot)
    machine.act(lambda: machine.bank.tell("scan TBA306214578001"))
    machine.picture("size")
    machine.screen.touch(machine.where["size"]["L"])
    slot = str(machine.bank.wait_for("opened")["slot"])
    machine.now = machine.screen.after(machine.now)
    machine.shut(slot)
    machine.picture("stored")
    machine.press("scan", "DONE")
    machine.picture("receipt")
    machine.press("receipt", "DONE")
    return [*used, slot]


def customers(machine: Machine, used: list[str]) -> None:
    machine.press("first", "PICK_UP")
    machine.picture("code")
    machine.screen.type(machine.code_for("491713920001"))
    assert machine.bank.wait_for("opened")["slot"] == used[0]
    machine.now = machine.screen.after(machine.now)
    machine.picture("take")
    wait_open_enough()
    machine.shut(used[0])
    machine.picture("thanks")
    machine.press("thanks", "DONE")
    code = machine.code_for("491713920002")
    assert machine.scan_and_open(f"PK1:demo:{code}") == used[1]
    wait_open_enough()
    machine.shut(used[1])
    machine.press("thanks", "DONE")


def technician(machine: Machine) -> None:
    machine.press("first", "SERVICE")
    machine.type("998080\n")
    machine.picture("doors")
    machine.press("doors", "5")
    machine.picture("door")
    machine.press("door", "OUT_OF_SERVICE")
    machine.press("reason", REASONS[0])
    machine.picture("out-of-service")


def test_a_courier_with_nothing_but_the_scanner(tmp_path: Path, where: Spots) -> None:
    with bench(tmp_path, where) as machine:
        machine.act(lambda: machine.bank.tell(f"scan {DEMO_BADGE}"))
        machine.picture("signed-in-by-badge")
        first = machine.scan_and_open("00340434123456789012")
        machine.act(lambda: machine.bank.tell("scan 1Z999AA10123456784"))
        machine.picture("kept-as-next")
        machine.bank.tell(f"close {first}")
        second = str(machine.bank.wait_for("opened")["slot"])
        machine.now = machine.screen.after(machine.now)
        machine.shut(second)
        machine.act(lambda: machine.bank.tell(f"scan {DEMO_BADGE}"))
        machine.picture("receipt-by-badge")
        machine.press("receipt", "DONE")
        code = machine.code_for("491713920001")
        assert machine.scan_and_open(f"PK1:demo:{code}") == first
        wait_open_enough()
        machine.shut(first)
        assert machine.stop() == 0
        packages = dict(machine.rows("SELECT barcode, status FROM package WHERE stored_ms > 0"))
        assert packages == {
            "00340434123456789012": "RETRIEVED",
            "1Z999AA10123456784": "STORED",
        }


def test_a_technician_restarts_the_program_and_it_is_the_same_process(
    tmp_path: Path, where: Spots
) -> None:
    with bench(tmp_path, where) as machine:
        assert machine.kiosk is not None
        first = machine.now
        machine.press("first", "SERVICE")
        machine.type("998080\n")
        machine.press("doors", "MACHINE")
        machine.press("machine", "RESTART")
        machine.press("restart", "YES")
        machine.told.settimeout(20)
        deadline = time.monotonic() + 20
        while machine.screen.pixels() != first:
            assert time.monotonic() < deadline, (machine.data / "kiosk.log").read_text()
            time.sleep(0.1)
        machine.picture("restarted")
        assert machine.kiosk.poll() is None
        assert [machine.told.recv(100) for _ in range(2)] == [b"READY=1", b"READY=1"]
        assert machine.stop() == 0
        assert machine.told.recv(100) == b"STOPPING=1"
        started = "SELECT count(*) FROM journal WHERE kind = 'KIOSK_STARTED'"
        assert machine.rows(started) == [(2,)]


def test_killed_with_a_door_open_it_starts_again_and_pulses_nothing(
    tmp_path: Path, where: Spots
) -> None:
    with bench(tmp_path, where) as machine:
        machine.press("first", "COURIER")
        machine.type("114711\n")
        slot = machine.scan_and_open("RR473129083DE")
        machine.stop(signal.SIGKILL)
        pulsed = machine.unlocks_on_the_wire()
        machine.start()
        machine.picture("after-the-kill")
        machine.bank.tell(f"close {slot}")
        machine.bank.wait_for("closed")
        machine.now = machine.screen.after(machine.now)
        assert machine.stop() == 0
        assert machine.unlocks_on_the_wire() == pulsed == [unlock_frame(slot)]
        [(status, suspect)] = machine.rows(
            f"SELECT status, suspect FROM slot WHERE label = '{slot}'"
        )
        assert (status, suspect) == ("SUSPECT", "MAY_HOLD_SOMETHING")
        [(status,)] = machine.rows("SELECT status FROM package WHERE barcode = 'RR473129083DE'")
        assert status == "PENDING"
        machine.start()
        round_of_what_is_in_doubt(machine, slot)
        assert machine.stop() == 0
        [(status,)] = machine.rows(f"SELECT status FROM slot WHERE label = '{slot}'")
        assert status == "EMPTY"


def round_of_what_is_in_doubt(machine: Machine, slot: str) -> None:
    machine.press("first", "SERVICE")
    machine.type("998080\n")
    machine.picture("in-doubt")
    machine.press("doubt", "ROUND")
    machine.picture("round")
    machine.screen.touch(machine.where["round"]["LOOK_INSIDE"])
    assert machine.bank.wait_for("opened")["slot"] == slot
    machine.now = machine.screen.after(machine.now)
    machine.press("look", "IT_IS_EMPTY")
    machine.shut(slot)
    machine.picture("round-is-over")


@pytest.mark.parametrize("state", ["damaged", "newer"])
def test_a_database_that_cannot_be_used_is_said_on_the_screen(
    tmp_path: Path, where: Spots, state: str
) -> None:
    with bench(tmp_path, where) as machine:
        assert machine.stop() == 0
        path = tmp_path / "kiosk.db"
        if state == "damaged":
            path.write_bytes(b"no database at all " * 500)
        else:
            connection = sqlite3.connect(path)
            connection.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
                " VALUES ('parcel-kiosk', 'm999', 'now')"
            )
            connection.commit()
            connection.close()
        before = path.read_bytes()
        machine.start()
        machine.picture(f"database-{state}")
        assert b"cannot start" in (tmp_path / "kiosk.log").read_bytes()
        assert machine.stop() == 0
        assert path.read_bytes() == before
