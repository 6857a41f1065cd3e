"""How a site is described: one TOML file, read and checked as a whole.

`load_site` gives the `Site` or raises `ConfigError` with every mistake; `check_site` gives the
mistakes alone.
"""

from config.loader import (
    DEMO_PACKAGES,
    DEMO_SITE,
    ConfigError,
    check_content,
    check_site,
    load_site,
)
from config.mistakes import Mistake
from config.schema import (
    Board,
    Face,
    Locker,
    Messages,
    Place,
    Policy,
    Scanner,
    Screen,
    Site,
    Size,
    Slot,
    Staff,
)

__all__ = [
    "DEMO_PACKAGES",
    "DEMO_SITE",
    "Board",
    "ConfigError",
    "Face",
    "Locker",
    "Messages",
    "Mistake",
    "Place",
    "Policy",
    "Scanner",
    "Screen",
    "Site",
    "Size",
    "Slot",
    "Staff",
    "check_content",
    "check_site",
    "load_site",
]
