"""The first screen: how it goes, the keypad at once, the arrow to the scanner, nothing at rest."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.flows.events import Entered
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import EnterCode, First
from kiosk.model.location import Rectangle
from kiosk.ui.directions import arrow_to
from kiosk.ui.theme import SiteLook
from tests.gallery.locker import sample_location
from tests.gallery.panels import PANELS
from tests.support.fake_user import FakeUser
from tests.support.fit import is_seen

pytestmark = pytest.mark.window

FIRST = First(choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP))
CODE = EnterCode(choices=(Choice.BACK, Choice.NO_CODE, Choice.HELP))
PATIENCE_S = 120.0


def wait(fake_user: FakeUser, until: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < deadline, "it never came to this"
        fake_user.kivy.Clock.tick()


def test_a_finger_goes_on_typing_while_the_next_screen_comes(fake_user: FakeUser) -> None:
    page = fake_user.show(FIRST)
    keys = {name: key.center for name, key in page.keypad.keys.items()}
    fake_user.tap(keys["4"])
    assert fake_user.events == [Entered("4")]
    fake_user.tap(keys["8"])  # nothing has answered yet
    fake_user.screen_manager.show(replace(CODE, digits="4"))
    fake_user.settle()
    fake_user.tap(keys["2"])  # the next screen is only just there
    assert fake_user.page.digits == "482"
    assert fake_user.events == [Entered("4")]
    fake_user.screen_manager._shown_s = float("-inf")
    fake_user.tap(keys["1"])
    assert fake_user.page.digits == "4821", "the keypads stand in the same place"


def test_a_key_that_bounces_on_the_first_screen_is_one_digit(fake_user: FakeUser) -> None:
    page = fake_user.show(FIRST)
    key = page.keypad.keys["7"].center
    fake_user.tap(key)
    fake_user.tap(key)
    fake_user.screen_manager.show(replace(CODE, digits="7"))
    fake_user.settle()
    assert fake_user.page.digits == "7"


@pytest.mark.parametrize("name", ["1080x1920", "1080x1920-15", "1280x800"])
def test_where_there_is_room_the_keypad_is_there_at_once(kivy: SimpleNamespace, name: str) -> None:
    fake_user = FakeUser(kivy, PANELS[name])
    page = fake_user.show(FIRST)
    assert page.keypad.parent is page
    pad = (*page.keypad.pos, *page.keypad.size)
    code = fake_user.show(CODE)
    assert (*code.figure.pos, *code.figure.size) == pytest.approx(pad, abs=1.5)


@pytest.mark.parametrize("is_access", [False, True], ids=["usual", "access"])
def test_a_tall_panel_shows_how_it_goes_and_what_matters_first(
    kivy: SimpleNamespace, is_access: bool
) -> None:
    page = FakeUser(kivy, PANELS["1080x1920"], is_access=is_access).show(FIRST)
    assert [words.text for words in page.steps.words] == [
        "Scan or enter your code",
        "Your door opens",
        "Take it and close the door",
    ]
    assert all(is_seen(picture) and picture.height > 80 for picture in page.steps.pictures)
    assert (page.languages.y > page.title.top) is not is_access, "on top, or in reach"
    [pick_up] = page.figure.cards
    quiet = [button for button in page.buttons if button.choice in (Choice.COURIER, Choice.SERVICE)]
    assert len(quiet) == 2
    for button in quiet:
        assert button.width * button.height < pick_up.width * pick_up.height / 3
        assert button.fill != pick_up.fill


def test_nothing_to_pick_up_with_where_the_locker_is_closed(fake_user: FakeUser) -> None:
    page = fake_user.show(First(choices=(Choice.SERVICE, Choice.HELP)))
    assert page.keypad.parent is None and page.steps.parent is None and page.arrow is None


def test_the_arrow_moves_for_who_comes_and_rests_without_an_event_of_the_clock(
    fake_user: FakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk.ui import motion

    monkeypatch.setattr(motion, "ROUND_S", 0.5)
    page = fake_user.show(FIRST)
    moving = page.arrow.motion
    assert moving.is_moving
    wait(fake_user, lambda: page.arrow._shift.y < 0)
    wait(fake_user, lambda: not moving.is_moving)
    assert page.arrow._shift.xy == (0, 0)
    assert moving._clock not in fake_user.kivy.Clock.get_events()
    fake_user.tap((5, 5))
    assert moving.is_moving, "somebody is there"
    fake_user.show(CODE)
    assert not moving.is_moving


def test_nothing_moves_where_motion_is_not_wanted(kivy: SimpleNamespace) -> None:
    still = FakeUser(kivy, PANELS["540x960"], site_look=SiteLook(moves=False)).show(FIRST)
    access = FakeUser(kivy, PANELS["540x960"], is_access=True).show(FIRST)
    for page in (still, access):
        assert is_seen(page.arrow) and not page.arrow.motion.is_moving


@pytest.mark.parametrize(
    ("place", "way", "icon"),
    [
        ((1110, 720), (0, -1), "arrow-down"),
        ((1110, 1400), (0, 1), "arrow-up"),
        ((900, 1000), (-1, 0), "arrow-left"),
        ((1320, 1000), (1, 0), "arrow-right"),
        ((1320, 700), (1, -1), "arrow-down-right"),
    ],
)
def test_the_arrow_points_to_where_the_scanner_is(
    kivy: SimpleNamespace, place: tuple[int, int], way: tuple[int, int], icon: str
) -> None:
    location = replace(sample_location(), scanner=Rectangle(*place, 80, 60))
    assert location.scanner is not None
    assert arrow_to(location.scanner, location.screen) == way
    fake_user = FakeUser(kivy, PANELS["540x960"])
    manager = fake_user.screen_manager
    manager.context = replace(manager.context, location=location)
    assert fake_user.show(FIRST).arrow.arrow.icon.icon_name == icon


def test_no_arrow_where_nobody_said_where_the_scanner_is(fake_user: FakeUser) -> None:
    manager = fake_user.screen_manager
    manager.context = replace(manager.context, location=replace(sample_location(), scanner=None))
    assert fake_user.show(FIRST).arrow is None
