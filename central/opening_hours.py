"""When a location is open: read from the rules that OpenStreetMap writes."""

from __future__ import annotations

import re
from typing import Any, Final

from central.errors import wrong_field

HOURS_MAX: Final = 200
HOURS_RIGHT: Final = "right is 24/7, or as in Mo-Fr 08:00-20:00; Sa 09:00-13:00,14:00-18:00"
DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY: Final = "|".join(DAYS)
_RULE: Final = re.compile(rf"(?P<days>(?:{_DAY})(?:[-,](?:{_DAY}))*) (?P<times>off|[\d:,-]+)")
_SPAN: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def hours_of(text: str) -> list[dict[str, Any]] | None:
    """Opening hours day by day, from those that OpenStreetMap's rules write, as far as lockers need
    them: `[{"day": 1, "open": "08:00", "close": "20:00"}, …]`, Monday is 1; None where nobody said.

    Raises `RequestError`.
    """
    text = text.strip()
    if not text:
        return None
    if len(text) > HOURS_MAX:
        raise wrong_field("opening_hours", text, f"{HOURS_MAX} characters at most")
    if text == "24/7":
        return [{"day": day + 1, "open": "00:00", "close": "24:00"} for day in range(7)]
    open_: dict[int, list[tuple[str, str]]] = {}
    for rule in text.split(";"):
        found = _RULE.fullmatch(rule.strip())
        if found is None:
            raise wrong_field("opening_hours", rule.strip(), HOURS_RIGHT)
        spans = [] if found["times"] == "off" else [_span(each) for each in _times(found["times"])]
        for day in _days(found["days"]):
            open_[day] = spans  # a later rule is the one that counts
    return [
        {"day": day + 1, "open": begin, "close": end}
        for day in sorted(open_)
        for begin, end in open_[day]
    ]


def _times(text: str) -> list[str]:
    return text.split(",")


def _span(text: str) -> tuple[str, str]:
    found = _SPAN.fullmatch(text)
    begin, _, end = text.partition("-")
    if found is None or not begin < end <= "24:00":
        raise wrong_field("opening_hours", text, HOURS_RIGHT)
    return begin, end


def _days(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if "-" in last:
            raise wrong_field("opening_hours", text, HOURS_RIGHT)
        begin = DAYS.index(first)
        end = DAYS.index(last) if last else begin
        # Sa-Mo goes on over the end of the week.
        found += [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]
    return found
