"""The tables of a site file about the machine itself: its power, its warmth, how high it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from config.table import PlainPath, Table


def _with_a_port(ups: str) -> str:
    if int(ups.rpartition(":")[2] or 0 if ":" in ups else 1) not in range(1, 65_536):
        raise ValueError("names a port that there is not")
    return ups


class Power(Table):
    """[power]: the uninterruptible supply, which Network UPS Tools look after."""

    ups: Annotated[str, AfterValidator(_with_a_port)] = Field(
        pattern=r"^[A-Za-z0-9._-]{1,64}(@[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?)?$",
        description='what upsd calls the supply, like "ups" or "ups@127.0.0.1:3493"',
    )
    low_percent: int = Field(
        default=40,
        ge=5,
        le=95,
        description="with less in the battery nothing is taken in, a whole number from 5 to 95",
    )
    stop_percent: int = Field(
        default=15,
        ge=2,
        le=90,
        description="with less the kiosk stops until the mains are back, a whole number 2 to 90",
    )
    stop_s: int = Field(
        default=180,
        ge=60,
        le=3600,
        description="the same where the battery lasts for less, in seconds, 60 to 3600",
    )


class Climate(Table):
    """[climate]: what tells how warm it is inside the bank."""

    bank_sensor: PlainPath = Field(
        description="the file of a sensor, absolute, like"
        ' "/sys/bus/w1/devices/28-…/temperature"; a number in thousandths of a degree'
    )


class Reach(Table):
    """[reach]: how high above the floor everybody reaches (EN 301 549 8.3, ADA 308)."""

    lowest_mm: int = Field(
        default=380,
        ge=0,
        le=1200,
        description="millimetres above the floor, a whole number from 0 to 1200",
    )
    highest_mm: int = Field(
        default=1220,
        ge=400,
        le=2500,
        description="millimetres above the floor, a whole number from 400 to 2500",
    )
