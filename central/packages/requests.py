"""What carriers and shops may send to the API, with the range of every field.

What stands under a field here is its description in `/openapi.json`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from central.addresses import address_or_none
from central.errors import one_line
from kiosk.model.barcode import BARCODE_LENGTH_MAX, barcode_text

Words = Annotated[str, AfterValidator(one_line)]
"""What people read and operators type."""
Reference = Annotated[Words, Field(min_length=1, max_length=80)]
"""A sender's own number of something."""


class ApiRequest(BaseModel):
    """What a program sends; an unknown field is a mistake that is named."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    later: ClassVar[frozenset[str]] = frozenset()
    """Optional fields of later versions."""

    def asked(self) -> str:
        """What is asked for, in one form: the same in each version that knows its fields, so that a
        request that is sent again behind an update is known again."""
        left_out = {name for name in self.later if getattr(self, name) is None}
        return self.model_dump_json(exclude=left_out)


class Person(ApiRequest):
    """Who a package is for, and how to reach them."""

    name: Words = Field(default="", max_length=120)
    """How the person is addressed in messages. It proves nothing, and joins nothing."""
    email: Annotated[str, Field(max_length=254), AfterValidator(address_or_none)] = ""
    """Where the code is sent. Whoever reads this mailbox can fetch the package."""
    phone: str = Field(default="", max_length=64)
    """With its country code, or as people dial it in the location's country. Its last digits may
    be asked for at the locker, and the code is sent there where it cannot be sent by e-mail."""
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    """Of the messages, two letters of ISO 639-1."""
    channels: tuple[Literal["email", "sms", "apprise"], ...] = Field(default=(), max_length=3)
    """By which ways the person is notified, the preferred one first; none: as the location does."""
    user_id: Words = Field(default="", max_length=120)
    """The sender's own id of this one person, never one for many people. Packages open with one
    code only where all are the same: the sender, this id, the e-mail address and the telephone
    number. A new code is asked for with it. Left out, the package opens with its own code only."""


class Measured(ApiRequest):
    """The three edges of a package, in millimetres, in whichever order."""

    width_mm: int = Field(ge=1, le=10_000)
    """One edge, in millimetres."""
    height_mm: int = Field(ge=1, le=10_000)
    """Another edge, in millimetres."""
    depth_mm: int = Field(ge=1, le=10_000)
    """The third edge, in millimetres."""


class Announcement(ApiRequest):
    """A package that is to come."""

    later = frozenset({"reference", "reservation", "shop"})

    barcode: Annotated[
        str, Field(min_length=1, max_length=BARCODE_LENGTH_MAX), AfterValidator(barcode_text)
    ]
    """In whichever spelling; blanks at the ends are left out. It says which package is meant, and
    does not prove whose it is: where another sender announces the same one, nobody gets a code
    before an operator has decided."""
    location: Words = Field(min_length=1, max_length=64)
    """A location's id, or `nearest` with `latitude` and `longitude`."""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    """Where the person is, for `nearest`."""
    longitude: float | None = Field(default=None, ge=-180, le=180)
    """Where the person is, for `nearest`."""
    size: Words | None = Field(default=None, min_length=1, max_length=16)
    """A size of the location's doors; or `dimensions`, and the smallest that fits is taken."""
    dimensions: Measured | None = None
    """The package's edges, in place of `size`."""
    weight_kg: float | None = Field(default=None, gt=0, le=1000)
    """A size whose doors carry less is not given."""
    low_door: bool = False
    """It gets a door that everybody reaches."""
    alone: bool = False
    """It opens with its own code only, whatever else lies there for the same person."""
    recipient: Person
    """Who it is for, from now on."""
    reference: Reference | None = None
    """Your own number of this package, which no other live one of yours has; it is found by it."""
    reservation: Words | None = Field(default=None, min_length=1, max_length=64)
    """The id of a reservation of yours, whose door it uses: of this location and size."""
    shop: Words | None = Field(default=None, min_length=1, max_length=60)
    """The shop or person that it comes from, as the recipient knows it: it stands in messages and
    on the person's page. It is erased with the recipient."""


class Recall(ApiRequest):
    """Why a package is recalled."""

    why: Words = Field(default="recalled by the sender", max_length=200)
    """What operators and couriers read."""


class Longer(ApiRequest):
    """By how many days a hold is lengthened."""

    days: int = Field(ge=1, le=7)
    """Beyond the day on which it ends now."""


class Owner(ApiRequest):
    """The person's id at the sender: only the owner of a package gets a new code."""

    user_id: Words = Field(min_length=1, max_length=120)
    """As it stands in the recipient for whom the package is now."""
