"""Every flow of customers, couriers and technicians, played against the simulated bank, and what
the kiosk showed on the way."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiosk.flows.views.shared import View
from tests.support.flow_site import Place, World, running, small_place
from tests.support.invariants import Witness
from tests.support.stories import POLICY, STORIES
from tests.support.virtual_loop import run_virtually

WHO = {
    "pickup": "customer",
    "reopen": "customer",
    "complaint": "customer",
    "left": "customer",
    "no": "customer",
    "deposit": "courier",
    "collection": "courier",
    "courier": "courier",
    "wrong": "courier",
    "technician": "technician",
}
"""Who a story is about, by its first word; the others are about the machine alone."""
ORDER = ("customer", "courier", "technician", "machine")
SMALL_BANK = ("deposit_when_full", "deposit_after_a_look_into_a_slot_in_doubt")
"""Stories that fill a bank, and count its doors."""
LOOKS_ON_S = 3.0
"""What is shown so soon after a story's last act belongs to it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One view of a story."""

    who: str
    story: str
    view: View

    @property
    def name(self) -> str:
        """The scene for a file's name: `customer-pickup-by-qr-dooropen`."""
        story = self.story.replace("_", "-")
        about = story if story.split("-")[0] == self.who else f"{self.who}-{story}"
        return f"{about}-{type(self.view).__name__.lower()}"


def who_of(story: str) -> str:
    """The group of people that a story is about."""
    return WHO.get(story.split("_")[0], "machine")


def scenes(only: str = "") -> Iterator[Scene]:
    """The stories whose names contain `only`, group by group; a view that was seen is left out."""
    seen: set[str] = set()
    for name in sorted(STORIES, key=lambda story: ORDER.index(who_of(story))):
        if only not in name:
            continue
        for view in played(name):
            key = f"{who_of(name)} {view!r}"
            if key not in seen:
                seen.add(key)
                yield Scene(who_of(name), name, view)


def played(name: str) -> list[View]:
    """What is shown in a story from where it proper begins."""
    place = small_place() if name in SMALL_BANK else Place()
    witness, views = Witness(), []

    def see(view: View) -> None:
        witness.see(view)
        if witness.is_prepared:
            views.append(view)

    async def play() -> None:
        world = World(Path(folder), place=place, policy=POLICY)
        async with running(world, tell=see) as kiosk:
            await STORIES[name](kiosk, witness)
            await asyncio.sleep(LOOKS_ON_S)

    with tempfile.TemporaryDirectory() as folder:
        run_virtually(play())
    return views
