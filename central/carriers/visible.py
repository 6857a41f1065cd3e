"""Which packages a program sees and touches, by its API key: one rule for every route and query.

The operator's own keys are of senders who have nothing to do with each other, such as shops: each
sees what it announced. The keys of another carrier are all that carrier's, and see all of its
packages, also those that its couriers brought unannounced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection

from central import schema
from central.carriers.carriers import of_key
from kiosk.model.carriers import OPERATOR


@dataclass(frozen=True, slots=True)
class Visible:
    """What a program sees: of one carrier, and at the operator of one sender."""

    carrier: str
    sender: str | None

    def covers(self, row: Any) -> bool:
        """Whether this package is among it."""
        return row.carrier == self.carrier and self.sender in (None, row.sender)

    def condition(self) -> ColumnElement[bool]:
        """Of a query of packages: those that are among it."""
        package = schema.package
        is_own = package.c.carrier == self.carrier
        return is_own if self.sender is None else is_own & (package.c.sender == self.sender)


def visible_to(key: str, carrier: str) -> Visible:
    """What the program with this key of this carrier sees."""
    return Visible(carrier, key if carrier == OPERATOR else None)


def visible_to_key(connection: Connection, key: str) -> Visible:
    """What the program with this key sees, where only that is known."""
    return visible_to(key, of_key(connection, key))


def announcer(package: Any) -> str | None:
    """Who announced a package, in one word: its sender's key, or the carrier whose keys are all one
    sender; None where nobody did."""
    if package.sender is None or package.carrier == OPERATOR:
        return None if package.sender is None else str(package.sender)
    return f"carrier {package.carrier}"
