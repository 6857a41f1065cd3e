"""What a reader of the feed gets: one JSON document for each fact, in a form that is kept.

`name` is the fact's for ever: who reads a document twice knows it by that. Nothing in it is
personal: no contacts, no names, no staff numbers, no text that somebody typed, no codes and no part
of one. Of a kiosk's event only the fields that this version declares are handed on, so that what a
newer kiosk writes is no surprise to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from kiosk.model.actor import actor_of
from kiosk.model.event_bodies import BODIES
from kiosk.model.event_reading import read_or_nothing
from kiosk.model.events import EventKind
from kiosk.model.images import known_images

VERSION: Final = 1
WITHHELD: Final = frozenset(
    {
        "code_counter",
        "detail",
        "error",
        "locator",
        "number",
        "numbers",
        "owner",
        "recipient",
        "sender",
        "service_by",
        "service_reason",
        "shop",
        "staff",
    }
)
"""Fields of events and images that no reader gets: people, what people typed, parts of codes."""
WITHHELD_OF: Final = {EventKind.PACKAGE_CANCELLED: frozenset({"why"})}
"""The same of one kind; a carrier types why it recalls a package."""


class ServerKind(StrEnum):
    """What the server itself tells: how a thing is, whole; and when it is out of reach."""

    PACKAGE = "SERVER_PACKAGE"
    LOCATION = "SERVER_LOCATION"
    LOCATION_OUT = "SERVER_LOCATION_OUT"
    LOCATION_BACK = "SERVER_LOCATION_BACK"
    LOCATION_POWER_LOST = "SERVER_LOCATION_POWER_LOST"
    LOCATION_POWER_BACK = "SERVER_LOCATION_POWER_BACK"
    HOLD_PAUSED = "SERVER_HOLD_PAUSED"
    HOLD_RESUMED = "SERVER_HOLD_RESUMED"
    UNREACHABLE = "SERVER_RECIPIENT_UNREACHABLE"


class Change(StrEnum):
    """Why the server tells how a thing is; of other reasons it says nothing."""

    ANNOUNCED = "announced"
    JOINED = "joined"
    DISPUTED = "disputed"
    DECIDED = "decided"
    RECALLED = "recalled"
    ENROLLED = "enrolled"
    REVOKED = "revoked"
    RETIRED = "retired"
    FULL = "full"
    ROOM_AGAIN = "room_again"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerPackage(_Part):
    """A package as the server knows it."""

    id: str
    barcode: str
    status: str
    size: str | None
    slot: str | None
    sender: str | None
    """The id of the API key that announced it."""
    is_announced: bool
    is_alone: bool
    needs_low: bool
    replaces: str | None
    joined: str | None
    """The package that lay there already, and is this one."""
    known_as: str | None
    """The id by which its sender knows it, where that is another."""
    announced_ms: int
    stored_ms: int | None
    hold_until_ms: int | None
    finished_ms: int | None
    is_disputed: bool


class ServerSize(_Part):
    """The doors of one size at a location."""

    name: str
    total: int
    width_mm: int
    height_mm: int
    depth_mm: int
    max_weight_kg: float


class ServerLocation(_Part):
    """A location as the server knows it."""

    id: str
    name: str
    address: str
    country: str
    latitude: float | None
    longitude: float | None
    time_zone: str
    created_ms: int
    retired_ms: int | None
    is_enrolled: bool
    is_revoked: bool
    sizes: list[ServerSize]


class ServerOutage(_Part):
    """Nothing can be fetched at a location now, or it can again."""

    id: str
    why: str
    """`silent`: its kiosk is not heard of; `paused`: it gives nothing out."""
    since_ms: int


class ServerPower(_Part):
    """A location has no mains and runs on its battery, or has them again."""

    id: str
    since_ms: int
    """Since when it had none."""


class ServerHold(_Part):
    """A package cannot be fetched now, and its hold stands still; or it can again, and goes on."""

    id: str
    sender: str | None
    """The id of the API key that announced it."""
    why: str
    """`silent`: its kiosk is not heard of; `paused`: the location gives nothing out; `door`: its
    door does not open."""
    since_ms: int
    hold_until_ms: int | None
    """Until when it is held, as its kiosk has said; while it stands still no day is sure."""


class ServerUnreachable(_Part):
    """Whoever a package is for could not be sent a code of it."""

    id: str
    sender: str | None
    """The id of the API key that announced it."""
    why: str
    """`sms_stopped`: they asked for no more SMS, and there is no other way to them."""


class Document(_Part):
    """One fact."""

    version: Literal[1] = VERSION
    name: str
    """`region/location/epoch/seq`: the same for ever, wherever it is read."""
    region: str
    """Which server's it is; empty where a server has no name for that."""
    location: str
    epoch: str
    """The life of the journal that `seq` counts in: a kiosk's, or the server's for what it tells
    itself."""
    seq: int = Field(ge=1)
    """Without gaps within location and epoch, but for events that were put in quarantine."""
    source: Literal["kiosk", "server"]
    kind: str
    at_ms: int | None
    """When it happened, by the kiosk's clock; null where that clock was not trusted."""
    recorded_ms: int
    """When the server wrote it down, by its clock."""
    package: str | None = None
    sender: str | None = None
    """The id of the API key whose package it is, as far as that is known when it is read."""
    change: Change | None = None
    """Why the server tells it; null for a kiosk's event, and where nothing in particular did."""
    is_forced: bool = False
    """The server knew it otherwise, and took the kiosk's word."""
    hash: str = ""
    """The event's hash in its kiosk's journal; empty for what the server tells."""
    body: dict[str, Any]
    """Of a kiosk: who (`actor`), the kind's fields, and in `rows` what some fields of a slot, a
    package, an opening or a visit are from then on. Of a server: the thing, whole."""

    def text(self) -> str:
        """On one line."""
        return self.model_dump_json()


def name_of(region: str, location: str, epoch: str, seq: int) -> str:
    """How a fact is called for ever."""
    return f"{region}/{location}/{epoch}/{seq}"


def shown_body(kind: str, text: str) -> dict[str, Any]:
    """What a reader gets of an event's body."""
    body = read_or_nothing(text)
    said: dict[str, Any] = {"actor": _shown_actor(actor_of(body))}
    if kind in BODIES:
        declared = BODIES[EventKind(kind)].__dataclass_fields__
        hidden = WITHHELD | WITHHELD_OF.get(EventKind(kind), frozenset()) | {"actor", "kind"}
        said |= {n: v for n, v in body.items() if n in declared and n not in hidden}
    said["rows"] = [[name, _shown_image(image)] for name, image in known_images(body)]
    return said


def _shown_image(image: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in image.items() if name not in WITHHELD}
    if "actor" in shown:
        shown["actor"] = _shown_actor(str(shown["actor"]))
    return shown


def _shown_actor(actor: str) -> str:
    """That it was staff, not who."""
    return actor.partition(":")[0]
