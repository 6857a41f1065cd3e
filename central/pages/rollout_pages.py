"""Rollouts at the pages: looked at, begun after their plan was shown, gone on with, halted, gone
back from; locations held; the fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy import Connection

from central.areas.visible import of_location, reach_of
from central.auth import Role
from central.context import Central, central_of
from central.errors import RequestError, wrong_field
from central.pages import queries
from central.pages.forms import Text, carry_out
from central.pages.listing import WantedList, by, of_query, of_rows
from central.pages.paths import HOME
from central.pages.rendering import page
from central.pages.said import saying
from central.pages.session import ActingAsAdmin, ActingAsOperator, Administering, Operator, Viewing
from central.rollouts import changes, fleet, reading
from central.rollouts.changes import Who, of_rollout
from central.rollouts.planning import HOUR_S, Plan
from central.rollouts.standing import Standing
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
PAGE: Final = "/rollouts"
ASKED_BEFORE: Final = {
    "resume": "Whatever failed until now halts it no more; who was to stay is asked again.",
    "promote": "The next ring is asked now, though the last one has not soaked.",
    "back": "Everybody who was asked is to run the older release again.",
    "end": "It is looked after no more. Who has not switched yet stays with what runs.",
}
"""What is asked for a second time, and what it means."""
BY_ROLLOUT: Final = by("release", "state", "created_ms")
BY_MEMBER: Final = by("name", "standing", "version", "asked_ms", "last_sync_ms")
BY_PLACE: Final = by("name", "version", "is_well", "last_sync_ms")
Name = Annotated[str, Query(max_length=64)]
Said = Annotated[str, Query(max_length=200)]
Hours = Annotated[float, Query(ge=0, le=720)]


def _who(operator: Operator) -> Who:
    return Who(operator.email, operator.reach)


async def _look(request: Request, look: Any, *arguments: Any) -> Any:
    return await central_of(request).database.show(look, *arguments)


# --- looking -----------------------------------------------------------------------------------


@router.get("/rollouts")
async def rollouts(request: Request, operator: Viewing, wanted: WantedList) -> Response:
    central = central_of(request)
    now_ms = central.clock.now_ms()
    rows = await _look(request, reading.rollouts, operator.reach, now_ms, central.settings)
    shown = {
        "listed": of_rows(rows, wanted, BY_ROLLOUT),
        "releases": await _look(request, fleet.releases),
        "areas": await _look(request, queries.areas, reach_of(operator.session.grants, Role.ADMIN)),
        "plan": Plan(""),
    }
    return page(request, "rollouts.html", operator=operator, **shown)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rollout as a form says it."""

    release: str
    canaries: str
    area: str
    rings: str
    soak_h: float
    deadline_h: float
    jitter_h: float
    failures: float

    def plan(self) -> Plan:
        """The plan that it is. Raises `RequestError`."""
        parts = [part.strip() for part in self.rings.split(",")]
        if not all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts):
            raise wrong_field("rings", self.rings, "numbers of per cent with commas, as 5,25,100")
        return Plan(
            release=self.release,
            canaries=tuple(each for each in self.canaries.replace(",", " ").split() if each),
            area=self.area,
            percents=tuple(int(part) for part in parts),
            failures_per_mille=round(self.failures * 10),
            jitter_s=round(self.jitter_h * HOUR_S),
            soak_s=round(self.soak_h * HOUR_S),
            deadline_s=round(self.deadline_h * HOUR_S),
        )


@router.get("/rollouts/plan")
async def plan_page(
    request: Request,
    operator: Administering,
    release: Said = "",
    canaries: Said = "",
    area: Name = "",
    rings: Said = "5,25,100",
    soak_h: Hours = 24,
    deadline_h: Hours = 48,
    jitter_h: Hours = 1,
    failures: Annotated[float, Query(ge=0, le=100)] = 1,
) -> Response:
    """What would begin: nothing does before it was looked at."""
    wanted = Wanted(release, canaries, area, rings, soak_h, deadline_h, jitter_h, failures)
    try:
        found = await _look(
            request, changes.preview, central_of(request), _who(operator), wanted.plan()
        )
    except RequestError as error:
        return saying(request, f"{HOME}{PAGE}", problem=error.message)
    return page(request, "rollout_plan.html", operator=operator, wanted=wanted, rings=found)


@router.post("/rollouts")
async def start(
    request: Request,
    operator: ActingAsAdmin,
    release: Text,
    canaries: Text,
    area: Text = "",
    rings: Text = "5,25,100",
    soak_h: Annotated[float, Form(ge=0, le=720)] = 24,
    deadline_h: Annotated[float, Form(ge=0, le=720)] = 48,
    jitter_h: Annotated[float, Form(ge=0, le=720)] = 1,
    failures: Annotated[float, Form(ge=0, le=100)] = 1,
) -> Response:
    wanted = Wanted(release, canaries, area, rings, soak_h, deadline_h, jitter_h, failures)
    return await _make(
        request,
        lambda connection, central: changes.start(
            connection, central, _who(operator), wanted.plan()
        ),
        PAGE,
        "It has begun: the canaries are asked.",
    )


async def _make(request: Request, operation: Any, back: str, done: str) -> Response:
    """Make a rollout, and go to its page."""
    central = central_of(request)
    try:
        made = await central.database.write(operation, central)
    except RequestError as error:
        return saying(request, f"{HOME}{back}", problem=error.message)
    request.app.state.wake()
    return saying(request, f"{HOME}{path('rollouts', made)}", done=done)


@router.get("/rollouts/{name}")
async def rollout(
    request: Request, name: str, operator: Viewing, wanted: WantedList, standing: Name = ""
) -> Response:
    central = central_of(request)
    now_ms, settings = central.clock.now_ms(), central.settings
    row = await _look(request, reading.one, operator.reach, name, now_ms, settings)
    members = reading.members_wanted(operator.reach, name, now_ms, settings, standing)
    listed = await _look(request, of_query, members, wanted, BY_MEMBER)
    listed.rows[:] = map(reading.explained, listed.rows)
    shown = {
        "row": row,
        "listed": listed,
        "standing": standing,
        "standings": [each.value for each in Standing],
        "releases": await _look(request, fleet.releases),
    }
    return page(request, "rollout.html", operator=operator, **shown)


@router.get("/rollouts/{name}/sure")
async def sure(
    request: Request, name: str, operator: Administering, do: Name, release: Said = ""
) -> Response:
    """Ask once more: what would happen, and at how many locations."""
    if do not in ASKED_BEFORE:
        raise wrong_field("do", do, f"one of {', '.join(ASKED_BEFORE)}")
    central = central_of(request)
    now_ms = central.clock.now_ms()
    row = await _look(request, reading.one, operator.reach, name, now_ms, central.settings)
    shown = {"row": row, "do": do, "release": release, "meaning": ASKED_BEFORE[do]}
    return page(request, "rollout_sure.html", operator=operator, **shown)


# --- acting ------------------------------------------------------------------------------------


async def _act(request: Request, operator: Operator, name: str, done: str, do: Any) -> Response:
    about = of_rollout(operator.reach, name)
    return await carry_out(request, about, path("rollouts", name), done, do)


@router.post("/rollouts/{name}/pause")
async def pause(
    request: Request, name: str, operator: ActingAsOperator, why: Text = ""
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        changes.pause(connection, central, _who(operator), name, why)

    return await _act(request, operator, name, "Nobody more is asked.", do)


@router.post("/rollouts/{name}/halt")
async def halt(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        changes.halt(connection, central, _who(operator), name, why)

    done = "It is halted: who has not switched yet stays with what runs."
    return await _act(request, operator, name, done, do)


@router.post("/rollouts/{name}/resume")
async def resume(request: Request, name: str, operator: ActingAsAdmin, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        changes.resume(connection, central, _who(operator), name, why)

    return await _act(request, operator, name, "It goes on.", do)


@router.post("/rollouts/{name}/promote")
async def promote(request: Request, name: str, operator: ActingAsAdmin, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        changes.promote(connection, central, _who(operator), name, why)

    return await _act(request, operator, name, "The next ring is open.", do)


@router.post("/rollouts/{name}/end")
async def end(request: Request, name: str, operator: ActingAsAdmin, why: Text) -> Response:
    def do(connection: Connection, central: Central) -> None:
        changes.end(connection, central, _who(operator), name, why)

    return await _act(request, operator, name, "It is over.", do)


@router.post("/rollouts/{name}/back")
async def back(
    request: Request, name: str, operator: ActingAsAdmin, release: Text, why: Text
) -> Response:
    """Have everybody run an older release again, by a rollout of its own."""
    return await _make(
        request,
        lambda connection, central: changes.go_back(
            connection, central, _who(operator), name, release, why
        ),
        path("rollouts", name),
        "They are asked to go back.",
    )


@router.post("/locations/{name:path}/hold-release")
async def hold(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    """Have no rollout change this location."""

    def do(connection: Connection, central: Central) -> None:
        changes.hold(connection, central, operator.email, name, why)

    about = of_location(operator.reach, name)
    done = f"No rollout changes {name}."
    return await carry_out(request, about, path("locations", name), done, do)


@router.post("/locations/{name:path}/let-go-release")
async def let_go(request: Request, name: str, operator: ActingAsOperator) -> Response:
    def do(connection: Connection, central: Central) -> None:
        changes.let_go(connection, central, operator.email, name)

    about = of_location(operator.reach, name)
    return await carry_out(request, about, path("locations", name), "It is held no more.", do)


# --- the fleet ---------------------------------------------------------------------------------


@router.get("/fleet")
async def fleet_page(
    request: Request,
    operator: Viewing,
    wanted: WantedList,
    version: Annotated[str | None, Query(max_length=64)] = None,
    health: Name = "",
    area: Name = "",
) -> Response:
    central = central_of(request)
    now_ms, reach = central.clock.now_ms(), replace(operator.reach, within=area)
    places = fleet.wanted(reach, version, health)
    listed = await _look(request, of_query, places, wanted, BY_PLACE)
    listed.rows[:] = map(fleet.explained, listed.rows)
    shown = {
        "versions": await _look(request, fleet.versions, reach, now_ms, central.settings),
        "listed": listed,
        "version": version,
        "health": health,
        "healths": list(fleet.HEALTH),
        "area": area,
        "areas": await _look(request, queries.areas, operator.reach),
        "silent_before_ms": now_ms - central.settings.silent_after_s * 1000,
    }
    return page(request, "fleet.html", operator=operator, **shown)
