"""A locker on the bench: the real window on a screen of its own, a simulated bank, and hands."""

from __future__ import annotations

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
from typing import Any

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from drivers.boards.lockboard_8a import encode_unlock
from kiosk.app import make_kiosk
from kiosk.console.announcements import announce, read_announcements
from kiosk.flows.diagnostics import READ
from kiosk.flows.doors import YES_OR_NO
from kiosk.flows.maintenance import DOORS_CHOICES, REASONS
from kiosk.flows.reconciliation import INSIDE
from kiosk.flows.views.choices import Choice, Purpose, Question
from kiosk.flows.views.courier import ChooseSize, Receipt, ScanPackage, SizeOffer
from kiosk.flows.views.customer import First, Thanks
from kiosk.flows.views.service import ChooseReason, DoorPage, DoorRow, Doors, Machine, Round, Vitals
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin
from kiosk.model.location import Service, SlotStatus, SuspectReason
from tests.support.panel_spots import ROOT, Spots
from tests.support.screen import PATIENCE_S, Screen, own_screen
from tests.support.simulator_process import SimulatorProcess
from tests.support.wire import unlock_frames

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
class WindowBench:
    """A locker on the bench: screen, bank, kiosk; and the hands that use it."""

    screen: Screen
    bank: SimulatorProcess
    data: Path
    where: Spots
    notified: socket.socket
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
                *("--config", str(self.data / "still.toml")),
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
        """Touch a button once it is there, and wait until another screen has come."""
        spot = self.where[view][what]
        self.now = self.screen.seen_at(spot)

        def touch() -> None:
            self.screen.touch(spot)

        touch()
        self.now = self.screen.after(self.now, touch)

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
        return self.kiosk.wait(PATIENCE_S)

    def code_for(self, phone: str) -> str:
        """The code in the message that this phone got."""
        for path in (self.data / "phones").iterdir():
            text = path.read_text(encoding="utf-8")
            if phone in text:
                found = re.search(r"Code ([\d ]+)\.", text)
                assert found is not None
                return found[1].replace(" ", "")
        raise AssertionError(f"no message for {phone}")

    def rows(self, sql: str) -> list[Any]:
        connection = sqlite3.connect(self.data / "kiosk.db")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def unlocks_on_the_wire(self) -> list[str]:
        """Every unlock frame that reached the boards, in hex."""
        return [frame.hex() for frame in unlock_frames(self.data / "wire.log")]


@contextmanager
def bench(
    data: Path, where: Spots, prepare: Callable[[Path], None] | None = None
) -> Iterator[WindowBench]:
    """A kiosk that expects the demo's packages, or that `prepare` has got ready."""
    make_kiosk(SITE, data)
    # What moves is never seen to stand still, which is what these tests wait for.
    still = DEMO_SITE.read_text(encoding="utf-8").replace("[look]", "[look]\nmotion = false")
    (data / "still.toml").write_text(still, encoding="utf-8")
    if prepare:
        prepare(data)
    else:
        announce(SITE, data, read_announcements(DEMO_PACKAGES, SITE).expected.values())
    wire = data / "wire.log"
    with (
        own_screen(600, 1000) as screen,
        SimulatorProcess(DEMO_SITE, data, "--wire-log", str(wire)) as bank,
    ):
        notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notified.bind(str(data / "notify"))
        machine = WindowBench(screen, bank, data, where, notified)
        machine.start()
        try:
            yield machine
        except BaseException:
            machine.picture("failed")
            raise
        finally:
            if machine.kiosk is not None and machine.kiosk.poll() is None:
                machine.kiosk.kill()
            notified.close()


def wait_open_enough() -> None:
    """A door that is shut within two seconds is asked about; a person takes longer."""
    time.sleep(2.2)


def unlock_frame(label: str) -> str:
    slot = next(slot for slot in SITE.slots if slot.label == label)
    board = next(board for board in SITE.boards if board.name == slot.board)
    return encode_unlock(board.address, slot.channel).hex()
