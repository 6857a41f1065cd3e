"""How operators help a location remotely: its program started again, a pause, its screen, a support
file, a few settings. Each is a signed command, with what came of it on the location's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy import Connection

from central.areas.visible import of_location
from central.context import Central, audit, central_of
from central.pages.forms import Text, carry_out
from central.pages.paths import HOME
from central.pages.rendering import HEADERS
from central.pages.session import ActingAsAdmin, ActingAsOperator, LookingAsOperator, Operator
from central.remote import asking, files
from central.remote.asking import Help
from kiosk.model.commands import (
    FILES,
    CommandType,
    PauseReason,
    Restart,
    Resume,
    SendSupportFile,
    TakePicture,
)
from kiosk.model.invariants import require
from kiosk.model.urls import path

router = APIRouter(prefix=HOME, include_in_schema=False)
ASKED = "The kiosk is asked; what comes of it stands below."
SHOWN_AS = {
    CommandType.SCREEN_PICTURE: ("image/png", "inline; filename=screen.png"),
    CommandType.SUPPORT_FILE: ("application/zip", "attachment; filename=support.zip"),
}


async def _ask(
    request: Request, operator: Operator, name: str, why: str, make: Callable[[Central], Help]
) -> Response:
    def do(connection: Connection, central: Central) -> None:
        asking.ask(connection, central, name, make(central), operator.email, why)

    about = of_location(operator.reach, name)
    return await carry_out(request, about, path("locations", name), ASKED, do)


@router.post("/locations/{name:path}/restart")
async def restart(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    return await _ask(request, operator, name, why, lambda _: Restart())


@router.post("/locations/{name:path}/pause")
async def pause(
    request: Request,
    name: str,
    operator: ActingAsOperator,
    reason: Annotated[PauseReason, Form()],
    hours: Annotated[int | None, Form(ge=1, le=asking.PAUSE_H_MAX)] = None,
    is_closed: Annotated[bool, Form()] = False,
    why: Text = "",
) -> Response:
    """Nothing is taken in for so many hours, or until it is taken back; where it is closed, nothing
    is given out either."""

    def make(central: Central) -> Help:
        now_ms = central.clock.now_ms()
        return asking.pause_of(reason, hours, now_ms, is_closed=is_closed)

    return await _ask(request, operator, name, why, make)


@router.post("/locations/{name:path}/resume")
async def resume(
    request: Request, name: str, operator: ActingAsOperator, why: Text = ""
) -> Response:
    return await _ask(request, operator, name, why, lambda _: Resume())


@router.post("/locations/{name:path}/picture")
async def picture(request: Request, name: str, operator: ActingAsOperator, why: Text) -> Response:
    """A picture of the screen; while somebody is at the panel there is none."""
    return await _ask(request, operator, name, why, lambda _: TakePicture())


@router.post("/locations/{name:path}/support-file")
async def support_file(
    request: Request, name: str, operator: ActingAsOperator, why: Text
) -> Response:
    return await _ask(request, operator, name, why, lambda _: SendSupportFile())


@router.post("/locations/{name:path}/setting")
async def setting(
    request: Request,
    name: str,
    operator: ActingAsAdmin,
    setting: Text,
    value: Text = "",
    why: Text = "",
) -> Response:
    """Another value of a setting; none: what the site file says counts again."""
    return await _ask(request, operator, name, why, lambda _: asking.setting_of(setting, value))


@router.get("/files/{name}")
async def file(request: Request, name: str, operator: LookingAsOperator) -> Response:
    """A file that a kiosk has sent; who looked is written down."""
    central = central_of(request)

    def do(connection: Connection, central: Central) -> tuple[str, bytes]:
        place, kind, content = files.content_of(connection, central, operator.reach, name)
        now_ms, action = central.clock.now_ms(), f"remote.{kind}.seen"
        audit(connection, now_ms, operator.email, action, place, place=place, command=name)
        return kind, content

    kind, content = await central.database.write(do, central)
    require(kind in FILES, "only some commands send files")
    media_type, disposition = SHOWN_AS[CommandType(kind)]
    headers = {**HEADERS, "content-disposition": disposition}
    return Response(content, media_type=media_type, headers=headers)
