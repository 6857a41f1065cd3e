"""The access mode and the night on the panel: large text fits, hands reach everything low, and who
comes next finds the usual screens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.scanner import ScannerRead
from kiosk.flows.events import Entered, Preference, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Purpose, Question, Refusal, Refused
from kiosk.flows.views.customer import (
    EnterCode,
    EnterPhoneDigits,
    First,
    HoldExtended,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.shared import (
    Answer,
    Ask,
    Checking,
    DoorOpen,
    EnterPin,
    Opening,
    Trouble,
    View,
)
from kiosk.flows.views.unannounced import ConfirmPhone, EnterPhone, GuestStored, PrivacyNotice
from kiosk.ui import theme as look
from kiosk.ui.language import languages
from kiosk.ui.theme import SiteLook
from tests.gallery.locker import sample_location
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_views
from tests.support.fake_user import FakeUser
from tests.support.fit import all_faults, is_inside
from tests.support.listener import Ear

pytestmark = pytest.mark.window

SMALL = PANELS["540x960"]
FOR_CUSTOMERS = (
    *(First, EnterCode, EnterPhoneDigits, EnterPin, Checking, Opening, DoorOpen, Trouble, Ask),
    *(Thanks, Answer, MorePackages, HoldExtended, EnterPhone, ConfirmPhone, GuestStored),
    PrivacyNotice,
)
# --- in and out of the modes ---------------------------------------------------------------------

FIRST = First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP))
CODE = EnterCode(choices=(Choice.BACK,))
ASK_TIME = Ask(question=Question.NEED_MORE_TIME, wait_s=20, choices=(Choice.YES, Choice.NO))
ACCESS = Preference(is_access=True)


def tool(page: Any, icon: str) -> Any:
    return next(each for each in page.tools if each.icon.icon_name == icon)


def press_setting(fake_user: FakeUser, name: str) -> None:
    """Touch a button of the frame or of the screen of settings by its word."""
    fake_user.screen_manager._shown_s = float("-inf")
    buttons = (*fake_user.page.buttons, *fake_user.page.tools)
    fake_user.tap(next(each for each in buttons if each.words.text == name).center)


def wait(fake_user: FakeUser, until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not until():
        assert time.monotonic() < deadline
        fake_user.kivy.Clock.tick()
        time.sleep(0.01)


def test_the_button_switches_the_access_mode_and_keeps_what_is_typed(fake_user: FakeUser) -> None:
    page = fake_user.show(CODE)
    fake_user.keys("482")
    fake_user.tap(tool(page, "accessibility").center)
    assert fake_user.events == [ACCESS]
    large = fake_user.page
    assert large is not page and large.digits == "482"
    assert large.theme.is_access and large.theme.colours is look.HIGH_CONTRAST
    press_setting(fake_user, "Accessibility")
    press_setting(fake_user, "Standard view")
    assert fake_user.events[-1] == Preference() and not fake_user.page.theme.is_access
    assert fake_user.page.digits == "482"


def test_a_session_that_was_locked_looks_as_its_owner_chose_and_the_lock_as_usual(
    fake_user: FakeUser,
) -> None:
    pin = EnterPin(again=True)
    fake_user.show(pin)
    fake_user.screen_manager.speak("de")
    fake_user.screen_manager.switch_access()
    mine = Preference(language="de", is_access=True)
    assert fake_user.events[-1] == mine
    locked = fake_user.show(First(choices=(Choice.PICK_UP, Choice.RESUME)))
    assert not locked.theme.is_access and locked.context.speech.code == "en"
    again = fake_user.show(replace(pin, preference=mine))
    assert again.theme.is_access and again.context.speech.code == "de"
    assert fake_user.show(Checking()).theme.is_access


def test_another_language_is_chosen_on_any_screen_and_keeps_what_is_typed(
    fake_user: FakeUser,
) -> None:
    page = fake_user.show(CODE)
    fake_user.keys("4821")
    fake_user.tap(tool(page, "languages").center)
    fake_user.screen_manager._shown_s = float("-inf")
    names = {each.words.text: each for each in fake_user.page.figure.buttons}
    assert len(names) == len(sample_location().languages)
    fake_user.tap(names["Deutsch"].center)
    assert fake_user.events == [Preference(language="de")]
    assert fake_user.page.title.text == "Ihr Abholcode" and fake_user.page.digits == "4821"


def test_back_from_the_languages_is_where_one_was(fake_user: FakeUser) -> None:
    page = fake_user.show(CODE)
    fake_user.keys("48")
    fake_user.tap(tool(page, "languages").center)
    fake_user.screen_manager._shown_s = float("-inf")
    fake_user.tap(fake_user.page.buttons[0].center)
    assert fake_user.events == [] and fake_user.page.digits == "48"


def test_whoever_comes_next_finds_the_usual_screens(fake_user: FakeUser) -> None:
    fake_user.show(FIRST)
    fake_user.screen_manager.speak("pl")
    fake_user.screen_manager.switch_access()
    assert fake_user.show(CODE).theme.is_access
    page = fake_user.show(FIRST)
    assert not page.theme.is_access and page.context.speech.code == "en"
    assert fake_user.screen_manager.preference == Preference()


def test_who_needs_more_time_finds_what_they_typed(fake_user: FakeUser) -> None:
    fake_user.show(CODE)
    fake_user.keys("4821")
    page = fake_user.show(ASK_TIME)
    assert "closes in" in page.body.text
    page._show_left(5)
    assert "closes in 5 seconds" in page.body.text
    fake_user.press(Choice.YES)
    assert fake_user.show(CODE).digits == "4821"
    fake_user.show(ASK_TIME)
    fake_user.show(FIRST)
    assert fake_user.show(CODE).digits == ""


def test_the_screens_are_dark_by_night(kivy: SimpleNamespace) -> None:
    night: list[bool] = []
    screen_manager = kivy.ui.ScreenManager(
        sample_location(), SMALL, lambda _: None, SiteLook(is_night=lambda: bool(night))
    )
    for colours in (look.LIGHT, look.NIGHT):
        screen_manager.show(FIRST)
        kivy.Clock.tick()
        kivy.Clock.tick()
        assert screen_manager.page.theme.colours is colours
        night.append(True)


# --- a keypad without the panel ------------------------------------------------------------------


def test_the_first_key_begins_the_access_mode_and_does_nothing_else(fake_user: FakeUser) -> None:
    fake_user.show(FIRST)
    fake_user.screen_manager.keypad("4")
    assert fake_user.events == [ACCESS]
    fake_user.screen_manager.keypad("4")
    assert fake_user.events[-1] == Entered("4")


def test_what_a_scanner_types_begins_no_access_mode(fake_user: FakeUser) -> None:
    fake_user.show(CODE)
    fake_user.screen_manager.type_text("4821")
    assert not fake_user.page.theme.is_access and fake_user.page.digits == "4821"


def test_every_choice_is_reached_by_a_keypad_and_the_last_is_done(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, is_access=True)
    for name, view in sample_views():
        if not isinstance(view, FOR_CUSTOMERS) or not view.choices:
            continue
        page = fake_user.show(view, fresh=True)
        reached = []
        for _ in page.in_order():
            fake_user.screen_manager.keypad("+")
            reached.append(getattr(fake_user.screen_manager._focus._at, "choice", None))
        assert set(view.choices) <= set(reached), name
        last = next(each for each in reversed(reached) if each is not None)
        for _ in range(reached[::-1].index(last)):
            fake_user.screen_manager.keypad("-")
        fake_user.events.clear()
        fake_user.screen_manager.keypad("ENTER")
        assert fake_user.events == [Pressed(last)], name


def test_enter_says_nothing_at_an_open_door(kivy: SimpleNamespace) -> None:
    """The only choice there is a statement: it is chosen, and never what a key too many does."""
    ear = Ear()
    fake_user = FakeUser(kivy, SMALL, is_access=True, sound=kivy.ui.Sound(loudspeaker=ear))
    view = DoorOpen(slot="7", purpose=Purpose.TAKE, choices=(Choice.NOTHING_INSIDE,))
    fake_user.show(view)
    assert "It was empty" not in ear.said[-1][1]
    fake_user.screen_manager.keypad("ENTER")
    assert fake_user.events == []
    fake_user.screen_manager.keypad("+")
    assert ear.said[-1][1] == "It was empty"
    fake_user.screen_manager.keypad("ENTER")
    assert fake_user.events == [Pressed(Choice.NOTHING_INSIDE)]


def test_clear_takes_the_last_digit_back_and_then_leaves(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, is_access=True)
    page = fake_user.show(CODE)
    for key in ("4", "8", "CLEAR"):
        fake_user.screen_manager.keypad(key)
    assert page.digits == "4"
    fake_user.screen_manager.keypad("CLEAR")
    assert fake_user.events == []
    fake_user.screen_manager.keypad("CLEAR")
    assert fake_user.events == [Pressed(Choice.BACK)]


def test_a_plug_in_the_jack_begins_the_access_mode(kivy: SimpleNamespace) -> None:
    jack = SimpleNamespace(has_plug=lambda: True)
    fake_user = FakeUser(kivy, SMALL, sound=kivy.ui.Sound(jack=jack))
    fake_user.show(FIRST)
    fake_user.screen_manager._look_at_jack(0)
    fake_user.screen_manager._look_at_jack(0)
    assert fake_user.events == [ACCESS]


# --- what is heard -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_screen_speaks_and_no_digit_of_a_code_is_said(
    kivy: SimpleNamespace, language: str
) -> None:
    ear = Ear()
    fake_user = FakeUser(
        kivy, SMALL, language, is_access=True, sound=kivy.ui.Sound(loudspeaker=ear)
    )
    for name, view in sample_views():
        ear.said.clear()
        fake_user.show(view, fresh=True)
        spoken = "\n".join(text for _, text in ear.said)
        assert spoken and {code for code, _ in ear.said} == {language}, name
        digits = "".join(each for each in spoken if each.isdigit())
        assert "482107733" not in digits and "48210" not in digits, name
    page = fake_user.show(CODE, fresh=True)
    ear.said.clear()
    fake_user.keys("482")
    assert [text.count("3") for _, text in ear.said][-1] == 1
    assert page.digits not in "".join(text for _, text in ear.said)


def test_the_way_to_an_open_door_is_shown_to_everybody_by_day(kivy: SimpleNamespace) -> None:
    door = DoorOpen(slot="7", purpose=Purpose.TAKE)
    heard = []
    for night in (False, True):
        ear = Ear()
        screen_manager = kivy.ui.ScreenManager(
            sample_location(),
            SMALL,
            lambda _: None,
            SiteLook(is_night=partial(bool, night)),
            kivy.ui.Sound(loudspeaker=ear),
        )
        for view in (FIRST, CODE, door, replace(CODE, refused=Refused(Refusal.NOT_KNOWN))):
            screen_manager.show(view)
            kivy.Clock.tick()
            kivy.Clock.tick()
        heard.append(ear)
    by_day, by_night = heard
    [(_, said)] = by_day.said
    assert "Door 7" in said and "left" in said
    assert by_night.said == []
    assert len(by_day.sounds) == len(by_night.sounds) == 2, "one for the door, one for the refusal"
    assert len(by_day.sounds[0]) < len(by_day.sounds[1]), "an error is longer"
    assert max(by_night.sounds[0]) and by_day.sounds[0] != by_night.sounds[0], "quieter by night"


# --- how loud, and how soon the same key counts again ---------------------------------------------


def listens(kivy: SimpleNamespace, ear: Ear, jack: Any = None) -> FakeUser:
    """Somebody in the access mode at the code, who may set the volume."""
    fake_user = FakeUser(
        kivy, SMALL, is_access=True, sound=kivy.ui.Sound(loudspeaker=ear, jack=jack)
    )
    fake_user.show(CODE)
    return fake_user


def test_the_volume_is_set_by_keys_and_said_and_goes_back_with_the_person(
    kivy: SimpleNamespace,
) -> None:
    ear = Ear(volume_percent=70)
    fake_user = listens(kivy, ear)
    assert "Press Slash to set the volume" in ear.said[-1][1], "it is said how, once"
    fake_user.show(CODE)  # the flow shows its own again
    assert len(ear.said) == 1
    for key, volume in (("/", 70), ("+", 100), ("+", 140), ("+", 200), ("+", 200), ("-", 140)):
        fake_user.screen_manager.keypad(key)
        said = ear.said[-1][1]
        assert (said.split(".")[0], ear.volumes[-1]) == (f"Volume: {volume // 2}%", volume)
    fake_user.events.clear()
    fake_user.screen_manager.keypad("ENTER")
    assert fake_user.events == [], "the key that ends it does nothing else"
    assert "Enter your code" in ear.said[-1][1]
    fake_user.screen_manager.keypad("+")
    assert "Volume" not in ear.said[-1][1], "plus goes from choice to choice again"
    assert fake_user.show(replace(CODE, refused=Refused(Refusal.NOT_KNOWN)))
    assert ear.volumes[-1] == 140, "it stays with the person"
    fake_user.preference = None
    fake_user.show(FIRST)
    listens_next = fake_user.screen_manager
    listens_next.keypad("5")
    assert ear.volumes[-1] == 70, "and goes back with them"


def test_a_keypad_with_keys_for_the_volume_needs_no_slash(kivy: SimpleNamespace) -> None:
    ear = Ear()
    fake_user = listens(kivy, ear)
    for key, volume in (("VOLUME_DOWN", 70), ("VOLUME_DOWN", 50), ("VOLUME_UP", 70)):
        fake_user.screen_manager.keypad(key)
        assert ear.volumes[-1] == volume
    assert fake_user.page.digits == ""


def test_the_volume_and_the_pause_are_set_by_touch_and_the_screen_stays(
    kivy: SimpleNamespace,
) -> None:
    ear = Ear()
    fake_user = FakeUser(kivy, SMALL, sound=kivy.ui.Sound(loudspeaker=ear))
    fake_user.show(FIRST)
    press_setting(fake_user, "Accessibility")
    assert fake_user.events == [ACCESS]
    press_setting(fake_user, "Accessibility")
    press_setting(fake_user, "Louder")
    assert "Volume: 70%" in fake_user.page.body.text and ear.volumes[-1] == 140
    fake_user.preference = fake_user.events[-1]
    fake_user.show(FIRST)  # the flow shows its own again
    press_setting(fake_user, "Quieter")
    press_setting(fake_user, "Quieter")
    press_setting(fake_user, "Change pause")
    assert "after 0.5 s" in fake_user.page.body.text
    mine = Preference(is_access=True, volume_percent=70, same_key_s=0.5)
    assert fake_user.events[-1] == mine
    press_setting(fake_user, "Back")
    assert type(fake_user.page).__name__ == "FirstPage"
    fake_user.preference = None
    fake_user.show(FIRST)
    assert ear.volume_percent == 100 and fake_user.screen_manager.same_key_s == 0.0


@pytest.mark.parametrize("panel_name", PANELS)
def test_what_is_set_can_be_read_and_touched_on_every_panel(
    kivy: SimpleNamespace, panel_name: str
) -> None:
    faults = []
    for language in languages():
        sound = kivy.ui.Sound(loudspeaker=Ear())
        fake_user = FakeUser(kivy, PANELS[panel_name], language, is_access=True, sound=sound)
        fake_user.show(CODE)
        fake_user.screen_manager.open_access()
        fake_user.settle()
        faults += [f"{language}: {each}" for each in all_faults(fake_user.page, fake_user.panel)]
    assert faults == []


def test_a_plug_that_comes_or_goes_brings_the_owners_volume_back(kivy: SimpleNamespace) -> None:
    ear, plug = Ear(), [False]
    fake_user = listens(kivy, ear, SimpleNamespace(has_plug=lambda: plug[0]))
    for has_plug in (True, False):
        fake_user.screen_manager.keypad("VOLUME_UP")
        assert ear.volume_percent == 140
        plug[0] = has_plug
        fake_user.screen_manager._look_at_jack(0)
        assert ear.volume_percent == 100, "what was loud enough for a room is too loud for an ear"


def test_a_machine_that_does_not_speak_offers_no_volume(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, is_access=True)
    fake_user.show(CODE)
    press_setting(fake_user, "Accessibility")
    assert "Louder" not in [each.words.text for each in fake_user.page.buttons]
    assert "Volume" not in fake_user.page.body.text


def test_a_finger_that_trembles_is_one_touch_in_the_access_mode(kivy: SimpleNamespace) -> None:
    for is_access, typed in ((True, "48"), (False, "448")):
        fake_user = FakeUser(kivy, SMALL, is_access=is_access)
        page = fake_user.show(CODE)
        for name in "448":
            fake_user.settle()
            fake_user.tap(page.figure.keys[name].center)
            strikes = page.figure.strikes
            strikes._at_s -= look.KEY_BOUNCE_S  # no finger is faster
        assert page.digits == typed


def test_a_key_that_meant_the_screen_before_answers_no_question(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, is_access=True)
    question = Ask(question=Question.IS_IT_EMPTY, slot="7", choices=(Choice.IT_IS_EMPTY,))
    fake_user.show(question)
    fake_user.screen_manager._shown_s = fake_user.kivy.Clock.time()
    fake_user.screen_manager.keypad("ENTER")
    assert fake_user.events == []
    fake_user.screen_manager._shown_s -= look.SAME_KEY_ACCESS_S
    fake_user.screen_manager.keypad("ENTER")
    assert fake_user.events == [Pressed(Choice.IT_IS_EMPTY)]


# --- nobody there, and what breaks ---------------------------------------------------------------


def at_rest(kivy: SimpleNamespace, **changes: Any) -> FakeUser:
    """A first screen that nobody touched for long."""
    fake_user = FakeUser(kivy, SMALL, site_look=SiteLook(saver_after_s=0.01))
    fake_user.show(replace(FIRST, **changes))
    return fake_user


def test_the_touch_that_wakes_only_wakes(kivy: SimpleNamespace) -> None:
    fake_user = at_rest(kivy)
    wait(fake_user, lambda: fake_user.screen_manager.saver)
    fake_user.screen_manager.site_look = SiteLook()
    card = fake_user.page.figure.cards[0].center
    fake_user.screen_manager._rest.timeout = 60
    fake_user.tap(card)
    assert fake_user.events == [] and fake_user.screen_manager.saver is None
    fake_user.screen_manager._shown_s = float("-inf")
    fake_user.tap(card)
    assert fake_user.events == [Pressed(Choice.PICK_UP)]


def test_a_key_only_wakes_and_a_scan_goes_through(kivy: SimpleNamespace) -> None:
    fake_user = at_rest(kivy)
    wait(fake_user, lambda: fake_user.screen_manager.saver)
    fake_user.screen_manager._rest.timeout = 60
    fake_user.screen_manager.type_text("4")
    assert fake_user.events == [] and fake_user.screen_manager.saver is None
    fake_user.screen_manager._save_screen()
    fake_user.screen_manager.scan(ScannerRead("PK1:sample:482107733"))
    assert fake_user.events == [Scanned("PK1:sample:482107733")]
    fake_user.show(Checking())
    assert fake_user.screen_manager.saver is None


def test_a_door_left_open_keeps_the_screen_awake(kivy: SimpleNamespace) -> None:
    fake_user = at_rest(kivy, open_doors=("7",))
    for _ in range(5):
        time.sleep(0.01)
        fake_user.kivy.Clock.tick()
    assert fake_user.screen_manager.saver is None


def test_the_screen_saver_stays_on_the_panel_and_moves(kivy: SimpleNamespace) -> None:
    fake_user = at_rest(kivy)
    wait(fake_user, lambda: fake_user.screen_manager.saver)
    saver = fake_user.screen_manager.saver
    places = set()
    for _ in range(6):
        assert all(is_inside(part, saver) for part in saver.children)
        places.add(tuple(saver.name.pos))
        saver._move_on(0)
    assert len(places) == 6


def test_a_screen_that_broke_makes_room_for_the_first_one_by_itself(fake_user: FakeUser) -> None:
    fake_user.screen_manager._recovery.timeout = 0.01
    fake_user.show(View(choices=(Choice.CANCEL,)))
    wait(fake_user, lambda: fake_user.events)
    assert fake_user.events[0] == Pressed(Choice.CANCEL)
    assert type(fake_user.show(FIRST)).__name__ == "FirstPage"


def test_a_second_finger_and_a_long_press_mean_nothing(fake_user: FakeUser) -> None:
    page = fake_user.show(Thanks(slot="7", choices=(Choice.DONE, Choice.OPEN_AGAIN)))
    first = fake_user.down(page.buttons[0].center)
    fake_user.tap(page.buttons[1].center)
    assert fake_user.events == []
    time.sleep(0.05)
    fake_user.kivy.Clock.tick()
    assert fake_user.events == []
    fake_user.up(first)
    assert fake_user.events == [Pressed(Choice.DONE)]
