"""Couriers who are on no list: who is let in by a badge or the code of the day, and who is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kiosk.flows.events import Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Refusal
from kiosk.flows.views.courier import ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import Answer, EnterPin, View
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.site_code import code_of_day, local_day
from kiosk.store import badges
from kiosk.store.badges import CarrierAccess, KnownKey, Revocation
from kiosk.store.writer import Writer
from tests.support.carrier_badges import (
    BADGE_ID,
    CARRIER,
    OTHER_CARRIER,
    access,
    badge_at,
    public_of,
)
from tests.support.flow_site import LOCATION, LOCATION_KEY, START_MS, Running
from tests.support.visits import fresh_kiosk, sign_in

BADGE = badge_at(START_MS)


@asynccontextmanager
async def knowing(folder: Path, known: CarrierAccess) -> AsyncIterator[Running]:
    """A kiosk at its first screen that knows these keys."""
    async with fresh_kiosk(folder) as kiosk:
        await kiosk.kiosk.store.run(badges.take, known)
        yield kiosk


async def events(kiosk: Running, kind: str) -> list[dict[str, Any]]:
    rows = await kiosk.kiosk.store.run(
        lambda writer: writer.all("SELECT body FROM journal WHERE kind = ? ORDER BY seq", (kind,))
    )
    return [json.loads(row["body"]) for row in rows]


async def test_a_signed_badge_opens_a_couriers_session_and_the_journal_says_whose(
    tmp_path: Path,
) -> None:
    async with knowing(tmp_path, access()) as kiosk:
        kiosk.player.do(Scanned(BADGE))
        view = await kiosk.player.until(ScanPackage)
        assert view.name == "c-48213"
        kiosk.player.do(Scanned(BADGE + "\r\n"))
        await kiosk.player.until(First)
        [signed_in] = await events(kiosk, "STAFF_SIGNED_IN")
        assert (signed_in["actor"], signed_in["role"]) == ("courier:swift:c-48213", "courier")
        [ended] = await events(kiosk, "VISIT_ENDED")
        assert ended["actor"] == "courier:swift:c-48213"


async def test_a_badge_signs_in_where_a_pin_is_asked(tmp_path: Path) -> None:
    async with knowing(tmp_path, access()) as kiosk:
        kiosk.player.do(Pressed(Choice.COURIER))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Scanned(badge_at(START_MS, until_s=START_MS // 1000)))
        view = await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        assert view.refused is not None
        assert view.refused.reason is Refusal.BADGE_NOT_VALID_NOW
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(ScanPackage)


async def test_a_badge_is_no_technicians(tmp_path: Path) -> None:
    async with knowing(tmp_path, access()) as kiosk:
        kiosk.player.do(Pressed(Choice.SERVICE))
        await kiosk.player.until(EnterPin)
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        assert await events(kiosk, "STAFF_SIGNED_IN") == []


NOW_S = START_MS // 1000


@pytest.mark.parametrize(
    ("text", "known", "reason", "why", "number"),
    [
        pytest.param(
            badge_at(START_MS, until_s=NOW_S - 1),
            access(),
            Refusal.BADGE_NOT_VALID_NOW,
            "ENDED",
            "courier:swift",
            id="ended",
        ),
        pytest.param(
            badge_at(START_MS, from_s=NOW_S + 3000),
            access(),
            Refusal.BADGE_NOT_VALID_NOW,
            "NOT_YET",
            "courier:swift",
            id="not yet",
        ),
        pytest.param(
            badge_at(START_MS, locations=("elsewhere",), regions=("north",)),
            access(regions=["south"]),
            Refusal.BADGE_NOT_VALID_HERE,
            "ELSEWHERE",
            "courier:swift",
            id="foreign place",
        ),
        pytest.param(
            badge_at(START_MS, key=OTHER_CARRIER),
            access(CARRIER, OTHER_CARRIER),
            Refusal.BADGE_NOT_KNOWN,
            "UNKNOWN_KEY",
            "--",
            id="another carrier's key",
        ),
        pytest.param(
            badge_at(START_MS, carrier=OTHER_CARRIER, key=OTHER_CARRIER),
            access(),
            Refusal.BADGE_NOT_KNOWN,
            "UNKNOWN_KEY",
            "--",
            id="a carrier that is not known here",
        ),
        pytest.param(
            BADGE[:-8] + "AAAAAAAA",
            access(),
            Refusal.BADGE_NOT_KNOWN,
            "FORGED",
            "--",
            id="forged",
        ),
        pytest.param(
            BADGE,
            access(revoked=[Revocation(CARRIER, BADGE_ID, "", START_MS + DAY_MS)]),
            Refusal.BADGE_NOT_KNOWN,
            "REVOKED",
            "courier:swift",
            id="revoked badge",
        ),
        pytest.param(
            BADGE,
            access(revoked=[Revocation(CARRIER, "", "c-48213", START_MS + DAY_MS)]),
            Refusal.BADGE_NOT_KNOWN,
            "REVOKED",
            "courier:swift",
            id="revoked courier",
        ),
        pytest.param(
            BADGE,
            access(keys=[KnownKey(CARRIER, public_of(CARRIER), START_MS - 1)]),
            Refusal.BADGE_NOT_KNOWN,
            "UNKNOWN_KEY",
            "courier:swift",
            id="a key that ended",
        ),
        pytest.param(BADGE[:-3], access(), Refusal.UNREADABLE, "UNREADABLE", "--", id="cut"),
        pytest.param(
            BADGE, CarrierAccess(), Refusal.BADGE_NOT_KNOWN, "UNKNOWN_KEY", "--", id="no server"
        ),
    ],
)
async def test_a_badge_that_is_not_good_opens_no_session_and_the_journal_says_why(
    tmp_path: Path, text: str, known: CarrierAccess, reason: Refusal, why: str, number: str
) -> None:
    async with knowing(tmp_path, known) as kiosk:
        kiosk.player.do(Scanned(text))
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None and answer.refused.reason is reason
        [refused] = await events(kiosk, "STAFF_REFUSED")
        assert (refused["role"], refused["why"], refused["number"]) == ("badge", why, number)
        assert await events(kiosk, "STAFF_SIGNED_IN") == []


@pytest.mark.parametrize(
    "entry",
    [
        Revocation(CARRIER, "", "c-4", START_MS + DAY_MS),
        Revocation(OTHER_CARRIER, "", "c-48213", START_MS + DAY_MS),
        Revocation(CARRIER, BADGE_ID, "", START_MS - 1),
    ],
)
async def test_a_revocation_is_of_one_carriers_courier_and_ends(
    tmp_path: Path, entry: Revocation
) -> None:
    async with knowing(tmp_path, access(revoked=[entry])) as kiosk:
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(ScanPackage)


async def test_while_the_clock_is_not_trusted_no_badge_counts_and_a_pin_does(
    tmp_path: Path,
) -> None:
    async with knowing(tmp_path, access(site_codes=[CARRIER])) as kiosk:
        kiosk.world.clock.is_trusted = False
        kiosk.player.do(Scanned(BADGE))
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.BADGES_NOT_CHECKED
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        await sign_in(kiosk, site_code(START_MS))
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(First)
        await sign_in(kiosk)
        await kiosk.player.until(ScanPackage)


async def test_offline_for_a_week_badges_count_and_after_it_none(tmp_path: Path) -> None:
    async with knowing(tmp_path, access()) as kiosk:
        later_ms = START_MS + 7 * DAY_MS - HOUR_MS
        kiosk.world.clock.ahead_ms += 7 * DAY_MS - HOUR_MS
        kiosk.player.do(Scanned(badge_at(later_ms)))
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(Pressed(Choice.DONE))
        await kiosk.player.until(First)
        kiosk.world.clock.ahead_ms += 2 * HOUR_MS
        kiosk.player.do(Scanned(badge_at(later_ms + 2 * HOUR_MS)))
        answer = await kiosk.player.until(Answer)
        assert answer.refused is not None
        assert answer.refused.reason is Refusal.BADGES_NOT_CHECKED


@pytest.mark.parametrize("what", ["revoked", "key gone", "ended", "clock in doubt"])
async def test_a_session_ends_when_its_badge_is_good_no_more(tmp_path: Path, what: str) -> None:
    async with knowing(tmp_path, access()) as kiosk:
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(ScanPackage)
        if what == "revoked":
            entry = Revocation(CARRIER, BADGE_ID, "", START_MS + DAY_MS)
            await kiosk.kiosk.store.run(badges.take, access(revoked=[entry]))
        elif what == "key gone":
            await kiosk.kiosk.store.run(badges.take, access(OTHER_CARRIER))
        elif what == "ended":
            kiosk.world.clock.ahead_ms += 2 * HOUR_MS
        else:
            kiosk.world.clock.is_trusted = False
        kiosk.player.do(Pressed(Choice.TYPE_BARCODE))
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices)


async def test_a_locked_session_goes_on_with_its_owners_badge_and_ends_with_anothers(
    tmp_path: Path,
) -> None:
    async with knowing(tmp_path, access()) as kiosk:
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(ScanPackage)
        kiosk.player.do(Pressed(Choice.LET_SOMEONE_IN))
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(ScanPackage)
        await kiosk.player.until(First, lambda view: Choice.RESUME in view.choices, 900)
        kiosk.player.do(Scanned(badge_at(START_MS, pseudonym="c-2")))
        assert (await kiosk.player.until(ScanPackage)).name == "c-2"
        actors = [body["actor"] for body in await events(kiosk, "STAFF_SIGNED_IN")]
        assert actors == ["courier:swift:c-48213", "courier:swift:c-2"]


def rows_of(writer: Writer, table: str) -> int:
    row = writer.one(f"SELECT count(*) AS n FROM {table}")
    return int(row["n"]) if row is not None else 0


async def test_many_couriers_leave_nothing_behind_but_their_visits(tmp_path: Path) -> None:
    tables = ("staff", "carrier_key", "revoked_badge", "bucket", "sign_in_try", "meta", "counter")

    async def sizes(kiosk: Running) -> dict[str, int]:
        return {table: await kiosk.kiosk.store.run(rows_of, table) for table in tables}

    async with knowing(tmp_path, access()) as kiosk:
        found = []
        for number in range(12):
            for text in (
                badge_at(START_MS, pseudonym=f"c-{number}", id=f"{number:016x}"),
                badge_at(START_MS, pseudonym=f"e-{number}", until_s=NOW_S - 1),
            ):
                kiosk.player.do(Scanned(text))
                await kiosk.player.until(View, lambda view: isinstance(view, ScanPackage | Answer))
                kiosk.player.do(Pressed(Choice.DONE))
                await kiosk.player.until(First)
            found.append(await sizes(kiosk))
        assert found[1] == found[-1]


# --- the site's code ----------------------------------------------------------------------------


def site_code(now_ms: int, carrier: str = CARRIER, digits: int = 2) -> str:
    day = local_day(now_ms, LOCATION.time_zone)
    code = code_of_day(LOCATION_KEY, LOCATION.id, carrier, day, LOCATION.time_zone)
    return "0" * digits + code.digits


async def test_the_sites_code_of_the_day_lets_a_carriers_couriers_in(tmp_path: Path) -> None:
    async with knowing(tmp_path, access(site_codes=[OTHER_CARRIER, CARRIER])) as kiosk:
        await sign_in(kiosk, site_code(START_MS))
        assert (await kiosk.player.until(ScanPackage)).name == CARRIER
        [signed_in] = await events(kiosk, "STAFF_SIGNED_IN")
        assert signed_in["actor"] == "courier:swift"


@pytest.mark.parametrize(
    ("pin", "known"),
    [
        (site_code(START_MS - 2 * DAY_MS), access(site_codes=[CARRIER])),
        (site_code(START_MS + DAY_MS), access(site_codes=[CARRIER])),
        (site_code(START_MS, OTHER_CARRIER), access(site_codes=[CARRIER])),
        (site_code(START_MS), access()),
        ("1" + site_code(START_MS)[1:], access(site_codes=[CARRIER])),
    ],
)
async def test_another_days_or_another_carriers_code_lets_nobody_in(
    tmp_path: Path, pin: str, known: CarrierAccess
) -> None:
    async with knowing(tmp_path, known) as kiosk:
        await sign_in(kiosk, pin)
        await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        assert await events(kiosk, "STAFF_SIGNED_IN") == []


async def test_wrong_codes_wait_as_wrong_pins_do_and_keep_no_person_out(tmp_path: Path) -> None:
    async with knowing(tmp_path, access(site_codes=[CARRIER])) as kiosk:
        kiosk.player.do(Pressed(Choice.COURIER))
        await kiosk.player.until(EnterPin)
        for _ in range(3):
            kiosk.player.do(Entered("00" + "12345678"))
            view = await kiosk.player.until(EnterPin, lambda view: view.refused is not None)
        assert view.wait_s > 0
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(First)
        await sign_in(kiosk, site_code(START_MS))
        await kiosk.player.until(EnterPin, lambda view: view.wait_s > 0)
        kiosk.player.do(Pressed(Choice.BACK))
        await kiosk.player.until(First)
        kiosk.player.do(Scanned(BADGE))
        await kiosk.player.until(ScanPackage)


async def test_a_session_by_the_sites_code_ends_when_its_carrier_uses_codes_no_more(
    tmp_path: Path,
) -> None:
    async with knowing(tmp_path, access(site_codes=[CARRIER])) as kiosk:
        await sign_in(kiosk, site_code(START_MS))
        await kiosk.player.until(ScanPackage)
        await kiosk.kiosk.store.run(badges.take, access())
        kiosk.player.do(Pressed(Choice.TYPE_BARCODE))
        await kiosk.player.until(First, lambda view: Choice.COURIER in view.choices)
