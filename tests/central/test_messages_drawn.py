"""Every message of every language as a real browser draws it: the groups of each code, number and
address stand where they are read, on one line; nothing is wider than a phone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from central import schema
from central.notify.outbox import Kind
from tests.support.central_server import LOCATION, Journal, Mailbox, Server, announce, text_of
from tests.support.chromium import running_chromium
from tests.support.messages import (
    ARABIC,
    BARCODE,
    LANGUAGES,
    LATIN,
    LINK,
    OF_A_PACKAGE,
    PHONE,
    SHORT_LINK,
    SHOWN,
    message_of,
)
from tests.support.operators import obey, sync

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
PICTURES = Path(__file__).parents[2] / "build" / "messages"
ISOLATES = re.compile("[\u2066-\u2069]")
NUMBERS = (SHOWN, PHONE, BARCODE, "06:00\u2060–\u206022:00", LATIN[1], ARABIC[1])
LINKS = (LINK, SHORT_LINK)
LOOKED_AT = OF_A_PACKAGE if IS_NIGHTLY else (Kind.STORED, Kind.OUT_OF_REACH, Kind.RETRIEVED)
"""Those that differ in what they are made of; all of them nightly. Their texts are read always."""
READ = """
const [pieces, links] = arguments;
const wrong = [];
for (const block of document.querySelectorAll('[data-name]')) {
  const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (const piece of [...pieces, ...links]) {
      for (let at = node.data.indexOf(piece); at >= 0; at = node.data.indexOf(piece, at + 1)) {
        const places = [...piece.matchAll(/[\\p{L}\\p{N}+]+/gu)].map(group => {
          const range = document.createRange();
          range.setStart(node, at + group.index);
          range.setEnd(node, at + group.index + group[0].length);
          const rect = range.getBoundingClientRect();
          return {text: group[0], left: rect.left, top: rect.top, width: rect.width};
        }).filter(each => each.width);
        const isFromRight = /\\p{Script=Arabic}/u.test(piece);
        for (let n = 1; n < places.length; n++) {
          const [one, two] = [places[n - 1], places[n]];
          if (Math.abs(one.top - two.top) > 2) {
            if (two.top < one.top) wrong.push([block.dataset.name, piece, 'upwards']);
          } else if ((one.left < two.left) === isFromRight) {
            wrong.push([block.dataset.name, piece, one.text + ' is not before ' + two.text]);
          }
        }
      }
    }
  }
}
return [wrong, document.querySelectorAll('[data-name]').length];
"""
"""For each code, number or address in the text: the groups that it is made of, where they are
drawn, and which of two neighbours stands on the wrong side of the other."""
MEASURE = """
const code = document.querySelector('.digits');
const range = document.createRange();
if (code) range.selectNodeContents(code);
return {
  lines: code ? range.getClientRects().length : 1,
  wide: document.documentElement.scrollWidth,
  pictures: [...document.images].map(each => each.getAttribute('src')),
  unnamed: [...document.images].filter(each => !each.hasAttribute('alt')).length,
};
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_chromium() as window:
        yield window


@pytest.fixture
def server(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Iterator[Server]:
    made = Server(tmp_path / "central", smtp_port=mailbox[0], is_public=True)
    made.start()
    yield made
    made.stop()


def size(window: Chrome, width: int, height: int = 900) -> None:
    window.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )


def show(window: Chrome, file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")
    window.get(file.as_uri())


def blocks(language: str, place: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """The texts of all messages in a language, each with the direction of its paragraphs."""
    found: dict[str, tuple[str, str]] = {}
    for kind in OF_A_PACKAGE:
        message = message_of(kind, language, place)
        for name, text in (("mail", message.text), ("sms", message.short)):
            # Who writes from left to right reads in a program that does so, too.
            for direction in ("auto", "ltr", "rtl") if ISOLATES.search(text) else ("auto", "ltr"):
                found[f"{kind} {name} {direction}"] = (direction, text)
    return found


def page_of(some: dict[str, tuple[str, str]]) -> str:
    """Texts as programs for mail and SMS show them: each line in the direction of its letters, or
    all in the direction of the program."""
    style = "pre{white-space:pre-wrap;width:360px;font:16px sans-serif}"
    style += "pre[dir=auto]{unicode-bidi:plaintext}"
    body = "".join(
        f'<pre dir="{direction}" data-name="{name}">{escape(text)}</pre>'
        for name, (direction, text) in some.items()
    )
    return f"<!doctype html><meta charset=utf-8><style>{style}</style>{body}"


def misread(window: Chrome) -> list[Any]:
    wrong, count = window.execute_script(READ, NUMBERS, LINKS)
    assert count
    return list(wrong)


@pytest.mark.parametrize("place", [LATIN, ARABIC], ids=["latin", "arabic"])
def test_codes_and_numbers_are_drawn_in_order_in_every_text(
    chromium: Chrome, tmp_path: Path, place: tuple[str, str]
) -> None:
    for language in LANGUAGES:
        show(chromium, tmp_path / "texts.html", page_of(blocks(language, place)))
        assert misread(chromium) == [], language


def test_without_isolates_the_reading_finds_them_out_of_order(
    chromium: Chrome, tmp_path: Path
) -> None:
    bare = {
        name: (direction, ISOLATES.sub("", text))
        for name, (direction, text) in blocks("ar", LATIN).items()
    }
    show(chromium, tmp_path / "bare.html", page_of(bare))
    wrong = misread(chromium)
    assert {SHOWN, PHONE, BARCODE} <= {each[1] for each in wrong}


def test_every_e_mail_fits_a_phone_and_reads_in_order(chromium: Chrome, tmp_path: Path) -> None:
    size(chromium, 390)
    for language in LANGUAGES:
        for kind in LOOKED_AT:
            message = message_of(kind, language)
            assert len(message.html.encode()) + len(message.picture) * 4 // 3 < 100_000
            html = message.html.replace("<body", f'<body data-name="{kind}"')
            show(chromium, tmp_path / "mail.html", html)
            assert misread(chromium) == [], language
            seen = chromium.execute_script(MEASURE)
            assert seen["lines"] == 1, f"the code of {kind} in {language} is broken"
            assert seen["wide"] <= 390, f"{kind} in {language} is {seen['wide']} wide"
            assert seen["unnamed"] == 0
            assert set(seen["pictures"]) <= {"cid:qr", "cid:logo"}, json.dumps(seen)
            assert "<script" not in html


def test_the_persons_page_reads_in_order_on_a_phone_without_scripts(
    server: Server, kiosk: Journal, mailbox: tuple[int, Mailbox], chromium: Chrome
) -> None:
    person = {"name": "Eva", "email": "eva@example.org", "language": "ar"}
    announce(server, server.add_key(), BARCODE, recipient=person)
    obey(kiosk)
    kiosk.put_in(BARCODE)
    sync(kiosk)
    [link] = re.findall(r"http://\S+/mine/[^\s\u2066-\u2069]+", text_of(mailbox[1].wait_for(1)[0]))
    place: dict[str, Any] = {"name": LATIN[0], "address": LATIN[1], "help_phone": PHONE}
    place |= {"latitude": 50.94, "longitude": 6.98}
    server.write(lambda c: c.execute(schema.location.update().values(**place)))
    listing = {"directions": LATIN[1], "opening_hours": "Mo-Fr 06:00-22:00"}
    of_it = schema.location_listing.insert().values(location=LOCATION.id, **listing)
    server.write(lambda c: c.execute(of_it))
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        size(chromium, 390)
        for language in LANGUAGES:
            said = schema.recipient.update().values(language=language)
            server.write(lambda c, said=said: c.execute(said))
            for scheme in ("light", "dark") if IS_NIGHTLY else ("light",):
                media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
                chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
                chromium.get(link)
                seen = chromium.execute_script(MEASURE)
                assert (seen["lines"], seen["unnamed"]) == (1, 0)
                assert seen["wide"] <= 390, f"{language} is {seen['wide']} wide"
                chromium.save_screenshot(str(PICTURES / f"page-{language}-{scheme}.png"))
            main = "document.querySelector('main').dataset.name = 'page'"
            chromium.execute_script(main)
            assert misread(chromium) == [], language
            direction = chromium.execute_script("return document.documentElement.dir")
            assert direction == ("rtl" if language == "ar" else "ltr")
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    loaded = chromium.execute_script(
        "return performance.getEntriesByType('resource').map(each => each.name)"
    )
    assert all(each.startswith(server.url) for each in loaded), loaded
