"""Days, moments and opening hours in a person's language, as CLDR has them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import groupby
from math import inf
from typing import Any

from babel import Locale
from babel.dates import format_date, format_time, format_timedelta, get_day_names

from central import kept
from central.errors import RequestError
from central.notify.words import RIGHT_TO_LEFT
from central.opening_hours import hours_of
from kiosk.model import bidi

_STYLES = {"en": "en_GB"}
_WITHOUT_YEAR = ("MMMMEEEEd", "MMMMEd", "MMMEd")
"""CLDR's skeletons of a day without its year, the longest first: not each language has each."""
_QUOTED = re.compile(r"('[^']*')")
_JOINED_DASH = "\u2060–\u2060"
"""A dash at which no line ends (word joiners beside it)."""
ALWAYS = "24/7"


def last_day(end_ms: int | None, zone: str, language: str, *, is_short: bool = False) -> str:
    """The last day before an end, which is a midnight: *Freitag, 4. Dezember*; short: *Fr., 4.
    Dez.*"""
    if end_ms is None:
        return ""
    local = kept.moment_of(end_ms - 1, zone)
    return "–" if local is None else _day_of(local, language, is_short=is_short)


def moment(at_ms: int | None, zone: str, language: str, *, is_short: bool = False) -> str:
    """A day and its time."""
    if at_ms is None:
        return ""
    local = kept.moment_of(at_ms, zone)
    if local is None:
        return "–"
    hour = format_time(local, "short", locale=_style(language))
    return listed(language, _day_of(local, language, is_short=is_short), hour)


def counted(days: int, language: str) -> str:
    """So many days, in the form that goes with the number: *21 день*."""
    span = timedelta(days=days)
    return format_timedelta(span, granularity="day", threshold=inf, locale=_style(language))


def comma(language: str) -> str:
    """What stands between the parts of a list."""
    return "، " if language in RIGHT_TO_LEFT else ", "


def listed(language: str, *parts: str) -> str:
    """Parts with the language's comma between them; those that say nothing are left out."""
    return comma(language).join(part for part in parts if part)


@lru_cache(1000)
def opening_hours(text: str, language: str, always: str) -> str:
    """Opening hours as OpenStreetMap writes them, in words; "" where nobody said or they are not
    readable. `always`: what is said of a place that never shuts. The times keep their order in
    words that run from right to left."""
    if text.strip() == ALWAYS:
        return always
    try:
        spans = hours_of(text) or []
    except RequestError:
        return ""
    by_day = [
        (of_day, listed(language, *(_span(each, language) for each in some)))
        for of_day, some in groupby(spans, lambda each: int(each["day"]))
    ]
    return "\n".join(_days(days, language, hours) for days, hours in _runs(by_day))


def _span(each: dict[str, Any], language: str) -> str:
    text = f"{each['open']}{_JOINED_DASH}{each['close']}"
    return bidi.left_to_right(text) if language in RIGHT_TO_LEFT else text


def _runs(by_day: list[tuple[int, str]]) -> list[tuple[tuple[int, int], str]]:
    """Days that follow each other and have the same hours, as one."""
    runs: list[tuple[tuple[int, int], str]] = []
    for of_day, hours in by_day:
        if runs and runs[-1][1] == hours and runs[-1][0][1] == of_day - 1:
            runs[-1] = ((runs[-1][0][0], of_day), hours)
        else:
            runs.append(((of_day, of_day), hours))
    return runs


def _days(days: tuple[int, int], language: str, hours: str) -> str:
    names = get_day_names("abbreviated", "stand-alone", _style(language))
    first, last = (names[each - 1] for each in days)
    return f"{first if first == last else f'{first}–{last}'} {hours}"


def _day_of(local: datetime, language: str, *, is_short: bool) -> str:
    return format_date(local, _pattern(language, is_short=is_short), locale=_style(language))


@cache
def _pattern(language: str, *, is_short: bool) -> str:
    """How a language writes a day without its year: CLDR's form, its names in full or short."""
    skeletons = Locale.parse(_style(language)).datetime_skeletons
    if is_short:
        return str(skeletons[_WITHOUT_YEAR[-1]].pattern)
    found = next(skeletons[each].pattern for each in _WITHOUT_YEAR if each in skeletons)
    parts = _QUOTED.split(found)
    parts[::2] = [re.sub("E+", "EEEE", re.sub("M+", "MMMM", each)) for each in parts[::2]]
    return "".join(parts)


def _style(language: str) -> str:
    return _STYLES.get(language, language)
