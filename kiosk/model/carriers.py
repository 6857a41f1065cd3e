"""Carriers: whose packages a courier may touch.

Several carriers work at one machine. A package is one carrier's, a courier serves one or more, and
`CarrierScope` is the one rule of what that lets them see, open and take. What the network had
before there were several is the operator's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, Strict

OPERATOR: Final = "operator"
"""The carrier that is always there: the operator's own."""
CARRIER_ID: Final = r"^[a-z0-9][a-z0-9-]{0,31}$"
"""What a carrier's id looks like."""
SERVED_MAX: Final = 20
"""So many carriers somebody serves at most."""

CarrierId = Annotated[str, Strict(), Field(pattern=CARRIER_ID)]
Served = Annotated[tuple[CarrierId, ...], Field(min_length=1, max_length=SERVED_MAX)]
"""The carriers that somebody serves; what he brings unannounced is the first one's."""


@dataclass(frozen=True, slots=True)
class CarrierScope:
    """Whose packages somebody may touch: of some carriers, or of all."""

    carriers: tuple[str, ...] = (OPERATOR,)
    is_all: bool = False

    def may_touch(self, carrier: str) -> bool:
        """Whether they may see, open and take this carrier's packages."""
        return self.is_all or carrier in self.carriers

    @property
    def own(self) -> str:
        """Whose a package is that they bring and nobody announced."""
        return self.carriers[0]


OPERATORS: Final = CarrierScope()
"""Of who serves the operator alone."""
EVERY_CARRIER: Final = CarrierScope(is_all=True)
"""Of who looks after doors, whatever lies behind them."""
