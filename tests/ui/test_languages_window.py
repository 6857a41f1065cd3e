"""Every language on the panel: it is mirrored where it is read from right to left, codes
and keys are not, and the first screen changes its language while it is shown."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.flows.events import Entered, Preference, Pressed
from kiosk.flows.views.choices import Choice, Purpose
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.shared import DoorOpen
from kiosk.ui.language import languages, speech
from tests.gallery.locker import sample_location
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_views
from tests.support.fake_user import FakeUser
from tests.support.fit import pressables, texts

pytestmark = pytest.mark.window

SMALL = PANELS["540x960"]
WIDE = PANELS["1280x800"]
LATIN_WORDS = re.compile(r"[A-Za-z]{2,}")
IN_OTHER_WORDS = (
    *("cannot-start", "doors-silent", "boards", "boards-found"),
    *("not-reached-site-file", "not-reached-cannot-keep", "not-reached-other"),
)
FIRST = First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP))


def test_nothing_english_is_left_on_any_screen(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, "ar")
    location = sample_location()
    known = set(LATIN_WORDS.findall(f"{location.name} {location.address} QR PIN M. Courier Weber"))
    known |= {"board", *"QWERTYUIOP", "JD", "TBA", "AA", "OK"}
    known |= {"https", "HTTPS", "lockers", "example", "org", "location", "key", "left"}
    known |= {"Lindenplatz", "XL"}
    known |= {"RR", "DE", *["Kim", "M", "Novak", "Sam", "Parcel", "R", "Weber"]}
    known |= set(LATIN_WORDS.findall(" ".join(speech(code).own_name for code in languages())))
    left = []
    for name, view in sample_views():
        if name in IN_OTHER_WORDS or name.startswith("type-token"):
            continue  # what is wrong with the machine is said in the words of its log and config
        for label in texts(fake_user.show(view, fresh=True)):
            left += [(name, w) for w in LATIN_WORDS.findall(label.text) if w not in known]
    assert left == []


# --- the first screen ----------------------------------------------------------------------------


def language_buttons(page: Any) -> dict[str, Any]:
    return {button.words.text: button for button in page.languages.buttons}


def test_the_first_screen_offers_the_other_languages_by_their_own_names(
    fake_user: FakeUser,
) -> None:
    page = fake_user.show(FIRST)
    names = ["العربية", "Deutsch", "Español", "Français", "Polski", "Türkçe", "Українська"]
    assert list(language_buttons(page)) == names
    fake_user.tap(language_buttons(page)["Deutsch"].center)
    assert fake_user.events == [Preference(language="de")]


def test_the_first_screen_changes_its_language_while_it_is_shown(fake_user: FakeUser) -> None:
    english = fake_user.show(FIRST)
    german = fake_user.show(First(choices=FIRST.choices, preference=Preference(language="de")))
    assert german is not english
    assert german.title.text == "Ein Paket abholen?"
    assert "English" in language_buttons(german) and "Deutsch" not in language_buttons(german)
    assert fake_user.show(EnterCode(choices=(Choice.BACK,))).title.text == "Ihr Abholcode"


def test_after_a_person_the_usual_language_is_spoken_again(fake_user: FakeUser) -> None:
    fake_user.show(First(choices=FIRST.choices, preference=Preference(language="ar")))
    assert fake_user.show(Thanks(slot="7", choices=(Choice.DONE,))).theme.is_rtl
    assert fake_user.show(FIRST).title.text == "Here for a package?"
    assert fake_user.show(EnterCode(choices=(Choice.BACK,))).title.text == "Enter your code"


def test_a_door_that_moves_does_not_change_the_language(fake_user: FakeUser) -> None:
    page = fake_user.show(First(choices=FIRST.choices, preference=Preference(language="fr")))
    moved = fake_user.show(replace(page.view, open_doors=("7",)))
    assert moved is page
    assert "casier 7" in page.note.words.text


def test_a_site_with_one_language_offers_none(kivy: SimpleNamespace) -> None:

    screen_manager = kivy.ui.ScreenManager(
        replace(sample_location(), languages=("pl",)), SMALL, lambda event: None
    )
    screen_manager.show(FIRST)
    kivy.Clock.tick()
    kivy.Clock.tick()
    assert screen_manager.page.title.text == "Chcą Państwo odebrać paczkę?"
    assert screen_manager.page.languages.buttons == []


# --- read from right to left ---------------------------------------------------------------------


def mirrored(one: Any, other: Any, page: Any) -> bool:
    """Whether two things are at the same distance from opposite edges."""
    return bool(abs((one.x - page.x) - (page.right - other.right)) <= 1.5)


def button(page: Any, choice: Choice) -> Any:
    return next(each for each in pressables(page) if getattr(each, "choice", None) is choice)


@pytest.mark.parametrize("panel", [SMALL, WIDE], ids=["portrait", "landscape"])
def test_arabic_screens_are_turned_over(kivy: SimpleNamespace, panel: Any) -> None:
    view = EnterCode(choices=(Choice.BACK, Choice.HELP))
    english, arabic = (FakeUser(kivy, panel, code).show(view) for code in ("en", "ar"))
    assert mirrored(english.header, arabic.header, english)
    assert english.buttons[0].x < english.width / 2 < arabic.buttons[0].right
    assert arabic.buttons[0].icon.text != english.buttons[0].icon.text
    assert arabic.buttons[0].icon.x > arabic.buttons[0].words.x
    assert mirrored(english.figure, arabic.figure, english)
    assert button(arabic, Choice.HELP).x < arabic.width / 2


def test_the_large_choices_change_sides(kivy: SimpleNamespace) -> None:
    page = FakeUser(kivy, WIDE, "ar").show(FIRST)
    [pick_up] = page.figure.cards
    assert pick_up.x > button(page, Choice.COURIER).x
    assert pick_up.icon.x > pick_up.words.x


def test_keys_codes_and_the_steel_are_not_turned_over(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, "ar")
    page = fake_user.show(EnterCode(choices=(Choice.BACK,), digits="482107733"))
    assert page.figure.keys["1"].x < page.figure.keys["2"].x < page.figure.keys["3"].x
    lefts = [box[0] for box in page.field._boxes]
    assert lefts == sorted(lefts)
    fake_user.keys("C12")
    assert page.digits == "12"
    page = fake_user.show(DoorOpen(slot="7", purpose=Purpose.TAKE))
    drawing = page.figure.drawing
    assert drawing.box_of("1")[0] < drawing.box_of("24")[0]
    assert page.sign.arrow.icon_name == "arrow-down-left"


def test_every_choice_can_be_pressed_where_it_is_seen(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, "ar")
    for name, view in sample_views():
        page = fake_user.show(view, fresh=True)
        for choice in view.choices:
            fake_user.events.clear()
            fake_user.tap(button(page, choice).center)
            assert fake_user.events == [Pressed(choice)], name
            page._release()


def test_arabic_is_painted_with_its_letters(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, "ar")
    page = fake_user.show(Thanks(slot="7", choices=(Choice.DONE,)))
    assert page.title.font_name == "KioskArabicBold"
    assert page.body.font_name == "KioskArabic"
    painted = page.body._label.text
    assert "7" in painted and "\u2066" not in painted
    page = fake_user.show(EnterCode(choices=(Choice.BACK,)))
    assert page.title.font_name == "KioskArabicBold", "also for what is said later"


def test_a_code_typed_on_an_arabic_first_screen_starts_the_pickup(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, SMALL, "ar")
    fake_user.show(FIRST)
    fake_user.screen_manager.type_text("4")
    assert fake_user.events == [Entered("4")]
