"""An installer at a new kiosk: the real window, a simulated bank, a real server; each thing that is
done is counted at a person's pace."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from config import DEMO_SITE
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    NotSetUp,
    SetUpDone,
    ShowInvitation,
    SiteFound,
)
from tests.support.panel_spots import ROOT, Spots
from tests.support.screen import PATIENCE_S, Screen
from tests.support.simulator_process import SimulatorProcess

PACES_S = {
    "read and touch": 5.0,
    "hold a code before the scanner": 15.0,
    "type a digit": 1.0,
    "see a door open, push it shut, come back": 11.0,
    "wait for the machine": 5.0,
}
"""What each thing takes somebody who does it for the first time."""
_ON = (Choice.GO_ON,)
SET_UP_VIEWS = {
    "not set up": NotSetUp(choices=_ON),
    "invitation": ShowInvitation(choices=(Choice.TYPE_IT, Choice.BACK)),
    "site": SiteFound(
        host="127.0.0.1:12345",
        name="Demo locker",
        address="Lindenplatz 1, 10115 Berlin",
        doors=24,
        choices=(Choice.YES, Choice.ANOTHER_SERVER),
    ),
    "boards": BoardsFound(boards=(), choices=_ON),
    "bank": BankDrawn(doors=24, choices=_ON),
    "ready": SetUpDone(doors=24, out_of_service=(), is_enrolled=True, choices=(Choice.DONE,)),
}


def site_text(labels: tuple[str, ...] | None = None) -> str:
    """The demo's site file, without its staff, and still; with these doors only, if any are
    named."""
    text = DEMO_SITE.read_text(encoding="utf-8").partition("[[staff]]")[0]
    # What moves never stands still, which is what the tests wait for.
    text = text.partition("[look]")[0] + "\n[look]\nmotion = false\n"
    if labels is None:
        return text
    kept = tuple(f'label = "{label}", size' for label in labels)
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if "{ label =" not in line or any(each in line for each in kept)
    )


@dataclass
class Installer:
    """The screen, the kiosk behind it, the installer's hands, and what they did."""

    screen: Screen
    where: Spots
    data: Path
    config: Path
    kiosk: subprocess.Popen[bytes] | None = None
    now: bytes = b""
    done: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.data.with_name("kiosk.log")

    def start(self) -> None:
        """As the service starts it, whatever lies there."""
        before = self.screen.pixels()
        command = [sys.executable, "-m", "kiosk", "run", "--set-up", "--config", str(self.config)]
        self.kiosk = subprocess.Popen(
            [*command, "--data", str(self.data), "--geometry", "540x960+0+0"],
            env=self.screen.environment,
            cwd=ROOT,
            stderr=self.log.open("ab"),
        )
        self.now = self.screen.after(before)

    def power_cut(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """The kiosk is gone at once, and starts again; something may be done in between."""
        assert self.kiosk is not None
        self.kiosk.kill()
        self.kiosk.wait(PATIENCE_S)
        meanwhile()
        self.start()

    def stop(self) -> int:
        assert self.kiosk is not None
        self.kiosk.send_signal(signal.SIGTERM)
        return self.kiosk.wait(PATIENCE_S)

    def seconds(self) -> float:
        """What all of it takes a person, by the pace of each thing."""
        return sum(PACES_S[each] for each in self.done)

    # --- hands ---

    def touch(self, view: str, what: str) -> None:
        self.done.append("read and touch")
        spot = self.where[view][what]
        self.now = self.screen.seen_at(spot)

        def press() -> None:
            self.screen.touch(spot)

        press()
        self.now = self.screen.after(self.now, press)

    def scan(self, text: str) -> None:
        """The locker's own scanner types as a keyboard does."""
        self.done.append("hold a code before the scanner")

        def hold() -> None:
            self.screen.wedge(text)

        hold()
        self.now = self.screen.after(self.now, hold)

    def type(self, digits: str) -> None:
        self.done += ["type a digit"] * len(digits)
        self.screen.type(f"{digits}\n")
        self.now = self.screen.after(self.now)

    def wait(self) -> None:
        self.done.append("wait for the machine")

    def shut_next(self, bank: SimulatorProcess) -> str:
        """A door opens: push it shut."""
        self.done.append("see a door open, push it shut, come back")
        slot = str(bank.wait_for("opened")["slot"])
        self.now = self.screen.after(self.now)
        bank.tell(f"close {slot}")
        return slot
