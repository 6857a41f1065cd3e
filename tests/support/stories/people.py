"""What people do at a locker, for stories to be made of."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, Receipt, ScanPackage
from kiosk.flows.views.customer import EnterCode, First, Thanks
from kiosk.flows.views.service import DoorPage, Doors
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, View
from kiosk.flows.views.unannounced import ConfirmPhone, EnterPhone, WhomFor
from kiosk.model.location import SlotStatus
from kiosk.model.package import PackageStatus
from kiosk.model.person import Recipient
from kiosk.store import departures, packages
from kiosk.store.packages import Announcement
from tests.support.flow_site import COURIER_PIN, TECHNICIAN_PIN, Running
from tests.support.invariants import BecameFact, Witness

V = TypeVar("V", bound=View)
AT_THE_DOOR_S = 3.0
"""How long a person needs between an open door and a shut one."""


async def press(kiosk: Running, choice: Choice, then: type[V]) -> V:
    """Press something and wait for the view that follows."""
    kiosk.player.do(Pressed(choice))
    return await kiosk.player.until(then)


async def at_first_screen(kiosk: Running) -> None:
    """Wait for the first screen, where it is not what is shown already."""
    if not isinstance(kiosk.kiosk.person.view, First):
        await kiosk.player.until(First)


async def sign_in_courier(kiosk: Running) -> None:
    """From the first screen to the courier's."""
    await at_first_screen(kiosk)
    await press(kiosk, Choice.COURIER, EnterPin)
    kiosk.player.do(Entered(COURIER_PIN))
    await kiosk.player.until(ScanPackage)


async def sign_in_technician(kiosk: Running) -> None:
    """From the first screen to the doors."""
    await at_first_screen(kiosk)
    await press(kiosk, Choice.SERVICE, EnterPin)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    await kiosk.player.until(Doors)


async def prove(kiosk: Running, choice: Choice, then: type[V]) -> V:
    """Press something dangerous, type the technician's PIN once more, and wait for what follows."""
    kiosk.player.do(Pressed(choice))
    await kiosk.player.until(EnterPin, lambda view: view.again)
    kiosk.player.do(Entered(TECHNICIAN_PIN))
    return await kiosk.player.until(then)


async def scan_unannounced(
    kiosk: Running, size: str = "M", then: type[View] = WhomFor, barcode: str = "NEW"
) -> None:
    """Behind the courier's screen: scan what nobody announced, and choose its size."""
    kiosk.player.do(Scanned(barcode))
    await kiosk.player.until(ChooseSize)
    kiosk.player.do(Chosen(size))
    await kiosk.player.until(then)


async def type_phone(kiosk: Running, number: str) -> None:
    """Type a whole number, and find it right when it is read back."""
    await kiosk.player.until(EnterPhone)
    kiosk.player.do(Entered(number))
    await press_once(kiosk, ConfirmPhone, Choice.YES)


async def press_once(kiosk: Running, on: type[View], choice: Choice) -> None:
    """Press something on a view as soon as it is there."""
    await kiosk.player.until(on)
    kiosk.player.do(Pressed(choice))


async def leave(kiosk: Running) -> None:
    """Press done, on a receipt as well, until the first screen is there."""
    kiosk.player.do(Pressed(Choice.DONE))
    view = await kiosk.player.until(View, lambda view: isinstance(view, First | Receipt))
    if isinstance(view, Receipt):
        await press(kiosk, Choice.DONE, First)


async def shut(kiosk: Running, slot: str) -> None:
    """After a while at the door, shut it."""
    await asyncio.sleep(AT_THE_DOOR_S)
    kiosk.site.steel.close(slot)


async def put_in(kiosk: Running, witness: Witness, barcode: str) -> str:
    """Behind the courier's screen: scan, put in, shut; the slot."""
    kiosk.player.do(Scanned(barcode))
    slot = (await kiosk.player.until(DoorOpen)).slot
    witness.put(slot, barcode)
    await shut(kiosk, slot)
    await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
    return slot


async def have_stored(
    kiosk: Running, witness: Witness, barcode: str = "P", size: str = "S", owner: str | None = None
) -> str:
    """A package that was announced and put in by the courier, who has left; its slot."""
    await announce(kiosk, barcode, size, owner)
    await sign_in_courier(kiosk)
    slot = await put_in(kiosk, witness, barcode)
    await press(kiosk, Choice.DONE, Receipt)
    kiosk.player.do(Pressed(Choice.DONE))
    return slot


async def announce(kiosk: Running, barcode: str, size: str, owner: str | None = None) -> None:
    """Somebody says that a package will come, for this user of the server."""
    recipient = Recipient(kiosk.kiosk.new_id(), "Ada", "+49171000")
    announcement = Announcement(kiosk.kiosk.new_id(), barcode, size, recipient, owner)
    await kiosk.kiosk.store.run(packages.announce, announcement)


async def hold_over(kiosk: Running) -> None:
    """Eight days go by while the kiosk serves, and what was not fetched expires."""
    assert await kiosk.serve_for(days=8) > 0


async def recall(kiosk: Running, barcode: str) -> None:
    """The sender wants a package back."""
    package = await kiosk.kiosk.store.run(packages.live_by_barcode, barcode)
    assert package is not None
    await kiosk.kiosk.store.run(departures.cancel, package.id, "a test")


async def type_code(kiosk: Running, code: str) -> None:
    """From the first screen: type a code."""
    await at_first_screen(kiosk)
    await press(kiosk, Choice.PICK_UP, EnterCode)
    kiosk.player.do(Entered(code))


async def fetch(kiosk: Running, witness: Witness, barcode: str = "P") -> str:
    """From the first screen to thanks; the slot."""
    code = await kiosk.code_of(barcode)
    witness.when_shown(Thanks, BecameFact(barcode, PackageStatus.RETRIEVED))
    await type_code(kiosk, code)
    slot = (await kiosk.player.until(DoorOpen)).slot
    witness.took(slot)
    await shut(kiosk, slot)
    await kiosk.player.until(Thanks)
    return slot


async def open_as_technician(kiosk: Running, slot: str) -> None:
    """From the doors to one that stands open and is shut again."""
    kiosk.player.do(Chosen(slot))
    page = await kiosk.player.until(DoorPage)
    if page.row.status is SlotStatus.EMPTY:
        await press(kiosk, page.choices[0], DoorOpen)
    else:
        await prove(kiosk, page.choices[0], DoorOpen)
    await shut(kiosk, slot)
    await kiosk.player.until(Ask)


async def doubted(kiosk: Running, witness: Witness) -> str:
    """A stored package whose slot came into doubt: it was shut within a moment; the slot."""
    slot = await have_stored(kiosk, witness)
    await type_code(kiosk, await kiosk.code_of("P"))
    await kiosk.player.until(DoorOpen)
    kiosk.site.steel.close(slot)
    await kiosk.player.until(Ask)
    kiosk.player.do(Pressed(Choice.NO))
    return slot


def unplug(kiosk: Running) -> None:
    for line in kiosk.site.lines.values():
        line.is_plugged = False


def plug(kiosk: Running) -> None:
    for line in kiosk.site.lines.values():
        line.is_plugged = True


def silence_after_the_pulse(kiosk: Running) -> None:
    """The board dies with the pulse: the door opens and nobody can tell."""
    kiosk.site.steel.listen(lambda moved: unplug(kiosk) if moved.is_open else None)


async def id_of(kiosk: Running, barcode: str) -> str:
    package = await kiosk.kiosk.store.run(packages.live_by_barcode, barcode)
    assert package is not None
    return package.id
