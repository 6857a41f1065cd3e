"""A person's own package: until when it lies there, a day longer, a new code; by the link of a
message, in its language."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection, Table, func, select

from central import schema
from central.brands import Logo
from central.context import Central, central_of, is_about, is_by
from central.delegates import following
from central.errors import RequestError, not_found
from central.extending import may_extend, promised_until_ms
from central.links import NO_REMINDERS, PATH, SHORT, link_to, privacy_url
from central.locking import lock_location
from central.notify.about import About, details_of, geo_url, lines_of, map_links, phone_url
from central.notify.letters import colour_of, logo_for, sender_of
from central.notify.messages import about_of, code_of
from central.notify.pictures import qr_path
from central.notify.short_links import led_to
from central.notify.stops import stop_reminders
from central.notify.words import filled, known_language, texts
from central.outages.reach import reach_of
from central.packages import delegates, service
from central.packages.linked import is_recalled, package_of, person_of
from central.pages.rendering import page
from kiosk.model.clock import DAY_MS
from kiosk.model.package import PackageStatus
from kiosk.model.urls import asking, path

router = APIRouter(prefix=PATH, include_in_schema=False)
short = APIRouter(prefix=SHORT, include_in_schema=False)
BY = "link"
CODES_A_DAY = 3
"""How often a day a new code is sent by a link."""


def _view(connection: Connection, central: Central, token: str) -> dict[str, Any]:
    """What the page shows. Raises `RequestError` when the link has ended."""

    def one(table: Table, key: str) -> Any:
        return connection.execute(select(table).where(table.c.id == key)).one()

    package = package_of(connection, central, token, may_be_over=True)
    person = one(schema.recipient, package.recipient)
    location = one(schema.location, package.location)
    named = following.current(connection, package.id)
    state = _state_of_package(connection, package)
    is_out = _is_out(connection, central, package)
    has_code = state == "ready" and package.disputed_ms is None
    until_ms = promised_until_ms(connection, package)
    about = about_of(
        connection,
        central,
        known_language(person.language),
        package,
        person,
        location,
        code=code_of(central, package, location) if has_code else "",
        delegate=named,
        is_out=is_out,
        until_ms=until_ms,
    )
    return _shown(about, is_to_be_fetched=state in ("expected", *HELD)) | {
        "state": state,
        "is_held": state in HELD,
        "may_extend": may_extend(connection, central, package),
        "is_promised": state in HELD and not is_out and until_ms != package.hold_until_ms,
        "delegate": named and _state_of(named, central.clock.now_ms()),
        "is_out": is_out,
        "privacy_url": privacy_url(central, about.language),
    }


def _shown(about: About, *, is_to_be_fetched: bool) -> dict[str, Any]:
    """What the page shows of a package in the person's words."""
    details, words = details_of(about), texts(about.language)
    lines, logo = lines_of(about, details, is_to_be_fetched=is_to_be_fetched), logo_for(about)
    return {
        "words": {name: filled(text, details) for name, text in words["recipient_page"].items()},
        "common": {
            name: words["all"][name] for name in ("code_label", "code_hint", "privacy_title")
        },
        "picture": filled(words["all"]["picture"], details),
        "details": details,
        "lines": [each for each in lines if not each.url],
        "maps": map_links(about) if is_to_be_fetched else [],
        "geo_url": geo_url(about) if is_to_be_fetched else "",
        "phone_url": phone_url(about.help_phone),
        "qr": qr_path(about.location.id, about.code) if about.code else None,
        "sender": sender_of(about),
        "colour": colour_of(about),
        "logo": logo and {"size": logo, "url": f"data:image/png;base64,{_base64(logo)}"},
        "delegate_days_max": delegates.DAYS_MAX,
        "language": about.language,
        "direction": "rtl" if about.is_from_right else "ltr",
    }


def _base64(logo: Logo) -> str:
    return base64.b64encode(logo.content).decode()


HELD = ("ready", "expired")
"""The states in which a package lies there."""
_STATES = {
    PackageStatus.PENDING: "expected",
    PackageStatus.STORED: "ready",
    PackageStatus.EXPIRED: "expired",
    PackageStatus.RETRIEVED: "collected",
}


def _state_of_package(connection: Connection, package: Any) -> str:
    """How it stands with the package: the word by which the page knows it."""
    if is_recalled(connection, package.id):
        return "returned"
    return _STATES.get(package.status, "returned")


def _state_of(named: Any, now_ms: int) -> str:
    """How it stands with a delegate: the word of the page that says it."""
    if named.fetched_ms is not None:
        return "delegate_fetched"
    if named.until_ms <= now_ms or named.closed_ms is not None:
        return "delegate_ended"
    if named.ended_ms is not None:
        # A kiosk that never heard of it takes no code, and hears of both at once.
        return "delegate_lingers" if named.known_ms is not None else "delegate_ended"
    return "delegate_may" if named.known_ms is not None else "delegate_waits"


def _is_out(connection: Connection, central: Central, package: Any) -> bool:
    """Whether it cannot be fetched now, so that nobody can say until when it lies there."""
    reached = reach_of(connection, central.settings, package.id, central.clock.now_ms())
    return package.status == "STORED" and reached.why_not is not None


@router.get("/{token}")
async def recipient_page(request: Request, token: str, said: str = "") -> Response:
    """The package of a link."""
    central = central_of(request)
    shown = await central.database.look(_view, central, token)
    answer = shown["words"].get(said, "") if said in ANSWERS else ""
    return page(
        request, "recipient.html", operator=None, token=token, said=said, answer=answer, **shown
    )


@short.get("/{token}")
async def short_link(request: Request, token: str) -> Response:
    """The short link of an SMS: on to the whole one."""
    central = central_of(request)
    found = await central.database.look(led_to, central, token)
    if found is None:
        raise not_found("link", token[:12])
    return RedirectResponse(link_to(central, found.package, found.recipient), 303)


ANSWERS = ("extended", "sent", "cannot_extend", "too_often", "gone", "reminders_ended")


@router.post("/{token}/extend")
async def extend(request: Request, token: str) -> Response:
    """Keep it a day longer, where that may be."""
    return await _do(request, token, "extended", "cannot_extend", _extend)


@router.post("/{token}/code")
async def code(request: Request, token: str) -> Response:
    """Send a new code."""
    return await _do(request, token, "sent", "gone", _reissue)


@router.get("/{token}" + NO_REMINDERS)
async def ask_for_no_reminders(request: Request, token: str) -> Response:
    """Somebody followed the link of a mail program that does not post: the page has the button."""
    central = central_of(request)
    await central.database.look(person_of, central, token)
    return RedirectResponse(f"{PATH}{path(token)}", 303)


@router.post("/{token}" + NO_REMINDERS)
async def no_reminders(
    request: Request,
    token: str,
    by_program: Annotated[str, Form(alias="List-Unsubscribe", max_length=40)] = "",
) -> Response:
    """No more reminders by e-mail: at once, as mail programs have it (RFC 8058)."""
    central = central_of(request)
    await central.database.write(_no_reminders, central, token)
    if by_program:
        return Response()
    return RedirectResponse(asking(f"{PATH}{path(token)}", said="reminders_ended"), 303)


def _no_reminders(connection: Connection, central: Central, token: str) -> None:
    person = person_of(connection, central, token)
    stop_reminders(connection, person.email_index, central.clock.now_ms())


@router.post("/{token}/delegate")
async def name_delegate(
    request: Request,
    token: str,
    name: Annotated[str, Form(max_length=200)] = "",
    days: Annotated[int, Form()] = 0,
) -> Response:
    """Let somebody else fetch it."""

    def operation(connection: Connection, central: Central, token: str) -> None:
        package = _locked_package(connection, central, token)
        delegates.name(connection, central, BY, package, name, days)

    return await _do(request, token, "", "gone", operation)


@router.post("/{token}/delegate/end")
async def end_delegate(request: Request, token: str) -> Response:
    """Let nobody else fetch it any more."""

    def operation(connection: Connection, central: Central, token: str) -> None:
        delegates.end(connection, central, BY, _locked_package(connection, central, token))

    return await _do(request, token, "", "gone", operation)


def _locked_package(connection: Connection, central: Central, token: str) -> str:
    """The id of the package of a link, its location locked."""
    lock_location(connection, package_of(connection, central, token).location)
    return str(package_of(connection, central, token).id)


def _extend(connection: Connection, central: Central, token: str) -> None:
    package = _locked_package(connection, central, token)
    service.extend(connection, central, BY, package, 1, None)


def _reissue(connection: Connection, central: Central, token: str) -> None:
    package = _locked_package(connection, central, token)
    table = schema.audit
    since_ms = central.clock.now_ms() - DAY_MS
    asked = connection.execute(
        select(func.count()).where(
            table.c.action == "package.reissue",
            is_about(connection, package),
            is_by(connection, BY),
            table.c.at_ms > since_ms,
        )
    ).scalar_one()
    if asked >= CODES_A_DAY:
        raise RequestError(429, "too_often", "not so often", retry_after_s=DAY_MS // 1000)
    service.reissue(connection, central, BY, package, None)


async def _do(request: Request, token: str, done: str, refused: str, operation: Any) -> Response:
    central = central_of(request)
    try:
        await central.database.write(operation, central, token)
        said = done
    except RequestError as error:
        if error.status == 404:
            raise
        said = "too_often" if error.status == 429 else refused
    request.app.state.wake()
    return RedirectResponse(asking(f"{PATH}{path(token)}", said=said), 303)
