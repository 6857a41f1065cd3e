"""What the screens of a new kiosk say to whoever sets it up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.flows.views.choices import Problem
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    DoorFailed,
    NewPin,
    NotReached,
    NotSetUp,
    PinStep,
    Reaching,
    SetUpDone,
    ShowInvitation,
    SiteFound,
    Typed,
    TypeInvitation,
)
from kiosk.flows.views.shared import View
from kiosk.model.invitation import Unreached
from kiosk.model.location import Location
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.texts.parts import N_, Note, Words, failed
from kiosk.ui.theme import Tone

DETAIL_MAX = 160
"""So much of what a program said has room on a small panel."""


def _not_set_up(view: NotSetUp, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Not set up yet"),
        speech.say("Choose your language, then continue."),
        tone=Tone.ACT,
    )


def _show_invitation(view: ShowInvitation, location: Location, speech: Speech) -> Words:
    note = None
    if view.is_refused:
        text = speech.say("That isn't a server's code. Try another one.")
        note = Note(text, Tone.FAILED, "circle-alert")
    return Words(
        speech.say("Scan the server's QR code"),
        speech.say("It's on this locker's page on the server. Hold it in front of the scanner."),
        note,
        Tone.ACT,
        "qr-code",
    )


_TYPED: Mapping[Typed, tuple[str, str, str]] = {
    Typed.ADDRESS: (
        N_("The server's address"),
        N_("It's next to the QR code."),
        N_("That isn't an address like https://lockers.example.org."),
    ),
    Typed.TOKEN: (
        N_("The token"),
        N_("Capital and small letters matter."),
        N_("That isn't a token. Enter all of it."),
    ),
}
"""Of each part of the server's code: what is asked for, a hint, and what is wrong with another."""


def _type_invitation(view: TypeInvitation, location: Location, speech: Speech) -> Words:
    title, hint, wrong = _TYPED[view.what]
    note = Note(speech.say(wrong), Tone.FAILED, "circle-alert") if view.is_refused else None
    return Words(speech.say(title), speech.say(hint), note)


def _reaching(view: Reaching, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("Connecting to {host} …", host=view.host), tone=Tone.CALM, icon="hourglass"
    )


_WHY: Mapping[Unreached, str] = {
    Unreached.NO_ADDRESS: N_("That isn't a server's address."),
    Unreached.NAME_UNKNOWN: N_("This name doesn't exist. Is it spelled right? Is the network up?"),
    Unreached.NO_ANSWER: N_("There is no answer. Is the network up?"),
    Unreached.NOBODY_LISTENS: N_("No server is running there. Is the address right?"),
    Unreached.NO_NETWORK: N_("This kiosk has no network. Check the cable or antenna."),
    Unreached.CERTIFICATE: N_("The server's certificate isn't valid. Is this kiosk's date right?"),
    Unreached.NO_TLS: N_("There is no HTTPS there. Is the address right?"),
    Unreached.PLAIN_HTTP: N_("Others could read the data. Use an address that starts with https."),
    Unreached.NO_SERVER: N_("Something answers there, but it isn't a locker server."),
    Unreached.OTHER_SERVER: N_("This isn't the server named in the code."),
    Unreached.TOKEN: N_("The code has been used or is too old. Create a new one on the server."),
    Unreached.OTHER_LOCATION: N_("This code is for another locker."),
    Unreached.NO_SITE_FILE: N_("The server doesn't have a site file for this locker yet."),
    Unreached.SITE_FILE: N_("The site file has errors. Correct it on the server."),
    Unreached.CANNOT_KEEP: N_("This kiosk can't save it. Is its disk full?"),
    Unreached.OTHER: N_("Something went wrong."),
}
_REACHED_ALL_THE_SAME = frozenset(
    {
        Unreached.TOKEN,
        Unreached.OTHER_LOCATION,
        Unreached.NO_SITE_FILE,
        Unreached.SITE_FILE,
        Unreached.CANNOT_KEEP,
    }
)
"""Where the network is not what is wrong."""
_DETAILED = frozenset({Unreached.SITE_FILE, Unreached.CANNOT_KEEP, Unreached.OTHER})
"""Where the reason alone does not say what to do."""


def _not_reached(view: NotReached, location: Location, speech: Speech) -> Words:
    title = speech.say("We can't reach the server")
    if view.why in _REACHED_ALL_THE_SAME:
        title = speech.say("Set-up can't continue")
    body = speech.say(_WHY[view.why])
    if view.host:
        body = f"{view.host}\n{body}"
    note = None
    if view.why in _DETAILED and view.detail:
        note = Note(view.detail[:DETAIL_MAX], Tone.CALM, "info")
    return Words(title, body, note, Tone.FAILED, "triangle-alert")


def _site_found(view: SiteFound, location: Location, speech: Speech) -> Words:
    doors = speech.say("Doors: {count}", count=view.doors)
    where = "\n".join(part for part in (view.address, doors) if part)
    reached = speech.say("Connected to {host}", host=view.host)
    return Words(
        speech.say("Is this locker {name}?", name=view.name),
        where,
        Note(reached, Tone.DONE, "circle-check"),
        Tone.ACT,
        "map-pin",
    )


def _boards_found(view: BoardsFound, location: Location, speech: Speech) -> Words:
    count = sum(each.reachable for each in view.boards)
    title = speech.say(
        "Lock boards that answer: {count} of {all}", count=count, all=len(view.boards)
    )
    if count == len(view.boards):
        return Words(title, "", Note(speech.say("All of them answer."), Tone.DONE, "circle-check"))
    text = speech.say("Check the power, cable and address of the others.")
    return Words(title, "", Note(text, Tone.WAITING, "unplug"))


def board_details(view: BoardsFound, speech: Speech = ENGLISH) -> tuple[tuple[str, str], ...]:
    """Each board, whether it answers, and where it is looked for."""
    rows = []
    for each in view.boards:
        state = speech.say("Answers") if each.reachable else speech.say("No answer")
        rows.append((each.board, (state, each.port, str(each.address))))
    return tuple((name, speech.row(parts, " · ")) for name, parts in rows)


def _bank_drawn(view: BankDrawn, location: Location, speech: Speech) -> Words:
    return Words(
        speech.say("This is your locker"),
        speech.say("Now each door opens once. Close it and the next one opens."),
        Note(speech.say("Doors: {count}", count=view.doors), Tone.CALM, "info"),
    )


def _door_failed(view: DoorFailed, location: Location, speech: Speech) -> Words:
    wire = speech.say("Board {board}, channel {channel}.", board=view.board, channel=view.channel)
    match view.problem:
        case Problem.WRONG_DOOR if view.wrong_slot:
            title = speech.say(
                "Door {other} opened, not door {slot}", other=view.wrong_slot, slot=view.slot
            )
            do = speech.say("Swap their cables, then try again.")
        case Problem.WRONG_DOOR:
            title = speech.say("Another door opened, not door {slot}", slot=view.slot)
            do = speech.say("Swap their cables, then try again.")
        case Problem.UNREACHABLE:
            title = speech.say("We can't reach door {slot}", slot=view.slot)
            do = speech.say("Check the power and cable of its board.")
        case _:
            title = speech.say("Door {slot} didn't open", slot=view.slot)
            do = speech.say("Check the lock, its plug and its sensor.")
    return Words(title, f"{wire} {do}", tone=Tone.FAILED, icon="triangle-alert")


_PINS: Mapping[PinStep, tuple[str, str]] = {
    PinStep.NUMBER: (
        N_("First technician's number"),
        N_("Two to twelve digits, the same length for everyone here."),
    ),
    PinStep.SECRET: (
        N_("Choose six secret digits"),
        N_("In the PIN they come after the number {number}."),
    ),
    PinStep.AGAIN: (
        N_("Enter the same six digits again"),
        N_("So a typing mistake can't lock you out."),
    ),
}


def _new_pin(view: NewPin, location: Location, speech: Speech) -> Words:
    title, body = _PINS[view.step]
    return Words(
        speech.say(title),
        speech.say(body, number=view.number),
        failed(view.refused, location, speech),
    )


def _set_up_done(view: SetUpDone, location: Location, speech: Speech) -> Words:
    works = view.doors - len(view.out_of_service)
    lines = [speech.say("Working doors: {count}", count=works)]
    if not view.is_enrolled:
        lines.append(speech.say("Keep a copy of the file location.key in a safe place."))
    note = None
    if view.out_of_service:
        slots = speech.series(view.out_of_service)
        note = Note(speech.say("Out of service: {slots}", slots=slots), Tone.WAITING, "ban")
    return Words(
        speech.say("This locker is ready"), "\n".join(lines), note, Tone.DONE, "circle-check"
    )


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    NotSetUp: _not_set_up,
    ShowInvitation: _show_invitation,
    TypeInvitation: _type_invitation,
    Reaching: _reaching,
    NotReached: _not_reached,
    SiteFound: _site_found,
    BoardsFound: _boards_found,
    BankDrawn: _bank_drawn,
    DoorFailed: _door_failed,
    NewPin: _new_pin,
    SetUpDone: _set_up_done,
}
