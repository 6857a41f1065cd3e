"""Two senders announced one barcode: the courier puts it in, and nobody is given its code."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Scanned
from kiosk.flows.views.choices import Refusal
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.model.person import Recipient
from kiosk.store import packages
from kiosk.store.packages import Announcement
from tests.support.flow_site import Running
from tests.support.visits import play, sign_in


async def announced_by(kiosk: Running, sender: str, *, needs_low: bool = False) -> str:
    package, person = kiosk.kiosk.new_id(), Recipient(kiosk.kiosk.new_id(), "Ada", "+49171000")
    announcement = Announcement(
        package, "ONE", "S", person, f"owner-{sender}", needs_low=needs_low, sender=sender
    )
    assert await kiosk.kiosk.store.run(packages.announce, announcement)
    return package


def test_the_package_is_taken_and_is_neithers_by_itself(tmp_path: Path) -> None:
    async def story(kiosk: Running) -> None:
        await sign_in(kiosk)
        one, two = await announced_by(kiosk, "one"), await announced_by(kiosk, "two")
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Scanned("ONE"))
        await kiosk.player.until(ChooseSize)
        kiosk.player.do(Chosen("S"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert view.stored.code == "", "the courier is shown a code"
        lying = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert lying is not None
        assert (lying.slot, lying.recipient) == (view.stored.slot, None)
        assert lying.id not in (one, two)
        assert [await kiosk.package_status(each) for each in (one, two)] == ["PENDING"] * 2
        kiosk.player.do(Scanned("ONE"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.ALREADY_HERE

    play(tmp_path, story, Policy(show_code_to_courier=True))


def test_a_second_announcement_that_comes_while_it_is_scanned_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(kiosk: Running) -> None:
        await sign_in(kiosk)
        one = await announced_by(kiosk, "one")
        known = await kiosk.kiosk.store.run(packages.live_by_barcode, "ONE")
        assert known is not None
        assert known.id == one
        begin = kiosk.kiosk.store.run

        async def late(operation, *arguments):  # type: ignore[no-untyped-def]
            found = await begin(operation, *arguments)
            if operation is packages.live_by_barcode:
                monkeypatch.setattr(kiosk.kiosk.store, "run", begin)
                await announced_by(kiosk, "two", needs_low=True)
            return found

        monkeypatch.setattr(kiosk.kiosk.store, "run", late)
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Scanned("ONE"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert view.stored.code == ""
        assert kiosk.kiosk.location.slot(view.stored.slot).is_low
        assert await kiosk.package_status(one) == "PENDING"

    play(tmp_path, story, Policy(show_code_to_courier=True))


def test_with_one_sender_it_is_as_before(tmp_path: Path) -> None:
    async def story(kiosk: Running) -> None:
        await sign_in(kiosk)
        one = await announced_by(kiosk, "one")
        kiosk.site.steel.close_after_s = 3.0
        kiosk.player.do(Scanned("ONE"))
        view = await kiosk.player.until(ScanPackage, lambda view: view.stored is not None)
        assert view.stored is not None
        assert view.stored.code == await kiosk.code_of("ONE")
        assert await kiosk.package_status(one) == "STORED"

    play(tmp_path, story, Policy(show_code_to_courier=True))
