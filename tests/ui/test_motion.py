"""What moves, and that it rests; plates of doors that are known without their colours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from kiosk.flows.views.choices import Choice, Purpose, Question, Refusal, Refused
from kiosk.flows.views.customer import EnterCode, Thanks
from kiosk.flows.views.shared import Answer, Ask, Checking, DoorOpen, Opening
from kiosk.ui import texts
from kiosk.ui import theme as look
from kiosk.ui.theme import SiteLook, Theme, Tone
from tests.gallery.locker import sample_location
from tests.gallery.panels import PANELS
from tests.support.fake_user import FakeUser

pytestmark = pytest.mark.window

OPEN = DoorOpen(slot="7", purpose=Purpose.TAKE, choices=(Choice.HELP,))
WRONG = EnterCode(
    digits="482107733", refused=Refused(Refusal.NOT_KNOWN), choices=(Choice.BACK, Choice.HELP)
)
TIME = Ask(question=Question.NEED_MORE_TIME, wait_s=20, choices=(Choice.YES, Choice.NO))
THANKS = Thanks(slot="7", choices=(Choice.DONE, Choice.OPEN_AGAIN))
REFUSED = Answer(refused=Refused(Refusal.NOT_KNOWN), choices=(Choice.DONE,))
PATIENCE_S = 120.0
SAME_MEAN = 128
LEAST_DIFFERENCE = 0.08
"""The part of an icon's square that must differ: lines of another shape, not of another shade."""


def wait(fake_user: FakeUser, until: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < deadline, "it never came to this"
        fake_user.kivy.Clock.tick()


def seconds_left(page: Any) -> int:
    found = re.search(r"closes in (\d+) seconds", page.body.text)
    assert found is not None, page.body.text
    return int(found[1])


def counts_lower(page: Any, than: int) -> bool:
    return seconds_left(page) < than


def test_an_open_door_pulses_until_the_screen_is_left(fake_user: FakeUser) -> None:
    page = fake_user.show(OPEN)
    door = page.figure.drawing._doors["7"]
    usual = page.figure.drawing._looks["7"].fill
    wait(fake_user, lambda: tuple(door.fill.rgba) != usual)
    [pulse] = page.motions
    fake_user.show(Checking())
    assert not pulse.is_moving and tuple(door.fill.rgba) == pytest.approx(usual)


def test_wrong_digits_shake_once(fake_user: FakeUser, monkeypatch: pytest.MonkeyPatch) -> None:
    from kiosk.ui import motion

    monkeypatch.setattr(motion, "SHAKE_S", 100.0)  # so slow that each moment of it is seen
    page = fake_user.show(WRONG)
    [shaking] = page.motions

    def go_to(share: float) -> None:
        shaking._begun_s = fake_user.kivy.Clock.get_boottime() - share * motion.SHAKE_S

    go_to(0.25)
    wait(fake_user, lambda: page.field._shift.x > 0)
    go_to(0.75)
    wait(fake_user, lambda: page.field._shift.x < 0)
    go_to(1.0)
    wait(fake_user, lambda: not shaking.is_moving)
    assert page.field._shift.x == 0
    page.update(replace(WRONG, wait_s=0))
    assert not shaking.is_moving, "the same refusal is said once"


@pytest.mark.parametrize("view", [OPEN, WRONG, TIME], ids=lambda view: type(view).__name__)
def test_all_stands_still_where_motion_is_not_wanted(kivy: SimpleNamespace, view: Any) -> None:
    still = FakeUser(kivy, PANELS["540x960"], site_look=SiteLook(moves=False))
    for fake_user in (still, FakeUser(kivy, PANELS["540x960"], is_access=True)):
        page = fake_user.show(view)
        assert not any(each.is_moving for each in page.motions)
        assert getattr(page.sign, "left", None) is None, "a ring runs down"
        page.leave()


@pytest.mark.parametrize("view", [TIME, THANKS, REFUSED], ids=lambda view: type(view).__name__)
def test_a_ring_runs_down_on_what_ends_by_itself(fake_user: FakeUser, view: Any) -> None:
    fake_user.show(OPEN)
    page = fake_user.show(view)
    fake_user.screen_manager.ends_in(20)
    wait(fake_user, lambda: page.sign.left is not None)
    first = page.sign.left
    wait(fake_user, lambda: page.sign.left < first)
    assert 0.5 < page.sign.left < first <= 1.0
    assert ("20" in page.body.text) is (view is TIME), "a ring says it already"
    fake_user.show(OPEN)
    assert not page._countdown.is_running


def test_a_touch_that_gives_more_time_fills_the_ring_again(fake_user: FakeUser) -> None:
    page = fake_user.show(THANKS)
    fake_user.screen_manager.ends_in(1)
    wait(fake_user, lambda: page.sign.left == 0)
    assert not page._countdown.is_running, "what ran down costs nothing more"
    fake_user.screen_manager.ends_in(60)
    fake_user.settle()
    assert page.sign.left > 0.5
    fake_user.show(OPEN)


def test_words_count_down_where_nothing_moves(kivy: SimpleNamespace) -> None:
    still = FakeUser(kivy, PANELS["540x960"], site_look=SiteLook(moves=False))
    for fake_user in (still, FakeUser(kivy, PANELS["540x960"], is_access=True)):
        page = fake_user.show(THANKS)
        before = page.body.text
        fake_user.screen_manager.ends_in(60)
        fake_user.settle()
        said = seconds_left(page)
        wait(fake_user, partial(counts_lower, page, said))
        assert before in page.body.text
        assert page.sign.left is None
        fake_user.show(OPEN)


@pytest.mark.parametrize("view", [Checking(), Opening(slot="7", purpose=Purpose.TAKE)])
def test_what_takes_long_says_that_it_still_tries(
    fake_user: FakeUser, view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "STILL_TRYING_S", 0.01)
    page = fake_user.show(view)
    wait(fake_user, lambda: "Still trying" in page.body.text)
    assert "Still trying" in texts.customer.still_trying(page.context.speech)


# --- without colours -----------------------------------------------------------------------------


def plates_of(kivy: SimpleNamespace, theme: Theme) -> dict[str, Image.Image]:
    """A plate of each look that a door can have, drawn and turned grey."""
    from kivy.graphics.opengl import GL_RGB, GL_UNSIGNED_BYTE, glReadPixels

    from kiosk.ui.screens.service.page import look_of
    from kiosk.ui.widgets.bank import BankDrawing

    bank = BankDrawing(theme, sample_location(), lambda label: None)
    bank.size, bank.pos = (520, 700), (10, 10)
    signs = {
        name: getattr(texts.service, name) for name in dir(texts.service) if name[:5] == "SIGN_"
    }
    kivy.Window.add_widget(bank)
    plates = {}
    try:
        for name, sign in signs.items():
            bank.paint({"8": look_of(sign, theme)})
            kivy.Window.canvas.ask_update()
            kivy.Window.dispatch("on_draw")
            box = [round(side) for side in bank.box_of("8")]
            pixels = glReadPixels(*box, GL_RGB, GL_UNSIGNED_BYTE)
            plates[name] = Image.frombytes("RGB", (box[2], box[3]), bytes(pixels)).convert("L")
    finally:
        kivy.Window.remove_widget(bank)
    return plates


def levelled(plate: Image.Image) -> Image.Image:
    """The same with its ground at one shade, and its drawing dark or light: shape alone."""
    ground = ImageStat.Stat(plate).median[0]
    return plate.point([SAME_MEAN if abs(shade - ground) < 12 else 255 for shade in range(256)])


@pytest.mark.parametrize("palette", [look.LIGHT, look.NIGHT, look.HIGH_CONTRAST])
def test_the_plates_of_doors_are_known_without_their_colours(
    kivy: SimpleNamespace, palette: look.Palette
) -> None:
    theme = Theme(PANELS["1280x800"], colours=palette)
    plates = plates_of(kivy, theme)
    assert len(plates) == 8
    width, height = plates["SIGN_OPEN"].size
    icon_px = min(theme.font("text"), height * 0.62, width * 0.34)
    for one, other in combinations(plates, 2):
        shapes = ImageChops.difference(levelled(plates[one]), levelled(plates[other]))
        drawn = ImageStat.Stat(shapes).sum[0] / (255 - SAME_MEAN)
        assert drawn > LEAST_DIFFERENCE * icon_px**2, f"{one} looks as {other}"


def test_plates_of_another_colour_alone_are_not_known(kivy: SimpleNamespace) -> None:
    """The negative control."""
    green, red = (Image.new("L", (60, 40), shade) for shade in (60, 90))
    shapes = ImageChops.difference(levelled(green), levelled(red))
    assert ImageStat.Stat(shapes).sum[0] == 0


def test_what_failed_is_hatched_and_what_is_open_is_not(kivy: SimpleNamespace) -> None:
    from kiosk.ui.screens.service.page import look_of

    theme = Theme(PANELS["540x960"])
    for name in dir(texts.service):
        sign = getattr(texts.service, name)
        if name.startswith("SIGN_"):
            assert look_of(sign, theme).hatched is (sign.tone is Tone.FAILED), name
