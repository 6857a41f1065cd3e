"""What a kiosk that fetches the list of staff is answered: signed for it, and for its question."""

from __future__ import annotations

from sqlalchemy import Connection

from central.context import Central
from central.sync import carrier_access, enrolment, signing, staff_list
from kiosk.sync.contract import StaffAnswer, staff_text


def answer(
    connection: Connection,
    central: Central,
    location: str,
    token: str,
    since: int,
    question: str,
    *,
    knows_carriers: bool = True,
) -> StaffAnswer:
    """What a kiosk that has the version `since` of the list does not know. Raises `RequestError`
    for a wrong token."""
    row = enrolment.kiosk_of(connection, location, token)
    known = signing.trusted(connection, central.secrets, row.signing_key)
    signer = known or signing.current(connection, central.secrets)
    found = staff_list.page_of(connection, location, since, knows_carriers=knows_carriers)
    if not found.has_more:
        here = carrier_access.of_location(
            connection, location, central.settings.region, central.clock.now_ms()
        )
        found = found.model_copy(update={"carrier_keys": here})
    page = found.model_dump(mode="json")
    return StaffAnswer(page=page, signature=signer.sign(staff_text(location, question, page)))
