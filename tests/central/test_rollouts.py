"""Rollouts: a thousand simulated kiosks in virtual time, and what operators and commands do.

A release that is bad at some kiosks never reaches the others; who is away holds nothing up and is
never done; nobody is under way for ever; nothing is done that no kiosk has reported.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import true

from central import schema
from central.advisories import AdvisoriesError
from central.areas import tree
from central.areas.visible import Reach
from central.auth import Role
from central.command_line import cli
from central.errors import RequestError
from central.rollouts import changes, fleet, keeping, reading, standing
from central.rollouts.changes import Who
from central.rollouts.planning import Plan
from central.rollouts.standing import IN_PROGRESS, Standing
from central.rollouts.vulnerable import packages_in
from central.sandbox.making import make as make_sandbox
from central.sync import commands
from kiosk.model.actor import SERVER
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.commands import ChooseRelease, ReleaseOutcome
from kiosk.model.event_bodies import ReleaseReported
from kiosk.store.writer import Writer
from tests.support import postgresql
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.operators import Browser, sync
from tests.support.release_fleet import NEW, OLD, WHO, Fleet, Luck, SimulatedKiosk

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
MANY = 200 if postgresql.IS_WANTED else 1000
ALL_THE_WAY = MANY if IS_NIGHTLY else 100
"""So many kiosks are led to the end of a rollout."""
FEW = 40
SOAK_S = 12 * 3600
PLAN = Plan(NEW, ("kiosk-0000", "kiosk-0001"), soak_s=SOAK_S)
SOON = replace(PLAN, percents=(100,), soak_s=0, jitter_s=0)
"""Where it is about something else than rings."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[int], Fleet]]:
    made: list[Fleet] = []

    def fleet_of(count: int) -> Fleet:
        made.append(Fleet(tmp_path / f"central-{len(made)}", count))
        return made[-1]

    yield fleet_of
    for each in made:
        each.close()


def start(network: Fleet, plan: Plan = PLAN) -> str:
    name: str = network.write(changes.start, network.central, WHO, plan)
    return name


def spread_out(network: Fleet, name: str, every: int, luck: Luck) -> None:
    """Every so many kiosks of each ring behind the canaries have this luck."""
    for ring in (1, 2, 3):
        for place, each in enumerate(network.of_ring(name, ring)):
            if place % every == 0:
                network.kiosks[each].luck = luck


# --- a thousand kiosks -------------------------------------------------------------------------


def test_a_release_that_is_bad_at_2_percent_stops_in_ring_1(make: Callable[[int], Fleet]) -> None:
    network = make(MANY)
    name = start(network)
    spread_out(network, name, 50, Luck.BAD)
    network.pass_hours(24 * 10, lambda: network.state(name).state == "HALTED")
    row = network.state(name)
    assert row.state == "HALTED"
    assert row.halted_why.startswith("ring 1 (5 %): 1 of ")
    assert network.opened(name) == 2, "ring 2 was never open"
    untouched = network.of_ring(name, 2) + network.of_ring(name, 3)
    assert all(network.kiosks[each].running == OLD for each in untouched)
    assert all(network.answers(each) == [] for each in untouched)
    alarms = network.write(lambda c: c.execute(schema.audit.select()).all())
    assert [each.action for each in alarms if each.action.startswith("alarm:")] == [
        "alarm:rollout-halted"
    ]
    # Who had not switched stays with what runs, though days pass.
    runs = Counter(kiosk.running for kiosk in network.kiosks.values())
    network.pass_hours(48)
    assert Counter(kiosk.running for kiosk in network.kiosks.values())[NEW] <= runs[NEW]
    in_trial = [each for each in network.kiosks.values() if each.state == "trial"]
    assert in_trial == []


def test_who_is_away_for_days_holds_nothing_up_and_is_never_done(
    make: Callable[[int], Fleet],
) -> None:
    network = make(ALL_THE_WAY)
    name = start(network)
    begins_ms = network.clock.wall_ms
    away = [each for place, each in enumerate(network.kiosks.values()) if place % 20 == 7]
    for each in away:
        each.away = (begins_ms, begins_ms + 12 * DAY_MS)
    took_h = network.pass_hours(24 * 11, lambda: network.state(name).state == "DONE")
    found = network.standings(name)
    assert network.state(name).state == "DONE", Counter(found.values())
    assert took_h < 24 * 11
    assert {found[each.name] for each in away} == {Standing.AWAY}
    assert sum(how is Standing.CONFIRMED for how in found.values()) >= ALL_THE_WAY * 0.9
    # No server runs until they come back: they have their time all the same, and are done when
    # they say so.
    network.clock.wall_ms = begins_ms + 12 * DAY_MS
    network.pass_hours(24 * 3)
    assert set(network.standings(name).values()) == {Standing.CONFIRMED}
    assert {each.running for each in network.kiosks.values()} == {NEW}
    assert network.state(name).state == "DONE"


# --- every kind of trouble ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("luck", "how"),
    [
        (Luck.BAD, Standing.WENT_BACK),
        (Luck.STUCK, Standing.OVERDUE),
        (Luck.VANISHES, Standing.LOST),
        (Luck.BOASTS, Standing.OVERDUE),
        (Luck.REFUSES, Standing.REFUSED),
    ],
)
def test_a_canary_in_trouble_halts_it(
    make: Callable[[int], Fleet], luck: Luck, how: Standing
) -> None:
    network = make(FEW)
    network.kiosks["kiosk-0001"].luck = luck
    name = start(network)
    network.pass_hours(24 * 6, lambda: network.state(name).state == "HALTED")
    assert network.state(name).state == "HALTED"
    assert "the canaries: 1 of 2 failed" in network.state(name).halted_why
    assert network.standings(name)["kiosk-0001"] is how
    assert network.opened(name) == 1


def test_canaries_that_are_away_are_no_evidence(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    name = start(network)
    for each in PLAN.canaries:
        network.kiosks[each].away = (0, network.clock.wall_ms + 30 * DAY_MS)
    network.pass_hours(24 * 5, lambda: network.state(name).state == "HALTED")
    assert "0 of 0 are confirmed by the deadline" in network.state(name).halted_why
    assert network.opened(name) == 1


def test_a_release_that_silences_kiosks_never_has_enough(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    name = start(network, Plan(NEW, ("kiosk-0000",), percents=(50, 100), soak_s=SOAK_S))
    network.pass_hours(24 * 3, lambda: network.opened(name) == 2)
    for each in network.of_ring(name, 1)[:8]:
        kiosk = network.kiosks[each]

        def has_taken_it(kiosk: SimulatedKiosk = kiosk) -> bool:
            return kiosk.wanted is not None

        network.pass_hours(12, has_taken_it)
        kiosk.is_gone = True
    network.pass_hours(24 * 6, lambda: network.state(name).state == "HALTED")
    assert "90 % are needed" in network.state(name).halted_why
    assert network.opened(name) == 2


# --- negative control --------------------------------------------------------------------------


def test_the_check_finds_who_is_done_when_asked(
    make: Callable[[int], Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make(FEW)
    start(network)
    monkeypatch.setattr(standing, "runs", standing.is_asked)
    with pytest.raises(AssertionError, match="is said to be done"):
        network.pass_hours(24)


def test_the_check_finds_who_is_under_way_for_ever(
    make: Callable[[int], Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make(FEW)
    for each in PLAN.canaries:
        network.kiosks[each].luck = Luck.STUCK
    start(network, replace(PLAN, jitter_s=24 * 3600))
    whole = standing.standing
    for module in ("central.rollouts.standing", "tests.support.release_fleet"):
        monkeypatch.setattr(f"{module}.standing", lambda silent_ms, _now_ms: whole(silent_ms, 0))
    with pytest.raises(AssertionError, match="is under way for ever"):
        network.pass_hours(24 * 3)


def test_without_a_threshold_ring_2_opens(make: Callable[[int], Fleet]) -> None:
    network = make(200)
    name = start(network, Plan(NEW, PLAN.canaries, failures_per_mille=1000, soak_s=SOAK_S))
    spread_out(network, name, 50, Luck.BAD)
    network.pass_hours(24 * 8, lambda: network.opened(name) == 3)
    assert network.opened(name) == 3


# --- what people do ----------------------------------------------------------------------------


def halted(network: Fleet) -> str:
    """A rollout that the second canary halts, a day after the first one was done."""
    kiosk, now_ms = network.kiosks["kiosk-0001"], network.clock.wall_ms
    kiosk.luck, kiosk.away = Luck.BAD, (now_ms, now_ms + 30 * HOUR_MS)
    name = start(network)
    network.pass_hours(24 * 6, lambda: network.state(name).state == "HALTED")
    return name


def test_going_on_after_a_halt_accepts_what_failed(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    name = halted(network)
    network.write(changes.resume, network.central, WHO, name, "its panel was broken before")
    network.pass_hours(24 * 9, lambda: network.state(name).state == "DONE")
    assert network.state(name).state == "DONE"
    found = Counter(network.standings(name).values())
    assert found == {Standing.CONFIRMED: FEW - 1, Standing.WENT_BACK: 1}


def test_going_back_is_a_rollout_of_its_own_and_ends_the_other(
    make: Callable[[int], Fleet],
) -> None:
    network = make(FEW)
    name = halted(network)
    with pytest.raises(RequestError, match=r"release '1\.4\.0': an older release"):
        network.write(changes.go_back, network.central, WHO, name, NEW, "it flickers")
    back = network.write(changes.go_back, network.central, WHO, name, OLD, "it flickers")
    assert network.state(name).state == "ENDED"
    assert network.standings(name)["kiosk-0000"] is Standing.CONFIRMED, "as it was then"
    network.pass_hours(24 * 3, lambda: network.state(back).state == "DONE")
    assert network.state(back).state == "DONE"
    assert {each.running for each in network.kiosks.values()} == {OLD}
    assert set(network.standings(back)) == {"kiosk-0000", "kiosk-0001"}


def test_a_held_location_is_left_alone_until_it_is_let_go(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    name = start(network, SOON)
    with pytest.raises(RequestError, match="there is no location 'elsewhere'"):
        network.write(changes.hold, network.central, "test", "elsewhere", "")
    network.write(changes.hold, network.central, "test", "kiosk-0009", "a trade fair")
    network.pass_hours(24 * 6, lambda: network.state(name).state == "DONE")
    assert network.state(name).state == "DONE"
    assert network.standings(name)["kiosk-0009"] is Standing.HELD
    assert network.answers("kiosk-0009") == []
    network.write(changes.let_go, network.central, "test", "kiosk-0009")
    network.pass_hours(48)
    assert network.standings(name)["kiosk-0009"] is Standing.CONFIRMED


def test_a_halt_by_hand_reaches_who_has_not_switched(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    name = start(network, SOON)
    network.pass_hours(2)
    network.write(changes.halt, network.central, WHO, name, "a customer complained")
    network.pass_hours(24 * 3)
    assert {each.running for each in network.kiosks.values()} == {OLD}
    assert not set(network.standings(name).values()) & (IN_PROGRESS - {Standing.WAITING})
    assert network.answers("kiosk-0000")[-1] == ("", "APPLIED")
    network.write(changes.resume, network.central, WHO, name, "it was something else")
    network.pass_hours(24 * 9, lambda: network.state(name).state == "DONE")
    assert {each.running for each in network.kiosks.values()} == {NEW}


def test_a_ring_is_promoted_and_pausing_asks_nobody_more(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    name = start(network)
    assert network.write(changes.promote, network.central, WHO, name, "it is urgent") == 1
    network.write(changes.pause, network.central, WHO, name, "lunch")
    network.pass_hours(24 * 2)
    runs = {each.name for each in network.kiosks.values() if each.running == NEW}
    assert runs <= {*PLAN.canaries, *network.of_ring(name, 1)}
    with pytest.raises(RequestError, match="this is for one that is RUNNING"):
        network.write(changes.pause, network.central, WHO, name, "")


def test_what_is_no_rollout_is_refused_with_what_would_be_right(
    make: Callable[[int], Fleet],
) -> None:
    network = make(FEW)
    for plan, words in (
        (Plan("1.4", PLAN.canaries), "three numbers"),
        (Plan("1.9.0", PLAN.canaries), "central release list"),
        (Plan(NEW), "1 to 3 locations"),
        (Plan(NEW, tuple(f"kiosk-000{place}" for place in range(4))), "1 to 3 locations"),
        (Plan(NEW, ("elsewhere",)), "the id of a location"),
        (Plan(NEW, PLAN.canaries, percents=(25, 5, 100)), "rising numbers"),
        (Plan(NEW, PLAN.canaries, percents=(5, 25)), "end with 100"),
        (Plan(NEW, PLAN.canaries, deadline_s=60), "86400 to"),
    ):
        with pytest.raises(RequestError, match=words):
            start(network, plan)
    start(network)
    with pytest.raises(RequestError, match="is under way at kiosk-0000"):
        start(network)


def test_a_machine_without_a_file_or_a_keeper_is_not_asked_and_said_so(
    make: Callable[[int], Fleet],
) -> None:
    network = make(FEW)
    table = schema.location

    def damage(connection: object, name: str, status: str) -> None:
        change = table.update().where(table.c.id == name).values(status=status)
        connection.execute(change)  # type: ignore[attr-defined]

    network.write(damage, "kiosk-0003", "{}")
    network.write(damage, "kiosk-0004", '{"release": {"python": "cp313", "machine": "aarch64"}}')
    name = start(network, SOON)
    network.pass_hours(24 * 6, lambda: network.state(name).state == "DONE")
    now_ms, settings = network.clock.wall_ms, network.central.settings
    rows = network.write(
        reading.locations, WHO.reach, name, now_ms, settings, Standing.UNABLE.value
    )
    assert {row["location"]: row["why"] for row in rows} == {
        "kiosk-0003": "its kiosk says of no releases: nobody keeps them there",
        "kiosk-0004": "release 1.4.0 has no file for cp313-aarch64",
    }
    assert network.state(name).state == "DONE"


def test_who_may_act_in_one_area_sees_and_changes_nothing_beyond_it(
    make: Callable[[int], Fleet],
) -> None:
    network = make(FEW)
    table = schema.location
    network.write(lambda c: tree.add(c, "north", "North", "", "test", network.clock.wall_ms))
    network.write(
        lambda c: c.execute(table.update().where(table.c.id < "kiosk-0010").values(area="north"))
    )
    north = Who("ada", Reach(("north",)))
    with pytest.raises(RequestError, match="there is no area ''"):
        network.write(changes.start, network.central, north, PLAN)
    plan = Plan(NEW, ("kiosk-0000",), area="north")
    own = network.write(changes.start, network.central, north, plan)
    assert set(network.standings(own)) == {f"kiosk-000{place}" for place in range(10)}
    now_ms, settings = network.clock.wall_ms, network.central.settings
    network.write(changes.end, network.central, north, own, "")
    whole = start(network)
    for change in (changes.pause, changes.halt, changes.end):
        with pytest.raises(RequestError, match="there is no rollout"):
            network.write(change, network.central, north, whole, "")
    seen = network.write(reading.one, north.reach, whole, now_ms, settings)
    assert seen["all"].all == 10
    rows = network.write(fleet.locations, north.reach)
    assert len(rows) == 10


def test_a_location_that_comes_later_is_of_it_too(make: Callable[[int], Fleet]) -> None:
    network = make(FEW)
    for each in ("kiosk-0038", "kiosk-0039"):
        kiosk = network.kiosks[each]
        network.write(
            lambda c, kiosk=kiosk: c.execute(
                schema.location.update()
                .where(schema.location.c.id == kiosk.name)
                .values(retired_ms=1)
            )
        )
    name = start(network)
    assert "kiosk-0039" not in network.standings(name)
    network.write(
        lambda c: c.execute(schema.location.update().where(true()).values(retired_ms=None))
    )
    network.pass_hours(1)
    assert "kiosk-0039" in network.standings(name)


# --- the fleet ---------------------------------------------------------------------------------


def test_the_fleet_is_found_by_version_and_health_page_by_page(
    make: Callable[[int], Fleet],
) -> None:
    network = make(FEW)
    halted(network)
    now_ms, settings = network.clock.wall_ms, network.central.settings
    versions = network.write(fleet.versions, WHO.reach, now_ms, settings)
    assert {row["version"]: row["count"] for row in versions} == {OLD: FEW - 1, NEW: 1}
    assert [row["id"] for row in network.write(fleet.locations, WHO.reach, NEW)] == ["kiosk-0000"]
    [back] = network.write(fleet.locations, WHO.reach, None, "went-back")
    assert (back["id"], back["back_reason"]) == ("kiosk-0001", "the window has not drawn for 12 s")
    behind = network.write(fleet.locations, WHO.reach, OLD, "", "kiosk-0037")
    assert [row["id"] for row in behind] == ["kiosk-0038", "kiosk-0039"]
    with pytest.raises(RequestError, match="health 'ill': one of unwell"):
        network.write(fleet.locations, WHO.reach, None, "ill")


# --- at the pages and the console --------------------------------------------------------------


@pytest.fixture
def shown(server: Server, kiosk: Journal) -> Server:
    """A server with a release, and one kiosk that can take it."""
    status = '{"release": {"running": "1.3.0", "python": "cp311", "machine": "x86_64"}}'
    change = schema.location.update().values(status=status, version=OLD, release_state="good")
    server.write(lambda c: c.execute(change))
    file = {"version": NEW, "python": "cp311", "machine": "x86_64", "sha256": "0a" * 32}
    server.write(lambda c: c.execute(schema.release.insert().values(**file)))
    assert kiosk.token
    return server


def test_a_page_shows_the_plan_before_anything_begins_and_asks_again(shown: Server) -> None:
    admin, operator = Browser(shown, Role.ADMIN), Browser(shown, Role.OPERATOR)
    shown.write(lambda c: make_sandbox(c, shown.central, "test", "a programmer", 60))
    assert "sandbox" not in admin.get("/fleet").text
    plan = admin.get(f"/rollouts/plan?release={NEW}&canaries={LOCATION.id}")
    assert f"Let {NEW} out?" in plan.text
    assert shown.rows(schema.rollout) == []
    page = admin.post("/rollouts", release=NEW, canaries=LOCATION.id)
    assert "It has begun" in page.text
    [row] = shown.rows(schema.rollout)
    assert [each.location for each in shown.rows(schema.rollout_location)] == [LOCATION.id]
    asyncio.run(keeping.look_round(shown.central, shown.clock.wall_ms))
    assert [each.type for each in shown.rows(schema.command)] == ["release.choose"]
    assert "End it?" in admin.get(f"/rollouts/{row.id}/sure?do=end").text
    assert operator.get(f"/rollouts/{row.id}/sure?do=end").status_code == 403
    operator.post(f"/rollouts/{row.id}/halt", why="it flickers")
    assert "Halted: it flickers" in operator.get(f"/rollouts/{row.id}").text
    admin.post(f"/locations/{LOCATION.id}/hold-release", why="a trade fair")
    assert "held: a trade fair" in admin.get("/fleet?health=held").text
    done = [each.action for each in shown.rows(schema.audit) if "rollout" in each.action]
    assert done == ["rollout.started", "rollout.halted", "rollout.held"]


def test_the_console_asks_first_and_keeps_what_a_dump_says(shown: Server, tmp_path: Path) -> None:
    def run(*arguments: str, enter: str = "") -> str:
        options = postgresql.words_of(shown.folder)
        return CliRunner().invoke(cli, [*options, *arguments], input=enter).output

    start = ("rollout", "start", NEW, "--canary", LOCATION.id)
    assert "the canaries\t1 locations\t0 cannot be asked now" in run(*start, enter="n\n")
    assert shown.rows(schema.rollout) == []
    assert "the canaries are asked" in run(*start, enter="y\n")
    assert f"{NEW}\tRUNNING\t1 " in run("rollout", "list")
    bill, dump = tmp_path / "a.bom.json", tmp_path / "dump"
    bill.write_text('{"components": [{"name": "A_Package", "version": "1.10.0"}]}')
    dump.mkdir()
    events = [{"introduced": "0"}, {"fixed": "1.11.0"}]
    affected = {
        "package": {"ecosystem": "PyPI", "name": "a-package"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    record = {"id": "PYSEC-1", "summary": "A hole", "affected": [affected]}
    (dump / "1.json").write_text(json.dumps(record))
    said = run("rollout", "advisories", OLD, str(dump), str(bill))
    assert f"{OLD}: 1 match, of 1 packages" in said
    assert f"{OLD}\t1 locations, 0 not well, 0 silent, 1 known vulnerabilities" in run("fleet")
    bill.write_text("{}")
    with pytest.raises(AdvisoriesError, match="a bill of materials"):
        packages_in([bill])


def test_what_a_kiosk_reports_of_a_release_is_the_state_of_its_command(
    server: Server, kiosk: Journal
) -> None:
    chosen = ChooseRelease(release=NEW, rollout="r-1")
    name = server.write(commands.queue, LOCATION.id, chosen, "test", server.clock.wall_ms)

    def report(writer: Writer, outcome: ReleaseOutcome, detail: str) -> None:
        said = {"id": name, "rollout": "r-1", "release": NEW}
        writer.record(ReleaseReported(actor=SERVER, **said, outcome=outcome, detail=detail))

    for outcome, detail in (
        (ReleaseOutcome.FETCHED, ""),
        (ReleaseOutcome.REFUSED, "its rehearsal failed"),
    ):
        kiosk.do(report, outcome, detail)
        sync(kiosk)
        [row] = server.rows(schema.command)
        assert (row.state, row.answer) == (outcome.value, detail)
