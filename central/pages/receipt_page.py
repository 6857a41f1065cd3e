"""The receipt of a courier's visit, by the link that the kiosk showed as a QR code.

Who has the link stood at the kiosk, or was given it: it is proven with the location's key. It shows
what was put in, taken out again, taken back or not found, and says nothing of whom it is for, nor
who the courier was. It ends after `RECEIPT_DAYS`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection, select

from central import schema
from central.context import Central, central_of
from central.errors import not_found
from central.notify.days import moment
from central.notify.words import FALLBACK, RIGHT_TO_LEFT, filled, known_language, texts
from central.pages.rendering import page
from kiosk.model.clock import DAY_MS
from kiosk.model.events import EventKind
from kiosk.model.receipt_link import is_proven

router = APIRouter(include_in_schema=False)
RECEIPT_DAYS = 30
"""So long a link shows its receipt."""
LINES_MAX = 1_000
"""As many as the kiosk lists."""
DONE = {
    EventKind.PACKAGE_STORED: "put_in",
    EventKind.DEPOSIT_UNDONE: "taken_out_again",
    EventKind.PACKAGE_COLLECTED: "taken_back",
    EventKind.PACKAGE_MISSING: "not_found",
}
"""What stands on a receipt, and the word for it."""


@router.get("/receipt/{location}/{epoch}/{seq}/{shown}")
async def receipt_page(
    request: Request,
    location: Annotated[str, Path(max_length=64)],
    epoch: Annotated[str, Path(max_length=64)],
    seq: Annotated[int, Path(ge=1, le=2**53)],
    shown: Annotated[str, Path(max_length=64)],
    language: Annotated[str, Query(max_length=16)] = FALLBACK,
) -> Response:
    """The receipt of a link, as far as the kiosk has sent it; where it is not here yet, that."""
    central = central_of(request)
    chosen = known_language(language)
    visit = (location, epoch, seq, shown)
    found = await central.database.look(_receipt, central, visit, chosen)
    direction = "rtl" if chosen in RIGHT_TO_LEFT else "ltr"
    status = {"waits": 404, "ended": 410}.get(found["state"], 200)
    return page(
        request,
        "receipt.html",
        operator=None,
        http_status=status,
        language=chosen,
        direction=direction,
        **found,
    )


def _receipt(
    connection: Connection, central: Central, visit: tuple[str, str, int, str], language: str
) -> dict[str, Any]:
    """What the page shows. Raises `RequestError` for a link that this server's kiosk never made."""
    location, epoch, seq, shown = visit
    table = schema.location
    place = connection.execute(select(table).where(table.c.id == location)).first()
    if place is None or place.key_sealed is None:
        raise not_found("receipt", shown[:12])
    if not is_proven(shown, central.secrets.open(place.key_sealed), location, epoch, seq):
        raise not_found("receipt", shown[:12])
    words = texts(language)["receipt_page"]
    found = {"words": words, "place": place, "number": seq, "rows": (), "count": ""}
    began = connection.execute(_events(location, epoch).where(schema.event.c.seq == seq)).first()
    if began is None or began.kind != EventKind.STAFF_SIGNED_IN:
        return found | {"state": "waits"}
    if central.clock.now_ms() > began.received_ms + RECEIPT_DAYS * DAY_MS:
        return found | {"state": "ended"}
    rows = _rows(connection, location, began, language, place.time_zone)
    count = filled(words["count"], {"count": len(rows)})
    return found | {"state": "shown", "rows": rows, "count": count}


def _events(location: str, epoch: str) -> Any:
    table = schema.event
    return select(table).where(table.c.location == location, table.c.epoch == epoch)


def _rows(
    connection: Connection, location: str, began: Any, language: str, zone: str
) -> list[dict[str, str]]:
    """What changed hands in a visit, by whoever signed in there."""
    table, body = schema.event, json.loads(began.body)
    of_visit = (
        _events(location, began.epoch)
        .where(table.c.seq > began.seq, table.c.kind.in_([*DONE, EventKind.VISIT_ENDED]))
        .order_by(table.c.seq)
        .limit(LINES_MAX)
    )
    rows = []
    for event in connection.execute(of_visit):
        said = json.loads(event.body)
        if event.kind == EventKind.VISIT_ENDED:
            if _image(said, "visit").get("id") == _image(body, "visit").get("id"):
                break
        elif said.get("actor") == body.get("actor"):
            rows.append((event, said))
    barcodes = _barcodes(connection, {str(_image(said, "package").get("id")) for _, said in rows})
    return [
        {
            "at": _time(event, zone, language),
            "slot": str(_image(said, "slot").get("label", "")),
            "done": DONE[EventKind(event.kind)],
            "barcode": barcodes.get(str(_image(said, "package").get("id")), ""),
        }
        for event, said in rows
    ]


def _image(body: dict[str, Any], table: str) -> dict[str, Any]:
    """The first after-image of a thing of this kind in an event."""
    return next((values for name, values in body.get("rows", ()) if name == table), {})


def _barcodes(connection: Connection, packages: set[str]) -> dict[str, str]:
    table = schema.package
    asked = select(table.c.id, table.c.barcode).where(table.c.id.in_(sorted(packages)))
    return {row.id: row.barcode for row in connection.execute(asked)}


def _time(event: Any, zone: str, language: str) -> str:
    """When it was, where the kiosk's clock could be trusted."""
    return moment(event.wall_ms, zone, language, is_short=True) if event.is_trusted else ""
