"""What a kiosk that fetches the directory of its house is answered: signed for it, and for its
question."""

from __future__ import annotations

from sqlalchemy import Connection

from central.context import Central
from central.residents import directory
from central.sync import enrolment, signing
from kiosk.sync.contract import (
    DIRECTORY_PAGE_MAX,
    DirectoryAnswer,
    DirectoryPage,
    directory_text,
)


def answer(
    connection: Connection,
    central: Central,
    location: str,
    token: str,
    after: str,
    question: str,
) -> DirectoryAnswer:
    """The households behind one id, for the kiosk of their own house. Raises `RequestError` for a
    wrong token."""
    row = enrolment.kiosk_of(connection, location, token)
    version = directory.version_of(connection, location)
    limit = DIRECTORY_PAGE_MAX + 1
    found = directory.households_behind(connection, location, after, limit)
    page = DirectoryPage(
        version=version,
        after=after,
        has_more=len(found) == limit,
        households=tuple(found[:DIRECTORY_PAGE_MAX]),
    ).model_dump(mode="json")
    known = signing.trusted(connection, central.secrets, row.signing_key)
    signer = known or signing.current(connection, central.secrets)
    signature = signer.sign(directory_text(location, question, page))
    return DirectoryAnswer(page=page, signature=signature)
