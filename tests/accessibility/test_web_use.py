"""The pages as people use them who see little, hear them, or have no mouse: structure, size, gaps,
a keyboard alone, words for what went wrong. axe looks at the rest (`test_web.py`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from central.auth import Role
from central.pages.paths import HOME
from central.pages.session import COOKIE
from tests.accessibility.axe import WIDTH_PX, set_width, violations
from tests.accessibility.test_web import SAMPLE
from tests.accessibility.web_pages import Pages, pages
from tests.support.central_server import LOCATION
from tests.support.chromium import running_chromium
from tests.support.operators import PASSWORD, Browser

IS_WHOLE = os.environ.get("TEST_BUDGET") == "nightly"
LANGUAGES = ("en", "de", "es", "fr", "pl", "ar", "uk", "tr")
PATIENCE_S = 60
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789/?"
PARTS_OF_A_DATE = 5
MOST_STOPS = 40
"""How many stops of the keyboard are walked on a page in the ordinary run."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages(tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.fixture
def chromium(window: Chrome, shown: Pages) -> Chrome:
    """An administrator's window on a desk."""
    shown.sign_in(window)
    set_width(window, WIDTH_PX["desk"])
    return window


@pytest.fixture(scope="module")
def window() -> Iterator[Chrome]:
    with running_chromium() as found:
        yield found


def looked_at(shown: Pages, *, with_messages: bool = True) -> dict[str, str]:
    everything = shown.all
    names = everything if IS_WHOLE else SAMPLE
    is_wanted = {name: with_messages or not name.startswith("message") for name in names}
    return {name: everything[name] for name in names if is_wanted[name]}


_STRUCTURE = """
const all = selector => [...document.querySelectorAll(selector)];
const ids = all('[id]').map(each => each.id);
return {
  language: document.documentElement.lang,
  direction: getComputedStyle(document.documentElement).direction,
  title: document.title.trim(),
  levels: all('h1,h2,h3,h4,h5,h6').map(each => Number(each.tagName[1])),
  mains: all('main').length,
  twice: ids.filter((id, place) => ids.indexOf(id) !== place),
  navigation: all('header.top nav a').map(each => each.textContent.trim()),
  searches: all('[role=search]').length,
};
"""


def test_every_page_says_its_language_its_name_and_its_parts(
    shown: Pages, chromium: Chrome
) -> None:
    wrong: list[str] = []
    navigations = set()
    for name, address in looked_at(shown).items():
        chromium.get(address)
        found: dict[str, Any] = chromium.execute_script(_STRUCTURE)
        levels = found["levels"]
        skipped = [b for a, b in zip([0, *levels], levels, strict=False) if b > a + 1]
        checks = {
            "says no language": found["language"] in LANGUAGES,
            "runs the wrong way": (found["direction"] == "rtl") is (found["language"] == "ar"),
            "has no title": bool(found["title"]),
            "has not one first heading": levels.count(1) == 1,
            "leaves a level of headings out": not skipped,
            "has an id twice": not found["twice"],
            "has no main part": found["mains"] == 1 or name.startswith("message"),
            "has no search": found["searches"] > 0 or not found["navigation"],
        }
        wrong += [f"{name} {problem}" for problem, is_right in checks.items() if not is_right]
        if found["navigation"]:
            navigations.add(tuple(found["navigation"]))
    assert not wrong, "\n".join(wrong)
    assert len(navigations) == 1, "the navigation is another one on some pages"


@pytest.mark.parametrize("width", [320, 640])
def test_no_page_is_moved_sideways(shown: Pages, chromium: Chrome, width: int) -> None:
    """At 320 px, and at 640, which is a desk's 1280 with letters twice as large."""
    set_width(chromium, width)
    wide = {}
    for name, address in looked_at(shown).items():
        chromium.get(address)
        found = chromium.execute_script("return document.documentElement.scrollWidth")
        if found > width:
            wide[name] = found
    assert wide == {}


_LARGER_GAPS = """
const style = document.createElement('style');
style.textContent = `* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
  word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }`;
document.head.append(style);
const isCut = each => {
  const looks = getComputedStyle(each);
  const hides = way => ['hidden', 'clip'].includes(way);
  return each.textContent.trim() && each.clientWidth > 1 && (
    hides(looks.overflowX) && each.scrollWidth > each.clientWidth + 1 ||
    hides(looks.overflowY) && each.scrollHeight > each.clientHeight + 1);
};
return [...document.querySelectorAll('body *')].filter(isCut)
  .map(each => each.outerHTML.slice(0, 120));
"""


def test_larger_gaps_between_letters_hide_nothing(shown: Pages, chromium: Chrome) -> None:
    set_width(chromium, WIDTH_PX["phone"])
    cut = {}
    for name, address in looked_at(shown).items():
        chromium.get(address)
        found = chromium.execute_script(_LARGER_GAPS)
        wide = chromium.execute_script("return document.documentElement.scrollWidth")
        if found or wide > WIDTH_PX["phone"]:
            cut[name] = (wide, found)
    assert cut == {}


_STOPS = """
const isThere = each => each.tabIndex >= 0 && !each.disabled && each.checkVisibility();
const kinds = 'a[href],button,input,select,textarea,summary,[tabindex]';
const found = [...document.querySelectorAll(kinds)];
window.stops = found.filter(each => isThere(each) && each.type !== 'hidden');
document.body.tabIndex = -1; document.body.focus();
return window.stops.map(each => each.outerHTML.slice(0, 100));
"""
_AT = """
const at = document.activeElement, looks = getComputedStyle(at);
const isShown = looks.outlineStyle !== 'none' && parseFloat(looks.outlineWidth) >= 1
  || looks.boxShadow !== 'none';
return [window.stops.indexOf(at), isShown];
"""


def press(window: Chrome, keys: str) -> None:
    """Press keys, wherever the focus is."""
    ActionChains(window).send_keys(keys).perform()


def tabbed(window: Chrome, before: int) -> tuple[int, bool]:
    """Where the tabulator comes to, and whether that is seen; a date has a stop for each part."""
    for _ in range(PARTS_OF_A_DATE):
        press(window, Keys.TAB)
        at, is_shown = window.execute_script(_AT)
        if at != before:
            break
    return at, is_shown


def test_a_keyboard_reaches_everything_in_order_and_shows_where_it_is(
    shown: Pages, chromium: Chrome
) -> None:
    wrong = []
    for name, address in looked_at(shown, with_messages=False).items():
        chromium.get(address)
        begun = chromium.current_url
        stops = chromium.execute_script(_STOPS)
        most = len(stops) if IS_WHOLE else min(len(stops), MOST_STOPS)
        for number in range(most):
            at, is_shown = tabbed(chromium, number - 1)
            if at != number:
                wrong.append(f"{name}: the tabulator came to {at}, not to {stops[number]}")
                break
            if not is_shown:
                wrong.append(f"{name}: the focus is not seen on {stops[number]}")
        if chromium.current_url != begun:
            wrong.append(f"{name}: the focus alone led to {chromium.current_url}")
    assert not wrong, "\n".join(wrong)


def test_nothing_goes_elsewhere_before_somebody_says_so(shown: Pages, chromium: Chrome) -> None:
    """A letter, or a choice in a list or a box, leads nowhere."""
    for address in looked_at(shown, with_messages=False).values():
        chromium.get(address)
        begun = chromium.current_url
        chromium.execute_script("document.activeElement.blur()")
        chromium.find_element(By.TAG_NAME, "body").send_keys(
            "abcdefghijklmnopqrstuvwxyz0123456789/?"
        )
        chromium.execute_script(
            "for (const each of document.querySelectorAll('select')) {"
            " each.selectedIndex = each.options.length - 1;"
            " each.dispatchEvent(new Event('change', {bubbles: true})); }"
            "for (const each of document.querySelectorAll('[type=checkbox],[type=radio]'))"
            " if (!each.disabled) { each.checked = !each.checked;"
            " each.dispatchEvent(new Event('change', {bubbles: true})); }"
        )
        assert chromium.current_url == begun


def test_what_was_wrong_is_said_in_words_and_announced(shown: Pages, chromium: Chrome) -> None:
    chromium.delete_all_cookies()
    chromium.get(shown.public["sign-in"])
    chromium.find_element(By.NAME, "email").send_keys("o@example.org")
    chromium.find_element(By.NAME, "password").send_keys("wrong", Keys.ENTER)
    wait = WebDriverWait(chromium, PATIENCE_S)
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "[role=alert]"))
    said = chromium.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert "password" in said
    shown.sign_in(chromium)
    chromium.get(f"{shown.server.url}{HOME}/areas")
    chromium.execute_script(
        "document.querySelectorAll('details').forEach(each => each.open = true)"
    )
    form = chromium.find_element(By.CSS_SELECTOR, f"form[action='{HOME}/areas']")
    form.find_element(By.NAME, "area").send_keys("No Good Id")
    form.find_element(By.NAME, "name").send_keys("x")
    form.submit()
    wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, "[role=alert]"))
    said = chromium.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert "No Good Id" in said
    assert "letters" in said, "what would be right"


def test_a_password_program_knows_the_fields(shown: Pages, chromium: Chrome) -> None:
    chromium.get(shown.public["sign-in"])
    found = {
        name: chromium.find_element(By.NAME, name).get_dom_attribute("autocomplete")
        for name in ("email", "password")
    }
    assert found == {"email": "username", "password": "current-password"}


def test_no_door_is_known_by_its_colour_alone(shown: Pages, chromium: Chrome) -> None:
    chromium.get(f"{shown.server.url}{HOME}/locations/{LOCATION.id}")
    names = chromium.execute_script(
        "return [...document.querySelectorAll('svg.bank a.door')].map(each =>"
        " each.getAttribute('aria-label') || each.querySelector('title').textContent)"
    )
    assert len(names) == len(LOCATION.slots)
    for label, name in zip((slot.label for slot in LOCATION.slots), names, strict=True):
        assert f"Door {label}: " in name
        assert any(state in name for state in ("empty", "occupied", "reserved", "suspect"))


def test_what_renews_itself_can_be_stopped(shown: Pages, chromium: Chrome) -> None:
    chromium.get(f"{shown.server.url}{HOME}/locations/{LOCATION.id}")
    chromium.execute_script(
        "window.renewed = 0;"
        "document.addEventListener('htmx:afterRequest', () => { window.renewed += 1; })"
    )

    def renewed() -> int:
        return int(chromium.execute_script("return window.renewed"))

    def ask() -> bool:
        """Whether the page would renew itself, were it time."""
        return bool(
            chromium.execute_script(
                "const live = document.querySelector('[data-live]');"
                "return htmx.trigger(live, 'htmx:beforeRequest', {elt: live})"
            )
        )

    WebDriverWait(chromium, PATIENCE_S).until(lambda _: renewed() > 0)
    button = chromium.find_element(By.CSS_SELECTOR, "button[data-pause]")
    assert ask()
    chromium.execute_script("arguments[0].focus()", button)
    press(chromium, Keys.ENTER)
    assert not ask()
    chromium.execute_script("arguments[0].focus()", button)
    press(chromium, Keys.ENTER)
    assert ask()


_LATER = "const [ms] = arguments, now = Date.now; Date.now = () => now() + ms;"
_TOKEN = "return document.querySelector('input[name=form_token]').value"


def test_who_leaves_a_page_alone_is_warned_and_stays_by_one_key(
    shown: Pages, chromium: Chrome
) -> None:
    """Two minutes before the end, in a dialog that is read out; what was typed stays there, also
    when the session has ended and somebody has signed in again."""
    rules, clock = shown.server.central.settings.sign_in, shown.server.clock
    wait, began_ms = WebDriverWait(chromium, PATIENCE_S), clock.wall_ms

    def dialog(state: str) -> WebElement:
        selector = f"dialog[open][data-state={state}]"
        wait.until(lambda window: window.find_elements(By.CSS_SELECTOR, selector))
        return chromium.find_element(By.CSS_SELECTOR, selector)

    def pass_time(seconds: int) -> None:
        clock.wall_ms += seconds * 1000
        chromium.execute_script(_LATER, seconds * 1000)

    def press_and_be_rid_of_it() -> None:
        chromium.switch_to.active_element.send_keys(Keys.ENTER)
        wait.until(lambda window: not window.find_elements(By.CSS_SELECTOR, "dialog"))

    try:
        chromium.get(f"{shown.server.url}{HOME}/staff")
        field = chromium.find_element(By.CSS_SELECTOR, "header input[type=search]")
        field.send_keys("half a word")
        pass_time(rules.idle_s - 100)
        warning = dialog("warns")
        assert warning.get_attribute("role") == "alertdialog"
        assert "signed out in" in warning.text
        assert chromium.switch_to.active_element.text == "Stay signed in"
        assert violations(chromium) == []
        press_and_be_rid_of_it()
        pass_time(rules.idle_s - 100)
        dialog("warns")
        pass_time(200)
        assert "What you typed is still on this page" in dialog("ended").text
        before = chromium.execute_script(_TOKEN)
        again = Browser(shown.server)
        again.role = Role.ADMIN
        assert again.sign_in(PASSWORD).ok
        cookie = str(again.http.cookies[COOKIE])
        chromium.add_cookie({"name": COOKIE, "value": cookie, "path": "/"})
        press_and_be_rid_of_it()
        assert field.get_attribute("value") == "half a word"
        assert chromium.execute_script(_TOKEN) != before, "its forms are of the new session"
    finally:
        clock.wall_ms = began_ms
