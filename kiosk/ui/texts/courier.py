"""What the screens for couriers say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.flows.views.courier import (
    ChooseSize,
    Collection,
    Receipt,
    ReceiptLine,
    ScanPackage,
    SilentDoors,
    SizeOffer,
    StoredNote,
)
from kiosk.flows.views.service import Round, ScanInside
from kiosk.flows.views.shared import EnterPin, View
from kiosk.model.events import EventKind
from kiosk.model.location import Location
from kiosk.model.package import PackageStatus
from kiosk.model.urls import asking
from kiosk.ui.language import Speech
from kiosk.ui.texts.parts import DOUBTS, N_, Note, Words, entry_note, failed, short_barcode
from kiosk.ui.theme import Tone

BRIEF_BARCODE = 6
"""By so much of a barcode's end a courier knows a package among those of one visit."""
QR_BYTES_MAX = 900
"""So much text in a QR code is still coarse enough for a phone at half a metre."""


def measures(size: SizeOffer, speech: Speech) -> str:
    """Width, height and depth in centimetres, without the unit, which is said once."""
    sides_mm = (size.width_mm, size.height_mm, size.depth_mm)
    return "×".join(speech.number(side / 10) for side in sides_mm)


def weight(size: SizeOffer, speech: Speech) -> str:
    """What a slot of this size may carry."""
    return speech.say("up to {weight} kg", weight=speech.number(size.max_weight_kg))


def free_count(size: SizeOffer, speech: Speech) -> str:
    """How many doors of this size are free."""
    return speech.say_count(size.free, "{count} free", "{count} free")


def run_count(view: ScanPackage, speech: Speech) -> str:
    """How many are in and how many are expected; empty before there is anything to count."""
    stored, expected = view.stored_count, view.expected
    if expected is None:
        return speech.say_count(stored, "{count} stored", "{count} stored") if stored else ""
    if not stored:
        return speech.say_count(expected, "{count} expected", "{count} expected")
    if not expected:
        return speech.say("{stored} of {whole}, no more expected", stored=stored, whole=stored)
    return speech.say(
        "{stored} of {whole}, {expected}",
        stored=stored,
        whole=stored + expected,
        expected=speech.say_count(expected, "{count} expected", "{count} expected"),
    )


def run_count_in_brief(view: ScanPackage) -> str:
    """The same as numbers alone."""
    if view.expected is None:
        return str(view.stored_count)
    return f"{view.stored_count} / {view.stored_count + view.expected}"


def free_doors(speech: Speech) -> str:
    """What stands before the free doors of each size."""
    return speech.say("Free:")


def _silent(silent: SilentDoors, location: Location, speech: Speech) -> str:
    """Which doors a courier cannot use, and since when, as far as it matters to them."""
    if silent.since_ms is None:
        said = speech.say_count(
            silent.count,
            "{count} door can't be used right now.",
            "{count} doors can't be used right now.",
        )
    else:
        said = speech.say_count(
            silent.count,
            "{count} door can't be used since {when}.",
            "{count} doors can't be used since {when}.",
            when=speech.day_and_time(silent.since_ms, location.time_zone),
        )
    if not silent.due:
        return said
    return " ".join(
        (
            said,
            speech.say_count(
                silent.due,
                "{count} package to collect has to wait.",
                "{count} packages to collect have to wait.",
            ),
        )
    )


def stored_sentence(stored: StoredNote, speech: Speech) -> str:
    """Where the last package lies."""
    return speech.say("Stored behind door {slot}", slot=stored.slot)


def stored_in_brief(stored: StoredNote, speech: Speech) -> str:
    """The same, beside the sign of what is done."""
    return speech.say("Door {slot}", slot=stored.slot)


def _enter_pin(view: EnterPin, location: Location, speech: Speech) -> Words:
    title = speech.say("Service sign-in") if view.for_service else speech.say("Courier sign-in")
    if view.for_anyone:
        title = speech.say("Staff sign-in")
    body = speech.say("Enter your PIN")
    if view.after_badge:
        body = speech.say("Badge read. Now enter your PIN")
    if view.again:
        title, body = speech.say("Enter your PIN again"), speech.say("To confirm this action")
    return Words(title, body, entry_note(view.refused, view.wait_s, location, speech))


_DUE: Mapping[PackageStatus, str] = {
    PackageStatus.EXPIRED: N_("Next: door {slot}, {barcode} – not picked up in time"),
    PackageStatus.CANCELLED: N_("Next: door {slot}, {barcode} – to be returned"),
}


def _collection(view: Collection, location: Location, speech: Speech) -> Words:
    note = None
    if view.problem is not None:
        text = speech.say("That door didn't open. Its package stays inside.")
        note = Note(text, Tone.FAILED, "triangle-alert")
    if not view.due:
        return Words(speech.say("Nothing else to collect"), "", note, Tone.DONE, "check")
    following = view.due[0]
    sentence = _DUE.get(following.status, N_("Next: door {slot}, {barcode}"))
    barcode = short_barcode(following.barcode)
    body = speech.say(sentence, slot=following.slot, barcode=barcode)
    title = speech.say_count(len(view.due), "{count} to collect", "{count} to collect")
    return Words(title, body, note, Tone.ACT, "package-open")


_MOVED: Mapping[str, str] = {
    EventKind.PACKAGE_STORED: N_("stored"),
    EventKind.DEPOSIT_UNDONE: N_("taken out again"),
    EventKind.PACKAGE_COLLECTED: N_("collected"),
    EventKind.PACKAGE_MISSING: N_("not found"),
}


def receipt_line(
    line: ReceiptLine, location: Location, speech: Speech, *, brief: bool = False
) -> str:
    """One package of a hand-over receipt; `brief` shortens its barcode, and says what was done only
    where it is not what is done nearly always."""
    at = ""
    if line.at_ms is not None:
        at = speech.time(line.at_ms, location.time_zone)
    door, done = speech.say("door {slot}", slot=line.slot), speech.say(_MOVED.get(line.kind, ""))
    if brief:
        done = "" if line.kind == EventKind.PACKAGE_STORED else done
        end = line.barcode[-BRIEF_BARCODE:]
        return speech.row((at, door, end if end == line.barcode else f"…{end}", done), " ")
    return speech.row((at, door, done, line.barcode), "  ")


def _receipt(view: Receipt, location: Location, speech: Speech) -> Words:
    return receipt_words(view, 0, len(view.lines), location, speech)


def receipt_words(
    view: Receipt, first: int, room: int, location: Location, speech: Speech, *, brief: bool = False
) -> Words:
    """A receipt with `room` packages, from the one at place `first` on; `brief` where the panel is
    low."""
    shown = view.lines[first : first + room]
    lines = [receipt_line(line, location, speech, brief=brief) for line in shown]
    head, note = [_receipt_number(view, location, speech)], None
    if brief:
        head = [speech.say("Receipt {number}", number=view.number)]
    if is_link_taken(view, location, speech) and not view.is_reached:
        waits = speech.say("Its page opens once online.")
        note = Note(waits, Tone.WAITING, "hourglass")
    elif not brief:
        note = Note(head.pop(), Tone.CALM, "info")
    if len(shown) < len(view.lines):
        head.append(f"{first + 1}–{first + len(shown)} / {len(view.lines)}")
    place = speech.row(head, "  ")
    lines = [place, *lines] if place else lines
    title = speech.say_count(
        len(view.lines), "{count} package handed over", "{count} packages handed over"
    )
    return Words(title, "\n".join(lines), note, Tone.DONE, "check")


def receipt_qr(view: Receipt, location: Location, speech: Speech) -> str:
    """What the QR code holds: the link to the whole receipt at the server, or its plain text."""
    if is_link_taken(view, location, speech):
        return asking(view.link, language=speech.code)
    return receipt_text(view, QR_BYTES_MAX, location, speech)


def is_link_taken(view: Receipt, location: Location, speech: Speech) -> bool:
    """Whether the link is what is taken along. While the server is not reached its page is not
    there yet, and the plain text is better, as long as nothing has to be left out."""
    if not view.link or view.is_reached:
        return bool(view.link)
    left_out, _ = _receipt_text(view, QR_BYTES_MAX, location, speech)
    return left_out > 0


def receipt_text(view: Receipt, bytes_max: int, location: Location, speech: Speech) -> str:
    """A receipt as plain text to carry away: as many of the last packages as have room."""
    _, text = _receipt_text(view, bytes_max, location, speech)
    return text


def _receipt_text(
    view: Receipt, bytes_max: int, location: Location, speech: Speech
) -> tuple[int, str]:
    """How many packages are left out of it, and the text."""
    head = f"{location.name}\n{_receipt_number(view, location, speech)}"
    lines = [receipt_line(line, location, speech) for line in view.lines]
    for left_out in range(len(lines) + 1):
        more = [] if not left_out else [_before_these(left_out, speech)]
        text = "\n".join((head, *more, *lines[left_out:]))
        if len(text.encode()) <= bytes_max:
            break
    return left_out, text


def _before_these(count: int, speech: Speech) -> str:
    return speech.say_count(
        count,
        "{count} more before these, on record",
        "{count} more before these, on record",
    )


def _receipt_number(view: Receipt, location: Location, speech: Speech) -> str:
    """Number, name and day; a receipt is of one visit, so its lines need only the time."""
    shown_ms = [line.at_ms for line in view.lines if line.at_ms is not None]
    if not shown_ms:
        return speech.say("Receipt {number}, {name}", number=view.number, name=view.name)
    day = speech.day(shown_ms[0], location.time_zone)
    return speech.say(
        "Receipt {number}, {name}, {day}", number=view.number, name=view.name, day=day
    )


def _round(view: Round, location: Location, speech: Speech) -> Words:
    left = speech.say_count(view.left, "{count} left to check.", "{count} left to check.")
    title = speech.say("What is behind door {slot}?", slot=view.slot)
    return Words(title, f"{speech.say(DOUBTS[view.suspect])} {left}", None, Tone.ACT, "eye")


def _scan_inside(view: ScanInside, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Which package is behind door {slot}?", slot=view.slot),
        speech.say("Scan its barcode, or take it out and keep it with you."),
        failed(view.refused, location, speech),
        Tone.ACT,
        "scan-barcode",
    )


def _scan_package(view: ScanPackage, location: Location, speech: Speech) -> Words:
    note = failed(view.refused, location, speech)
    if view.typing:
        return Words(speech.say("Enter the barcode"), "", note)
    title = speech.say("Scan a package")
    if view.stored_count:
        title = speech.say("Scan the next package")
    body = speech.say("Hold the barcode under the scanner.")
    if view.silent is not None:
        body = f"{body}\n{_silent(view.silent, location, speech)}"
    return Words(title, body, note)


def _choose_size(view: ChooseSize, location: Location, speech: Speech) -> Words:
    body = speech.say("Package {barcode}, sizes in cm", barcode=short_barcode(view.barcode))
    return Words(speech.say("How big is the package?"), body)


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    EnterPin: _enter_pin,
    ScanPackage: _scan_package,
    ChooseSize: _choose_size,
    Collection: _collection,
    Receipt: _receipt,
    Round: _round,
    ScanInside: _scan_inside,
}
