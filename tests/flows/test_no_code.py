"""Whoever has no code gets it sent again, and nobody learns anything at the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kiosk.flows.events import Entered, Preference, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.customer import CodeAsked, EnterCode, EnterPhoneDigits, EnterTracking, First
from kiosk.flows.views.service import ServerReport, Vitals
from kiosk.flows.views.shared import Answer, View
from kiosk.messages import MessageSpool
from kiosk.model.events import Event, EventKind
from kiosk.store import journal
from tests.support.flow_site import Running, World, running
from tests.support.invariants import Witness
from tests.support.stories import POLICY
from tests.support.stories.people import have_stored, press


async def ask(kiosk: Running, barcode: str, digits: str) -> View:
    """From the code's screen to the answer, or to being asked to wait."""
    await press(kiosk, Choice.NO_CODE, EnterTracking)
    kiosk.player.do(Entered(barcode))
    await kiosk.player.until(EnterPhoneDigits)
    kiosk.player.do(Entered(digits))
    return await kiosk.player.until(
        View,
        lambda view: (
            isinstance(view, CodeAsked) or (isinstance(view, EnterPhoneDigits) and view.wait_s > 0)
        ),
    )


async def to_the_code(kiosk: Running) -> None:
    await kiosk.player.until(First)
    await press(kiosk, Choice.PICK_UP, EnterCode)


async def asked(kiosk: Running) -> list[Event]:
    return await kiosk.kiosk.store.run(journal.after, 0, 500, [EventKind.CODE_ASKED])


@pytest.mark.parametrize(
    ("barcode", "digits", "is_known"),
    [("P", "1000", True), ("P", "1001", False), ("Q", "1000", False)],
)
async def test_the_answer_is_the_same_and_only_the_journal_knows(
    tmp_path: Path, barcode: str, digits: str, is_known: bool
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        await to_the_code(kiosk)
        answer = await ask(kiosk, barcode, digits)
        [event] = await asked(kiosk)
        assert answer == CodeAsked(reference=str(event.seq), choices=(Choice.DONE,))
        assert (json.loads(event.body).get("package") is not None) is is_known
        assert digits not in event.body


async def test_the_message_goes_out_again_to_the_number_on_file(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        code = await kiosk.code_of("P")
        spool = MessageSpool(kiosk.kiosk, tmp_path / "messages")
        await to_the_code(kiosk)
        await ask(kiosk, "P", "9999")
        await spool.take((await asked(kiosk))[-1])
        assert not (tmp_path / "messages").exists()
        kiosk.player.do(Pressed(Choice.DONE))
        await to_the_code(kiosk)
        await ask(kiosk, "P", "1000")
        await spool.take((await asked(kiosk))[-1])
        [message] = (tmp_path / "messages").iterdir()
        assert f"Code {code[:3]} {code[3:6]} {code[6:]}." in message.read_text("utf-8")


async def test_questions_are_slowed_whether_they_are_right_or_wrong(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        for digits in ("1000", "0000", "1000", "0000", "0000"):
            await to_the_code(kiosk)
            assert isinstance(await ask(kiosk, "P", digits), CodeAsked)
            kiosk.player.do(Pressed(Choice.DONE))
        await to_the_code(kiosk)
        waits = await ask(kiosk, "P", "1000")
        assert isinstance(waits, EnterPhoneDigits)
        assert len(await asked(kiosk)) == 5


async def test_out_of_reach_of_the_server_it_says_so(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        server = ServerReport(is_reached=False, last_ms=None, waiting=3)
        kiosk.kiosk.vitals = lambda: Vitals(server=server)
        await to_the_code(kiosk)
        answer = await ask(kiosk, "Q", "1000")
        assert isinstance(answer, CodeAsked)
        assert not answer.is_reached


@pytest.mark.parametrize("event", [Entered("---"), Entered("\u00e4"), Scanned(""), Scanned("\x1d")])
async def test_what_is_no_barcode_is_said_and_asked_for_again(
    tmp_path: Path, event: Entered | Scanned
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        await to_the_code(kiosk)
        await press(kiosk, Choice.NO_CODE, EnterTracking)
        kiosk.player.do(event)
        answer = await kiosk.player.until(Answer)
        assert answer.refused == Refused(Refusal.UNREADABLE)
        assert not await asked(kiosk)
        await press(kiosk, Choice.DONE, EnterTracking)
        kiosk.player.do(Entered("P"))
        await kiosk.player.until(EnterPhoneDigits)
        kiosk.player.do(Entered("1000"))
        await kiosk.player.until(CodeAsked)
        [answered] = await asked(kiosk)
        assert json.loads(answered.body)["package"]


async def test_another_language_while_the_number_is_asked_for_leads_nowhere_else(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        await to_the_code(kiosk)
        await press(kiosk, Choice.NO_CODE, EnterTracking)
        kiosk.player.do(Preference("de"))
        kiosk.player.do(Entered("P"))
        await kiosk.player.until(EnterPhoneDigits)


async def test_the_label_can_be_scanned_in_place_of_typing(tmp_path: Path) -> None:
    async with running(World(tmp_path, policy=POLICY)) as kiosk:
        await have_stored(kiosk, Witness())
        await to_the_code(kiosk)
        await press(kiosk, Choice.NO_CODE, EnterTracking)
        kiosk.player.do(Scanned("P"))
        await kiosk.player.until(EnterPhoneDigits)
        kiosk.player.do(Entered("1000"))
        await kiosk.player.until(CodeAsked)
        [event] = await asked(kiosk)
        assert json.loads(event.body)["package"]
