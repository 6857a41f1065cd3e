"""People hear the truth about packages that cannot be fetched, and hear it once."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from central.notify import messages
from central.outages.reach import Reach
from kiosk.store import holds
from tests.support.outage_network import (
    RULES,
    STEP_MS,
    Fault,
    Network,
    SimulatedKiosk,
    drawn_faults,
    network,
)

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
KIOSKS, AWAY = (100, 20) if IS_NIGHTLY else (4, 3)
DAYS_MAX = 9 if IS_NIGHTLY else 4
IN_TIME_MS = (RULES.silent_after_s + RULES.outage_notified_after_s) * 1000 + STEP_MS
HUSHED = ("reminder", "about_to_expire", "expired")


async def play(lockers: Network, faults: list[Fault], steps: int) -> None:
    """So many steps, with these faults; every seventh the server is started again."""
    for step in range(steps):
        for fault in faults:
            kiosk = lockers.kiosks[fault.kiosk]
            if step == fault.begins:
                begin(kiosk, fault.kind)
            if step == fault.ends:
                end(kiosk, fault.kind)
        if step % 7 == 6:
            lockers.restart()
        await lockers.step()


def begin(kiosk: SimulatedKiosk, kind: str) -> None:
    if kind == "line":
        kiosk.is_line_up = False
    elif kind == "machine":
        kiosk.is_alive = False
    else:
        kiosk.board_goes()


def end(kiosk: SimulatedKiosk, kind: str) -> None:
    kiosk.is_line_up = True
    if kind == "machine":
        kiosk.restarts()
    elif kind == "board":
        kiosk.board_comes()


async def story(lockers: Network, faults: list[Fault]) -> dict[str, Fault | None]:
    """Everybody has a package; then the faults, and two days after the last."""
    of_package: dict[str, Fault | None] = {}
    by_kiosk = {fault.kiosk: fault for fault in faults}
    for number, kiosk in enumerate(lockers.kiosks):
        for each in range(2):
            package = await lockers.deposit(kiosk, number + each)
            of_package[package] = by_kiosk.get(number)
    await play(lockers, faults, max(fault.ends for fault in faults) + 12)
    return of_package


def hushed_while_away(lockers: Network, package: str, fault: Fault, began_ms: int) -> Counter[str]:
    """What should not have been said between the moment it was known to be out and the end."""
    step_ms = STEP_MS + 2 * 60_000
    out_ms = began_ms + fault.begins * step_ms + RULES.silent_after_s * 1000
    back_ms = began_ms + fault.ends * step_ms
    notified = lockers.notified(package)
    return Counter(kind for at, kind in notified if kind in HUSHED and out_ms < at <= back_ms)


def test_nobody_is_reminded_and_everybody_is_notified_twice(tmp_path: Path) -> None:
    faults = drawn_faults(random.Random(4), KIOSKS, AWAY, DAYS_MAX)
    with network(tmp_path, KIOSKS) as lockers:
        began_ms = lockers.clock.wall_ms
        of_package = asyncio.run(story(lockers, faults))
        step_ms = STEP_MS + 2 * 60_000
        for package, fault in of_package.items():
            notified = lockers.notified(package)
            kinds = Counter(kind for _, kind in notified)
            if fault is None:
                assert kinds["out_of_reach"] == kinds["works_again"] == 0
                continue
            assert kinds["out_of_reach"] == kinds["works_again"] == 1, (fault, notified)
            assert not hushed_while_away(lockers, package, fault, began_ms), (fault, notified)
            out_ms = began_ms + fault.begins * step_ms
            back_ms = began_ms + fault.ends * step_ms
            at = {kind: at for at, kind in notified}
            assert out_ms < at["out_of_reach"] <= out_ms + IN_TIME_MS
            over_ms = RULES.outage_over_after_s * 1000 + 3 * STEP_MS
            assert back_ms < at["works_again"] <= back_ms + over_ms
            # Both ends have one deadline, and nothing that was away for days went back meanwhile.
            kiosk = lockers.packages[package]
            assert kiosk.hold_until_ms(package) == lockers.server_hold_ms(package)
            assert (kiosk.hold_until_ms(package) or 0) > back_ms


def test_the_measure_finds_reminders_where_nothing_holds_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "reach_of", lambda *_: Reach())
    with network(tmp_path, 1) as lockers:
        lockers.kiosks[0].gives_back = False
        began_ms = lockers.clock.wall_ms
        fault = Fault(0, "line", 2, 2 + 6 * 6)
        of_package = asyncio.run(story(lockers, [fault]))
        found = sum(
            (hushed_while_away(lockers, each, fault, began_ms) for each in of_package), Counter()
        )
        assert found["reminder"] and found["about_to_expire"]
        # And a kiosk whose holds go on while nobody hears of it sends packages back.
        kiosk = lockers.kiosks[0]
        assert all((kiosk.hold_until_ms(p) or 0) < lockers.clock.wall_ms for p in of_package)


def test_one_that_flaps_is_one_outage(tmp_path: Path) -> None:
    """It is back for less than the settings say, and gone again; over restarts of the server."""
    with network(tmp_path, 1) as lockers:

        async def flaps() -> str:
            kiosk = lockers.kiosks[0]
            package = await lockers.deposit(kiosk, 0)
            for _ in range(4):
                begin(kiosk, "line")
                for _ in range(5):
                    await lockers.step()
                end(kiosk, "line")
                await lockers.step()
                lockers.restart()
            for _ in range(7):
                await lockers.step()
            return package

        notified = Counter(kind for _, kind in lockers.notified(asyncio.run(flaps())))
        assert (notified["out_of_reach"], notified["works_again"]) == (1, 1)


def test_who_fetched_it_meanwhile_is_not_notified_that_it_works_again(tmp_path: Path) -> None:
    with network(tmp_path, 1) as lockers:

        async def fetched_offline() -> tuple[str, str]:
            kiosk = lockers.kiosks[0]
            fetched, kept = [await lockers.deposit(kiosk, number) for number in range(2)]
            begin(kiosk, "line")
            for _ in range(6):
                await lockers.step()
            kiosk.journal.take_out(fetched)
            kiosk.journal.do(holds.extend_hold, kept, 1, "Europe/Berlin", "customer")
            for _ in range(6):
                await lockers.step()
            end(kiosk, "line")
            for _ in range(7):
                await lockers.step()
            return fetched, kept

        fetched, kept = asyncio.run(fetched_offline())
        assert [kind for _, kind in lockers.notified(fetched)][-2:] == ["out_of_reach", "retrieved"]
        others = [kind for _, kind in lockers.notified(kept) if kind not in HUSHED]
        assert others == ["stored", "out_of_reach", "works_again"]
        # What was asked for while nobody heard of it counts at both ends.
        kiosk = lockers.kiosks[0]
        assert kiosk.hold_until_ms(kept) == lockers.server_hold_ms(kept)


def test_a_pause_that_gives_nothing_out_counts_too(tmp_path: Path) -> None:
    with network(tmp_path, 1) as lockers:

        async def paused() -> str:
            [kiosk] = lockers.kiosks
            package = await lockers.deposit(kiosk, 0)
            lockers.have_read()
            kiosk.is_closed = True
            for _ in range(7):
                await lockers.step()
            kiosk.is_closed = False
            for _ in range(7):
                await lockers.step()
            return package

        package = asyncio.run(paused())
        kinds = [kind for _, kind in lockers.notified(package)]
        assert kinds[:3] == ["stored", "out_of_reach", "works_again"]
        # Carriers hear of it from the same rows, once.
        assert [each for each in lockers.said_in_feed() if each != "SERVER_PACKAGE"] == [
            "SERVER_LOCATION_OUT",
            "SERVER_HOLD_PAUSED",
            "SERVER_LOCATION_BACK",
            "SERVER_HOLD_RESUMED",
        ]
        assert lockers.kiosks[0].hold_until_ms(package) == lockers.server_hold_ms(package)


def test_two_servers_tell_it_once(tmp_path: Path) -> None:
    """The keeper's right goes to and fro: whichever looks, what was notified stands in the rows."""
    with network(tmp_path, 2) as lockers:

        async def both() -> list[str]:
            found = [await lockers.deposit(kiosk, 0) for kiosk in lockers.kiosks]
            for kiosk in lockers.kiosks:
                begin(kiosk, "line")
            for _ in range(6):
                await lockers.step()
                await lockers.step_beside()
            for kiosk in lockers.kiosks:
                end(kiosk, "line")
            for _ in range(7):
                await lockers.step()
                await lockers.step_beside()
            return found

        for package in asyncio.run(both()):
            notified = Counter(kind for _, kind in lockers.notified(package))
            assert (notified["out_of_reach"], notified["works_again"]) == (1, 1)
