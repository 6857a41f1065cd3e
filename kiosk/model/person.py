"""The people at a locker: recipients, couriers, technicians."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a member of staff may do."""

    COURIER = "courier"
    TECHNICIAN = "technician"


@dataclass(frozen=True, slots=True)
class Staff:
    """A courier or technician who signs in with a PIN.

    The PIN's first two digits are the person's number, so that a sign-in is checked against one
    hash and not against everybody's; the rest is the secret.
    """

    number: str
    name: str
    role: Role
    pin_hash: str
    """Argon2id, in the PHC string format, of the digits after the number."""


STAFF_NUMBER_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who a package is for. Personal: kept in one table, never in the journal."""

    id: str
    name: str = ""
    phone: str = ""

    @property
    def phone_digits(self) -> str:
        """The last four digits of the phone, or "" when there are not four."""
        digits = "".join(character for character in self.phone if character.isdigit())
        return digits[-4:] if len(digits) >= 4 else ""
