"""Every screen on every panel, usual and in the access mode, in every language: nothing that it
says is cut, printed over or left out, and what can be touched is large enough. What has no room at
once is turned, page after page.

The usual run draws each screen on each panel in both modes, and takes the languages in turn; the
nightly one draws everything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from kiosk.flows.events import Stirred
from kiosk.flows.person import ENDINGS
from kiosk.flows.views.choices import Choice, Purpose, Refusal, Refused
from kiosk.flows.views.customer import EnterCode, Thanks
from kiosk.flows.views.service import CannotStart
from kiosk.flows.views.shared import DoorOpen
from kiosk.flows.views.unannounced import PrivacyNotice
from kiosk.ui.language import PSEUDO, languages
from kiosk.ui.theme import CAPITAL_PER_EM
from tests.gallery.panels import PANELS
from tests.gallery.samples import sample_history, sample_views
from tests.support.fake_user import FakeUser
from tests.support.fit import (
    HALF_A_PIXEL_MM,
    all_faults,
    faults_of,
    is_seen,
    pressables,
    texts,
)

pytestmark = pytest.mark.window

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
LANGUAGES = (*languages(), PSEUDO)
KINDS = [(panel, is_access) for panel in PANELS for is_access in (False, True)]
LEAST_CAPITAL_MM = 6.1
LOWEST, UPRIGHT, MIDDLE = "1024x600", "540x960", "1280x800"
BACK = (Choice.BACK,)


def sample(panel: str, *, is_access: bool) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """The views of each language: all of them by night, else each view in one language, another
    one on each panel and in each mode."""
    views = sample_views()
    kind = KINDS.index((panel, is_access))
    for place, language in enumerate(LANGUAGES):
        step = len(LANGUAGES)
        yield language, views if IS_NIGHTLY else views[(place + kind) % step :: step]


def faults_for_weak_eyes_and_hands(page: Any, panel: Any) -> Iterator[str]:
    for label in texts(page):
        capital_mm = label.font_size * CAPITAL_PER_EM / panel.px_per_mm
        if type(label).__name__ == "Words" and capital_mm < LEAST_CAPITAL_MM - HALF_A_PIXEL_MM:
            yield f"{label.text!r} has capitals of {capital_mm:.1f} mm"
    if panel.is_portrait and page.has_tools:
        for target in pressables(page):
            if is_seen(target) and target.top > page.y + page.height * 2 / 3:
                yield f"{target.spoken!r} is in the upper third"


@pytest.mark.parametrize(("panel_name", "is_access"), KINDS)
def test_everything_that_is_said_can_be_read(
    kivy: SimpleNamespace, panel_name: str, *, is_access: bool
) -> None:
    panel, faults = PANELS[panel_name], []
    for language, views in sample(panel_name, is_access=is_access):
        fake_user = FakeUser(kivy, panel, language, is_access=is_access)
        for name, view in views:
            page = fake_user.show(view, fresh=True)
            assert type(page).__name__ != "FaultPage", name
            if isinstance(view, ENDINGS):
                page.ends_in(12)
            found = all_faults(page, panel)
            if "x1920" in panel_name or panel_name == UPRIGHT:
                # Eight choices, a refusal and the run at once: no usual screen has as much.
                is_full = is_access or name == "scan-all-choices"
                assert page.page_count == 1 or is_full, f"{name}: there was room"
            if is_access:
                found += faults_for_weak_eyes_and_hands(page, panel)
            faults += [f"{name} ({language}): {fault}" for fault in found]
    assert not faults, "\n".join(faults)


@cache
def _met() -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    with_view, with_kind = set(), set()
    for panel, is_access in KINDS:
        for language, views in sample(panel, is_access=is_access):
            with_kind.add((language, f"{panel}{is_access}"))
            with_view |= {(language, name) for name, _ in views}
    return with_view, with_kind


def test_each_language_meets_each_screen_panel_and_mode() -> None:
    """The sample of the usual run is a fair one: every pair is in it."""
    with_view, with_kind = _met()
    assert len(with_kind) == len(LANGUAGES) * len(KINDS)
    assert len(with_view) >= min(len(LANGUAGES), len(KINDS)) * len(sample_views())


# --- what the test must find ---------------------------------------------------------------------


def _hide_title(page: Any) -> None:
    page.title.opacity = 0


def _empty_body(page: Any) -> None:
    page.body.text = ""


def _print_over(page: Any) -> None:
    page.body.center = page.title.center


def _push_off(page: Any) -> None:
    page.title.x = page.right - page.title.width / 2


def _squeeze(page: Any) -> None:
    page.body.height /= 3


def _shorten(page: Any) -> None:
    page.title.text = page.title.text[:4] + "…"


def _break_a_word(page: Any) -> None:
    label = page.title
    label.text_size = (label.font_size, None)
    label._label.text = label.text
    label._label.refresh()


def _cover_button(page: Any) -> None:
    page.body.center = page.buttons[0].center


def _make_small(page: Any) -> None:
    page.buttons[0].height = 8


def _lose_choice(page: Any) -> None:
    page.remove_widget(page.buttons[0])


SPOILED: dict[str, tuple[Callable[[Any], None], str]] = {
    "a hidden title": (_hide_title, "is missing"),
    "no instruction": (_empty_body, "is missing"),
    "words over words": (_print_over, "printed over"),
    "words off the panel": (_push_off, "leaves the panel"),
    "a box that is too low": (_squeeze, "does not fit"),
    "an ellipsis": (_shorten, "is missing"),
    "a broken word": (_break_a_word, "is broken in two"),
    "words over a button": (_cover_button, "printed over WordButton"),
    "a button for no finger": (_make_small, " mm"),
    "a choice that is gone": (_lose_choice, "cannot be pressed"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_made_wrong_by_hand_is_found(fake_user: FakeUser, name: str) -> None:
    view = Thanks(slot="7", choices=(Choice.DONE, Choice.OPEN_AGAIN))
    page = fake_user.show(view, fresh=True)
    panel = fake_user.panel
    assert all_faults(page, panel) == []
    spoil, found = SPOILED[name]
    turn_to = page.turn_to
    page.turn_to = lambda number: (turn_to(number), spoil(page))
    assert any(found in fault for fault in all_faults(page, panel)), name


# --- pages that are turned -----------------------------------------------------------------------


def shown(page: Any) -> str:
    return " ".join(label.text for label in texts(page))


def test_a_journal_on_the_lowest_panel_has_its_times(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST])
    page = fake_user.show(sample_history())
    seen = []
    for _ in range(page.page_count):
        seen.append(shown(page))
        fake_user.tap(page.turner.center)
    assert all("22:20" in each or "22:19" in each or "22:1" in each for each in seen)
    assert all("Journal" in each for each in seen)
    assert shown(page) == seen[0], "after the last page comes the first"


def test_turning_is_no_answer_and_says_that_somebody_is_there(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST], is_access=True)
    page = fake_user.show(PrivacyNotice(days=30, choices=BACK))
    before = shown(page)
    stirred: list[Any] = []
    fake_user.screen_manager._on_event = stirred.append
    fake_user.tap(page.turner.center)
    assert shown(page) != before and not page.is_answered
    assert stirred == [Stirred()]


def test_a_keypad_alone_turns_the_page(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST], is_access=True)
    page = fake_user.show(PrivacyNotice(days=30, choices=BACK))
    before = shown(page)
    for _ in range(page.in_order().index(page.turner) + 1):
        fake_user.screen_manager.keypad("+")
    fake_user.screen_manager.keypad("ENTER")
    assert shown(page) != before
    assert page.turner.spoken.startswith("More")


def test_a_number_that_counts_turns_no_page_back_and_news_do(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST], is_access=True)
    refused = Refused(Refusal.NOT_KNOWN)
    view = EnterCode(choices=BACK, digits="482107733", refused=refused, wait_s=27)
    page = fake_user.show(view)
    fake_user.tap(page.turner.center)
    second = {label.text for label in texts(page)}
    assert fake_user.show(replace(view, wait_s=26)) is page
    assert {label.text.replace("26", "27") for label in texts(page)} == second
    fake_user.show(replace(view, wait_s=0))
    assert "That code" in shown(page), "what is wrong is on the first page"


def test_what_is_wrong_is_seen_first_and_what_is_typed_always(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST], "de", is_access=True)
    refused = Refused(Refusal.NOT_KNOWN)
    page = fake_user.show(EnterCode(choices=BACK, digits="482107733", refused=refused))
    assert is_seen(page.note)
    places = set()
    for number in range(page.page_count):
        page.turn_to(number)
        assert is_seen(page.field)
        places.add(tuple(page.field.pos))
    assert len(places) == 1


def test_a_technician_reads_all_of_a_long_message(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST])
    message = " ".join(f"word{number}" for number in range(40))
    page = fake_user.show(CannotStart(message=message))
    assert page.page_count > 1
    assert not all_faults(page, fake_user.panel)


def test_a_door_is_shown_also_where_the_words_need_the_room(kivy: SimpleNamespace) -> None:
    fake_user = FakeUser(kivy, PANELS[LOWEST], "de", is_access=True)
    page = fake_user.show(DoorOpen(slot="7", purpose=Purpose.PUT_IN, barcode="JD0146"))
    assert "7" in page.title.text
    assert not faults_of(page, fake_user.panel)


def test_a_text_that_was_measured_in_a_narrow_place_is_whole_on_one_line(
    fake_user: FakeUser,
) -> None:
    from kiosk.ui.widgets.text import Words

    page = fake_user.show(dict(sample_views())["doors"])
    words = Words(page.theme, text="Package")
    words.fit_line()
    whole = words.width
    words.fit(0.75 * whole)
    assert len(words.lines()) > 1

    words.fit_line()

    assert words.width == whole


@pytest.mark.parametrize("panel", [MIDDLE, UPRIGHT, "1080x1920", "1080x1920-15"])
def test_the_sizes_stand_under_their_question(kivy: SimpleNamespace, panel: str) -> None:
    page = FakeUser(kivy, PANELS[panel]).show(dict(sample_views())["size"])

    assert page.page_count == 1
