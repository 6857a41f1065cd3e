"""Where else there is room, asked of the server while it is reached, and kept with its age.

It asks by a line of its own, in a thread of its own: the sync goes on beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import requests
from pydantic import ValidationError

from kiosk.model.clock import Instant
from kiosk.model.urls import path
from kiosk.sync.contract import NearbyAnswer, NearbyReserved, read_message
from kiosk.sync.servers import Servers
from kiosk.sync.transport import PlainLineError

LOG = logging.getLogger("kiosk.sync")
AGAIN_S = 900.0
"""How often it is asked while nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was heard last, for whose packages, and when by the clock that nobody sets."""

    carrier: str
    answer: NearbyAnswer
    at_ms: int


class NearbyRoom:
    """Asks the server, and remembers what it answered."""

    def __init__(
        self, servers: Servers, location: str, token: str, now: Callable[[], Instant]
    ) -> None:
        self._servers, self._token, self._now = servers, token, now
        self._path = path("v1", "locations", location, "nearby")
        self._known: dict[str, Known] = {}
        self._line = asyncio.Lock()

    async def keep(self, carrier: str) -> None:
        """Ask again and again, until cancelled, so that something is known while nobody is
        reached."""
        while True:
            await self.look(carrier)
            await asyncio.sleep(AGAIN_S)

    def known(self, carrier: str) -> Known | None:
        """What was heard last."""
        return self._known.get(carrier)

    async def look(self, carrier: str) -> bool:
        """Ask now; whether the server was reached."""
        text = await self._ask("GET", {"carrier": carrier})
        if text is None:
            return False
        try:
            answer = read_message(NearbyAnswer, text)
        except ValidationError:
            LOG.warning("what the server says of other lockers cannot be read")
            return False
        self._known[carrier] = Known(carrier, answer, self._now().monotonic_ms)
        return True

    async def reserve(self, place: str, size: str, carrier: str) -> int | None:
        """Keep room there; until when, or None where it is not kept."""
        text = await self._ask("POST", {"place": place, "size": size, "carrier": carrier})
        if text is None:
            return None
        try:
            return read_message(NearbyReserved, text).until_ms
        except ValidationError:
            return None

    async def _ask(self, method: str, params: dict[str, str]) -> bytes | None:
        async with self._line:
            try:
                answer = await asyncio.to_thread(
                    self._servers.ask, method, self._path, self._token, params=params
                )
            except (requests.RequestException, PlainLineError) as error:
                LOG.info("it is not known where else there is room: %s", error)
                return None
        return answer.text if answer.status == 200 else None
