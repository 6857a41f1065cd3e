"""The language that a person chooses on the first screen, and how long it is spoken."""

from __future__ import annotations

from pathlib import Path

from kiosk.flows.events import Preference, Pressed
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First
from tests.support.flow_site import World, running


async def test_a_chosen_language_is_spoken_until_the_person_has_gone(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        assert (await kiosk.player.until(First)).preference.language == ""
        kiosk.player.do(Preference(language="ar"))
        await kiosk.player.until(First, lambda view: view.preference.language == "ar")
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Pressed(Choice.BACK))
        assert (await kiosk.player.until(First)).preference.language == ""


async def test_whoever_chooses_a_language_and_leaves_is_forgotten(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        await kiosk.player.until(First)
        kiosk.player.do(Preference(language="pl"))
        await kiosk.player.until(First, lambda view: view.preference.language == "pl")
        patience_s = 3.0 * kiosk.kiosk.policy.idle_s
        await kiosk.player.until(First, lambda view: not view.preference.language, patience_s)
