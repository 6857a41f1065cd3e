"""What a running machine does for itself, in virtual time: real flows, store and drivers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kiosk.demo.player import deposit
from kiosk.flows import housekeeping
from kiosk.model.clock import DAY_MS
from kiosk.model.events import EventKind
from kiosk.store import backup, boards, journal, packages
from kiosk.store.backup import BackupPlan
from tests.support.flow_site import START_MS, Running, World, running
from tests.support.virtual_loop import run_virtually

MINUTE_S = 60


async def stored(kiosk: Running, barcode: str = "P") -> str:
    kiosk.site.steel.close_after_s = 3.0
    package = await kiosk.announce(barcode)
    await deposit(kiosk.player, "114711", [barcode], scan=None)
    return package


async def recorded(kiosk: Running, kind: EventKind) -> list[dict[str, Any]]:
    events = await kiosk.kiosk.store.run(journal.after, 0, 500, [kind])
    return [json.loads(event.body) for event in events]


async def test_a_package_expires_by_itself_while_nobody_is_there(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await stored(kiosk)
        await asyncio.sleep(2 * MINUTE_S)

        def shorten(writer) -> None:  # type: ignore[no-untyped-def]
            soon = writer.now.wall_ms + 3 * MINUTE_S * 1000
            writer.db.execute("UPDATE package SET hold_until_ms = ?", [soon])

        await kiosk.kiosk.store.run(shorten)
        assert await kiosk.package_status(package) == "STORED"
        await asyncio.sleep(5 * MINUTE_S)
        assert await kiosk.package_status(package) == "EXPIRED"


def test_a_power_cut_of_six_days_expires_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def before() -> str:
        async with running(world) as kiosk:
            return await stored(kiosk)

    async def after(package: str) -> None:
        async with running(world) as kiosk:
            await asyncio.sleep(3 * MINUTE_S)
            assert await kiosk.package_status(package) == "STORED"
            [paused] = await recorded(kiosk, EventKind.HOLD_PAUSED)
            assert paused["gap_ms"] >= 6 * DAY_MS

    package = run_virtually(before())
    world.clock.ahead_ms += 6 * DAY_MS
    run_virtually(after(package))


async def test_a_clock_that_jumps_is_journaled_expires_nothing_and_is_confirmed(
    tmp_path: Path,
) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await stored(kiosk)
        await asyncio.sleep(2 * MINUTE_S)
        assert await recorded(kiosk, EventKind.CLOCK_CHANGED) == []
        kiosk.world.clock.ahead_ms += 20 * DAY_MS
        kiosk.world.clock.is_trusted = False
        await asyncio.sleep(10 * MINUTE_S)
        [doubted] = await recorded(kiosk, EventKind.CLOCK_CHANGED)
        assert doubted["trusted"] is False
        assert doubted["jump_ms"] == 20 * DAY_MS
        assert await kiosk.package_status(package) == "STORED"
        await housekeeping.confirm_time(kiosk.kiosk, "staff:99")
        await asyncio.sleep(2 * MINUTE_S)
        found = await recorded(kiosk, EventKind.CLOCK_CHANGED)
        assert [each["actor"] for each in found][1] == "staff:99"
        assert found[-1]["trusted"] is True
        assert await kiosk.package_status(package) == "STORED"
        [paused] = await recorded(kiosk, EventKind.HOLD_PAUSED)
        assert paused["gap_ms"] >= 20 * DAY_MS


async def test_an_unplugged_board_holds_its_packages_on(tmp_path: Path) -> None:
    async with running(World(tmp_path)) as kiosk:
        package = await stored(kiosk)
        record = await kiosk.kiosk.store.run(packages.package, package)
        slot = record.slot or ""
        await kiosk.kiosk.store.run(boards.went, "left", [slot], "unplugged")
        await asyncio.sleep(2 * MINUTE_S)
        assert await kiosk.serve_for(days=9) == 0
        assert await kiosk.package_status(package) == "STORED"


async def test_the_nightly_backup_is_made_and_checked_beside_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "RETRY_MS", 3 * MINUTE_S * 1000)

    async with running(World(tmp_path)) as kiosk:
        kiosk.kiosk.backup = BackupPlan(tmp_path / "out")
        await stored(kiosk)
        nights = asyncio.create_task(housekeeping.keep(kiosk.kiosk))
        await asyncio.sleep(MINUTE_S)
        [first] = backup.kept(tmp_path / "out")
        assert backup.check(first) == ""
        last = await kiosk.kiosk.store.run(backup.last)
        assert last is not None and last.at_ms >= START_MS
        await asyncio.sleep(5 * MINUTE_S)
        assert len(backup.kept(tmp_path / "out")) == 1
        kiosk.world.clock.ahead_ms += DAY_MS
        await asyncio.sleep(2 * MINUTE_S)
        assert len(backup.kept(tmp_path / "out")) == 2
        nights.cancel()
