"""What the forms have in common: one transaction, and a redirect that says how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Form, Request, Response
from pydantic import AfterValidator
from sqlalchemy import Connection

from central.context import Central, central_of
from central.errors import RequestError, one_line
from central.pages.said import saying
from central.pages.session import HOME

Text = Annotated[str, Form(max_length=200), AfterValidator(one_line)]


async def carry_out(
    request: Request, back: str, done: str, operation: Callable[[Connection, Central], Any]
) -> Response:
    """Carry something out and go back to the page, which says how it went."""
    central = central_of(request)
    try:
        await central.database.write(operation, central)
    except RequestError as error:
        return saying(request, f"{HOME}{back}", problem=error.message)
    request.app.state.wake()
    return saying(request, f"{HOME}{back}", done=done)
