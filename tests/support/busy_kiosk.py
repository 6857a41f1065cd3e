"""A kiosk as a process of its own, without a window, that a script keeps busy until it is killed.

What the person was shown goes to stdout, one JSON line each, at the moment it is shown.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

from config import DEMO_SITE, load_site
from kiosk.app import open_kiosk
from kiosk.demo.player import DEMO_COURIER_PIN, DEMO_TECHNICIAN_PIN, Player, playing
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.courier import ChooseSize, Collection, Receipt, ScanPackage
from kiosk.flows.views.customer import First, MorePackages, Thanks
from kiosk.flows.views.service import Doors, Round
from kiosk.flows.views.shared import Answer, Ask, EnterPin, Trouble, View
from kiosk.model.pickup_code import qr_text

ANSWERS = {
    Question.DID_YOU_TAKE_IT: Choice.YES,
    Question.WAS_IT_THERE: Choice.YES,
    Question.IS_IT_EMPTY: Choice.IT_IS_EMPTY,
    Question.OPEN_DOUBTFUL: Choice.OPEN_DOOR,
    Question.NEED_MORE_TIME: Choice.NO,
    Question.NO_SLOT: Choice.CANCEL,
}


def tell(what: str, barcode: str = "") -> None:
    """One fact the person was shown, before anything else happens."""
    sys.stdout.write(json.dumps({"shown": what, "barcode": barcode}) + "\n")
    sys.stdout.flush()


class BusyPerson:
    """Answers every view at once, so that the kiosk is always in the middle of something."""

    def __init__(self, player: Player, run: str) -> None:
        self.player = player
        self.run = run
        self.turn = 0
        self.is_signed_in = False
        self.code = ""
        self.barcode = ""
        self.needs_round = run.endswith(("0", "4", "7"))

    def answer(self, view: View) -> None:
        """Do what this view asks for."""
        player = self.player
        match view:
            case First() if self.needs_round:
                player.do(Pressed(Choice.SERVICE))
            case First() if self.code:
                player.do(Scanned(qr_text("demo", self.code)))
            case First():
                player.do(Pressed(Choice.COURIER))
            case EnterPin(for_service=True):
                player.do(Entered(DEMO_TECHNICIAN_PIN))
            case EnterPin():
                player.do(Entered(DEMO_COURIER_PIN))
            case Doors():
                self.needs_round = False
                is_in_doubt = Choice.ROUND in view.choices and self.turn == 0
                player.do(Pressed(Choice.ROUND if is_in_doubt else Choice.DONE))
                self.turn += is_in_doubt
            case Round():
                player.do(Pressed(Choice.LOOK_INSIDE))
            case ScanPackage(stored=None):
                self.turn += 1
                self.barcode = f"{self.run}-{self.turn}"
                player.do(Scanned(self.barcode))
            case ScanPackage(stored=stored) if stored is not None and self.barcode:
                tell("stored", stored.barcode)
                self.code = stored.code
                player.do(Pressed(Choice.DONE))
            case ChooseSize():
                player.do(Chosen("S"))
            case Thanks():
                tell("retrieved", self.barcode)
                self.code, self.barcode = "", ""
                player.do(Pressed(Choice.DONE))
            case Ask(question=question) if question in ANSWERS:
                player.do(Pressed(ANSWERS[question]))
            case Receipt() | Answer() | Trouble() | Collection() | MorePackages():
                self.code = "" if isinstance(view, Answer | Trouble) else self.code
                player.do(Pressed(Choice.DONE))
            case _:
                pass


async def keep_busy(data: Path, run: str) -> None:
    """Until killed."""
    player = Player()
    async with open_kiosk(load_site(DEMO_SITE), data, player) as kiosk, playing(kiosk, player):
        person = BusyPerson(player, run)
        tell("began")
        while True:
            person.answer(await player.until(View, patience_s=3600))


def main(data: str, run: str, skew_h: str = "0") -> None:
    """Keep a kiosk busy on this data folder, with a wall clock that is wrong by so many hours."""
    right_ns, skew_ns = time.time_ns, int(skew_h) * 3_600_000_000_000
    time.time_ns = lambda: right_ns() + skew_ns
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(keep_busy(Path(data), run))


if __name__ == "__main__":
    main(*sys.argv[1:])
