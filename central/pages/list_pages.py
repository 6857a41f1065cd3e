"""The pages that are a list: packages, messages, quarantine, staff, keys, the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from central.context import central_of
from central.pages import lists, naming, queries
from central.pages.listing import Listed, Wanted, WantedList, by, of_rows
from central.pages.paths import HOME
from central.pages.proving import write_down_views
from central.pages.rendering import page
from central.pages.session import Administering, AdministeringAll, Operator, Viewing

router = APIRouter(prefix=HOME, include_in_schema=False)
PackageStatus = Annotated[str, Query(pattern=f"^({'|'.join(lists.STATUSES)}|)$")]
MessageStatus = Annotated[str, Query(pattern="^(queued|leased|sent|dropped|dead|)$")]
BY_KEY: Final = by("name", "carrier", "rate_per_min", "created_ms")


async def _look(request: Request, look: Any, *arguments: Any) -> Any:
    return await central_of(request).database.show(look, *arguments)


async def names_of(request: Request, operator: Operator, rows: Any) -> naming.Names:
    """What is called how in these rows."""
    return await _look(request, naming.names, operator.reach, rows)  # type: ignore[no-any-return]


async def shown(
    request: Request, operator: Operator, name: str, listed: Listed, **more: Any
) -> Response:
    """The page of a list."""
    names = await names_of(request, operator, listed.rows)
    return page(request, name, operator=operator, listed=listed, names=names, **more)


@router.get("/packages")
async def packages(
    request: Request, operator: Viewing, wanted: WantedList, status: PackageStatus = ""
) -> Response:
    listed = await _look(request, lists.packages, operator.reach, wanted, status)
    await write_down_views(request, operator.email, "list of packages", listed.rows)
    more = {"status": status, "statuses": lists.STATUSES}
    return await shown(request, operator, "packages.html", listed, **more)


@router.get("/unjoined")
async def unjoined(request: Request, operator: Viewing, wanted: WantedList) -> Response:
    listed = await _look(request, lists.unjoined, operator.reach, wanted)
    return await shown(request, operator, "unjoined.html", listed)


@router.get("/notifications")
async def messages(
    request: Request, operator: Viewing, wanted: WantedList, status: MessageStatus = ""
) -> Response:
    now_ms = central_of(request).clock.now_ms()
    counts, listed = await _look(request, lists.messages, operator.reach, wanted, status, now_ms)
    more = {"status": status, "counts": counts}
    return await shown(request, operator, "notifications.html", listed, **more)


@router.get("/quarantine")
async def quarantine(request: Request, operator: Viewing, wanted: WantedList) -> Response:
    listed = await _look(request, lists.quarantine, operator.reach, wanted)
    return await shown(request, operator, "quarantine.html", listed)


@router.get("/staff")
async def staff(request: Request, operator: Viewing, wanted: WantedList) -> Response:
    found = await _look(request, lists.staff, operator.reach, wanted)
    return await staff_page(request, operator, found)


async def staff_page(
    request: Request, operator: Operator, found: dict[str, Any], **more: Any
) -> Response:
    """The list of staff as it was found."""
    known = found["listed"].rows
    rows = [{"carrier": each} for row in known for each in row["carriers"]]
    rows += [{"location": each} for row in known for each in row["locations"] if each != "*"]
    names = await names_of(request, operator, rows)
    return page(request, "staff.html", operator=operator, names=names, **found, **more)


@router.get("/keys")
async def keys(request: Request, operator: AdministeringAll, wanted: WantedList) -> Response:
    rows = await _look(request, queries.keys, operator.reach)
    return await keys_page(request, operator, rows, wanted)


async def keys_page(
    request: Request, operator: Operator, rows: list[Any], wanted: Wanted, **more: Any
) -> Response:
    """The list of API keys as they are."""
    listed = of_rows(rows, wanted, BY_KEY, lambda row: f"{row['name']} {row['carrier']}")
    return await shown(request, operator, "keys.html", listed, **more)


@router.get("/audit")
async def audit(request: Request, operator: Viewing, wanted: WantedList) -> Response:
    listed = await _look(request, lists.audit_log, operator.reach, wanted)
    return await shown(request, operator, "audit.html", listed)


@router.get("/views")
async def views(request: Request, operator: Administering, wanted: WantedList) -> Response:
    """Who looked at whose personal data."""
    listed = await _look(request, lists.views, operator.reach, wanted)
    once_min = central_of(request).settings.sign_in.views_once_s // 60
    return await shown(request, operator, "views.html", listed, once_min=once_min)
