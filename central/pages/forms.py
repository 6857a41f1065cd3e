"""What the forms have in common: one transaction, and a redirect that says how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Form, Request, Response
from pydantic import AfterValidator
from sqlalchemy import Connection

from central.areas.visible import About
from central.context import Central, central_of
from central.errors import RequestError, one_line
from central.pages.paths import HOME
from central.pages.said import saying

T = TypeVar("T")
Operation: TypeAlias = Callable[[Connection, Central], T]
Text = Annotated[str, Form(max_length=200), AfterValidator(one_line)]


def only(about: About, operation: Operation[T]) -> Operation[T]:
    """An operation on what somebody may act on, which is asked first, in its transaction."""

    def do(connection: Connection, central: Central) -> T:
        about(connection)
        return operation(connection, central)

    return do


async def carry_out(
    request: Request, about: About, back: str, done: str, operation: Operation[Any]
) -> Response:
    """Carry something out and go back to the page, which says how it went. `about` refuses who may
    not act on what it is done to."""
    central = central_of(request)
    try:
        await central.database.write(only(about, operation), central)
    except RequestError as error:
        return saying(request, f"{HOME}{back}", problem=error.message)
    request.app.state.wake()
    return saying(request, f"{HOME}{back}", done=done)
