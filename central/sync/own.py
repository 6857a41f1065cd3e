"""What a kiosk may speak of: the things of its own location, and nothing of another's.

The key of whatever a kiosk says is its location and an id. An id that is known as a package of
another location is none of its own, however it came to know it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from central import schema
from kiosk.model.images import known_images

NAMED_IN_BODY = ("package", "joined", "replaces", "beside")
NAMED_IN_IMAGE = {"package": ("id", "replaces"), "intent": ("package",)}
NOT_OWN = "it speaks of a package that is not this location's"
IDS_AT_ONCE = 500

_OF_OTHERS = select(schema.package.c.id).where(
    schema.package.c.id.in_(bindparam("ids", expanding=True)),
    schema.package.c.location != bindparam("of_location"),
)


def packages_named(body: Mapping[str, Any]) -> set[str]:
    """The ids of all packages that an event speaks of."""
    named = [body.get(field) for field in NAMED_IN_BODY]
    for table, image in known_images(body):
        named += [image.get(field) for field in NAMED_IN_IMAGE.get(table, ())]
    return {each for each in named if isinstance(each, str) and each}


def speak_of_others(
    connection: Connection, location: str, bodies: Sequence[Mapping[str, Any]]
) -> list[bool]:
    """Of each event's body, whether it speaks of a package of another location."""
    named = [packages_named(body) for body in bodies]
    ids = sorted(set().union(*named))
    others: set[str] = set()
    for start in range(0, len(ids), IDS_AT_ONCE):
        asked = {"ids": ids[start : start + IDS_AT_ONCE], "of_location": location}
        others |= set(connection.execute(_OF_OTHERS, asked).scalars())
    return [not others.isdisjoint(each) for each in named]
