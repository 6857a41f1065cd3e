"""Whom a package is for that nobody announced: by a telephone number, or from the directory.

What is typed is read back before anything opens. Nothing of it is kept by the flow, and nothing of
it stands on a screen once the package is put in.
"""

from __future__ import annotations

from enum import StrEnum

from kiosk.flows.context import Kiosk
from kiosk.flows.events import Chosen, Entered, Pressed, TimedOut
from kiosk.flows.privacy import show_privacy
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    FindResident,
    PickResident,
    ResidentRow,
    WhomFor,
    Whose,
)
from kiosk.model.addressee import Addressee
from kiosk.model.directory import Household, found_by
from kiosk.model.phone import PhoneNumberError, phone_number
from kiosk.store import directory

ROWS_MAX = 5
"""How many households one page shows."""
FOUND_MAX = 30
"""So many at most are shown of one search: nobody reads the whole house."""
NOBODY = Addressee()


class Unsaid(StrEnum):
    """Why nobody was named."""

    BACK = "BACK"
    """Whoever was asked went back."""
    AWAY = "AWAY"
    """Nobody answers."""


async def may_name(kiosk: Kiosk) -> bool:
    """Whether couriers are asked here whom an unannounced package is for."""
    return bool(await _ways(kiosk))


async def _ways(kiosk: Kiosk) -> tuple[Choice, ...]:
    ways: list[Choice] = []
    if kiosk.policy.deposit_by_phone:
        ways.append(Choice.BY_PHONE)
    if kiosk.policy.deposit_by_directory and await kiosk.store.run(directory.is_there):
        ways.append(Choice.BY_NAME)
    return tuple(ways)


async def ask_whom(kiosk: Kiosk, barcode: str) -> Addressee | Unsaid:
    """Whom a courier's package is for; nobody, if the courier does not know."""
    while True:
        choices = (*await _ways(kiosk), Choice.WITHOUT_NAME, Choice.PRIVACY, Choice.BACK)
        kiosk.person.show(WhomFor(barcode=barcode, choices=choices))
        said: Addressee | Unsaid
        match await _next(kiosk, kiosk.policy.courier_session_s):
            case Pressed(Choice.BY_PHONE):
                phone = await ask_phone(kiosk, Whose.RECIPIENT, kiosk.policy.courier_session_s)
                said = phone if isinstance(phone, Unsaid) else Addressee(phone=phone)
            case Pressed(Choice.BY_NAME):
                said = await _resident(kiosk)
            case Pressed(Choice.WITHOUT_NAME):
                return NOBODY
            case Pressed(Choice.PRIVACY):
                await show_privacy(kiosk)
                continue
            case Pressed(Choice.BACK):
                return Unsaid.BACK
            case TimedOut():
                return Unsaid.AWAY
            case _:
                continue
        if said is not Unsaid.BACK:
            return said


async def ask_phone(kiosk: Kiosk, whose: Whose, wait_s: float) -> str | Unsaid:
    """A telephone number in E.164, read back and found right."""
    refused = None
    country = kiosk.location.country or None
    while True:
        kiosk.person.show(
            EnterPhone(
                whose=whose,
                needs_country=country is None,
                refused=refused,
                # What was wrong needs the room of a button where letters are large.
                choices=(Choice.PRIVACY, Choice.BACK) if refused is None else (Choice.BACK,),
            )
        )
        match await _next(kiosk, wait_s):
            case Entered(text):
                try:
                    phone = phone_number(text, country)
                except PhoneNumberError:
                    refused = Refused(Refusal.NOT_A_PHONE)
                    continue
            case Pressed(Choice.PRIVACY):
                await show_privacy(kiosk)
                continue
            case Pressed(Choice.BACK):
                return Unsaid.BACK
            case TimedOut():
                return Unsaid.AWAY
            case _:
                continue
        answer = await _is_right(kiosk, whose, phone, wait_s)
        if answer is None:
            return Unsaid.AWAY
        if answer is Choice.YES:
            return phone
        refused = None


async def _is_right(kiosk: Kiosk, whose: Whose, phone: str, wait_s: float) -> Choice | None:
    """Whether a number is the one that was meant; None when nobody says."""
    choices = (Choice.YES, Choice.CHANGE_NUMBER)
    kiosk.person.show(ConfirmPhone(whose=whose, phone=phone, choices=choices))
    while True:
        match await _next(kiosk, wait_s):
            case Pressed(Choice.YES | Choice.CHANGE_NUMBER as choice):
                return choice
            case TimedOut():
                return None
            case _:
                pass


async def _resident(kiosk: Kiosk) -> Addressee | Unsaid:
    """A household of the directory, found by its flat or by how a name begins."""
    refused = None
    while True:
        choices = (Choice.PRIVACY, Choice.BACK)
        kiosk.person.show(FindResident(refused=refused, choices=choices))
        match await _next(kiosk, kiosk.policy.courier_session_s):
            case Entered(text):
                found = found_by(await kiosk.store.run(directory.households), text)
            case Pressed(Choice.PRIVACY):
                await show_privacy(kiosk)
                continue
            case Pressed(Choice.BACK):
                return Unsaid.BACK
            case TimedOut():
                return Unsaid.AWAY
            case _:
                continue
        refused = None
        if not found:
            refused = Refused(Refusal.NO_SUCH_RESIDENT)
        elif len(found) > FOUND_MAX:
            refused = Refused(Refusal.TOO_MANY_RESIDENTS)
        else:
            picked = await _pick(kiosk, found)
            if picked is not Unsaid.BACK:
                return picked


async def _pick(kiosk: Kiosk, found: list[Household]) -> Addressee | Unsaid:
    pages = -(-len(found) // ROWS_MAX)
    page = 0
    while True:
        some = found[page * ROWS_MAX : (page + 1) * ROWS_MAX]
        rows = tuple(ResidentRow(each.id, each.flat, each.short_names) for each in some)
        more = (Choice.MORE,) if pages > 1 else ()
        kiosk.person.show(
            PickResident(rows=rows, page=page + 1, pages=pages, choices=(*more, Choice.BACK))
        )
        match await _next(kiosk, kiosk.policy.courier_session_s):
            case Chosen(value) if value in {row.household for row in rows}:
                return Addressee(household=value)
            case Pressed(Choice.MORE) if pages > 1:
                page = (page + 1) % pages
            case Pressed(Choice.BACK):
                return Unsaid.BACK
            case TimedOut():
                return Unsaid.AWAY
            case _:
                pass


async def _next(kiosk: Kiosk, wait_s: float) -> object:
    return await kiosk.person.next(wait_s)
