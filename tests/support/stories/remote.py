"""What happens by itself: a door is forced, a hold ends, the server opens a door."""

from __future__ import annotations

import asyncio

from kiosk.flows.events import RemoteOpen
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import DoorOpen, Trouble
from kiosk.model.clock import DAY_MS
from kiosk.model.package import PackageStatus
from tests.support.flow_site import Running
from tests.support.invariants import BecameFact, RowFact, Witness
from tests.support.stories.people import have_stored, hold_over, plug, shut, unplug
from tests.support.stories.table import story


@story
async def a_door_is_forced(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    await kiosk.player.until(First)
    await asyncio.sleep(20)
    witness.prepared()
    kiosk.site.steel.open_by_force(slot)
    witness.took(slot)
    await kiosk.player.until(First, lambda view: view.open_doors == (slot,))


@story
async def a_latch_does_not_hold(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    await kiosk.player.until(First)
    witness.prepared()
    kiosk.site.steel.open_by_force(slot)
    await kiosk.player.until(Trouble)
    await shut(kiosk, slot)
    await kiosk.player.until(First)


@story
async def a_hold_ends(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness, "P")
    await have_stored(kiosk, witness, "Q", "M")
    witness.prepared()
    await hold_over(kiosk)
    for barcode in ("P", "Q"):
        witness.add(BecameFact(barcode, PackageStatus.EXPIRED))
    await kiosk.player.until(First)
    await asyncio.sleep(130)


@story
async def the_clock_jumps(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    await kiosk.player.until(First)
    witness.prepared()
    kiosk.world.clock.ahead_ms += DAY_MS
    await asyncio.sleep(130)
    kiosk.world.clock.is_trusted = False
    await asyncio.sleep(130)
    kiosk.world.clock.is_trusted = True
    await asyncio.sleep(130)


@story
async def a_board_goes_and_comes_back(kiosk: Running, witness: Witness) -> None:
    await have_stored(kiosk, witness)
    witness.prepared()
    unplug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards > 0)
    plug(kiosk)
    await kiosk.player.until(First, lambda view: view.unreachable_boards == 0)


@story
async def opened_remotely(kiosk: Running, witness: Witness) -> None:
    slot = await have_stored(kiosk, witness)
    witness.prepared()
    await kiosk.player.until(First)
    kiosk.player.do(RemoteOpen(slot, kiosk.kiosk.new_id()))
    await kiosk.player.until(DoorOpen)
    witness.when_shown(First, RowFact("slot", slot, "status", "SUSPECT"))
    await shut(kiosk, slot)
    await kiosk.player.until(First)
