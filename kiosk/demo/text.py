"""The main job in a terminal, as text: real flows, store, drivers and bytes; simulated boards."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config import DEMO_PACKAGES, DEMO_SITE, Site, load_site
from drivers.door import DoorChange, DoorState
from kiosk.app import make_kiosk, open_kiosk
from kiosk.console.announcements import announce, read_announcements
from kiosk.demo.player import (
    DEMO_COURIER_PIN,
    DEMO_TECHNICIAN_PIN,
    Player,
    PlayError,
    deposit,
    pickup_by_scanning,
    pickup_by_typing,
    playing,
)
from kiosk.flows.context import Kiosk
from kiosk.flows.events import Chosen, Entered, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import ChooseReason, DoorPage, Doors
from kiosk.flows.views.shared import EnterPin, View
from kiosk.model.invariants import present
from kiosk.model.location import Location
from kiosk.model.pickup_code import make_code, qr_text
from kiosk.scratch import scratch_folder
from kiosk.site_model import location_of
from kiosk.store import packages
from kiosk.ui.texts import words_for
from kiosk.ui.texts.parts import spaced_code

CLOSE_AFTER_S = 3.5
"""Longer than a door that was shut at once, which the kiosk would ask about."""


def run_text_demo() -> int:
    """Two packages go in and come out, and a slot goes out of service and back; the exit code."""
    site = load_site(DEMO_SITE)
    try:
        with scratch_folder() as data, simulated_bank(DEMO_SITE, data) as command:
            command(f"close-after {CLOSE_AFTER_S}")
            asyncio.run(_play(site, data, command))
    except PlayError as error:
        print(f"The demo did not go as it should: {error}", file=sys.stderr)
        return 1
    print("\nAll of it went through real flows, a real database and the board's own bytes.")
    return 0


@contextmanager
def simulated_bank(site_file: Path, data: Path) -> Iterator[Callable[[str], None]]:
    """A simulated bank as another process; gives what sends it a command."""
    options = ["--config", str(site_file), "--data", str(data), "--script", "-"]
    process = subprocess.Popen(
        [sys.executable, "-m", "drivers.simulator", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    commands = present(process.stdin, "the bank is started with a pipe for its commands")
    said = present(process.stdout, "the bank is started with a pipe for what it says")

    def command(line: str) -> None:
        commands.write(line + "\n")
        commands.flush()

    try:
        first = said.readline()
        if not first or json.loads(first)["event"] != "ready":
            raise PlayError(f"the simulated bank did not start: {first!r}")
        yield command
    finally:
        commands.close()
        said.close()
        process.wait(10)


class _Teller:
    """Prints each new screen once, and the doors as they move."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._last = ""

    def view(self, view: View) -> None:
        words = words_for(view, self._location)
        parts = [words.title, words.body, words.note.text if words.note else ""]
        text = " ".join(part.replace("\n", " ") for part in parts if part)
        if text and text != self._last:
            print(f"  screen   {text}")
        self._last = text

    def change(self, change: object) -> None:
        if isinstance(change, DoorChange) and not change.baseline:
            state = "springs open" if change.now is DoorState.OPEN else "is pushed shut"
            print(f"  steel    door {change.slot} {state}")


def person(text: str) -> None:
    """Say what the person does."""
    print(f"\n{text}")


async def _play(site: Site, data: Path, command: Callable[[str], None]) -> None:
    announcements = list(read_announcements(DEMO_PACKAGES, site).expected.values())
    make_kiosk(site, data)
    announce(site, data, announcements)
    teller = _Teller(location_of(site))
    player = Player(teller.view)

    async def scan(text: str) -> None:
        command(f"scan {text}")

    async with open_kiosk(site, data, player) as kiosk:
        kiosk.bank.listen(teller.change)
        async with playing(kiosk, player):
            barcodes = [each.barcode for each in announcements[:2]]
            person(f"A courier signs in and scans {' and '.join(barcodes)}.")
            await deposit(player, DEMO_COURIER_PIN, barcodes, scan)
            code = await _code(kiosk, barcodes[0])
            person(f"A customer types the code {spaced_code(code)}.")
            await pickup_by_typing(player, code)
            qr = qr_text(site.location.id, await _code(kiosk, barcodes[1]))
            person(f"Another holds the QR code {qr} before the scanner.")
            await pickup_by_scanning(player, qr, scan)
            person("A technician takes slot 5 out of service and puts it back.")
            await _technician(player)


async def _code(kiosk: Kiosk, barcode: str) -> str:
    package = await kiosk.store.run(packages.live_by_barcode, barcode)
    if package is None or package.locator is None:
        raise PlayError(f"package {barcode} is not stored")
    return make_code(kiosk.location_key, package.id, package.locator, package.code_counter)


async def _technician(player: Player) -> None:
    await player.until(First)
    player.do(Pressed(Choice.SERVICE))
    await player.until(EnterPin)
    player.do(Entered(DEMO_TECHNICIAN_PIN))
    await player.until(Doors)
    player.do(Chosen("5"))
    await player.until(DoorPage)
    player.do(Pressed(Choice.OUT_OF_SERVICE))
    reasons = (await player.until(ChooseReason)).reasons
    player.do(Chosen(reasons[0]))
    await player.until(DoorPage)
    player.do(Pressed(Choice.BACK_IN_SERVICE))
    await player.until(DoorPage)
    player.do(Pressed(Choice.BACK))
    await player.until(Doors)
