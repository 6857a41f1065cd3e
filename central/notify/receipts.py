"""What an SMS gateway says became of a message: delivered, or not, and then another way is tried.

The gateway posts to an address that it was given with the message (Twilio: `StatusCallback`,
https://www.twilio.com/docs/messaging/api/message-resource). The address is signed and names one
message, so nobody else can say anything of it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from itsdangerous import BadData
from sqlalchemy import Connection, select, update

from central import schema
from central.context import Central, central_of
from central.database.locks import locked
from central.errors import not_found
from central.locking import lock_location
from central.notify import outbox
from central.settings import Notifications
from kiosk.model.urls import path

router = APIRouter(prefix="/v1", tags=["messages"])
PURPOSE = "receipt"
VALID_S = 7 * 24 * 3600
NOT_DELIVERED = ("failed", "undelivered")


def url_for(central: Central, notification: str) -> str:
    """Where the gateway says what became of a message; empty where it cannot reach this server."""
    if not central.settings.public_url:
        return ""
    token = central.secrets.serializer(PURPOSE).dumps(notification)
    return f"{central.settings.base_url}{path('v1', 'receipts', token)}"


@router.post(
    "/receipts/{token}",
    status_code=204,
    responses={404: {}, 422: {}},
    summary="An SMS gateway says what became of a message",
)
async def receipt(
    request: Request,
    token: Annotated[str, Path(max_length=400)],
    status: Annotated[str, Form(alias="MessageStatus", max_length=40)],
    code: Annotated[str, Form(alias="ErrorCode", max_length=40)] = "",
) -> Response:
    central = central_of(request)
    try:
        notification = central.secrets.serializer(PURPOSE).loads(token, max_age=VALID_S)
    except BadData as error:
        raise not_found("message", token[:12]) from error
    rules, now_ms = central.settings.notifications, central.clock.now_ms()
    await central.database.write(take, rules, str(notification), status, code, now_ms)
    request.app.state.wake()
    return Response(status_code=204)


def take(
    connection: Connection,
    rules: Notifications,
    notification: str,
    status: str,
    code: str,
    now_ms: int,
) -> None:
    """Write down what became of a message. What was not delivered is a dead letter, and its person
    is notified another way; a message that went out again meanwhile is left alone."""
    table = schema.notification
    query = select(table).where(table.c.id == notification)
    row = connection.execute(query).first()
    if row is not None:
        lock_location(connection, row.location)
        row = connection.execute(locked(query)).first()
    if row is None or row.status not in ("leased", "sent") or row.delivered_ms is not None:
        return
    of_it = update(table).where(table.c.id == notification)
    if status == "delivered":
        connection.execute(of_it.values(delivered_ms=now_ms))
    elif status in NOT_DELIVERED:
        why = f"the gateway: {status} {code}".strip()
        connection.execute(of_it.values(status="dead", leased_until_ms=None, error=why))
        outbox.try_another_way(connection, rules, row)
