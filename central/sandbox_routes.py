"""The routes with which a programmer drives the simulated locker of a sandbox's key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field
from sqlalchemy import Connection, update

from central import problems, schema
from central.api_pages.answers import REFUSALS
from central.auth import SANDBOX_PATH, Program
from central.context import Central, central_of
from central.errors import RequestError
from central.locking import lock_location
from central.packages import service
from central.packages.requests import ApiRequest
from central.programs import Changing
from central.sandbox.locker import Locker

router = APIRouter(prefix=SANDBOX_PATH, tags=["sandbox"])
Action = Literal["deposit", "undo", "pickup", "expire", "collect", "lose"]
ACTIONS: Final[dict[str, Callable[[Locker, Any], None]]] = {
    "deposit": Locker.deposit,
    "undo": Locker.undo,
    "pickup": Locker.pick_up,
    "expire": Locker.expire,
    "collect": Locker.collect,
    "lose": Locker.lose,
}
STATUSES: Final = {
    "too_many_requests": 429,
    "internal": 500,
    "unavailable": 503,
    "outcome_unknown": 503,
}


class Fault(ApiRequest):
    """What is to go wrong."""

    fault: Literal[
        "door_jammed", "opened_by_itself", "board_away", "board_back", "full", "room_again"
    ]
    """Of the machine. `board_away` and `full` last until `board_back` and `room_again`."""


class Refusal(ApiRequest):
    """What your next request is to be answered with."""

    error: Literal["too_many_requests", "internal", "unavailable", "outcome_unknown"] = Field()
    """Once; nothing is done."""


@router.get("", responses=REFUSALS, summary="The simulated locker")
async def sandbox(program: Changing) -> dict[str, Any]:
    """Announce to its `location`, or to `nearest`."""
    _require_sandbox(program)
    return {"location": program.sandbox, "carrier": program.carrier, "actions": list(ACTIONS)}


@router.post("/packages/{package}/{action}", responses=REFUSALS, summary="It happens now")
async def act(
    request: Request,
    program: Changing,
    package: Annotated[str, Path(max_length=64, description="As the announcement names it.")],
    action: Annotated[Action, Path(description="What happens to it.")],
) -> dict[str, Any]:
    """`deposit`: a courier puts it in; `undo`: takes it out again; `pickup`: its recipient fetches
    it; `expire`: its last day is over; `collect`: a courier takes it back; `lose`: somebody looked,
    and it is not there."""
    return await _write(request, program, _happens, package, action)


@router.post("/faults", responses=REFUSALS, summary="Something of the machine breaks")
async def fail(fault: Fault, request: Request, program: Changing) -> dict[str, Any]:
    return await _write(request, program, _breaks, fault.fault)


@router.post("/refusals", responses=REFUSALS, summary="Your next request is refused")
async def refuse(refusal: Refusal, request: Request, program: Changing) -> dict[str, Any]:
    return await _write(request, program, _is_to_refuse, refusal.error)


def _require_sandbox(program: Program) -> None:
    if not program.sandbox:
        raise RequestError(403, "no_sandbox", "this key is for real lockers: ask for a sandbox key")


async def _write(
    request: Request, program: Program, work: Callable[..., dict[str, Any]], *args: Any
) -> dict[str, Any]:
    _require_sandbox(program)
    central = central_of(request)
    writing = central.database.at(program.sandbox)
    answer = await writing.write(work, central, program, *args)
    request.app.state.wake()
    return answer


def _happens(
    connection: Connection, central: Central, program: Program, package: str, action: str
) -> dict[str, Any]:
    lock_location(connection, program.sandbox)
    row = service.find(connection, package, program.id)
    locker = Locker(connection, central, program.sandbox)
    ACTIONS[action](locker, row)
    locker.send()
    return service.describe(connection, package, program.id)


def _breaks(
    connection: Connection, central: Central, program: Program, fault: str
) -> dict[str, Any]:
    lock_location(connection, program.sandbox)
    locker = Locker(connection, central, program.sandbox)
    locker.fail(fault)
    locker.send()
    return {"location": program.sandbox, "fault": fault}


def _is_to_refuse(
    connection: Connection, _central: Central, program: Program, error: str
) -> dict[str, Any]:
    status, table = STATUSES[error], schema.api_key
    refuses = update(table).where(table.c.id == program.id).values(refuses=f"{status} {error}")
    connection.execute(refuses)
    return {"next": {"status": status, "type": f"{problems.PAGE}#{error}"}}
