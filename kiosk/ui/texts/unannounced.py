"""What the screens say that ask whom a package is for, and where there is room elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.flows.views.shared import View
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    FindResident,
    GuestStored,
    PickResident,
    PrivacyNotice,
    ResidentRow,
    RoomElsewhere,
    WhomFor,
    Whose,
)
from kiosk.model.location import Location
from kiosk.model.phone import spelled_phone
from kiosk.ui.language import Speech
from kiosk.ui.texts.parts import (
    N_,
    Note,
    Words,
    call_us,
    failed,
    reference_note,
    refusal,
    short_barcode,
)
from kiosk.ui.theme import Tone

ONE_LINE = N_("We keep it only for this package.")
"""What is said of a number or a name where it is asked for; more of it says the notice."""
RESIDENT_LENGTH_MAX = 14
"""How many characters of flat and names a button has room for."""

_WHOSE: Mapping[Whose, str] = {
    Whose.RECIPIENT: N_("The recipient's phone number"),
    Whose.GUESTS_RECIPIENT: N_("The recipient's phone number"),
    Whose.GUEST: N_("Your phone number"),
}
_WHAT_FOR: Mapping[Whose, str] = {
    Whose.RECIPIENT: N_("We'll send the pickup code there."),
    Whose.GUESTS_RECIPIENT: N_("We'll send the pickup code there."),
    Whose.GUEST: N_("For your receipt. Next, tell us who the package is for."),
}


def _whom_for(view: WhomFor, location: Location, speech: Speech) -> Words:
    said = speech.say("Package {barcode} was not announced.", barcode=short_barcode(view.barcode))
    body = f"{said}\n{speech.say(ONE_LINE)}"
    return Words(speech.say("Who is it for?"), body, None, Tone.ACT, "user-round")


def _enter_phone(view: EnterPhone, location: Location, speech: Speech) -> Words:
    abroad = N_("Numbers from other countries start with 00.")
    if view.needs_country:
        abroad = N_("Start with 00 and the country code.")
    body = f"{speech.say(_WHAT_FOR[view.whose])} {speech.say(abroad)}\n{speech.say(ONE_LINE)}"
    return Words(speech.say(_WHOSE[view.whose]), body, failed(view.refused, location, speech))


def _confirm_phone(view: ConfirmPhone, location: Location, speech: Speech) -> Words:
    number = speech.say("{phone}", phone=spelled_phone(view.phone))
    return Words(number, speech.say("Is this number right?"), None, Tone.ACT, "phone")


def _find_resident(view: FindResident, location: Location, speech: Speech) -> Words:
    if view.refused is not None:
        # The keys need the height: what was wrong stands in the place of what to do.
        return Words(refusal(view.refused, location, speech), "", None, Tone.FAILED)
    do = speech.say("Enter the flat, or the start of a name.")
    return Words(speech.say("Flat or name"), f"{do}\n{speech.say(ONE_LINE)}")


def _pick_resident(view: PickResident, location: Location, speech: Speech) -> Words:
    body = ""
    if view.pages > 1:
        body = speech.say("Page {page} of {pages}", page=view.page, pages=view.pages)
    return Words(speech.say("Who is it for?"), body)


def resident(row: ResidentRow, speech: Speech) -> str:
    """A household on its button: its flat, and as much of its names as has room."""
    room = RESIDENT_LENGTH_MAX - len(row.flat)
    names = ", ".join(row.names)
    return speech.row((row.flat, names if len(names) <= room else f"{names[:room]}…"), " · ")


def _privacy_notice(view: PrivacyNotice, location: Location, speech: Speech) -> Words:
    ask = call_us(location, speech)
    if location.privacy_contact:
        ask = speech.say("Questions: {contact}", contact=location.privacy_contact)
    lines = (
        speech.say("It only tells us who a package is for and where to send its code."),
        speech.say_count(
            view.days,
            "Deleted {count} day after the package is gone.",
            "Deleted {count} days after the package is gone.",
        ),
        speech.say("Stored by {name}.", name=location.name),
        ask,
    )
    title = speech.say("What we store about you")
    return Words(title, "\n".join(lines), None, Tone.ACT, "shield-check")


def _guest_stored(view: GuestStored, location: Location, speech: Speech) -> Words:
    body = speech.say("The recipient gets a code and you get a receipt.")
    if not view.is_reached:
        body = speech.say("We'll send the messages as soon as we're back online.")
    title = speech.say("Stored behind door {slot}", slot=view.slot)
    return Words(title, body, reference_note(view.reference, speech), Tone.DONE, "check")


def _room_elsewhere(view: RoomElsewhere, location: Location, speech: Speech) -> Words:
    lines = [
        speech.say(
            "{place}, {distance} km: {free}",
            place=f"{row.name}, {row.address}" if row.address else row.name,
            distance=speech.number(row.distance_m / 1000),
            free=speech.say_count(row.free, "{count} free", "{count} free"),
        )
        for row in view.rows
    ]
    if not lines and view.is_known:
        lines = [speech.say("No door of this size is free nearby.")]
    title, note = speech.say("Free doors nearby"), None
    if view.kept_until_ms is not None:
        until = speech.time(view.kept_until_ms, location.time_zone)
        text = speech.say("A door is reserved at the first until {time}.", time=until)
        note = Note(text, Tone.DONE, "check")
    elif not view.is_known:
        lines = [speech.say("We're offline and can't look this up now.")]
    elif not view.is_reached:
        text = speech.say_count(
            view.age_s // 60,
            "Offline: this is {count} minute old. Nothing can be reserved.",
            "Offline: this is {count} minutes old. Nothing can be reserved.",
        )
        note = Note(text, Tone.WAITING, "hourglass")
    elif view.is_gone:
        text = speech.say("That door is no longer free. Look again.")
        note = Note(text, Tone.FAILED, "circle-alert")
    return Words(title, "\n".join(lines), note, Tone.ACT, "map-pin")


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    WhomFor: _whom_for,
    EnterPhone: _enter_phone,
    ConfirmPhone: _confirm_phone,
    FindResident: _find_resident,
    PickResident: _pick_resident,
    PrivacyNotice: _privacy_notice,
    GuestStored: _guest_stored,
    RoomElsewhere: _room_elsewhere,
}
