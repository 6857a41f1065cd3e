"""Who says nothing is asked before anything is lost; who needs longer gets it, again and again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kiosk.flows.context import Policy
from kiosk.flows.events import Preference, Pressed, Scanned, Stirred, TimedOut
from kiosk.flows.person import ACCESS_PACE, WARN_S, Person
from kiosk.flows.views.choices import Choice, Purpose, Question
from kiosk.flows.views.courier import Receipt
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.shared import Ask, DoorOpen, View
from kiosk.model.pickup_code import qr_text
from tests.support.flow_site import Running
from tests.support.visits import fresh_kiosk, sign_in, store

SILENCE_S = 400.0
EXTENSIONS = 12


def now_s(kiosk: Running) -> float:
    return kiosk.kiosk.clock.now().monotonic_ms / 1000


async def stored(kiosk: Running) -> str:
    """A package lies in a slot, and nobody is at the machine; the slot."""
    await sign_in(kiosk)
    slot = await store(kiosk, "P")
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(Receipt)
    kiosk.player.do(Pressed(Choice.DONE))
    await kiosk.player.until(First)
    return slot


async def asked(kiosk: Running) -> Ask:
    view = await kiosk.player.until(Ask, patience_s=SILENCE_S)
    assert view.question is Question.NEED_MORE_TIME
    return view


async def test_the_store_knows_while_somebody_is_at_the_machine(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        assert not kiosk.kiosk.store.is_visited
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        assert kiosk.kiosk.store.is_visited
        await kiosk.player.until(First, patience_s=SILENCE_S)
        assert not kiosk.kiosk.store.is_visited


async def test_the_screen_hears_when_what_it_shows_ends_by_itself() -> None:
    class Panel:
        """Keeps what is shown, and how long there is."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def show(self, view: View) -> None: ...

        def ends_in(self, seconds: float) -> None:
            self.ends.append(seconds)

    panel = Panel()
    person = Person(panel)
    person.show(DoorOpen(slot="7", purpose=Purpose.TAKE))
    await person.next(30)
    assert panel.ends == [], "an open door ends nothing"
    person.show(Thanks(slot="7", choices=(Choice.DONE,)))
    ending = asyncio.create_task(person.next(15))
    await asyncio.sleep(10)
    person.happened(Stirred())
    await asyncio.sleep(10)
    assert panel.ends == [15, 15] and not ending.done(), "a touch gives the whole time again"
    assert await ending == TimedOut()
    person.happened(Preference(is_access=True))
    await person.next(15)
    await person.next(15)
    assert panel.ends[-1] == 15 * ACCESS_PACE


async def test_a_press_on_the_warning_answers_no_question_that_it_hides() -> None:
    class Panel:
        """Shows it to nobody."""

        def show(self, view: View) -> None: ...

    person = Person(Panel())
    choices = (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE)
    question = Ask(question=Question.IS_IT_EMPTY, slot="7", choices=choices)
    person.show(question)
    answer = asyncio.create_task(person.next(30))
    await asyncio.sleep(31)
    assert isinstance(person.view, Ask) and person.view.question is Question.NEED_MORE_TIME
    person.happened(Pressed(Choice.IT_IS_EMPTY))
    await asyncio.sleep(1)
    assert person.view == question and not answer.done()
    person.happened(Pressed(Choice.SOMETHING_INSIDE))
    assert await answer == Pressed(Choice.SOMETHING_INSIDE)


async def test_at_least_ten_times_more_time_is_given_and_silence_ends_it(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        kiosk.player.do(Pressed(Choice.PICK_UP))
        before = await kiosk.player.until(EnterCode)
        for _ in range(EXTENSIONS):
            assert (await asked(kiosk)).wait_s == WARN_S
            kiosk.player.do(Pressed(Choice.YES))
            assert await kiosk.player.until(EnterCode) == before
        await asked(kiosk)
        began_s = now_s(kiosk)
        await kiosk.player.until(First, patience_s=SILENCE_S)
        assert now_s(kiosk) - began_s >= WARN_S


async def test_who_says_no_is_let_go_at_once(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        kiosk.player.do(Pressed(Choice.COURIER))
        await asked(kiosk)
        began_s = now_s(kiosk)
        kiosk.player.do(Pressed(Choice.NO))
        await kiosk.player.until(First)
        assert now_s(kiosk) - began_s < 1


async def test_a_code_scanned_at_the_question_is_taken(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        await stored(kiosk)
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await asked(kiosk)
        kiosk.player.do(Scanned(qr_text("demo", await kiosk.code_of("P"))))
        await kiosk.player.until(DoorOpen)


async def test_who_types_slowly_is_not_asked(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        began_s = now_s(kiosk)
        step_s = kiosk.kiosk.policy.idle_s - 5
        for _ in range(4):
            await asyncio.sleep(step_s)
            kiosk.player.do(Stirred())
        await asked(kiosk)
        assert now_s(kiosk) - began_s >= 4 * step_s + kiosk.kiosk.policy.idle_s - 1


async def test_nobody_is_asked_while_a_door_is_open_or_after_thanks(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        slot = await stored(kiosk)
        kiosk.site.steel.close_after_s = None
        kiosk.player.do(Scanned(qr_text("demo", await kiosk.code_of("P"))))
        await kiosk.player.until(DoorOpen)
        await asyncio.sleep(kiosk.kiosk.policy.give_up_after_s - 10)
        assert isinstance(kiosk.kiosk.person.view, DoorOpen)
        kiosk.site.steel.close(slot)
        await kiosk.player.until(Thanks)
        began_s = now_s(kiosk)
        await kiosk.player.until(First)
        assert now_s(kiosk) - began_s < kiosk.kiosk.policy.thanks_s + 1


async def test_the_access_mode_waits_longer_and_ends_with_the_person(tmp_path: Path) -> None:
    async with fresh_kiosk(tmp_path) as kiosk:
        kiosk.player.do(Preference(is_access=True))
        await kiosk.player.until(First, lambda view: view.preference.is_access)
        kiosk.player.do(Pressed(Choice.PICK_UP))
        await kiosk.player.until(EnterCode)
        began_s = now_s(kiosk)
        assert (await asked(kiosk)).wait_s == WARN_S * ACCESS_PACE
        assert now_s(kiosk) - began_s >= ACCESS_PACE * kiosk.kiosk.policy.idle_s - 1
        view = await kiosk.player.until(First, patience_s=SILENCE_S)
        assert view.preference == Preference()


async def test_a_receipt_is_warned_of_before_it_goes_however_short_questions_wait(
    tmp_path: Path,
) -> None:
    policy = Policy(courier_session_s=15, courier_lock_s=60)
    async with fresh_kiosk(tmp_path, policy) as kiosk:
        await sign_in(kiosk)
        await store(kiosk, "P")
        kiosk.player.do(Pressed(Choice.DONE))
        before = await kiosk.player.until(Receipt)
        for _ in range(EXTENSIONS):
            assert (await asked(kiosk)).wait_s == WARN_S
            kiosk.player.do(Pressed(Choice.YES))
            assert await kiosk.player.until(Receipt) == before
