"""What an eye finds wrong with a screen: cut or hidden words, things over each other, what leaves
the panel, what is too small for a finger, what the view says and the screen does not show."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby
from typing import Any

from kiosk.ui.panel import Panel
from kiosk.ui.theme import KEY_MM, TARGET_MM

HALF_A_PIXEL_MM = 0.15
_SLACK_PX = 1.5
_LINES_MEET = 0.12
"""Above and under the letters a line's box is empty: lines may stand so close that the boxes meet.
As a part of the type's size."""


def is_seen(widget: Any) -> bool:
    while widget is not None and widget.parent is not widget:
        if getattr(widget, "opacity", 1) == 0:
            return False
        widget = widget.parent
    return True


def texts(page: Any) -> list[Any]:
    return [w for w in page.walk(restrict=True) if getattr(w, "text", "") and is_seen(w)]


def pressables(page: Any) -> list[Any]:
    return [w for w in page.walk(restrict=True) if hasattr(w, "action") and hasattr(w, "pressed")]


def is_inside(inner: Any, outer: Any) -> bool:
    return bool(
        inner.x >= outer.x - _SLACK_PX
        and inner.y >= outer.y - _SLACK_PX
        and inner.x + inner.width <= outer.x + outer.width + _SLACK_PX
        and inner.y + inner.height <= outer.y + outer.height + _SLACK_PX
    )


def do_overlap(one: Any, other: Any) -> bool:
    across = min(one.right, other.right) - max(one.x, other.x)
    up = min(one.top, other.top) - max(one.y, other.y)
    return bool(across > _SLACK_PX and up > _SLACK_PX)


def describe(widget: Any) -> str:
    words = getattr(widget, "words", None)
    return f"{type(widget).__name__} {getattr(widget, 'text', getattr(words, 'text', ''))!r}"


# --- one sight -----------------------------------------------------------------------------------


def faults_of(page: Any, panel: Panel) -> list[str]:
    """What does not fit, is cut, overlaps, leaves the panel or is too small for a finger."""
    return [
        *_text_faults(page),
        *_overprints(page),
        *_place_faults(page),
        *_size_faults(page, panel),
    ]


def _text_faults(page: Any) -> Iterator[str]:
    for label in texts(page):
        if label.texture_size[0] > label.width + 1 or label.texture_size[1] > label.height + 1:
            yield f"{label.text!r} does not fit its box"
        if not is_inside(label, page):
            yield f"{label.text!r} leaves the panel"
        if label.parent is not page and not _are_letters_inside(label, label.parent):
            yield f"{label.text!r} leaves its {type(label.parent).__name__}"
        if label.is_shortened:
            yield f"{label.text!r} is cut"
        width = label.text_size[0]
        is_wrapped = hasattr(label, "broken_word") and width is not None
        word = label.broken_word(width, label._label.text) if is_wrapped else ""
        if word.rstrip(".,:;!?…").isalpha():
            yield f"{word!r} in {label.text!r} is broken in two"


def _are_letters_inside(label: Any, outer: Any) -> bool:
    left, bottom, right, top = _letters(label)
    return bool(
        left >= outer.x - _SLACK_PX
        and bottom >= outer.y - _SLACK_PX
        and right <= outer.right + _SLACK_PX
        and top <= outer.top + _SLACK_PX
    )


def _overprints(page: Any) -> Iterator[str]:
    """Letters over letters, and letters over what is pressed and is not theirs."""
    labels = [(label, _letters(label)) for label in texts(page)]
    for (one, at), (other, where) in combinations(labels, 2):
        if _lie_on_each_other(at, where):
            yield f"{one.text!r} is printed over {other.text!r}"
    targets = [each for each in pressables(page) if is_seen(each)]
    for label, at in labels:
        above = _above(label)
        for target in targets:
            box = (target.x, target.y, target.right, target.top)
            if target not in above and _lie_on_each_other(at, box):
                yield f"{label.text!r} is printed over {describe(target)}"


def _letters(label: Any) -> tuple[float, float, float, float]:
    """Where the letters of a label are: in the middle of its box, whatever its size."""
    width, height = label.texture_size
    trim = label.font_size * _LINES_MEET
    left, bottom = label.center_x - width / 2, label.center_y - height / 2
    return left, bottom + trim, left + width, bottom + height - trim


def _lie_on_each_other(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return across > _SLACK_PX and up > _SLACK_PX


def _above(widget: Any) -> list[Any]:
    found = []
    while widget.parent is not None and widget.parent is not widget:
        widget = widget.parent
        found.append(widget)
    return found


def _place_faults(page: Any) -> Iterator[str]:
    parts = [
        part
        for part in page.children
        if is_seen(part) and part.width > 1 and getattr(part, "text", "x") != ""
    ]
    for part in parts:
        if not is_inside(part, page):
            yield f"{describe(part)} leaves the panel"
    for one, other in combinations(parts, 2):
        if do_overlap(one, other):
            yield f"{describe(one)} lies on {describe(other)}"


def _size_faults(page: Any, panel: Panel) -> Iterator[str]:
    for target in pressables(page):
        side_mm = min(target.size) / panel.px_per_mm
        if is_seen(target) and side_mm < TARGET_MM - HALF_A_PIXEL_MM:
            yield f"{describe(target)} is {side_mm:.1f} mm"
    keys = getattr(page.figure, "keys", {})
    if "5" in keys and not {"Q", "q"} & set(keys):
        side_mm = min(keys["5"].size) / panel.px_per_mm
        if side_mm < KEY_MM - HALF_A_PIXEL_MM:
            yield f"a digit key is {side_mm:.1f} mm"
    drawing = getattr(page.figure, "drawing", None)
    if drawing is not None and drawing.on_door is not None:
        for slot in page.context.location.slots:
            side_mm = min(drawing.box_of(slot.label)[2:]) / panel.px_per_mm
            if side_mm < TARGET_MM - HALF_A_PIXEL_MM:
                yield f"door {slot.label} is {side_mm:.1f} mm"


# --- all that is to be seen, page after page -----------------------------------------------------


def all_faults(page: Any, panel: Panel) -> list[str]:
    """The faults of a screen on every page that it turns, and what is on none of them."""
    from kivy.clock import Clock

    faults: list[str] = []
    shown: dict[Any, list[str]] = {}
    buttons: set[Any] = set()
    for number in range(page.page_count):
        page.turn_to(number)
        Clock.tick()  # a text is painted with the next frame
        faults += [f"page {number + 1}: {fault}" for fault in faults_of(page, panel)]
        for label in texts(page):
            shown.setdefault(label, []).append(label.text)
            if any(hasattr(each, "pressed") for each in _above(label)):
                buttons.add(label)
    if page.page_count > 1:
        page.turn_to(0)
    # What is turned is pieces of one text; what is cut into rows goes on with the next row.
    shown = {label: pieces for label, pieces in shown.items() if label not in buttons} | {
        label: pieces for label, pieces in shown.items() if label in buttons
    }
    # A label that stays as it is says its text once; a line may come again further down.
    said = ([text for text, _ in groupby(pieces)] for pieces in shown.values())
    seen = _flat(" ".join(" ".join(texts_of_one) for texts_of_one in said))
    return [*faults, *missing(page, seen)]


def _flat(text: str) -> str:
    """A text without its lines, and without the hyphens that long words got."""
    return " ".join(text.split()).replace("- ", "")


def missing(page: Any, seen: str) -> list[str]:
    """What the view says and this screen showed on no page."""
    lacks = [f"{text!r} is missing" for text in page.required_texts() if _flat(text) not in seen]
    labels = {button.choice for button in (*pressables(page),) if hasattr(button, "choice")}
    lacks += [f"{choice} cannot be pressed" for choice in page.view.choices if choice not in labels]
    return lacks
