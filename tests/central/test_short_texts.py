"""SMS are sent in as few parts as it takes, in every language, and are counted as networks do."""

from __future__ import annotations

import re

import pytest

from central.notify.about import Ways
from central.notify.outbox import Kind
from central.notify.short_texts import parts, shortest
from tests.support.messages import LANGUAGES, LATIN, OF_A_PACKAGE, SHORT_LINK, message_of

OF_ANY_ALPHABET = ("ar", "uk")
"""Languages whose letters GSM 03.38 does not have: a part has 70 of them, or 67 of several."""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("ü" * 160, 1),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ш" * 134, 2),
        ("ш" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_parts_are_counted_as_networks_count_them(text: str, count: int) -> None:
    assert parts(text) == count


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_sms_of_each_kind_has_the_fewest_parts(language: str) -> None:
    most = 2 if language in OF_ANY_ALPHABET else 1
    counts = {kind: parts(message_of(kind, language).short) for kind in OF_A_PACKAGE}
    assert {kind: count for kind, count in counts.items() if count > most} == {}


def test_an_address_or_an_accent_stays_where_it_costs_nothing() -> None:
    assert LATIN[1] in message_of(Kind.STORED, "de", ways=Ways()).short
    assert "Código" in message_of(Kind.CODE, "es", ways=Ways()).short
    assert shortest(["ł" * 71]) == "l" * 71
    assert shortest(["ł" * 70]) == "ł" * 70
    assert shortest(["ш" * 71, "ш"]) == "ш"


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_it_may_be_kept_longer_the_sms_says_so_with_a_short_link(language: str) -> None:
    kept: list[Kind] = [
        Kind.STORED,
        Kind.REMINDER,
        Kind.ABOUT_TO_EXPIRE,
        Kind.WORKS_AGAIN,
        Kind.EXPIRED,
    ]
    for kind in OF_A_PACKAGE:
        short = message_of(kind, language).short
        assert (SHORT_LINK in short) is (kind in kept), f"{kind}: {short}"
    may_not = Ways("https://x/mine/1", SHORT_LINK)
    for each in kept:
        said = re.sub(r"https\S+", "", message_of(each, language, ways=may_not).short)
        longer = re.sub(r"https\S+", "", message_of(each, language).short)
        assert said != longer
