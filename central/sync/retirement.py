"""A kiosk that goes out of service for good, by its own word: its token ends, operators see it."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from central import schema
from central.context import Central, alarm, audit
from central.feed import writing as feeding
from central.feed.document import Change
from central.sync.enrolment import kiosk_of
from kiosk.sync.contract import RetireAnswer, RetireRequest

RETIRED = "its kiosk was retired"


def retire(
    connection: Connection, central: Central, location: str, token: str, request: RetireRequest
) -> RetireAnswer:
    """Revoke a kiosk's token, and write down what it left inside. Raises `RequestError`.

    No package changes its state: whose lie inside a machine that nobody can open any more is for
    operators, and stands on the location's page.
    """
    now_ms = central.clock.now_ms()
    row = kiosk_of(connection, location, token, locks=True)
    table = schema.location
    connection.execute(
        update(table)
        .where(table.c.id == row.id)
        .values(
            retired_ms=now_ms,
            revoked_ms=now_ms,
            token_hash="",
            enrol_token_hash="",
            free=0,
        )
    )
    command = schema.command
    connection.execute(
        update(command)
        .where(command.c.location == row.id, command.c.state == "QUEUED")
        .values(state="EXPIRED", answer=RETIRED, answered_ms=now_ms)
    )
    feeding.location(connection, row.id, now_ms, Change.RETIRED)
    lying = _lying(connection, row.id)
    audit(
        connection,
        now_ms,
        f"kiosk {row.id}",
        "location.retire",
        row.id,
        place=row.id,
        inside=list(request.packages),
    )
    if request.packages or lying:
        alarm(connection, now_ms, "retired-with-packages", row.id, row.id, packages=lying[:50])
    return RetireAnswer(location=row.id)


def _lying(connection: Connection, location: str) -> list[str]:
    """The packages that are inside, as far as is known here."""
    table = schema.package
    return list(
        connection.execute(
            select(table.c.id).where(
                table.c.location == location,
                table.c.status.in_(schema.LIVE),
                table.c.slot.is_not(None),
            )
        ).scalars()
    )
