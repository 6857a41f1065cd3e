"""The table of a site file about other releases of the program."""

from __future__ import annotations

from pydantic import Field

from config.table import Hours, Table


class Updates(Table):
    """[updates]: when another release may take over, and how fast it is fetched."""

    window: Hours = Field(
        default="02:00-05:00",
        description='when another release may take over, like "02:00-05:00", or "" for always',
    )
    kilobytes_per_s: int = Field(
        default=256,
        ge=8,
        le=2000,
        description="how fast it is fetched, a whole number from 8 to 2000",
    )
