"""What the screens for customers say, and those that anybody may see."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from kiosk.flows.views.choices import Choice, Refusal
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    First,
    HoldExtended,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.service import CannotStart, NoPower
from kiosk.flows.views.shared import Answer, Checking, Opening, View
from kiosk.model.commands import PauseReason
from kiosk.model.location import Location
from kiosk.store.remote_help import Paused
from kiosk.ui.language import Speech
from kiosk.ui.texts.parts import Note, Words, call_us, entry_note, reference_note, refusal
from kiosk.ui.theme import Tone

_PATH = re.compile(r"(?<![\w/:.])/(?:[^\s/:,;()'\"]+/)*[^\s/:,;()'\"]+")


def _first(view: First, location: Location, speech: Speech) -> Words:
    if view.paused is not None and view.paused.is_closed:
        return _closed(view.paused, location, speech)
    if view.no_door_works:
        return _no_door_works(location, speech)
    if view.paused is not None:
        # In the place of how it goes: there is no room for both where the letters are large.
        welcome = speech.say("Here for a package?")
        return Words(welcome, _nothing_taken_in(view.paused, location, speech))
    if view.is_battery_low:
        welcome = speech.say("Here for a package?")
        return Words(welcome, speech.say("The power is out. Pickups only for now."))
    note = None
    if view.open_doors:
        note = Note(_please_close(view.open_doors, speech), Tone.WAITING, "door-open")
    return Words(
        speech.say("Here for a package?"), speech.say("Enter your code or scan your QR code."), note
    )


def _no_door_works(location: Location, speech: Speech) -> Words:
    title = speech.say("No door opens right now")
    body = speech.say("Your packages are safe. Please come back later.")
    return Words(title, body, Note(call_us(location, speech), Tone.WAITING, "phone"))


def steps(speech: Speech) -> tuple[str, str, str]:
    """How a package is picked up, under the three pictures of the first screen."""
    return (
        speech.say("Scan or enter your code"),
        speech.say("Your door opens"),
        speech.say("Take it and close the door"),
    )


def _closed(paused: Paused, location: Location, speech: Speech) -> Words:
    why = {
        PauseReason.MAINTENANCE: speech.say("We're working on it."),
        PauseReason.SITE_CLOSED: speech.say("This location is closed."),
        PauseReason.OUT_OF_ORDER: speech.say("It's out of order."),
    }[paused.reason]
    note = None
    if paused.until_ms is not None:
        until = speech.day_and_time(paused.until_ms, location.time_zone)
        text = speech.say("Open again from {time}", time=until)
        note = Note(text, Tone.WAITING, "clock")
    return Words(speech.say("This locker is closed"), why, note)


def _nothing_taken_in(paused: Paused, location: Location, speech: Speech) -> str:
    """What stands under the welcome: who has a code still gets theirs out."""
    if paused.until_ms is None:
        return speech.say("Pickups only for now. No packages can be left here.")
    until = speech.day_and_time(paused.until_ms, location.time_zone)
    return speech.say("Pickups only until {time}. No packages can be left here.", time=until)


def _please_close(doors: tuple[str, ...], speech: Speech) -> str:
    return speech.say_count(
        len(doors),
        "Please close door {doors}.",
        "Please close doors {doors}.",
        doors=speech.series(doors),
    )


def _enter_code(view: EnterCode, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Enter your code"),
        speech.say_count(
            view.length,
            "The {count} digit from your message",
            "The {count} digits from your message",
        ),
        entry_note(view.refused, view.wait_s, location, speech),
    )


def _enter_phone_digits(view: EnterPhoneDigits, location: Location, speech: Speech) -> Words:
    which = speech.say("Enter the last four digits")
    kept = speech.say("We only compare them. We don't store them.")
    return Words(
        speech.say("Your phone number"),
        f"{which}\n{kept}",
        entry_note(view.refused, view.wait_s, location, speech),
    )


def _enter_tracking(view: EnterTracking, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Tracking number"),
        speech.say("Scan it or enter it. It's in the message from the sender."),
    )


def _code_asked(view: CodeAsked, location: Location, speech: Speech) -> Words:
    title = speech.say("If this package is here, we'll send its code again")
    body = speech.say("To the phone number or e-mail address the sender has.")
    if not view.is_reached:
        body = speech.say("As soon as we're back online. Until then:")
    return Words(
        title,
        f"{body}\n{call_us(location, speech)}",
        reference_note(view.reference, speech),
        Tone.ACT,
        "message-square",
    )


def _checking(view: Checking, location: Location, speech: Speech) -> Words:
    return Words(speech.say("One moment …"), tone=Tone.ACT, icon="hourglass")


def _opening(view: Opening, location: Location, speech: Speech) -> Words:
    title = speech.say("Opening door {slot} …", slot=view.slot)
    return Words(title, tone=Tone.ACT, icon="lock-open")


def _more_packages(view: MorePackages, location: Location, speech: Speech) -> Words:
    count = len(view.slots)
    title = speech.say_count(
        count, "You have {count} more package", "You have {count} more packages"
    )
    body = speech.say_count(
        count, "Door {doors}", "Doors {doors}, one after another", doors=speech.series(view.slots)
    )
    return Words(title, body, None, Tone.ACT, "package")


def _hold_extended(view: HoldExtended, location: Location, speech: Speech) -> Words:
    title = _stays_until(view.until_ms, location, speech)
    return Words(title, speech.say("Your code stays the same."), None, Tone.DONE, "check")


def _stays_until(until_ms: int | None, location: Location, speech: Speech) -> str:
    if until_ms is None:
        return speech.say("Kept for one more day")
    # The hold ends with the midnight after its last day.
    return speech.say("Kept until {day}", day=speech.day(until_ms - 1, location.time_zone))


def _lower_asked(view: LowerAsked, location: Location, speech: Speech) -> Words:
    stays = _stays_until(view.until_ms, location, speech)
    body = f"{stays}\n{speech.say('Your code stays the same.')}"
    return Words(speech.say("We've asked a courier to move it"), body, None, Tone.DONE, "move-down")


def _thanks(view: Thanks, location: Location, speech: Speech) -> Words:
    body = speech.say("Door {slot} is closed. Have a good day.", slot=view.slot)
    if Choice.OPEN_AGAIN in view.choices:
        body = speech.say("Door {slot} is closed. Did you leave anything inside?", slot=view.slot)
    return Words(speech.say("Thank you!"), body, tone=Tone.DONE, icon="check")


def _answer(view: Answer, location: Location, speech: Speech) -> Words:
    note = reference_note(view.reference, speech)
    help_line = call_us(location, speech)
    if view.refused is not None:
        title = refusal(view.refused, location, speech)
        if view.refused.reason is Refusal.ALREADY_PICKED_UP:
            return Words(title, help_line, note, Tone.ACT, "package-check")  # nothing went wrong
        return Words(title, help_line, note, Tone.FAILED, "circle-alert")
    body = f"{help_line}\n{location.name}, {location.address}"
    return Words(speech.say("We're happy to help"), body, note, Tone.ACT, "phone")


def _cannot_start(view: CannotStart, location: Location, speech: Speech) -> Words:
    # Anybody reads this: where the files lie is in the log.
    message = _PATH.sub(lambda found: PurePosixPath(found[0]).name, view.message)
    body = f"{call_us(location, speech)}\n\n{message}"
    note = reference_note(view.reference, speech)
    return Words(speech.say("Out of order"), body, note, Tone.FAILED, "triangle-alert")


def _no_power(view: NoPower, location: Location, speech: Speech) -> Words:
    body = speech.say("Please come back when it's on again. All packages are safe.")
    title = speech.say("The power is out")
    return Words(title, f"{body}\n\n{call_us(location, speech)}", None, Tone.WAITING, "clock")


def still_trying(speech: Speech) -> str:
    """What is added when a moment's work takes longer than one expects."""
    return speech.say("Still trying …")


def language_words(speech: Speech) -> Words:
    """What stands over the languages."""
    return Words(speech.say("Choose your language"))


def fault_words(location: Location, reference: str, speech: Speech) -> Words:
    """What is said when a screen itself breaks."""
    do = speech.say("Please use another locker or ask for help.")
    return Words(
        speech.say("Sorry, this isn't working right now"),
        f"{do}\n{call_us(location, speech)}",
        reference_note(reference, speech),
        Tone.FAILED,
        "triangle-alert",
    )


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    First: _first,
    EnterCode: _enter_code,
    EnterPhoneDigits: _enter_phone_digits,
    EnterTracking: _enter_tracking,
    CodeAsked: _code_asked,
    Checking: _checking,
    Opening: _opening,
    Thanks: _thanks,
    Answer: _answer,
    CannotStart: _cannot_start,
    NoPower: _no_power,
    MorePackages: _more_packages,
    HoldExtended: _hold_extended,
    LowerAsked: _lower_asked,
}
