"""Measures the simulator's window in all that can happen to it: what is cut, and where. Run as a
program of its own, because a process has one window."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from config import DEMO_PACKAGES, DEMO_SITE, load_site
from drivers.simulator.__main__ import simulated_site, window_site
from drivers.simulator.commands import parse_command
from drivers.simulator.labels import read_labels
from drivers.simulator.simulation import Simulation
from drivers.simulator.window_contents import Contents
from drivers.simulator.window_environment import WindowPlace, prepare
from drivers.simulator.window_phones import parse_message
from kiosk.demo.demo import BADGE, PINS

ROOT = Path(__file__).parents[2]
CODE = "Your package is here: Demo locker, Lindenplatz 1, 10115 Berlin. Code {}, until Friday."
PLAIN = (
    "Your package is at Demo locker, Lindenplatz 1, 10115 Berlin until Friday 4 December, 20:00."
    " Nobody has fetched it yet. Help: 0800 000 0000."
)
MESSAGES = [
    *(
        parse_message(str(at), f"To: 49171392000{at}\n\n" + CODE.format(f"{at}23 456 7890"))
        for at in range(8)
    ),
    parse_message("plain", f"To: 491713920009\n\n{PLAIN}"),
]


def cut_in(sizes: list[tuple[int, int]], environment: dict[str, str]) -> list[str]:
    """What is cut in windows of these sizes; nothing where all is well."""
    answer = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(sizes),
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    found: list[str] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Read the sizes, print what is cut."""
    sizes = json.load(sys.stdin)
    prepare(WindowPlace(sizes[0][0], sizes[0][1], 0, 0))
    with tempfile.TemporaryDirectory() as data:
        print(json.dumps([each for size in sizes for each in _measure(Path(data), size)]))


def _measure(data: Path, size: tuple[int, int]) -> Iterator[str]:
    from kivy.base import EventLoop

    from drivers.simulator import window_look as look

    look.load_fonts()
    table, states = _table(data)
    table.size = size
    for name, begin in states.items():
        begin()
        table._refresh()
        for _ in range(4):
            EventLoop.idle()
        yield from (f"{size} {name}: {what}" for what in _cut(table))
    yield from (f"{size}: {what}" for what in _not_reached(table._phones))


def _table(data: Path) -> tuple[Any, dict[str, Callable[[], object]]]:
    """The window's content over a bank that no thread runs, and what happens to it one by one."""
    site = load_site(DEMO_SITE)
    labels = read_labels(DEMO_PACKAGES)
    simulation = Simulation(simulated_site(site, data), Random(1), time.monotonic, labels)
    contents = Contents(data / "inside", [label.barcode for label in labels], lambda: False)
    simulation.listen(contents.heard)
    shown = replace(window_site(site, PINS), badge=BADGE, switches=("power", "network"))
    from drivers.simulator.window import Table

    table = Table(simulation, shown, contents, lambda event: None)

    def do(*lines: str) -> None:
        for line in lines:
            command = parse_command(line)
            assert command is not None
            simulation._do(command)

    def scan_everything() -> None:
        for card in table._labels._cards:
            card.mark_scanned()
        for phone in table._phones._cards.values():
            phone.mark(scanned=True)

    def shut_and_cut() -> None:
        do(*(f"close {slot.label}" for slot in site.slots))
        for switch in table._switches:
            table._turn(switch)

    return table, {
        "calm": lambda: None,
        "phones": lambda: table.show_messages(MESSAGES),
        "scanned": scan_everything,
        "chosen": lambda: table._touch_door("24"),
        "jammed": lambda: do("jam 24"),
        "let go": lambda: table._touch_door("24"),
        "put in": lambda: do(f"scan {labels[4].barcode}", "open 23"),
        "all open": lambda: do(*(f"open {slot.label}" for slot in site.slots)),
        "cut": shut_and_cut,
        "unplugged": lambda: do("unplug"),
        "held": lambda: table._hold(next(iter(table._phones._cards.values()))),
    }


def _cut(table: Any) -> Iterator[str]:
    """Texts that are larger than their box, or reach beyond what carries them."""
    for widget, edge in _texts(table, table):
        left, bottom = widget.x, widget.y
        inside = (
            left >= edge.x - 1
            and bottom >= edge.y - 1
            and widget.right <= edge.right + 1
            and widget.top <= edge.top + 1
        )
        if not widget.fits(widget.font_size) or not inside:
            yield f"{widget.text!r} in {type(edge).__name__}"


def _texts(widget: Any, edge: Any) -> Iterator[tuple[Any, Any]]:
    """All texts that can be seen, each with the card it stands on."""
    from drivers.simulator.window_look import Surface, Words

    for child in widget.children:
        if isinstance(child, Words):
            if child.text and child.opacity:
                yield child, edge
        else:
            # In a row that is pulled the cards have its own coordinates.
            yield from _texts(child, child if isinstance(child, Surface) else edge)


def _not_reached(row: Any) -> Iterator[str]:
    """A row in which phones are cut, or whose last one cannot be pulled into sight."""
    cards = list(row._cards.values())
    hidden = max(row._row.width - row.width, 0)
    pitch = cards[1].x - cards[0].x
    if abs(cards[-1].right - row._row.right) > 1:
        yield "the last phone cannot be pulled into sight"
    whole = (row.width + pitch - cards[0].width) / pitch
    if hidden and abs(whole - round(whole)) > 0.02:
        yield f"{whole:.2f} phones are seen: one of them is cut"


if __name__ == "__main__":
    main()
