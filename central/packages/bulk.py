"""Many announcements in one call, each with a result of its own.

Those of one location are one transaction that locks it once; what is refused leaves the others as
they are. Whoever got no answer sends the same again: each is done once, by its own key or by its
place under the call's, so a call that was cut off halfway is finished by the next one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from fastapi import Request
from pydantic import Field
from sqlalchemy import Connection

from central import problems, schema
from central.auth import Program
from central.context import Central, central_of
from central.database.bulk import insert_once
from central.errors import RequestError
from central.locking import lock_location
from central.packages import once, service
from central.packages.requests import Announcement, ApiRequest
from central.sandbox.obeying import obey
from central.sync.room import note_room, tell_of_room

MOST: Final = 1000
TOGETHER: Final = 100
"""So many of one location are one transaction: kiosks that sync wait no longer than that."""
PATH: Final = "/v1/packages"
"""Of one announcement: what was sent there under a key is the same here, and the other way round.
"""


class BulkAnnouncement(Announcement):
    """One of many packages that are to come."""

    key: str | None = Field(default=None, min_length=1, max_length=100)
    """As the header Idempotency-Key of a single one; it may be sent alone under it, too."""

    def without_key(self) -> Announcement:
        """The announcement without the call's words."""
        values = {name: getattr(self, name) for name in Announcement.model_fields}
        return Announcement.model_construct(self.model_fields_set - {"key"}, **values)


class Bulk(ApiRequest):
    """Packages that are to come."""

    packages: tuple[BulkAnnouncement, ...] = Field(min_length=1, max_length=MOST)
    """Each is announced, or refused, for itself."""


Result = dict[str, Any]


async def announce_all(
    request: Request, program: Program, key: str | None, bulk: Bulk
) -> dict[str, Any]:
    """Announce them; what came of each, in their order. Raises `RequestError` where the call's key
    is another call's."""
    central = central_of(request)
    if key is not None:
        claiming = central.database.at(may_repeat=True)
        await claiming.write(_claim, central, program, key, bulk.asked())
    results: list[Result] = [{}] * len(bulk.packages)
    jobs = [
        _write(central, program, key, bulk.packages, location, places)
        for location, places in _jobs(bulk.packages)
    ]
    for found in await asyncio.gather(*jobs):
        for place, result in found:
            results[place] = result
    request.app.state.wake()
    done = sum(1 for each in results if each["status"] == 201)
    return {"announced": done, "refused": len(results) - done, "results": results}


def _jobs(packages: Sequence[BulkAnnouncement]) -> list[tuple[str, list[int]]]:
    """Which are written together: those of one location, each that wants the nearest alone."""
    by_location: dict[str, list[int]] = {}
    jobs: list[tuple[str, list[int]]] = []
    for place, each in enumerate(packages):
        if each.location == service.NEAREST:
            jobs.append(("", [place]))
        else:
            by_location.setdefault(each.location, []).append(place)
    for location, places in sorted(by_location.items()):
        jobs += [
            (location, places[begin : begin + TOGETHER])
            for begin in range(0, len(places), TOGETHER)
        ]
    return jobs


async def _write(
    central: Central,
    program: Program,
    key: str | None,
    packages: Sequence[BulkAnnouncement],
    location: str,
    places: Sequence[int],
) -> list[tuple[int, Result]]:
    """One transaction; where it fails as a whole, that is what came of each of its packages."""
    is_keyed = key is not None or all(packages[place].key is not None for place in places)
    writing = central.database.at(location, may_repeat=is_keyed)
    try:
        return await writing.write(_announce, central, program, key, packages, location, places)
    except RequestError as error:
        return [(place, _refused(place, error)) for place in places]


def _announce(
    connection: Connection,
    central: Central,
    program: Program,
    key: str | None,
    packages: Sequence[BulkAnnouncement],
    location: str,
    places: Sequence[int],
) -> list[tuple[int, Result]]:
    results: list[tuple[int, Result]] = []
    if location:
        lock_location(connection, location)
    for place in places:
        wanted = packages[place]
        own = wanted.key or (None if key is None else f"{key}#{place}")
        alone = wanted.without_key()
        savepoint = connection.begin_nested()
        try:
            status, answer = once.kept(
                connection,
                central,
                program.id,
                own,
                f"{PATH}\n{alone.asked()}",
                201,
                partial(_announce_one, by=program.id, wanted=alone, notes_room=not location),
            )
        except RequestError as error:
            savepoint.rollback()
            results.append((place, _refused(place, error)))
            continue
        savepoint.commit()
        result = {"index": place, "status": status, "package": json.loads(answer)}
        results.append((place, result))
    if location:
        note_room(connection, location)
        tell_of_room(connection, location, central.clock.now_ms())
    obey(connection, central, program)
    return results


def _announce_one(
    connection: Connection, central: Central, by: str, wanted: Announcement, *, notes_room: bool
) -> dict[str, Any]:
    return service.announce(connection, central, by, wanted, notes_room=notes_room)


def _refused(place: int, error: RequestError) -> Result:
    return {"index": place, "status": error.status, "problem": problems.body_of(error)}


def _claim(
    connection: Connection, central: Central, program: Program, key: str, asked: str
) -> None:
    """Make the call's key this call's. Raises `RequestError`."""
    mark = central.secrets.mark
    values: dict[str, Any] = {"api_key": program.id, "key": mark("idempotency", f"bulk {key}")}
    values |= {"request_hash": mark("idempotency", asked), "status": 200}
    values |= {"created_ms": central.clock.now_ms()}
    if insert_once(connection, schema.idempotency, values):
        return
    before = once.before(connection, program.id, values["key"])
    if before.request_hash != values["request_hash"]:
        raise RequestError(409, "key_reused", f"the key {key!r} was used for another request")
