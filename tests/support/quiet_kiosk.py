"""A kiosk as a process of its own, without a window, that does what it is asked, line by line.

Each line on stdin is a JSON list: what to do, and its values. Each answer is a line on stdout.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from config import load_site
from kiosk.app import open_kiosk
from kiosk.demo.player import Player, deposit, playing
from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.shared import Ask, View
from kiosk.model.masking import log_to_stderr

DAY_NS = 86_400_000_000_000


async def act(player: Player, what: str, *values: Any) -> Any:
    """One thing that people do at the machine."""
    if what == "deposit":
        pin, barcodes = values
        return await deposit(player, pin, barcodes, scan=None)
    return await pickup(player, values[0])


async def pickup(player: Player, code: str) -> None:
    """A customer types a code and takes the package, from a door that shuts at once."""
    await player.until(First)
    player.do(Pressed(Choice.PICK_UP))
    await player.until(EnterCode)
    player.do(Entered(code))
    while not isinstance(view := await player.until(View), Thanks):
        if isinstance(view, Ask):
            player.do(Pressed(Choice.YES))
    player.do(Pressed(Choice.DONE))


async def serve(site: Path, data: Path) -> None:
    """Until stdin ends."""
    player, loop = Player(), asyncio.get_running_loop()
    async with open_kiosk(load_site(site), data, player) as kiosk, playing(kiosk, player):
        answer_with("ready")
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            answer_with(await act(player, *json.loads(line)))


def answer_with(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(site: str, data: str, ahead_days: str = "0") -> None:
    """Run a kiosk for which so many days have passed."""
    wall_ns, boot_ns, ahead_ns = time.time_ns, time.clock_gettime_ns, int(ahead_days) * DAY_NS
    time.time_ns = lambda: wall_ns() + ahead_ns
    time.clock_gettime_ns = lambda clock: boot_ns(clock) + ahead_ns
    log_to_stderr("%(asctime)s %(levelname)s %(name)s: %(message)s", logging.INFO)
    asyncio.run(serve(Path(site), Path(data)))


if __name__ == "__main__":
    main(*sys.argv[1:])
