"""How a page is written: the templates, the words they have in common, the headers it goes with."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates
from markupsafe import Markup

from central.auth import BY_NAME_ALONE, Role, Scope
from central.context import central_of
from central.errors import RequestError
from central.notify.words import languages
from central.pages.listing import AMONG
from central.pages.naming import NO_NAMES
from central.pages.paths import HOME
from central.pages.said import MARK, said
from central.plain_texts import plain
from central.schema import LIVE
from kiosk.model.commands import REMOTE_SETTINGS
from kiosk.model.location import GIVEN_BY_STAFF
from kiosk.model.urls import part

HEADERS = {"cache-control": "no-store"}


class Ways(StrEnum):
    """By which ways the people of a location are notified, in their order."""

    AS_EVERYWHERE = ""
    EMAIL_SMS = "email,sms"
    SMS_EMAIL = "sms,email"
    EMAIL = "email"
    SMS = "sms"
    APPRISE = "apprise"


def _moment(at_ms: float | None) -> Markup:
    """A moment as people read it, in UTC; `pages.js` says it in the reader's own time zone, and how
    long ago it was."""
    moment = _read(at_ms)
    if moment is None:
        return Markup("–")
    said = moment.strftime("%-d %b %Y, %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(f"{moment:%Y-%m-%dT%H:%M:%SZ}", said)


def _day(at_ms: float | None) -> str:
    """The day of a moment, by UTC, in which days are counted."""
    moment = _read(at_ms)
    return "–" if moment is None else moment.strftime("%-d %b %Y")


def _read(at_ms: float | None) -> datetime | None:
    if at_ms is None:
        return None
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # kept from a server that took any number for a time


def _words(name: str) -> str:
    """`PACKAGE_STORED` as people read it."""
    return name.replace("_", " ").replace(".", " ").capitalize()


_STATES: Final = {
    "dead": "Given up",
    "sent": "Sent",
    "queued": "Waiting",
    "leased": "Being sent",
    "dropped": "Not needed any more",
}
_WAYS: Final = {"email": "E-mail", "sms": "SMS", "apprise": "Apprise", "operators": "Operators"}


def _grouped(number: float) -> str:
    """A number as people read it."""
    return f"{number:,}"


def _state(name: str) -> str:
    """What the state of a message is called."""
    return _STATES.get(name, _words(name))


def _way(name: str) -> str:
    """What a way to people is called."""
    return _WAYS.get(name, name)


def _again(request: Request, **changes: Any) -> str:
    """The question of the address of the page that is shown, but for some of it, and without what
    was said of a form before it."""
    said_before = request.url.remove_query_params(["done", "problem", MARK])
    return f"?{said_before.include_query_params(**changes).query}"


def _plain(value: object) -> object:
    """What a template shows of a value: of a text, nothing that breaks its line or turns the page
    over, whoever wrote it. Markup is ours."""
    return plain(value) if type(value) is str else value


templates = Jinja2Templates(Path(__file__).parent / "templates")
templates.env.finalize = _plain
templates.env.filters |= {"moment": _moment, "day": _day, "words": _words, "part": part}
templates.env.filters |= {"grouped": _grouped, "state": _state, "way": _way}
templates.env.globals |= {"again": _again, "AMONG": AMONG}
templates.env.globals |= {"HOME": HOME, "LIVE": LIVE, "REASONS": GIVEN_BY_STAFF, "SCOPES": Scope}
templates.env.globals["SCOPES_BY_NAME_ALONE"] = BY_NAME_ALONE
templates.env.globals |= {"REMOTE_SETTINGS": REMOTE_SETTINGS}
templates.env.globals["names"] = NO_NAMES
templates.env.globals |= {"ROLES": Role, "WAYS": Ways, "LANGUAGES": languages()}


def page(request: Request, name: str, http_status: int = 200, **shown: Any) -> Response:
    """A page from its template."""
    done, problem = said(request)
    shown.setdefault("problem", problem)
    shown.setdefault("done", done)
    central = central_of(request)
    shown["now_ms"] = central.clock.now_ms()
    if (operator := shown.get("operator")) is not None:
        ends_ms = operator.session.ends_ms(central.settings.sign_in)
        shown["session_s"] = max(0, (ends_ms - shown["now_ms"]) // 1000)
    return templates.TemplateResponse(request, name, shown, http_status, HEADERS)


def refused_page(request: Request, error: RequestError) -> Response:
    """A refusal as a page."""
    return page(request, "refused.html", error.status, error=error, operator=None)
