"""The machine's day: the first screen, who comes to it, and what they came for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from drivers.door import BoardChange, DoorChange
from kiosk.flows import housekeeping
from kiosk.flows.context import Kiosk
from kiosk.flows.courier import courier_run
from kiosk.flows.door_events import FAILED, Watch, recover
from kiosk.flows.doors import pressed, push_until_it_clicks
from kiosk.flows.events import Entered, Preference, Pressed, RemoteOpen, Scanned, TimedOut
from kiosk.flows.guest import guest_deposit
from kiosk.flows.help import offer_help
from kiosk.flows.lock import SessionLock
from kiosk.flows.maintenance import maintenance
from kiosk.flows.pickup import pickup, scanned_pickup
from kiosk.flows.remote_open import open_remotely
from kiosk.flows.set_up import finish_set_up
from kiosk.flows.sign_in import sign_in, sign_in_by_badge
from kiosk.flows.views.choices import Choice, Problem
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Trouble
from kiosk.model.actor import KIOSK
from kiosk.model.event_bodies import KioskStarted
from kiosk.model.person import Role, Staff, StaffSource, is_badge
from kiosk.store import remote_help, set_up, slots, staff
from kiosk.store.remote_help import Paused
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk")
LOOK_AGAIN_S = 60
"""How often the first screen looks at doors and boards when nothing happens."""


async def run(kiosk: Kiosk) -> None:
    """Start up, then serve people one after another until cancelled."""
    async with watching(kiosk) as watch:
        keeping = asyncio.create_task(housekeeping.keep(kiosk))
        try:
            while True:
                await _serve_one(kiosk, watch)
        finally:
            keeping.cancel()


@contextlib.asynccontextmanager
async def watching(kiosk: Kiosk) -> AsyncIterator[Watch]:
    """Start up; what the doors do is written down until the end."""
    watch = Watch(kiosk)
    moves: asyncio.Queue[DoorChange | BoardChange] = asyncio.Queue()
    kiosk.bank.listen(moves.put_nowait)
    await kiosk.store.run(started)
    if kiosk.is_settled:
        await kiosk.store.run(remote_help.end_begun)
    await kiosk.store.run(slots.configure, kiosk.location)
    config = (kiosk.staff, StaffSource.CONFIG, kiosk.staff_digits)
    await kiosk.store.run(staff.list_staff, *config)
    await kiosk.store.run(staff.end_open_visits)
    await kiosk.bank.start()
    task = asyncio.create_task(_watch(kiosk, watch, moves))
    try:
        yield watch
    finally:
        task.cancel()


def started(writer: Writer) -> int:
    """The kiosk starts: the first event of every run."""
    return writer.record(KioskStarted(actor=KIOSK))


async def _watch(
    kiosk: Kiosk, watch: Watch, moves: asyncio.Queue[DoorChange | BoardChange]
) -> None:
    """Write down what the doors do, then pass it to the flow; a store that fails stops neither."""
    while True:
        move = await moves.get()
        await watch.moved(move)
        kiosk.person.happened(move)


async def _serve_one(kiosk: Kiosk, watch: Watch) -> None:
    """One person, from the first screen and back to it.

    Whatever goes wrong, the next person finds a working machine: a door that was left in play is
    treated as after a power cut.
    """
    kiosk.person.forget()
    try:
        await watch.catch_up()
        await recover(kiosk, watch.why_in_play)
        watch.why_in_play = FAILED
        if await kiosk.store.run(set_up.progress) is not None:
            await finish_set_up(kiosk)
        await _first_screen(kiosk, watch)
    except Exception as error:
        LOG.exception("a visit failed; the person was sent away")
        await watch.visit_failed(error)
        # At once, not after the person's answer: until then nobody would know of the steel.
        try:
            await recover(kiosk, watch.why_in_play)
        except Exception:
            LOG.exception("the doors in play could not be looked at; again before the next visit")
        view = Trouble(problem=Problem.CANNOT_RECORD, slot="", choices=(Choice.DONE,))
        kiosk.person.show(view)
        await pressed(kiosk, (Choice.DONE,), kiosk.policy.idle_s)


async def _first_screen(kiosk: Kiosk, watch: Watch) -> None:
    while True:
        if watch.not_latched is not None:
            slot, watch.not_latched = watch.not_latched, None
            await push_until_it_clicks(kiosk, slot)
        paused = await kiosk.store.run(remote_help.paused)
        is_closed = paused is not None and paused.is_closed
        view = _first_view(kiosk, paused)
        if view != kiosk.person.view:
            kiosk.person.show(view)
        kiosk.store.visited(False)
        event = await kiosk.person.next(_look_again_s(kiosk))
        kiosk.store.visited(not isinstance(event, TimedOut))
        match event:
            case TimedOut():
                kiosk.person.preference = Preference()  # whoever chose it went away
            case Scanned(text) if is_badge(text):
                return await _badge(kiosk, text)
            case Entered() | Scanned() | Pressed(Choice.PICK_UP) if is_closed:
                pass
            case Entered(digits):
                return await pickup(kiosk, digits)
            case Pressed(Choice.PICK_UP):
                return await pickup(kiosk)
            case Scanned(text):
                return await scanned_pickup(kiosk, text)
            case RemoteOpen(slot, command):
                return await open_remotely(kiosk, slot, command)
            case Pressed(Choice.COURIER) if paused is None and not kiosk.is_battery_low:
                return await _staff(kiosk, Role.COURIER)
            case Pressed(Choice.SERVICE):
                return await _staff(kiosk, Role.TECHNICIAN)
            case Pressed(Choice.GUEST) if Choice.GUEST in _first_choices(kiosk, paused):
                return await guest_deposit(kiosk)
            case Pressed(Choice.HELP):
                return await offer_help(kiosk)
            case _:
                pass


NO_DOOR_CHOICES = (Choice.SERVICE, Choice.HELP)
"""What is offered while no board answers; a code that is typed all the same is looked at, for the
doors may be back before the screen says so."""


def _look_again_s(kiosk: Kiosk) -> float:
    """Until when somebody who chose a language or the access mode has gone away, or else until the
    doors are to be looked at again."""
    return LOOK_AGAIN_S if kiosk.person.preference == Preference() else kiosk.policy.idle_s


def _first_view(kiosk: Kiosk, paused: Paused | None) -> First:
    away, reports = kiosk.bank.boards_away(), kiosk.bank.reports()
    no_door_works = len(away) == len(reports)
    return First(
        preference=kiosk.person.preference,
        open_doors=kiosk.open_doors(),
        unreachable_boards=len(away),
        no_door_works=no_door_works,
        paused=paused,
        is_battery_low=kiosk.is_battery_low,
        choices=NO_DOOR_CHOICES if no_door_works else _first_choices(kiosk, paused),
    )


def _first_choices(kiosk: Kiosk, paused: Paused | None) -> tuple[Choice, ...]:
    """What can be done: while this location is paused, or its battery is low, no courier works and
    no guest leaves anything, and where it is closed nobody but a technician does."""
    guest = (Choice.GUEST,) if kiosk.policy.guest_deposits else ()
    if paused is None and not kiosk.is_battery_low:
        return (Choice.PICK_UP, *guest, Choice.COURIER, Choice.SERVICE, Choice.HELP)
    is_closed = paused is not None and paused.is_closed
    return (*(() if is_closed else (Choice.PICK_UP,)), Choice.SERVICE, Choice.HELP)


async def _staff(kiosk: Kiosk, role: Role) -> None:
    person = await sign_in(kiosk, role)
    if person is not None:
        await _visits(kiosk, person, role)


async def _badge(kiosk: Kiosk, text: str) -> None:
    """A badge scanned on the first screen signs in for what its owner does here."""
    person = await sign_in_by_badge(kiosk, text)
    if person is not None and person.role is Role.COURIER:
        # Whoever signed in meanwhile works on; who comes now does not.
        is_paused = await kiosk.store.run(remote_help.paused) is not None
        person = None if is_paused or kiosk.is_battery_low else person
    if person is not None:
        await _visits(kiosk, person, person.role)


async def _visits(kiosk: Kiosk, person: Staff, role: Role) -> None:
    """One member of staff, and each who ends a locked session of the one before by signing in."""
    following = await _visit(kiosk, person, role)
    while following is not None:
        following = await _visit(kiosk, following, following.role)


async def _visit(kiosk: Kiosk, person: Staff, role: Role) -> Staff | None:
    """What a member of staff does from sign-in to sign-out; every use is journaled by person. Who
    signed in in their place, if somebody did."""
    visit = await kiosk.store.run(staff.begin_visit, kiosk.new_id(), person.number, role)
    is_shown = False
    lock = SessionLock(kiosk, person, role)
    kiosk.person.begin_session(lock)
    try:
        if role is Role.TECHNICIAN:
            await maintenance(kiosk, person)
        else:
            is_shown = await courier_run(kiosk, person, visit)
    finally:
        kiosk.person.end_session()
        await kiosk.store.run(staff.end_visit, visit, is_shown)
    return lock.successor
