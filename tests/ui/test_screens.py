"""A touch means what the person saw. One real window serves all tests of this file."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.barcodes import BARCODE_LENGTH_MAX
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Question, Refusal, Refused
from kiosk.flows.views.courier import ChooseSize, Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, EnterTracking, First, Thanks
from kiosk.flows.views.service import PartsTest
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, View
from tests.gallery.locker import sample_doors
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_views
from tests.support.fake_user import FakeUser
from tests.support.fit import faults_of, texts

pytestmark = pytest.mark.window

SMALL = PANELS["540x960"]
BACK = (Choice.BACK,)


# --- what a touch means --------------------------------------------------------------------------


def test_every_choice_of_every_screen_can_be_pressed(fake_user: FakeUser) -> None:
    for name, view in sample_views():
        page = fake_user.show(view, fresh=True)
        cards = page.figure.cards if isinstance(view, First) else ()
        card_of = {card.choice: card for card in cards}
        for choice in view.choices:
            fake_user.events.clear()
            if choice in card_of:
                fake_user.tap(card_of[choice].center)
            else:
                fake_user.press(choice)
            assert fake_user.events == [Pressed(choice)], name
            page._release()  # nothing answered, and the person waited


def test_a_finger_that_strokes_over_the_panel_leaves_its_way(fake_user: FakeUser) -> None:
    page = fake_user.show(PartsTest(choices=(Choice.BACK,)))
    field = page.figure
    fake_user.tap((field.x + 2, field.y + 2))
    fake_user.tap((field.right - 2, field.top - 2))
    assert field.touched == {(0, 0), (field.columns - 1, field.rows - 1)}
    page.update(PartsTest(scans=(Scanned("ONE"),), choices=(Choice.BACK,)))
    assert len(field.touched) == 2
    assert fake_user.events == []


def test_a_double_tap_is_one_press(fake_user: FakeUser) -> None:
    fake_user.show(Thanks(slot="7", choices=(Choice.DONE, Choice.OPEN_AGAIN)))
    fake_user.press(Choice.DONE)
    fake_user.press(Choice.DONE)
    fake_user.press(Choice.OPEN_AGAIN)
    assert fake_user.events == [Pressed(Choice.DONE)]


def test_a_finger_that_slides_away_presses_nothing(fake_user: FakeUser) -> None:
    page = fake_user.show(Thanks(slot="7", choices=(Choice.DONE,)))
    touch = fake_user.down(page.buttons[0].center)
    assert page.buttons[0].pressed
    touch.x, touch.y = touch.pos = (5.0, 500.0)
    fake_user.up(touch)
    assert fake_user.events == []
    assert not page.buttons[0].pressed


def test_a_touch_meant_for_the_screen_before_does_nothing(fake_user: FakeUser) -> None:
    page = fake_user.show(Thanks(slot="7", choices=(Choice.DONE,)))
    at = page.buttons[0].center
    # It is on its way, the finger comes first.
    fake_user.screen_manager.show(EnterPin(choices=BACK))
    fake_user.tap(at)
    assert fake_user.events == []
    fake_user.settle()  # now it is there, and was there for no time at all
    fake_user.tap(fake_user.page.buttons[-1].center)
    assert fake_user.events == []


def test_a_finger_that_stays_down_across_a_change_presses_nothing(fake_user: FakeUser) -> None:
    page = fake_user.show(Thanks(slot="7", choices=(Choice.DONE,)))
    touch = fake_user.down(page.buttons[0].center)
    fake_user.show(EnterPin(choices=BACK))
    fake_user.up(touch)
    assert fake_user.events == []


def test_other_mouse_buttons_do_nothing(fake_user: FakeUser) -> None:
    page = fake_user.show(Thanks(slot="7", choices=(Choice.DONE,)))
    for button in ("right", "middle", "scrolldown", "scrollup"):
        fake_user.tap(page.buttons[0].center, button)
    assert fake_user.events == []


def test_a_door_on_the_technicians_drawing_is_chosen(fake_user: FakeUser) -> None:
    page = fake_user.show(sample_doors())
    left, bottom, width, height = page.figure.drawing.box_of("14")
    fake_user.tap((left + width / 2, bottom + height / 2))
    assert fake_user.events == [Chosen("14")]


def test_a_size_is_chosen_and_a_full_one_cannot_be(fake_user: FakeUser) -> None:
    view = dict(sample_views())["size"]
    page = fake_user.show(view)
    small, _, large = page.figure.cards
    fake_user.tap(large.center)
    assert fake_user.events == []
    fake_user.tap(small.center)
    assert fake_user.events == [Chosen("S")]


def test_a_full_size_leads_a_courier_on_to_where_there_is_room(fake_user: FakeUser) -> None:
    view = dict(sample_views())["size"]
    assert isinstance(view, ChooseSize)
    page = fake_user.show(replace(view, full_leads_on=True), fresh=True)
    fake_user.tap(page.figure.cards[-1].center)
    assert fake_user.events == [Chosen("L")]


def test_a_touch_anywhere_keeps_a_session_going_that_is_about_to_end(fake_user: FakeUser) -> None:
    choices = (Choice.YES, Choice.NO)
    view = Ask(question=Question.NEED_MORE_TIME, wait_s=20, choices=choices)
    page = fake_user.show(view, fresh=True)
    left_s = {str(each) for each in range(10, 21)}  # it runs down meanwhile
    assert left_s & set(re.findall(r"\d+", page.body.text))
    fake_user.tap(page.title.center)
    assert fake_user.events == [Pressed(Choice.YES)]
    fake_user.events.clear()
    fake_user.show(view, fresh=True)
    fake_user.press(Choice.NO)
    assert fake_user.events == [Pressed(Choice.NO)]


# --- typing --------------------------------------------------------------------------------------


def test_the_last_digit_sends_the_code(fake_user: FakeUser) -> None:
    fake_user.show(EnterCode(choices=BACK))
    fake_user.keys("48210773")
    assert fake_user.events == []
    fake_user.keys("3")
    assert fake_user.events == [Entered("482107733")]


def test_erase_and_clear(fake_user: FakeUser) -> None:
    page = fake_user.show(EnterCode(choices=BACK))
    fake_user.keys("4829<1")
    assert page.digits == "4821"
    fake_user.keys("C")
    assert page.digits == ""


def test_a_key_that_bounces_is_one_digit(fake_user: FakeUser) -> None:
    page = fake_user.show(EnterCode(choices=BACK))
    fake_user.tap(page.figure.keys["5"].center)
    fake_user.tap(page.figure.keys["5"].center)
    assert page.digits == "5"


def test_a_wrong_code_keeps_its_digits_and_can_be_mended_or_begun_again(
    fake_user: FakeUser,
) -> None:
    fake_user.show(EnterCode(choices=BACK))
    fake_user.keys("482107733")
    refused = EnterCode(choices=BACK, digits="482107733", refused=Refused(Refusal.NOT_KNOWN))
    page = fake_user.show(refused)
    assert page.digits == "482107733"
    fake_user.keys("<4")
    assert fake_user.events[-1] == Entered("482107734")
    fake_user.show(refused)
    fake_user.keys("9")
    assert fake_user.page.digits == "9"


def test_the_keypad_is_off_while_tries_are_used_up_and_the_countdown_keeps_digits(
    fake_user: FakeUser,
) -> None:
    page = fake_user.show(EnterCode(choices=BACK))
    fake_user.keys("48")
    fake_user.show(EnterCode(choices=BACK, wait_s=20))
    fake_user.keys("2")
    assert page.digits == "48"
    fake_user.show(EnterCode(choices=BACK))
    fake_user.keys("2")
    assert page.digits == "482"


def test_a_pin_is_dots_and_is_sent_by_its_button(fake_user: FakeUser) -> None:
    page = fake_user.show(EnterPin(choices=BACK))
    fake_user.keys("114711")
    assert fake_user.events == []
    assert not any("1" in label.text for label in texts(page.field))
    fake_user.tap(next(b for b in page.buttons if b.choice is None).center)
    assert fake_user.events == [Entered("114711")]


def drawn_places(page: Any) -> int:
    return sum(cell.ground_colour.a > 0 for cell in page.field._cells)


def test_a_pin_has_as_many_places_as_are_needed_or_typed(fake_user: FakeUser) -> None:
    page = fake_user.show(EnterPin(choices=BACK))
    assert drawn_places(page) == 4
    fake_user.keys("1147")
    assert drawn_places(page) == 4
    fake_user.keys("11")
    assert drawn_places(page) == 6
    fake_user.keys("1199")
    assert drawn_places(page) == len(page.digits) == 8
    left, right = page.field._boxes[0][0], page.field._boxes[7][0] + page.field._boxes[7][2]
    assert page.field.x <= left
    assert right <= page.field.right + 1


@pytest.mark.parametrize("by_keyboard", [False, True])
@pytest.mark.parametrize("length", [40, 41, 90, BARCODE_LENGTH_MAX])
def test_a_barcode_is_typed_to_its_full_length(
    fake_user: FakeUser, length: int, *, by_keyboard: bool
) -> None:
    barcode = "".join("A7-B/9"[place % 6] for place in range(length - 1)) + "Z"
    for view in (
        ScanPackage(name="", sizes=(), typing=True, choices=BACK),
        EnterTracking(choices=BACK),
    ):
        fake_user.events.clear()
        page = fake_user.show(view, fresh=True)
        for sign in barcode:
            fake_user.screen_manager.type_text(sign) if by_keyboard else fake_user.keys(sign)
        assert page.typed == barcode
        fake_user.settle()
        [line] = [label for label in texts(page.field) if label.text]
        assert line.text.endswith("Z")
        assert not faults_of(page, fake_user.panel)
        if length == BARCODE_LENGTH_MAX:
            fake_user.screen_manager.type_text("1")
            assert page.typed == barcode
        fake_user.tap(page.figure.keys["ENTER"].center)
        assert fake_user.events == [Entered(barcode)]


def test_nothing_typed_stays_for_the_next_person(fake_user: FakeUser) -> None:
    fake_user.show(EnterPin(choices=BACK))
    fake_user.keys("1147")
    fake_user.show(First())
    assert fake_user.show(EnterPin(choices=BACK)).digits == ""


def test_a_code_typed_on_the_first_screen_is_whole_on_the_next(fake_user: FakeUser) -> None:
    fake_user.show(First(choices=(Choice.PICK_UP,)))
    fake_user.screen_manager.type_text("4")
    fake_user.screen_manager.type_text("8")
    fake_user.screen_manager.type_text("2")
    assert fake_user.events == [Entered("4")]
    assert fake_user.show(EnterCode(choices=BACK, digits="4")).digits == "482"


def test_what_was_typed_ahead_is_forgotten_by_any_other_screen(fake_user: FakeUser) -> None:
    fake_user.show(First(choices=(Choice.PICK_UP,)))
    fake_user.screen_manager.type_text("4")
    fake_user.screen_manager.type_text("8")
    fake_user.show(EnterPin(choices=BACK))
    assert fake_user.show(EnterCode(choices=BACK)).digits == ""


def test_a_number_pad_works_on_the_keypad_screens(fake_user: FakeUser) -> None:
    page = fake_user.show(EnterPin(choices=BACK))
    for text in ("1", "1", "x", "4", "7", "9"):
        fake_user.screen_manager.type_text(text)
    fake_user.screen_manager.press_key("ERASE")
    assert page.digits == "1147"
    fake_user.screen_manager.press_key("ENTER")
    assert fake_user.events == [Entered("1147")]


def test_a_barcode_can_be_typed(fake_user: FakeUser) -> None:
    view = ScanPackage(name="Kim", sizes=(), typing=True, choices=BACK)
    fake_user.show(view)
    fake_user.keys("JD01")
    fake_user.screen_manager.type_text("a-7")
    fake_user.tap(fake_user.page.figure.keys["ENTER"].center)
    assert fake_user.events == [Entered("JD01A-7")]


def test_a_live_screen_takes_the_new_state_and_stays(fake_user: FakeUser) -> None:
    page = fake_user.show(sample_doors())
    assert fake_user.show(sample_doors(silent=True)) is page
    assert page.figure.drawing._looks["24"].icon == "unplug"


def test_a_courier_reads_how_far_the_run_is_and_what_is_free_while_a_door_is_open(
    fake_user: FakeUser,
) -> None:
    views = dict(sample_views())
    scan = views["scan-stored"]
    page = fake_user.show(scan, fresh=True)
    assert "12 of 60, 48 expected" in [words.text for words in texts(page)]
    assert isinstance(scan, ScanPackage)
    fake_user.show(replace(scan, stored_count=1, expected=None))
    assert "1 stored" in [words.text for words in texts(page)]
    put_in = views["put-in"]
    assert isinstance(put_in, DoorOpen)
    door = fake_user.show(put_in, fresh=True)
    assert {"S", "7", "M", "5", "L", "0"} <= {words.text for words in texts(door)}
    # Whoever is to close the door reads nothing else.
    fake_user.show(replace(put_in, remind=True))
    assert "Free:" not in [words.text for words in texts(door)]


@pytest.mark.parametrize("panel_name", ["1024x600", "1280x800", "540x960"])
def test_a_receipt_is_turned_until_each_package_was_seen(
    kivy: SimpleNamespace, panel_name: str
) -> None:
    fake_user = FakeUser(kivy, PANELS[panel_name])
    receipt = dict(sample_views())["receipt-by-link"]
    assert isinstance(receipt, Receipt)
    page = fake_user.show(receipt, fresh=True)
    wanted = {line.barcode[-6:] for line in receipt.lines}
    for _ in receipt.lines:
        shown = re.findall(r"\d{6}(?= |$)", page.body.text, re.MULTILINE)
        assert shown, "each page has packages"
        wanted -= set(shown)
        newer = next(button for button in page.buttons if button.choice is Choice.NEWER)
        if newer.disabled:
            break
        fake_user.press(Choice.NEWER)
    assert not wanted
    assert fake_user.events == [], "the flow has nothing to do with it"
    fake_user.press(Choice.OLDER)
    fake_user.press(Choice.DONE)
    assert fake_user.events == [Pressed(Choice.DONE)]


# --- when it breaks ------------------------------------------------------------------------------


def test_a_screen_that_breaks_says_so_with_a_number_and_the_next_one_works(
    fake_user: FakeUser, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = View(choices=(Choice.CANCEL,))
    page = fake_user.show(unknown)
    assert "Sorry" in page.title.text
    reference = page.note.words.text.removeprefix("Reference ").replace(" ", "")
    assert reference in caplog.text
    fake_user.press(Choice.CANCEL)
    assert fake_user.events == [Pressed(Choice.CANCEL)]
    assert type(fake_user.show(Thanks(slot="7", choices=(Choice.DONE,)))).__name__ == "NoticePage"


def test_kivy_after_prepare_is_too_late(kivy: SimpleNamespace) -> None:
    from kiosk.ui.environment import EnvironmentTooLateError, prepare

    with pytest.raises(EnvironmentTooLateError, match="call prepare first"):
        prepare(SMALL)
