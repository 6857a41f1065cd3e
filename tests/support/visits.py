"""What tests of the flows do again and again: start a fresh kiosk, sign in, put a package in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from kiosk.flows.context import Policy
from kiosk.flows.events import Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import EnterPin
from kiosk.model.person import Recipient
from kiosk.store import packages
from tests.support.flow_site import COURIER_PIN, Running, World, require_sound, running
from tests.support.virtual_loop import run_virtually

Story = Callable[[Running], Awaitable[None]]


@asynccontextmanager
async def fresh_kiosk(folder: Path, policy: Policy | None = None) -> AsyncIterator[Running]:
    """A fresh kiosk at its first screen; looks afterwards whether everything agrees."""
    async with running(World(folder, policy=policy or Policy())) as kiosk:
        await kiosk.player.until(First)
        yield kiosk
        require_sound(kiosk.kiosk.store)


def play(folder: Path, story: Story, policy: Policy | None = None) -> None:
    """Run one story at a fresh kiosk."""

    async def whole() -> None:
        async with fresh_kiosk(folder, policy) as kiosk:
            await story(kiosk)

    run_virtually(whole())


async def sign_in(kiosk: Running, pin: str = COURIER_PIN) -> None:
    kiosk.player.do(Pressed(Choice.COURIER))
    await kiosk.player.until(EnterPin)
    kiosk.player.do(Entered(pin))


async def store(kiosk: Running, barcode: str, size: str = "S", owner: str | None = None) -> str:
    """Put a package in as a courier who is signed in; its slot."""
    recipient = Recipient(kiosk.kiosk.new_id(), "Ada", "+49171000")
    await kiosk.kiosk.store.run(
        packages.announce,
        packages.Announcement(kiosk.kiosk.new_id(), barcode, size, recipient, owner),
    )
    kiosk.site.steel.close_after_s = 3.0
    kiosk.player.do(Scanned(barcode))
    view = await kiosk.player.until(
        ScanPackage, lambda view: view.stored is not None and view.stored.barcode == barcode
    )
    assert view.stored is not None
    return view.stored.slot


async def expire_everything(kiosk: Running) -> None:
    """Let the time of all holds pass."""
    assert await kiosk.serve_for(days=9) > 0
