"""The site file of a location: kept here by operators, given to its kiosk when that is set up.

A kiosk that is about to enrol asks for it with its one-time token; it comes signed with the key
that commands are signed with, which the token pins. Who works there does not stand in it: the
server has its own list of staff, and no hash of anybody's PIN lies here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from central import schema
from central.context import Central, audit
from central.database.bulk import upsert
from central.errors import RequestError, not_found, wrong_field
from central.sync import enrolment, signing
from config import check_content
from kiosk.sync.contract import SITE_FILE_MAX, SiteFileAnswer, site_file_text

NAME = "site.toml"
"""What mistakes call it."""
MISTAKES_SHOWN = 20


def keep(connection: Connection, location: str, text: str, by: str, now_ms: int) -> None:
    """Keep a location's site file in place of the one before. Raises `RequestError`, which names
    each mistake in it."""
    known = select(schema.location.c.id).where(schema.location.c.id == location)
    if connection.execute(known).first() is None:
        raise not_found("location", location)
    content = text.replace("\r\n", "\n").replace("\r", "\n")
    _require_right(content, location)
    values = {"content": content, "changed_ms": now_ms, "changed_by": by}
    upsert(connection, schema.site_file, {"location": location}, values)
    audit(connection, now_ms, by, "location.site-file", location, place=location)


def _require_right(text: str, location: str) -> None:
    if len(text) > SITE_FILE_MAX:
        raise wrong_field("site file", None, f"{SITE_FILE_MAX} characters at most")
    site, mistakes = check_content(text.encode("utf-8", "replace"), NAME)
    if site is None or mistakes:
        said = "\n".join(str(each) for each in mistakes[:MISTAKES_SHOWN])
        raise RequestError(422, "invalid", said)
    if site.location.id != location:
        right = f"id = {location!r} in [location]: the id of the location that it is kept for"
        raise wrong_field("location.id", site.location.id, right)
    if site.staff:
        right = "no [[staff]]: who works there is listed at the server, and at the panel"
        raise wrong_field("staff", None, right)


def of_location(connection: Connection, location: str) -> Any:
    """The row of a location's site file; None where none is kept."""
    table = schema.site_file
    return connection.execute(select(table).where(table.c.location == location)).first()


def answer(connection: Connection, central: Central, token: str, question: str) -> SiteFileAnswer:
    """The site file for who has a location's enrolment token. Raises `RequestError`."""
    location = enrolment.location_of_token(connection, central, token)
    row = of_location(connection, location)
    if row is None:
        raise RequestError(
            404,
            "no_site_file",
            f"no site file is kept for {location!r}: on its page here, Site file; or"
            f" central location site-file {location} FILE",
        )
    signer = signing.current(connection, central.secrets)
    signature = signer.sign(site_file_text(location, question, row.content))
    return SiteFileAnswer(location=location, text=row.content, signature=signature)
