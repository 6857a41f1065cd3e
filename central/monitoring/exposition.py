"""Figures as text, in the form that Prometheus reads (text format 0.0.4).

Written by hand, for there are many: ten thousand locations are some 150,000 lines, which a client
library takes seconds for, each time it is asked, and this a tenth of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

Numbers = float | Mapping[str, float]

OF_LOCATION: Final = (
    ("queue", "gauge", "Events that wait in the kiosk, as it said last.", "queue"),
    ("doors_open", "gauge", "Doors that stand open.", "doors_open"),
    ("boards_away", "gauge", "Boards that do not answer their kiosk.", "boards_away"),
    ("temperature_celsius", "gauge", "Of the kiosk's processor.", "temperature_c"),
    ("bank_temperature_celsius", "gauge", "Inside the bank.", "bank_temperature_c"),
    ("well", "gauge", "1 where the kiosk says that it works, 0 where not.", "is_well"),
    ("on_mains", "gauge", "1 where its supply has mains, 0 on the battery.", "is_on_mains"),
    ("battery_percent", "gauge", "How full its supply's battery is.", "battery_percent"),
    ("events_total", "counter", "Events of its journal that were taken in.", "events"),
    ("quarantined_total", "counter", "Events that were not believed.", "quarantined"),
    ("openings_total", "counter", "Doors that were to open.", "openings"),
    (
        "openings_failed_total",
        "counter",
        "Those that did not do as they should.",
        "openings_failed",
    ),
    ("refusals_total", "counter", "Wrong codes, PINs and badges at the kiosk.", "refusals"),
)
"""The name, the kind, the help and the column of each figure of a location."""


def text_of(
    network: Mapping[str, tuple[str, str, Numbers]],
    places: Sequence[Mapping[str, Any]],
    sizes: Sequence[Mapping[str, Any]],
) -> str:
    """All of it: figures of the network by name, each with its help, its label's name and its
    number, or a number for each value of that label; then those of each location."""
    lines: list[str] = []
    for name, (help_text, label, value) in network.items():
        lines += _head(f"locker_{name}", "gauge", help_text)
        numbers = value if isinstance(value, Mapping) else {"": value}
        for of, number in numbers.items():
            labels = f'{{{label}="{escaped(of)}"}}' if label else ""
            lines.append(f"locker_{name}{labels} {float(number)}")
    lines += _of_locations(places, sizes)
    return "\n".join([*lines, ""])


def _of_locations(
    places: Sequence[Mapping[str, Any]], sizes: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    of_place = {each["id"]: _labels(each) for each in places}
    for suffix, kind, help_text, column in OF_LOCATION:
        name = f"locker_location_{suffix}"
        yield from _head(name, kind, help_text)
        for each in places:
            if (value := each[column]) is not None:
                number = int(value) if isinstance(value, bool) else value
                yield f"{name}{{{of_place[each['id']]}}} {number}"
    name = "locker_location_last_sync_timestamp_seconds"
    yield from _head(name, "gauge", "When its kiosk was heard of last.")
    for each in places:
        if (value := each["last_sync_ms"]) is not None:
            yield f"{name}{{{of_place[each['id']]}}} {value / 1000}"
    known = [each for each in sizes if each["location"] in of_place]
    yield from _slots(of_place, known)
    yield from _ratios(of_place, known)


def _slots(of_place: Mapping[str, str], sizes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    name = "locker_location_slots"
    yield from _head(name, "gauge", "Slots by size: free, taken, or empty and not to be used.")
    for each in sizes:
        labels = f'{of_place[each["location"]]},size="{escaped(each["size"])}"'
        free, taken = each["free"], each["taken"]
        yield f'{name}{{{labels},state="free"}} {free}'
        yield f'{name}{{{labels},state="taken"}} {taken}'
        yield f'{name}{{{labels},state="out"}} {max(0, each["total"] - free - taken)}'


def _ratios(of_place: Mapping[str, str], sizes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    name = "locker_location_taken_ratio"
    yield from _head(name, "gauge", "Share of its slots that are taken.")
    total, taken = dict.fromkeys(of_place, 0), dict.fromkeys(of_place, 0)
    for each in sizes:
        total[each["location"]] += each["total"]
        taken[each["location"]] += each["taken"]
    for place, labels in of_place.items():
        if total[place]:
            yield f"{name}{{{labels}}} {taken[place] / total[place]:.4f}"


def _head(name: str, kind: str, help_text: str) -> tuple[str, str]:
    return f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"


def _labels(place: Mapping[str, Any]) -> str:
    return f'location="{escaped(place["id"])}",region="{escaped(place["region"])}"'


def escaped(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
