"""The language that a person chooses on the first screen, and how long it is spoken."""

from __future__ import annotations

from pathlib import Path

from flow_site import World, running
from virtual_loop import run_virtually

from kiosk.flows.views import Choice, Chosen, EnterCode, First, Pressed


def test_a_chosen_language_is_spoken_until_the_person_has_gone(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(World(tmp_path)) as kiosk:
            assert (await kiosk.player.until(First)).language == ""
            kiosk.player.do(Chosen("ar"))
            await kiosk.player.until(First, lambda view: view.language == "ar")
            kiosk.player.do(Pressed(Choice.PICK_UP))
            await kiosk.player.until(EnterCode)
            kiosk.player.do(Pressed(Choice.BACK))
            assert (await kiosk.player.until(First)).language == ""

    run_virtually(story())


def test_whoever_chooses_a_language_and_leaves_is_forgotten(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(World(tmp_path)) as kiosk:
            await kiosk.player.until(First)
            kiosk.player.do(Chosen("pl"))
            await kiosk.player.until(First, lambda view: view.language == "pl")
            patience_s = 3.0 * kiosk.kiosk.policy.idle_s
            await kiosk.player.until(First, lambda view: not view.language, patience_s)

    run_virtually(story())


def test_a_language_that_the_site_has_not_is_not_spoken(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(World(tmp_path)) as kiosk:
            await kiosk.player.until(First)
            kiosk.player.do(Chosen("tlh"))
            kiosk.player.do(Chosen("de"))
            view = await kiosk.player.until(First, lambda view: view.language != "")
            assert view.language == "de"

    run_virtually(story())
