"""The after-images that events carry: what a slot, a package, an opening or a visit is afterwards.

An image says only what the event sets, and always which thing it is of. These are the journal's
own words, promised for ever; what the columns of a table are called is the store's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from kiosk.model.barcode import BARCODE_LENGTH_MAX
from kiosk.model.carriers import CarrierId
from kiosk.model.commands import CODE_COUNTER_MAX
from kiosk.model.fields import Count, Id, Name, SlotLabel, Switch, TimeMs, Words, is_sound
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.package import PackageStatus
from kiosk.model.person import Role


def _sound(text: str) -> str:
    if not is_sound(text):
        raise ValueError("a barcode has no NUL and no half of a surrogate pair")
    return text


Barcode = Annotated[
    str, Strict(), Field(min_length=1, max_length=BARCODE_LENGTH_MAX), AfterValidator(_sound)
]
Purpose = Literal[
    "DEPOSIT",
    "PICKUP",
    "REOPEN",
    "RETURN",
    "COLLECTION",
    "UNDO",
    "MOVE",
    "MAINTENANCE",
    "LOOK",
]
CodeCounter = Annotated[Count, Field(le=CODE_COUNTER_MAX // 2)]
"""How often a code was issued; so that the server can still issue others."""
OpeningState = Literal["INTENDED", "OPENED", "DONE", "FAILED", "UNKNOWN"]


LEFT_OUT: Any = None
"""The default of a field that an event leaves out where it does not change, and never empties."""


class Image(BaseModel):
    """What some fields of a thing are after an event. A field of a newer version is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class SlotImage(Image):
    """A slot, by its label."""

    label: SlotLabel
    position: Count = LEFT_OUT
    size: Name = LEFT_OUT
    is_low: Switch = LEFT_OUT
    status: SlotStatus = LEFT_OUT
    suspect: SuspectReason | None = None
    service: Service = LEFT_OUT
    service_reason: Words = LEFT_OUT
    service_by: Name = LEFT_OUT
    service_since_ms: TimeMs | None = None
    service_until_ms: TimeMs | None = None
    is_reachable: Switch = LEFT_OUT
    faulty_since_ms: TimeMs | None = None
    freed_seq: Count = LEFT_OUT
    """The number of the event that freed it last."""
    last_carrier: CarrierId = LEFT_OUT
    """Whose package was last meant to lie in it."""


class PackageImage(Image):
    """A package, by its id."""

    id: Id
    barcode: Barcode = LEFT_OUT
    status: PackageStatus = LEFT_OUT
    size: Name | None = None
    slot: SlotLabel | None = None
    last_slot: SlotLabel | None = None
    recipient: Id | None = None
    owner: Name | None = None
    sender: Name | None = None
    """Which sender announced it, by a mark that differs from server to server."""
    carrier: CarrierId = LEFT_OUT
    """Whose couriers may touch it; the operator's where no event says it."""
    is_alone: Switch = LEFT_OUT
    needs_low: Switch = LEFT_OUT
    is_announced: Switch = LEFT_OUT
    replaces: Id | None = None
    locator: Annotated[str, Strict(), Field(pattern=r"^[0-9]{1,12}$")] | None = None
    code_counter: CodeCounter = LEFT_OUT
    announced_ms: TimeMs = LEFT_OUT
    stored_ms: TimeMs | None = None
    hold_until_ms: TimeMs | None = None
    paused_ms: Count = LEFT_OUT
    delegate: Id | None = None
    """Who may fetch it beside its owner."""
    delegate_until_ms: TimeMs | None = None
    finished_ms: TimeMs | None = None


class OpeningImage(Image):
    """An opening of a door: what is written before the pulse, and what came of it."""

    id: Id
    slot: SlotLabel = LEFT_OUT
    package: Id | None = None
    purpose: Purpose = LEFT_OUT
    actor: Name = LEFT_OUT
    delegate: Id | None = None
    """Whose code it was, where it was a delegate's."""
    state: OpeningState = LEFT_OUT
    outcome: Name = LEFT_OUT


class VisitImage(Image):
    """A visit of a member of staff, from the sign-in to the receipt."""

    id: Id
    staff: Name = LEFT_OUT
    role: Role = LEFT_OUT
    began_seq: Count = LEFT_OUT
    ended_seq: Count | None = None
    is_receipt_shown: Switch = LEFT_OUT


IMAGES: Mapping[str, type[Image]] = {
    "slot": SlotImage,
    "package": PackageImage,
    "intent": OpeningImage,
    "visit": VisitImage,
}
"""The images by the word that stands before them in an event's `rows`."""


def known_images(body: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The images of an event that this version knows, with the fields that it knows."""
    return [
        (name, _known_fields(_FIELDS[name], image))
        for name, image in cast("list[tuple[str, dict[str, Any]]]", body.get("rows", ()))
        if name in IMAGES
    ]


def known_columns(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of one of these tables, without what a newer program has in it and what the journal
    does not tell."""
    return _known_fields(_FIELDS[table], dict(row))


def _known_fields(fields: frozenset[str], image: dict[str, Any]) -> dict[str, Any]:
    # Nearly every image is of this version: then nothing is left out.
    if image.keys() <= fields:
        return dict(image)
    return {field: each for field, each in image.items() if field in fields}


_FIELDS = {name: frozenset(image.model_fields) for name, image in IMAGES.items()}
