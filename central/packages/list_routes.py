"""The routes of the lists for carriers and shops."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from central.api_pages.answers import REFUSALS
from central.context import central_of
from central.packages import bulk, cursors, listing
from central.packages.bulk import Bulk
from central.packages.listing import Asked
from central.packages.once import IdempotencyKey
from central.programs import Announcing, Reading
from kiosk.model.barcode import BARCODE_LENGTH_MAX
from kiosk.model.fields import YEAR_2100_MS

router = APIRouter(prefix="/v1", tags=["packages"])
Cursor = Annotated[
    str | None,
    Query(
        max_length=cursors.LENGTH_MAX,
        description="The `next` of the page before, with the same filters; none: the first page.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=listing.MOST, description="How many a page has at most.")]
Moment = Query(ge=0, lt=YEAR_2100_MS, description="Milliseconds since 1970 UTC.")


@router.get("/packages", responses=REFUSALS, summary="Your packages, page by page")
async def packages(
    request: Request,
    program: Reading,
    status: Annotated[
        str | None,
        Query(max_length=120, description="One status or several, with commas between them."),
    ] = None,
    location: Annotated[str | None, Query(max_length=64, description="Where they are.")] = None,
    reference: Annotated[str | None, Query(max_length=80, description="Your own number.")] = None,
    barcode: Annotated[
        str | None, Query(max_length=BARCODE_LENGTH_MAX, description="In whichever spelling.")
    ] = None,
    changed_since_ms: Annotated[int | None, Moment] = None,
    due_by_ms: Annotated[int | None, Moment] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """In the order in which the server heard of them; with `changed_since_ms` in that of their last
    change; with `due_by_ms` those that lie in a door and whose last day is over by then, in the
    order of that: what is to be collected."""
    asked = Asked(
        tuple(each.strip() for each in status.split(",")) if status else (),
        location,
        reference,
        barcode,
        changed_since_ms,
        due_by_ms,
    )
    central = central_of(request)
    return await central.database.show(listing.page, central.secrets, program, asked, cursor, limit)


@router.post("/packages/bulk", responses=REFUSALS, summary="Announce up to 1,000 packages")
async def announce_all(
    wanted: Bulk, request: Request, program: Announcing, key: str | None = IdempotencyKey
) -> dict[str, Any]:
    """Each has a result of its own, in the order of the call: 201 with the package, or a problem.
    With an Idempotency-Key the same call again gets the same results."""
    return await bulk.announce_all(request, program, key, wanted)
