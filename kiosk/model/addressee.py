"""Who a package is for that nobody announced, as it was said at the machine.

It goes to the server as it lies in the kiosk's database: sealed with the location's key, for one
package at one location. Nothing of it stands in the journal.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kiosk.model.fields import Name
from kiosk.model.sealing import Sealing, UnsealError

NumberOrNone = Annotated[str, Field(pattern=r"^(\+[1-9][0-9]{3,14})?$")]
"""A telephone number in E.164, or nothing."""


class Addressee(BaseModel):
    """The person or household that a package is for. A field of a newer version is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    phone: NumberOrNone = ""
    household: Name = ""
    """The id of a household of the location's directory."""
    sender_phone: NumberOrNone = ""
    """Of a guest who put it in: they are sent a receipt."""

    @property
    def is_known(self) -> bool:
        """Whether it says anything."""
        return self != Addressee()


class UnfitAddresseeError(ValueError):
    """What came is not sealed for this package here, or says nothing that can be read."""


def _context(location: str, package: str) -> str:
    return f"addressee/{location}/{package}"


def sealed(sealing: Sealing, addressee: Addressee, location: str, package: str) -> str:
    """What is kept, and sent."""
    return sealing.seal(addressee.model_dump_json(), _context(location, package))


def opened(sealing: Sealing, text: str, location: str, package: str) -> Addressee:
    """What was sealed for this package at this location. Raises `UnfitAddresseeError`; its message
    says nothing of what is inside."""
    try:
        return Addressee.model_validate_json(sealing.open(text, _context(location, package)))
    except UnsealError as error:
        raise UnfitAddresseeError(str(error)) from error
    except ValidationError as error:
        fields = ", ".join(str(each["loc"][0]) for each in error.errors() if each["loc"])
        raise UnfitAddresseeError(f"{fields or 'all of it'}: not as it should be") from None
