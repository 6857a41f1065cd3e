"""What only says that something goes on is drawn if that lasts, and never in the way of a door."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from kiosk.flows.events import Entered, Pressed, TimedOut
from kiosk.flows.person import MOMENT_S, Person
from kiosk.flows.views.choices import Choice, Purpose
from kiosk.flows.views.customer import EnterCode, First
from kiosk.flows.views.shared import Checking, DoorOpen, Opening, View


@dataclass
class Panel:
    """Keeps what is drawn."""

    drawn: list[View] = field(default_factory=list)

    def show(self, view: View) -> None:
        self.drawn.append(view)


CODE = EnterCode(length=9)
OPENING = Opening(slot="7", purpose=Purpose.TAKE)
OPEN = DoorOpen(slot="7", purpose=Purpose.TAKE)


async def test_what_is_over_in_a_moment_is_not_drawn() -> None:
    panel = Panel()
    person = Person(panel)
    person.show(CODE)
    person.show_if_it_lasts(Checking())
    await asyncio.sleep(MOMENT_S / 2)
    person.show_if_it_lasts(OPENING)
    await asyncio.sleep(MOMENT_S * 0.8)
    person.show(OPEN)
    await asyncio.sleep(MOMENT_S * 3)
    assert panel.drawn == [CODE, OPEN]


async def test_what_lasts_is_drawn_once() -> None:
    panel = Panel()
    person = Person(panel)
    person.show(CODE)
    person.show_if_it_lasts(Checking())
    await asyncio.sleep(MOMENT_S * 1.1)
    assert panel.drawn == [CODE, Checking()]
    person.show_if_it_lasts(OPENING)
    await asyncio.sleep(MOMENT_S * 3)
    assert panel.drawn == [CODE, Checking(), OPENING]


async def test_the_first_screen_gives_way_at_once() -> None:
    panel = Panel()
    person = Person(panel)
    first = First()
    person.show(first)
    person.show_if_it_lasts(OPENING)
    assert panel.drawn == [first, OPENING]


async def test_what_is_pressed_while_nothing_new_is_drawn_yet_counts_for_nothing() -> None:
    """A digit too many is no second try of a code."""
    person = Person(Panel())
    person.show(CODE)
    person.show_if_it_lasts(Checking())
    person.happened(Entered("123456789"), CODE)
    person.happened(Pressed(Choice.BACK), CODE)
    await asyncio.sleep(MOMENT_S / 2)
    person.show(CODE)
    assert isinstance(await person.next(1.0), TimedOut)
