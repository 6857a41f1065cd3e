"""The machine's day: the first screen, who comes to it, and what they came for."""

from __future__ import annotations

import asyncio
import logging

from drivers.door import BoardChange, DoorChange, DoorState
from kiosk.flows.deposit import courier_run
from kiosk.flows.doors import pressed, push_until_it_clicks
from kiosk.flows.kiosk import Kiosk
from kiosk.flows.maintenance import maintenance
from kiosk.flows.pickup import pickup, scanned_pickup
from kiosk.flows.views import (
    Checking,
    Choice,
    Entered,
    EnterPin,
    First,
    Pressed,
    Problem,
    Refusal,
    Refused,
    Scanned,
    TimedOut,
    Told,
    Trouble,
)
from kiosk.flows.watch import Watch, recover
from kiosk.model.events import EventKind
from kiosk.model.person import STAFF_NUMBER_DIGITS, Role, Staff
from kiosk.store import codes, packages, slots
from kiosk.store.errors import StoreError
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk")
HOUSEKEEPING_S = 60
"""How often the first screen looks for holds that are over."""


async def run(kiosk: Kiosk) -> None:
    """Start up, then serve people one after another until cancelled."""
    watch = Watch(kiosk)
    moves: asyncio.Queue[DoorChange | BoardChange] = asyncio.Queue()
    kiosk.bank.listen(moves.put_nowait)
    await kiosk.store.run(started)
    await kiosk.store.run(slots.configure, kiosk.location)
    await kiosk.bank.start()
    watching = asyncio.create_task(_watch(kiosk, watch, moves))
    try:
        while True:
            await _serve_one(kiosk, watch)
    finally:
        watching.cancel()


def started(writer: Writer) -> int:
    """The kiosk starts: the first event of every run."""
    return writer.record(EventKind.KIOSK_STARTED)


async def _watch(
    kiosk: Kiosk, watch: Watch, moves: asyncio.Queue[DoorChange | BoardChange]
) -> None:
    """Write down what the doors do, then tell the flow; a store that fails stops neither."""
    while True:
        move = await moves.get()
        try:
            if isinstance(move, DoorChange):
                await watch.door_moved(move)
            else:
                await watch.board_changed(move)
        except StoreError:
            LOG.exception("a door's or board's change could not be written: %s", move)
        kiosk.person.happened(move)


async def _serve_one(kiosk: Kiosk, watch: Watch) -> None:
    """One person, from the first screen and back to it.

    Whatever goes wrong, the next person finds a working machine: a door that was left in play is
    treated as after a power cut.
    """
    kiosk.person.forget()
    try:
        await recover(kiosk)
        await _first_screen(kiosk, watch)
    except Exception:
        LOG.exception("a visit failed; the person was sent away")
        view = Trouble(problem=Problem.CANNOT_RECORD, slot="", choices=(Choice.DONE,))
        kiosk.person.show(view)
        await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)


async def _first_screen(kiosk: Kiosk, watch: Watch) -> None:
    while True:
        if watch.not_latched is not None:
            slot, watch.not_latched = watch.not_latched, None
            await push_until_it_clicks(kiosk, slot)
        view = _first_view(kiosk)
        if view != kiosk.person.view:
            kiosk.person.show(view)
        event = await kiosk.person.next(HOUSEKEEPING_S)
        match event:
            case Entered(digits):
                return await pickup(kiosk, digits)
            case Pressed(Choice.PICK_UP):
                return await pickup(kiosk)
            case Scanned(text):
                return await scanned_pickup(kiosk, text)
            case Pressed(Choice.COURIER):
                return await _staff(kiosk, Role.COURIER)
            case Pressed(Choice.SERVICE):
                return await _staff(kiosk, Role.TECHNICIAN)
            case Pressed(Choice.HELP):
                return await _help(kiosk)
            case TimedOut():
                await kiosk.store.run(packages.expire_due)
            case _:
                pass


def _first_view(kiosk: Kiosk) -> First:
    open_doors = tuple(
        slot.label for slot in kiosk.location.slots if kiosk.bank.door(slot.label) is DoorState.OPEN
    )
    # A board that was not asked yet has no reason: nothing is wrong with it so far.
    away = sum(1 for each in kiosk.bank.reports() if not each.reachable and each.reason)
    return First(
        open_doors=open_doors,
        unreachable_boards=away,
        choices=(Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP),
    )


async def _help(kiosk: Kiosk) -> None:
    kiosk.person.show(Told(help=True, choices=(Choice.DONE,)))
    await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)


async def _staff(kiosk: Kiosk, role: Role) -> None:
    staff = await sign_in(kiosk, role)
    if staff is None:
        return
    if role is Role.TECHNICIAN:
        await maintenance(kiosk, staff)
    else:
        await courier_run(kiosk, staff)


async def sign_in(kiosk: Kiosk, role: Role) -> Staff | None:
    """Ask for a PIN until it is right; None when the person goes back or away."""
    refused: Refused | None = None
    while True:
        wait_s = -(-await kiosk.store.run(codes.sign_in_wait_ms) // 1000)
        view = EnterPin(
            for_service=role is Role.TECHNICIAN,
            refused=refused,
            wait_s=wait_s,
            choices=(Choice.BACK,),
        )
        kiosk.person.show(view)
        event = await kiosk.person.next(wait_s or kiosk.policy.idle_s)
        if event == Pressed(Choice.BACK) or (isinstance(event, TimedOut) and not wait_s):
            return None
        if not isinstance(event, Entered) or wait_s:
            continue
        kiosk.person.show(Checking())
        staff = await _check_pin(kiosk, role, event.text)
        number = staff.number if staff else ""
        await kiosk.store.run(codes.sign_in, number, role.value, staff is not None)
        if staff is not None:
            return staff
        refused = Refused(Refusal.WRONG_PIN)


async def _check_pin(kiosk: Kiosk, role: Role, pin: str) -> Staff | None:
    """The member of staff with this PIN and role. A technician may also do a courier's work.

    Somebody's hash is checked even when the number is nobody's, so that the time tells nothing.
    """
    staff = kiosk.staff.get(pin[:STAFF_NUMBER_DIGITS])
    checked = staff or next(iter(kiosk.staff.values()), None)
    if checked is None:
        return None
    is_right = await kiosk.verify_pin(checked.pin_hash, pin[STAFF_NUMBER_DIGITS:])
    if staff is None or not is_right:
        return None
    return staff if staff.role in (role, Role.TECHNICIAN) else None
