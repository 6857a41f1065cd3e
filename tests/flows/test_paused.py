"""A location that is paused: who has a code still gets theirs out; where it is closed, nobody does
but for a technician who looks after it."""

from __future__ import annotations

import json
from pathlib import Path

from kiosk.flows.events import Entered, LookAgain, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First
from kiosk.flows.views.service import Doors, Machine
from kiosk.flows.views.shared import EnterPin
from kiosk.model.commands import Pause, PauseReason
from kiosk.store import journal, remote_help
from tests.support.flow_site import TECHNICIAN_PIN, Running
from tests.support.stories.people import sign_in_technician
from tests.support.visits import fresh_kiosk


async def pause(kiosk: Running, *, is_closed: bool) -> First:
    command = Pause(reason=PauseReason.MAINTENANCE, is_closed=is_closed)
    await kiosk.kiosk.store.run(remote_help.pause, command)
    kiosk.player.do(LookAgain())
    return await kiosk.player.until(First, lambda view: view.paused is not None)


async def test_while_it_is_paused_there_are_only_pickups(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        view = await pause(kiosk, is_closed=False)
        assert view.choices == (Choice.PICK_UP, Choice.SERVICE, Choice.HELP)
        kiosk.player.do(Pressed(Choice.COURIER))
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(First)
        await kiosk.kiosk.store.run(remote_help.resume)
        kiosk.player.do(LookAgain())
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices)


async def test_where_it_is_closed_only_a_technician_is_let_in(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        view = await pause(kiosk, is_closed=True)
        assert view.choices == (Choice.SERVICE, Choice.HELP)
        for event in (Entered("1"), Pressed(Choice.PICK_UP), Scanned("PK1:demo:123456789")):
            kiosk.player.do(event)
        kiosk.player.do(Pressed(Choice.SERVICE))
        view_of_pin = await kiosk.player.until(EnterPin)
        assert view_of_pin.for_service


async def test_a_technician_takes_it_back_at_the_panel(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await pause(kiosk, is_closed=True)
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Entered(TECHNICIAN_PIN))
        await kiosk.player.until(Doors)
        kiosk.player.do(Pressed(Choice.MACHINE))
        await kiosk.player.until(Machine, lambda view: Choice.END_PAUSE in view.choices)
        kiosk.player.do(Pressed(Choice.END_PAUSE))
        await kiosk.player.until(Machine, lambda view: Choice.END_PAUSE not in view.choices)
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(Doors)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices)
        events = await kiosk.kiosk.store.run(journal.after, 0, 1_000)
        [ended] = [json.loads(each.body) for each in events if each.kind == "HELP_ENDED"]
        assert (ended["actor"], ended["detail"]) == ("staff:99", "taken back at the panel")


async def test_nobody_takes_back_what_is_no_pause(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await sign_in_technician(kiosk)
        kiosk.player.do(Pressed(Choice.END_PAUSE))
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        events = await kiosk.kiosk.store.run(journal.after, 0, 1_000)
        assert [each for each in events if each.kind == "HELP_ENDED"] == []
