"""Every page and message in a real browser, looked at by axe, light and dark, on a desk and on a
phone; by people with larger gaps between letters, and with a keyboard alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import requests
from selenium.webdriver import Chrome

from central.pages.paths import HOME
from central.pages.session import COOKIE
from tests.accessibility.axe import WIDTH_PX, in_the_dark, set_width, violations
from tests.accessibility.web_pages import Pages, pages
from tests.support.chromium import running_chromium
from tests.support.page_rules import DANGEROUS

IS_WHOLE = os.environ.get("TEST_BUDGET") == "nightly"
SAMPLE = ("operators/locations/{name}", "operators/reports", "sign-in", "person-en", "message-0")
"""The pages of the ordinary run; the nightly one looks at all."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages(tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.fixture(scope="module")
def chromium(shown: Pages) -> Iterator[Chrome]:
    with running_chromium() as window:
        shown.sign_in(window)
        yield window


def looked_at(shown: Pages) -> dict[str, str]:
    everything = shown.all
    return everything if IS_WHOLE else {name: everything[name] for name in SAMPLE}


@pytest.mark.parametrize(
    ("width", "is_dark"),
    [("desk", False), ("phone", True)]
    + ([("desk", True), ("phone", False), ("reflow", False)] if IS_WHOLE else []),
)
def test_axe_finds_nothing_on_any_page(
    shown: Pages, chromium: Chrome, width: str, *, is_dark: bool
) -> None:
    found = []
    with in_the_dark(chromium, is_dark=is_dark):
        set_width(chromium, WIDTH_PX[width])
        for name, address in looked_at(shown).items():
            chromium.get(address)
            found += [f"{name}: {each}" for each in violations(chromium)]
    assert not found, "\n".join(found)


def test_what_is_wrong_with_a_page_is_found(chromium: Chrome, shown: Pages) -> None:
    """The negative control: an input without a label, and letters that hardly stand out."""
    chromium.get(shown.public["sign-in"])
    assert violations(chromium) == []
    chromium.execute_script(
        "document.querySelectorAll('label').forEach(each => each.replaceWith(...each.children));"
        "document.querySelector('h1').style.cssText = 'color: #999; background: #aaa';"
        "document.documentElement.removeAttribute('lang')"
    )
    found = " ".join(violations(chromium))
    for rule in ("label:", "color-contrast:", "html-has-lang:"):
        assert rule in found


class Forms(HTMLParser):
    """The forms of a page that change something: where each goes, and whether it asks first."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form" and said.get("method") == "post":
            action = unquote(str(said.get("action"))).removeprefix(HOME)
            self.found.append((action, bool(said.get("data-asks"))))


def test_every_dangerous_form_of_every_page_asks_first(shown: Pages) -> None:
    routes = {
        route: re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route))) for route in DANGEROUS
    }
    asked, silent = set(), set()
    for name, address in shown.signed_in.items():
        answer = requests.get(address, cookies={COOKIE: shown.cookie}, timeout=20)
        forms = Forms()
        forms.feed(answer.text)
        for action, asks in forms.found:
            for route in (each for each, form in routes.items() if form.fullmatch(action)):
                asked.add(route)
                if not asks:
                    silent.add(f"{name}: {action}")
    assert not silent, "\n".join(sorted(silent))
    assert len(asked) > len(DANGEROUS) / 2, sorted(DANGEROUS - asked)
