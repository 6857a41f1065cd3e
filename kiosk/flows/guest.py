"""Anybody puts a package in for somebody else, where the site allows it: two numbers, a size, a
door, and a receipt. How much of it is allowed is the store's to say (`kiosk.store.guests`)."""

from __future__ import annotations

from kiosk.flows.addressing import Unsaid, ask_phone
from kiosk.flows.context import Kiosk
from kiosk.flows.deposit import Bringing, Scans, choose_size, deposit
from kiosk.flows.doors import pressed
from kiosk.flows.pickup import show_answer
from kiosk.flows.views.choices import Choice, Refusal, Refused
from kiosk.flows.views.unannounced import GuestStored, Whose
from kiosk.model.actor import CUSTOMER
from kiosk.model.addressee import Addressee
from kiosk.model.carriers import OPERATORS
from kiosk.model.package import Package
from kiosk.store import guests
from kiosk.store.guests import GuestLimits

REFERENCE_DIGITS = 9


async def guest_deposit(kiosk: Kiosk) -> None:
    """From the guest's own number to the receipt."""
    if await kiosk.store.run(guests.too_much, limits_of(kiosk)) is not None:
        return await _refuse(kiosk)
    addressee = await _whom(kiosk)
    if addressee is None:
        return None
    reference = f"G{kiosk.rng.randrange(10**REFERENCE_DIGITS):0{REFERENCE_DIGITS}d}"
    size = await choose_size(kiosk, reference, kiosk.policy.idle_s, OPERATORS.own)
    if size is None:
        return None
    numbers = (addressee.sender_phone, addressee.phone)
    if await kiosk.store.run(guests.begin, limits_of(kiosk), *numbers) is not None:
        return await _refuse(kiosk)
    bringing = Bringing(CUSTOMER, OPERATORS, Scans(), reference, addressee, guests.SENDER)
    put = await deposit(kiosk, bringing, kiosk.new_id(), size)
    if put.refused is not None:
        return await show_answer(kiosk, put.refused)
    if put.stored is not None:
        await _receipt(kiosk, put.stored)
    return None


def limits_of(kiosk: Kiosk) -> GuestLimits:
    """How much guests may put in here; one door at least."""
    policy = kiosk.policy
    doors = len(kiosk.location.slots) * policy.guest_doors_percent // 100
    return GuestLimits(policy.guest_deposits_an_hour, policy.guest_deposits_a_phone, max(1, doors))


async def _whom(kiosk: Kiosk) -> Addressee | None:
    """The two numbers, read back; None when the guest goes back or away."""
    while True:
        sender = await ask_phone(kiosk, Whose.GUEST, kiosk.policy.idle_s)
        if isinstance(sender, Unsaid):
            return None
        phone = await ask_phone(kiosk, Whose.GUESTS_RECIPIENT, kiosk.policy.idle_s)
        if phone is Unsaid.AWAY:
            return None
        if not isinstance(phone, Unsaid):
            return Addressee(phone=phone, sender_phone=sender)


async def _refuse(kiosk: Kiosk) -> None:
    """The same answer whichever limit is reached: whose phone it is, is nobody's business."""
    await show_answer(kiosk, Refused(Refusal.TOO_MANY_GUESTS))


async def _receipt(kiosk: Kiosk, package: Package) -> None:
    server = kiosk.vitals().server
    kiosk.person.show(
        GuestStored(
            slot=package.slot or "",
            reference=package.barcode,
            is_reached=server is None or server.is_reached,
            choices=(Choice.DONE,),
        )
    )
    await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)
