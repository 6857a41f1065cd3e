"""The server says again and again that its list of releases is the newest, so that nobody can show
kiosks an old one for long."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from central.context import Central
from central.errors import CannotServeError
from central.releases import publishing

LOG = logging.getLogger("central")
EVERY_S: Final = 600.0


async def keep_new(central: Central) -> None:
    """A duty of who keeps house: look every ten minutes, sign twice a day."""
    while True:
        try:
            await central.database.write(publishing.renew, central)
        except CannotServeError as error:
            LOG.error("the list of releases cannot be signed again: %s", error)
        await asyncio.sleep(EVERY_S)
