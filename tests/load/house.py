"""The server with its housekeeping as a measurement wants it.

    LOAD_HOUSE=never python -m tests.load.house --config … serve

`LOAD_HOUSE` is the seconds between two rounds; or `never`; or `held:SECONDS`: each round is one job
that holds the writer so long, as housekeeping did before it went in small bites: a measurement must
find that.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Final

from sqlalchemy import Connection

from central import housekeeping
from central.__main__ import entry
from central.context import Central
from central.keeper import Keeper

HOUSE: Final = "LOAD_HOUSE"
HELD: Final = "held:"


def _rest(self: Keeper) -> None:
    """Nobody keeps house."""


def _hold(_connection: Connection, seconds: float) -> None:
    time.sleep(seconds)


async def _tidy_at_once(central: Central, seconds: float) -> None:
    await central.database.write(_hold, seconds)


if __name__ == "__main__":
    how = os.environ[HOUSE]
    if how == "never":
        Keeper.start = _rest  # type: ignore[method-assign]
    elif how.startswith(HELD):
        housekeeping.EVERY_S = 0.2
        held_s = float(how.removeprefix(HELD))
        housekeeping._tidy = partial(_tidy_at_once, seconds=held_s)
    else:
        housekeeping.EVERY_S = float(how)
    entry()
