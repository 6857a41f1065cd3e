"""SMS that people send us: from a gateway's webhook, or from the folder of an SMS daemon.

A gateway posts them as Twilio does (https://www.twilio.com/docs/messaging/guides/webhook-request)
to an address with a secret in it. A daemon such as smstools leaves them as files: lines of headers,
an empty line, the text.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from pathlib import Path as Folder
from typing import Annotated, Final

from fastapi import APIRouter, Form, Path, Request, Response

from central.context import Central, central_of
from central.errors import not_found
from central.notify import stops

LOG = logging.getLogger("central.notify")
EVERY_S: Final = 5.0
FILES_AT_ONCE: Final = 100
FILE_MAX_BYTES: Final = 10_000
router = APIRouter(prefix="/v1", tags=["messages"])


@router.post(
    "/sms/{token}",
    status_code=204,
    responses={404: {}, 422: {}},
    summary="An SMS gateway hands on what somebody sent",
)
async def incoming(
    request: Request,
    token: Annotated[str, Path(max_length=400)],
    sender: Annotated[str, Form(alias="From", max_length=40)],
    text: Annotated[str, Form(alias="Body", max_length=2000)] = "",
) -> Response:
    central = central_of(request)
    sms = central.settings.sms
    known = "" if sms is None else sms.incoming_secret
    if not known or not hmac.compare_digest(known.encode(), token.encode()):
        raise not_found("address", token[:12])
    await central.database.write(stops.take_sms, central, sender, text)
    request.app.state.wake()
    return Response(status_code=204)


async def read_folder(central: Central) -> None:
    """A duty of the keeper's: take what lies in the daemon's folder, for ever."""
    folder = central.settings.sms.incoming_folder if central.settings.sms else None
    while True:
        if folder is not None:
            try:
                await take_files(central, folder)
            except OSError as error:
                LOG.error("%s cannot be read; again in %.0f s: %s", folder, EVERY_S, error)
        await asyncio.sleep(EVERY_S)


async def take_files(central: Central, folder: Folder) -> int:
    """Take each message that lies there, and remove its file when it is durable; how many."""
    files = await asyncio.to_thread(_files, folder)
    for file, sender, text in files:
        await central.database.write(stops.take_sms, central, sender, text)
        await asyncio.to_thread(file.unlink, missing_ok=True)
    return len(files)


def _files(folder: Folder) -> list[tuple[Folder, str, str]]:
    """The messages of a folder: file, sender and text. What the daemon still writes is left."""
    found = []
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in [each for each in paths if _is_whole(each)][:FILES_AT_ONCE]:
        raw = path.read_bytes()[:FILE_MAX_BYTES].decode("utf-8", "replace")
        head, _, text = raw.replace("\r\n", "\n").partition("\n\n")
        headers = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
        found.append((path, headers.get("From", "").strip(), text.strip()))
    return found


def _is_whole(path: Folder) -> bool:
    is_draft = path.name.startswith(".") or path.suffix.casefold() in (".part", ".lock", ".tmp")
    return path.is_file() and not is_draft
