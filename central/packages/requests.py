"""What carriers and shops may send to the API, with the range of every field."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from central.addresses import address_or_none
from central.errors import one_line
from kiosk.model.barcode import BARCODE_LENGTH_MAX, barcode_text

Words = Annotated[str, AfterValidator(one_line)]
"""What people read and operators type."""


class ApiRequest(BaseModel):
    """What a program sends; an unknown field is a mistake that is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(ApiRequest):
    """Who a package is for, and how to reach them."""

    name: Words = Field(default="", max_length=120)
    email: Annotated[str, Field(max_length=254), AfterValidator(address_or_none)] = ""
    phone: str = Field(default="", max_length=64)
    """With its country code, or as people dial it in the location's country."""
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    channels: tuple[Literal["email", "sms", "apprise"], ...] = Field(default=(), max_length=3)
    user_id: Words = Field(default="", max_length=120)
    """The person's id at the sender; packages of one person open with one code."""


class Measured(ApiRequest):
    """The three edges of a package, in millimetres, in whichever order."""

    width_mm: int = Field(ge=1, le=10_000)
    height_mm: int = Field(ge=1, le=10_000)
    depth_mm: int = Field(ge=1, le=10_000)


class Announcement(ApiRequest):
    """A package that is to come."""

    barcode: Annotated[
        str, Field(min_length=1, max_length=BARCODE_LENGTH_MAX), AfterValidator(barcode_text)
    ]
    """In whichever spelling; blanks at the ends are left out."""
    location: Words = Field(min_length=1, max_length=64)
    """A location's id, or `nearest` with `latitude` and `longitude`."""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    size: Words | None = Field(default=None, min_length=1, max_length=16)
    """A size of the location's doors; or `dimensions`, and the smallest that fits is taken."""
    dimensions: Measured | None = None
    weight_kg: float | None = Field(default=None, gt=0, le=1000)
    low_door: bool = False
    alone: bool = False
    recipient: Person


class Recall(ApiRequest):
    """Why a package is recalled."""

    why: Words = Field(default="recalled by the sender", max_length=200)


class Longer(ApiRequest):
    """By how many days a hold is lengthened."""

    days: int = Field(ge=1, le=7)


class Owner(ApiRequest):
    """The person's id at the sender: only the owner of a package gets a new code."""

    user_id: Words = Field(min_length=1, max_length=120)
