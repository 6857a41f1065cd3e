"""The composition root of the server: joins the parts and the routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from central import metrics, privacy, problems, sandbox_routes
from central.api_pages import page as api_page
from central.badges import pages as badge_pages
from central.badges import routes as badge_routes
from central.context import Central
from central.database import faults, leadership
from central.database.listener import listen
from central.errors import RequestError
from central.front import Application
from central.intake import Intake
from central.keeper import Keeper
from central.links import PATH
from central.locations import routes as location_routes
from central.locations import site_file_routes
from central.monitoring.requests import CountedRequests
from central.notify import incoming, receipts
from central.notify.worker import Worker
from central.operators.single_sign_on import Provider
from central.packages import list_routes, nearby, room_routes
from central.packages import routes as package_routes
from central.pages import (
    account_actions,
    area_actions,
    carrier_pages,
    directory_pages,
    list_pages,
    location_actions,
    message_page,
    own_account,
    passkey_pages,
    privacy_page,
    provider_sign_in,
    receipt_page,
    recipient_page,
    remote_actions,
    report_pages,
    rollout_pages,
    search_page,
    sign_in,
    site_file_pages,
    webhook_pages,
)
from central.pages import actions as page_actions
from central.pages import late_form as late_form_pages
from central.pages import routes as page_routes
from central.pages.late_form import late_form
from central.pages.own_forms import OwnForms
from central.pages.paths import HOME, SIGN_IN
from central.pages.rendering import refused_page
from central.pages.session import NotSignedInError, StepNeededError
from central.rates import Rates
from central.regions import routes as region_routes
from central.releases import routes as release_routes
from central.remote import routes as file_routes
from central.reports import routes as report_routes
from central.sync import commands
from central.sync import routes as sync_routes
from central.sync.bells import Bells
from central.webhooks import routes as webhook_routes
from central.webhooks.worker import Webhooks

LOG = logging.getLogger("central")
WATCHED = (metrics.router,)
"""What every process answers, whatever its roles."""
ROUTERS = (
    sync_routes.router,
    file_routes.router,
    release_routes.router,
    list_routes.router,
    package_routes.router,
    nearby.router,
    webhook_routes.router,
    location_routes.router,
    site_file_routes.router,
    room_routes.router,
    report_routes.router,
    sandbox_routes.router,
    api_page.router,
    badge_routes.router,
    region_routes.router,
    receipts.router,
    incoming.router,
    sign_in.router,
    provider_sign_in.router,
    own_account.router,
    passkey_pages.router,
    late_form_pages.router,
    account_actions.router,
    directory_pages.router,
    site_file_pages.router,
    list_pages.router,
    message_page.router,
    page_routes.router,
    report_pages.router,
    page_actions.router,
    badge_pages.router,
    location_actions.router,
    remote_actions.router,
    rollout_pages.router,
    webhook_pages.router,
    search_page.router,
    area_actions.router,
    carrier_pages.router,
    recipient_page.router,
    recipient_page.short,
    privacy_page.router,
    receipt_page.router,
)


def create_app(central: Central) -> FastAPI:
    """The web application on these parts; it closes the database at its end."""
    worker, webhooks = Worker(central), Webhooks(central)
    roles = central.settings.roles
    keeper = Keeper(central, leadership(central.settings.url))
    bells = Bells(partial(_waited_for, central))
    central.database.on_wake(bells.ring)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if "worker" in roles:
            worker.start()
            webhooks.start()
        if "keeper" in roles:
            keeper.start()
        bells.start()
        others = (listen(central.settings.url, bells.ring), privacy.stay_forgotten(central))
        tasks = [asyncio.create_task(each) for each in others]
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()
            await keeper.stop()
            await asyncio.gather(worker.stop(), webhooks.stop())
            await asyncio.to_thread(central.database.close)

    app = Application(
        title="Parcel lockers",
        version="1",
        summary="Announce packages to lockers, follow them, find the nearest free one.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.base_url, app.watched_port = central.settings.base_url, central.settings.watched_port
    app.state.central = central
    app.state.rates = Rates(central)
    rules = central.settings.single_sign_on
    app.state.provider = None if rules is None else Provider(rules)
    app.state.worker = worker
    app.state.bells = bells
    app.state.webhooks = webhooks

    def wake() -> None:
        worker.wake()
        webhooks.wake()

    app.state.wake = wake
    # Both are one role: it works while each of them does.
    parts = {"worker": lambda: min(worker.state, webhooks.state), "keeper": lambda: keeper.state}
    app.state.roles = lambda: {role: parts[role]() for role in roles if role in parts}
    for router in (*WATCHED, *(ROUTERS if "api" in roles else ())):
        # As they are: `include_router` builds each of them once more with the first request, for
        # prefixes and dependencies that none of ours is given here.
        app.router.routes.extend(router.routes)
    app.add_middleware(OwnForms, central=central)
    app.add_middleware(Intake, central=central)
    routes = [route for router in (*WATCHED, *ROUTERS) for route in router.routes]
    app.add_middleware(CountedRequests, routes=routes)
    app.state.routes = routes
    app.add_middleware(HeadAsGet)
    if "api" in roles:
        app.add_api_route("/", _front_door, include_in_schema=False)
    _say_errors(app)
    return app


async def _waited_for(central: Central) -> list[str]:
    """The locations for whose kiosks something is there."""
    return await central.database.look(commands.locations_waited_for, central.clock.now_ms())


async def _front_door() -> Response:
    """Who knows only the server's address comes to the operators' pages."""
    return RedirectResponse(HOME, 303)


class HeadAsGet:
    """HEAD answers as GET does (RFC 9110, 9.3.2); the web server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request; one for HEAD as one for GET."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def _elsewhere(request: Request, page: str) -> Response:
    """On to another page; the whole page, where htmx asked for a part of one."""
    if "hx-request" in request.headers:
        return Response(headers={"hx-redirect": page})
    return RedirectResponse(page, 303)


def _methods_at(app: FastAPI, path: str) -> list[str]:
    """What an address takes, whichever route does: the framework knows of the first alone."""
    found = [
        route.methods or set()
        for route in app.state.routes
        if isinstance(route, Route) and route.path_regex.fullmatch(path)
    ]
    return sorted(set[str]().union(*found))


_UNREADABLE = {
    400: ("unreadable", "the body cannot be read: right is JSON in UTF-8, not nested so deep"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address does not take this method; see the header allow"),
}
"""What the framework refuses before any route is asked, in our words."""


def _say_errors(app: FastAPI) -> None:
    """Every refusal has the same form: a code for programs, a sentence for people."""

    @app.exception_handler(HTTPException)
    async def _unreadable(request: Request, error: HTTPException) -> Response:
        code, message = _UNREADABLE.get(error.status_code, ("refused", error.detail))
        refused = RequestError(error.status_code, code, message)
        if request.url.path.startswith((HOME, PATH)):
            return refused_page(request, refused)
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == 405:
            headers["allow"] = ", ".join(_methods_at(request.app, request.url.path))
        return problems.response(refused, headers)

    @app.exception_handler(NotSignedInError)
    async def _not_signed_in(request: Request, _error: NotSignedInError) -> Response:
        return await late_form(request) or _elsewhere(request, SIGN_IN)

    @app.exception_handler(StepNeededError)
    async def _step_needed(request: Request, error: StepNeededError) -> Response:
        return _elsewhere(request, error.page)

    @app.exception_handler(RequestError)
    async def _refused(request: Request, error: RequestError) -> Response:
        if request.url.path.startswith((HOME, PATH)):
            return refused_page(request, error)
        return problems.response(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        refused = problems.invalid(error.errors(), skipped=1)
        if request.url.path.startswith(HOME):
            return refused_page(request, problems.in_words(refused))
        return problems.response(refused)

    @app.exception_handler(SQLAlchemyError)
    async def _database(request: Request, error: SQLAlchemyError) -> Response:
        is_ours = not faults.is_passing(error)
        LOG.error("the database did not carry a request out: %s", error, exc_info=is_ours)
        refused = faults.refusal(error)
        if request.url.path.startswith((HOME, PATH)):
            return refused_page(request, refused)
        return problems.response(refused, {"retry-after": "5"})

    @app.exception_handler(Exception)
    async def _failed(request: Request, error: Exception) -> Response:
        # The framework hands the error on behind this answer, so that the log has it.
        refused = RequestError(500, "internal", "the server failed; its log says why")
        if request.url.path.startswith((HOME, PATH)):
            return refused_page(request, refused)
        return problems.response(refused)
