"""The routes by which kiosks fetch releases, in pieces if they like, and what is signed of them."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy import Connection, select

from central import schema
from central.context import Central, central_of
from central.errors import RequestError
from central.programs import bearer
from central.releases import files, publishing
from central.sync.enrolment import DENIED
from central.tokens import token_hash

router = APIRouter(prefix="/releases", include_in_schema=False)
A_MINUTE_MAX: Final = 240
"""So many requests of one kiosk a minute: a file comes in pieces of which each is one."""
_DOCUMENT: Final = re.compile(r"([0-9]{1,18}\.)?[a-z]{4,10}\.json")
_STORED: Final = re.compile(r"([0-9a-f]{64})\.([A-Za-z0-9][A-Za-z0-9._+-]{0,199})")
_NEVER_CHANGES: Final = {"cache-control": "private, max-age=31536000, immutable"}
_NOTHING: Final = RequestError(404, "not_found", "there is nothing at this address")


@router.get("/metadata/{name}")
async def signed(name: str, request: Request) -> Response:
    """A document that says which releases are genuine, or which are the newest."""
    central = await _for_kiosk(request)
    content = None
    if _DOCUMENT.fullmatch(name):
        content = await central.database.look(publishing.content_of, name)
    if content is None:
        raise _NOTHING
    headers = {} if name == "timestamp.json" else _NEVER_CHANGES
    return Response(content, media_type="application/json", headers=headers)


@router.get("/targets/{name}")
async def file(name: str, request: Request) -> Response:
    """A file, or the piece of it that the header Range names (RFC 9110, 14)."""
    central = await _for_kiosk(request)
    found = _STORED.fullmatch(name)
    path = files.folder_of(central.settings) / name
    if found is None:
        raise _NOTHING
    if not path.is_file():
        listed = await central.database.look(publishing.signed_files)
        target = listed.get(found[2])
        if target is None or target.hashes["sha256"] != found[1]:
            raise _NOTHING
        # One of several servers that share a database: the kiosk asks at its next address.
        raise RequestError(503, "unavailable", "this file is not at this server")
    return FileResponse(path, media_type="application/octet-stream", headers=_NEVER_CHANGES)


async def _for_kiosk(request: Request) -> Central:
    """Whoever asks is an enrolled kiosk, and does not ask too often. Raises `RequestError`."""
    central, token = central_of(request), bearer(request)
    location = await central.database.look(_whose, token)
    wait_s = await request.app.state.rates.wait_s(f"releases {location}", A_MINUTE_MAX)
    if wait_s > 0:
        raise RequestError(
            429,
            "too_many_requests",
            f"a kiosk may send {A_MINUTE_MAX} requests for releases a minute",
            retry_after_s=round(wait_s, 1),
        )
    return central


def _whose(connection: Connection, token: str) -> str:
    table = schema.location
    is_its_own = (table.c.token_hash == token_hash(token)) & table.c.revoked_ms.is_(None)
    location: str | None = connection.execute(select(table.c.id).where(is_its_own)).scalar()
    if location is None:
        raise DENIED
    return location
