"""Every job of a customer by ear and number pad alone: who sees nothing knows from what is spoken
what to press. The panel is dark; flows, texts, screens and boards are real, time is virtual."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.events import Entered, Pressed
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question, Refusal, Refused
from kiosk.flows.views.courier import ChooseSize
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    First,
    HoldExtended,
    Thanks,
)
from kiosk.flows.views.shared import Answer, Ask, DoorOpen, Trouble, View
from kiosk.flows.views.unannounced import ConfirmPhone, EnterPhone, GuestStored, Whose
from kiosk.ui.language import ENGLISH, speech
from kiosk.ui.texts import spoken, words_for
from kiosk.ui.texts.choice_labels import choice_label
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_views
from tests.support.fake_user import FakeUser
from tests.support.flow_site import LOCATION, World, running
from tests.support.invariants import Witness
from tests.support.listener import (
    Ear,
    Listener,
    LostError,
    Rule,
    chooses,
    listening,
    presses,
    shuts_the_door,
)
from tests.support.stories.people import have_stored
from tests.support.virtual_loop import run_virtually

pytestmark = pytest.mark.window

POLICY = Policy(show_code_to_courier=True, guest_deposits=True, may_extend=True)
SMALL = PANELS["540x960"]
GUEST, RECIPIENT = "01710000002", "01710000001"
IS_WHOLE = os.environ.get("TEST_BUDGET") == "nightly"
"""The ordinary run plays a sample of the jobs, the nightly one all."""


def name(choice: Choice) -> str:
    """The word by which a choice is spoken."""
    return re.escape(choice_label(choice).label)


def enter(choice: Choice) -> str:
    """What is heard where Enter does this: the prompt, as far as the choice's own word."""
    return re.escape(spoken.enter_for(choice_label(choice).label, ENGLISH))


def title(view: View) -> str:
    """The first words of a screen; for door 7 in them any door will do."""
    return re.sub(r"\b7\b", r"(?P<slot>\\w+)", re.escape(words_for(view, LOCATION).title))


FIRST, CODE = title(First()), title(EnterCode())
DIGITS = re.escape(spoken.type_digits(ENGLISH))
THANKS = title(Thanks(slot="7"))
OPEN = title(DoorOpen(slot="7", purpose=Purpose.TAKE))
JAMMED = title(Trouble(problem=Problem.JAMMED, slot="7"))
REFERENCE = r"\d{3}"
DOOR = Rule(OPEN, shuts_the_door)
WELCOME = Rule(f"{FIRST}.*{enter(Choice.PICK_UP)}", presses("\n"))
HIGH = Rule(enter(Choice.OPEN_DOOR), presses("\n"))
NEXT = Rule(enter(Choice.OPEN_NEXT), presses("\n"))
EMPTY = Rule(enter(Choice.IT_IS_EMPTY), presses("\n"))


def types(digits: str) -> Rule:
    return Rule(f"{CODE}.*{DIGITS}", presses(digits))


async def begins(listener: Listener) -> None:
    """Any key begins the access mode."""
    await listener.step()
    await listener.press("5")


async def fetches(listener: Listener) -> None:
    code = await listener.kiosk.code_of("P")
    await begins(listener)
    await listener.until(f"{THANKS}.*{enter(Choice.DONE)}", [WELCOME, types(code), HIGH, DOOR])
    await listener.press("\n")
    assert isinstance(listener.panel.screens.page.view, First), "and the next person is served"
    assert code not in listener.transcript.replace(" ", "")


async def fetches_several(listener: Listener) -> None:
    code = await listener.kiosk.code_of("P")
    await begins(listener)
    await listener.until(
        f"{THANKS}.*{enter(Choice.DONE)}", [WELCOME, types(code), HIGH, NEXT, DOOR]
    )
    steel = listener.kiosk.site.steel.doors
    assert sum(door.pulses for door in steel.values()) == 4, "two were put in, two taken out"
    assert listener.kiosk.open_doors() == []


async def meets_a_jam(listener: Listener) -> None:
    code = await listener.kiosk.code_of("P")
    door = listener.kiosk.site.steel.doors[listener.slot]
    door.is_jammed = True
    await begins(listener)
    again = f"{JAMMED}.*{enter(Choice.TRY_AGAIN)}"
    await listener.until(again, [WELCOME, types(code), HIGH])
    door.is_jammed = False
    await listener.press("\n")
    await listener.until(THANKS, [DOOR, HIGH])


async def opens_again(listener: Listener) -> None:
    code = await listener.kiosk.code_of("P")
    await begins(listener)
    await listener.until(THANKS, [WELCOME, types(code), HIGH, DOOR])
    await listener.choose(name(Choice.OPEN_AGAIN))
    await listener.until(THANKS, [DOOR, HIGH, EMPTY])


async def keeps_it_longer(listener: Listener) -> None:
    code = await listener.kiosk.code_of("P")
    await begins(listener)
    await listener.until(FIRST, [])
    await listener.choose(name(Choice.HELP))
    await listener.until(title(Answer(help=True)), [])
    await listener.choose(name(Choice.EXTEND_HOLD))
    same = re.escape(words_for(HoldExtended(until_ms=None), LOCATION).body)
    await listener.until(same, [types(code)])


async def asks_for_a_code(listener: Listener) -> None:
    await begins(listener)
    await listener.until(f"{CODE}.*{DIGITS}", [WELCOME])
    await listener.choose(name(Choice.NO_CODE))
    number = Rule(title(EnterTracking()), presses("00340434\n"))
    phone = Rule(f"{title(EnterPhoneDigits())}.*{DIGITS}", presses("1000"))
    await listener.until(f"{title(CodeAsked(reference='1'))}.*{REFERENCE}", [number, phone])


async def leaves_a_package(listener: Listener) -> None:
    await listener.step()
    listener.panel.plug_in()
    await listener.until(FIRST, [])
    await listener.choose(name(Choice.GUEST))
    numbers = iter((GUEST, RECIPIENT))

    async def gives_a_number(who: Listener, _: re.Match[str]) -> None:
        await who.press(f"{next(numbers)}\n")

    async def confirms(who: Listener, heard: re.Match[str]) -> None:
        assert re.sub(r"\D", "", heard[0]).endswith(("1710000001", "1710000002"))
        await who.press("\n")

    size = words_for(ChooseSize(barcode="", sizes=()), LOCATION).title
    rules = [
        *(Rule(f"{title(EnterPhone(whose=whose))}.*{DIGITS}", gives_a_number) for whose in Whose),
        Rule(rf"\+ ?4 9[\d ]+.*{enter(Choice.YES)}", confirms),
        Rule(re.escape(size), chooses(r"\bS\b|[Ss]mall")),
        DOOR,
        HIGH,
    ]
    stored = GuestStored(slot="7", reference="1", is_reached=True)
    await listener.until(f"{title(stored)}.*{REFERENCE}", rules)
    assert RECIPIENT not in listener.transcript


@dataclass(frozen=True)
class Job:
    """A job, and what lies in the locker before it begins."""

    does: Callable[[Listener], Awaitable[None]]
    packages: tuple[str, ...] = ("P",)


JOBS = {
    "pick up": Job(fetches),
    "several packages": Job(fetches_several, ("P", "Q")),
    "a jam": Job(meets_a_jam),
    "open again": Job(opens_again),
    "keep it longer": Job(keeps_it_longer),
    "no code": Job(asks_for_a_code),
    "leave a package": Job(leaves_a_package, ()),
}


def played(
    kivy: SimpleNamespace,
    folder: Path,
    job: Job,
    hears: Callable[[str], str] = lambda text: text,
) -> Ear:
    """Somebody does this job; what they heard."""
    ear, panel, begin = listening(kivy, LOCATION, hears)

    async def play() -> None:
        async with running(World(folder, policy=POLICY), tell=panel.show) as kiosk:
            slot = ""
            for each in job.packages:
                slot = await have_stored(kiosk, Witness(), each, owner="eva")
            listener = begin(kiosk)
            listener.slot = slot
            await listener.step()
            ear.said.clear()
            await job.does(listener)

    run_virtually(play())
    return ear


@pytest.mark.parametrize("job", JOBS if IS_WHOLE else ("several packages", "a jam"))
def test_every_job_is_done_by_who_only_hears(
    kivy: SimpleNamespace, tmp_path: Path, job: str
) -> None:
    ear = played(kivy, tmp_path, JOBS[job])
    assert {language for language, _ in ear.said} == {"en"}


@pytest.mark.parametrize("left_out", [enter(Choice.PICK_UP), OPEN] if IS_WHOLE else [OPEN])
def test_who_is_shown_less_does_not_get_through(
    kivy: SimpleNamespace, tmp_path: Path, left_out: str
) -> None:
    """The negative control: with a sentence less nobody finds the way."""
    with pytest.raises(LostError):
        played(kivy, tmp_path, JOBS["pick up"], lambda text: re.sub(left_out, "", text))


# --- one thing after the other -------------------------------------------------------------------


def at_the_code(kivy: SimpleNamespace, ear: Ear, **more: object) -> FakeUser:
    """Somebody in the access mode who is to type a code."""
    sound = kivy.ui.Sound(loudspeaker=ear, **more)
    fake_user = FakeUser(kivy, SMALL, is_access=True, sound=sound)
    fake_user.show(EnterCode(choices=(Choice.BACK, Choice.NO_CODE)))
    return fake_user


def last(ear: Ear) -> str:
    return ear.said[-1][1]


def test_what_was_said_is_said_again_on_the_star(kivy: SimpleNamespace) -> None:
    ear = Ear()
    fake_user = at_the_code(kivy, ear)
    said = last(ear)
    fake_user.screen_manager.keypad("4")
    assert last(ear) == spoken.typed(1, ENGLISH)
    fake_user.screen_manager.keypad("*")
    assert last(ear) == said
    assert fake_user.events == []


def test_a_wrong_code_is_heard_and_can_be_mended(kivy: SimpleNamespace) -> None:
    ear = Ear()
    fake_user = at_the_code(kivy, ear)
    wrong = Refused(Refusal.NOT_KNOWN)
    fake_user.show(EnterCode(choices=(Choice.BACK,), digits="482107733", refused=wrong))
    note = fake_user.page.words().note
    assert note is not None
    assert note.text in last(ear)
    assert "482107733" not in re.sub(r"\D", "", last(ear))
    fake_user.screen_manager.keypad("CLEAR")
    assert last(ear) == spoken.typed(8, ENGLISH)
    fake_user.screen_manager.keypad("4")
    assert fake_user.events == [Entered("482107734")]


def test_whom_to_call_and_the_reference_are_heard(kivy: SimpleNamespace) -> None:
    ear = Ear()
    fake_user = at_the_code(kivy, ear)
    for view in (
        Answer(help=True, choices=(Choice.DONE,)),
        Answer(refused=Refused(Refusal.NOT_KNOWN), reference="123456", choices=(Choice.DONE,)),
        Trouble(problem=Problem.JAMMED, slot="7", reference="123456", choices=(Choice.TRY_AGAIN,)),
    ):
        fake_user.show(view)
        heard = re.sub(r"\s", "", last(ear))
        assert re.sub(r"\s", "", fake_user.page.context.location.help_phone) in heard, view
        assert "reference" not in repr(view) or "123456" in heard or "reference=''" in repr(view)


def test_another_language_is_chosen_by_ear_and_spoken(kivy: SimpleNamespace) -> None:
    ear = Ear()
    fake_user = at_the_code(kivy, ear)
    screens = fake_user.screen_manager

    def choose(name: str) -> None:
        for _ in range(20):
            screens.keypad("+")
            if last(ear) == name:
                screens.keypad("ENTER")
                return
        raise AssertionError(f"{name!r} was not said: {ear.said}")

    choose("English")
    fake_user.settle()
    screens._shown_s = float("-inf")  # they listened
    choose("Deutsch")
    fake_user.settle()
    language, text = ear.said[-1]
    assert language == "de"
    assert speech("de").say("Enter your code") in text


def test_the_end_of_the_time_is_heard_before_it_comes(kivy: SimpleNamespace) -> None:
    ear = Ear()
    fake_user = at_the_code(kivy, ear)
    fake_user.screen_manager.keypad("4")
    more = Ask(question=Question.NEED_MORE_TIME, wait_s=40, choices=(Choice.YES, Choice.NO))
    fake_user.show(more)
    assert words_for(more, LOCATION).title in last(ear)
    assert "40" in last(ear)
    assert spoken.enter_for(choice_label(Choice.YES).label, ENGLISH) in last(ear)
    heard = len(ear.said)
    fake_user.show(replace(more, wait_s=39))
    assert len(ear.said) == heard, "a number that counts down is not said again and again"
    fake_user.screen_manager.keypad("ENTER")
    assert fake_user.events == [Pressed(Choice.YES)]


def test_nothing_is_spoken_before_somebody_asks_for_it(kivy: SimpleNamespace) -> None:
    """But the way to an open door, by day; and that ends with the next thing that is done."""
    ear = Ear()
    fake_user = FakeUser(kivy, SMALL, sound=kivy.ui.Sound(loudspeaker=ear))
    views = {type(view): (name, view) for name, view in sample_views()}
    for name, view in sample_views() if IS_WHOLE else list(views.values())[::4]:
        ear.said.clear()
        fake_user.show(view, fresh=True)
        assert ear.said == [] or isinstance(view, DoorOpen), name


def test_a_phone_number_is_spoken_into_a_headphone_only(kivy: SimpleNamespace) -> None:
    view = ConfirmPhone(phone="+491710000001", whose=Whose.GUEST, choices=(Choice.YES,))
    heard = {}
    for has_plug in (False, True):
        ear = Ear()
        jack = SimpleNamespace(has_plug=partial(bool, has_plug))
        at_the_code(kivy, ear, jack=jack).show(view)
        heard[has_plug] = re.sub(r"\s", "", last(ear))
    assert "491710000001" in heard[True]
    assert "1710000001" not in heard[False]
    assert "headphones" in heard[False]
    assert (
        spoken.enter_for(choice_label(Choice.YES).label, ENGLISH).replace(" ", "") in heard[False]
    )
    ear = Ear()
    at_the_code(kivy, ear).show(view)
    assert "1710000001" not in re.sub(r"\s", "", last(ear)), "this machine has no jack that tells"
