"""The uninterruptible supply of this machine, asked again and again through Network UPS Tools.

`upsd` speaks with hundreds of supplies and says of each the same variables. Whoever does not
answer, or says that what it knows is old, says nothing: then nobody knows whether there are mains.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Final

from kiosk.flows.context import Kiosk
from kiosk.flows.views.customer import First
from kiosk.model.power import UNKNOWN, Power, PowerRules, power_of, power_unheard
from kiosk.store import intents
from kiosk.store.errors import StoreError

LOG = logging.getLogger("kiosk")
EVERY_S: Final = 5.0
WITHIN_S: Final = 5.0
LOOK_EVERY_S: Final = 0.5
FORGOTTEN_AFTER_S: Final = 3600.0
"""A computer that still runs so long after its battery was nearly empty has mains, though the
supply does not say so."""
CALM_WITHIN_S: Final = 60.0
"""So long a kiosk that must stop waits for whoever is there, and for doors in play."""
LINE_MAX: Final = 4096
VARIABLES_MAX: Final = 500


HERE: Final = "127.0.0.1"
PORT: Final = 3493
"""Where `upsd` is usually."""


class NoAnswerError(Exception):
    """The supply says nothing now; the message says why."""


Ask = Callable[[], Awaitable[Mapping[str, str]]]
"""Asks for a supply's variables. Raises `NoAnswerError`."""


@dataclass(frozen=True, slots=True)
class Supply:
    """A supply as `upsd` knows it."""

    name: str
    host: str = HERE
    port: int = PORT

    def __str__(self) -> str:
        return f"{self.name}@{self.host}:{self.port}"

    async def ask(self) -> dict[str, str]:
        """Its variables. Raises `NoAnswerError`."""
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._variables()
        except TimeoutError as error:
            raise NoAnswerError(f"{self}: no answer within {WITHIN_S:g} s") from error
        except (OSError, ValueError) as error:
            raise NoAnswerError(f"{self}: {error}") from error

    async def _variables(self) -> dict[str, str]:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=LINE_MAX)
        try:
            writer.write(f"LIST VAR {self.name}\n".encode())
            await writer.drain()
            first = await _line(reader)
            if first != f"BEGIN LIST VAR {self.name}":
                raise NoAnswerError(f"{self}: {first}")
            found: dict[str, str] = {}
            while (line := await _line(reader)) != f"END LIST VAR {self.name}":
                name, value = _variable(line, self.name)
                found[name] = value
                if len(found) > VARIABLES_MAX:
                    raise NoAnswerError(f"{self}: it says more than {VARIABLES_MAX} variables")
            return found
        finally:
            writer.close()


async def _line(reader: asyncio.StreamReader) -> str:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise ConnectionError("the line was cut")
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _variable(line: str, supply: str) -> tuple[str, str]:
    """`VAR NAME VARIABLE "VALUE"`, in which `\\` stands before a quote. Raises `ValueError`."""
    head, _, value = line.partition(' "')
    words = head.split()
    if len(words) != 3 or words[:2] != ["VAR", supply] or not value.endswith('"'):
        raise ValueError(f"this is no variable: {line[:80]}")
    return words[2], value[:-1].replace('\\"', '"').replace("\\\\", "\\")


class PowerWatch:
    """Knows how the supply is. `changed` is called, on the loop, whenever something else follows
    from it."""

    def __init__(
        self, ask: Ask, rules: PowerRules, changed: Callable[[Power], None] = lambda power: None
    ) -> None:
        self.power: Power = UNKNOWN
        self._ask, self._rules, self._changed = ask, rules, changed
        self._why, self._heard_s = "", 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except Exception as error:
                LOG.exception("the supply could not be asked, and that is a mistake here")
                self._unheard(str(error))
            await asyncio.sleep(EVERY_S)

    async def look(self) -> Power:
        """Ask once."""
        try:
            found = power_of(await self._ask(), self._rules)
        except NoAnswerError as error:
            self._unheard(str(error))
        else:
            self._heard_s = asyncio.get_running_loop().time()
            self._say("")
            self._know(found)
        return self.power

    def _unheard(self, why: str) -> None:
        silent_s = asyncio.get_running_loop().time() - self._heard_s
        self._say(why)
        self._know(UNKNOWN if silent_s > FORGOTTEN_AFTER_S else power_unheard(self.power))

    def _know(self, power: Power) -> None:
        before, self.power = self.power, power
        if _follows(power) != _follows(before):
            LOG.info("power: %s", power)
            self._changed(power)

    def _say(self, why: str) -> None:
        if why != self._why:
            LOG.warning("the supply %s", f"does not answer: {why}" if why else "answers again")
        self._why = why


def _follows(power: Power) -> tuple[bool | None, bool | None, bool]:
    return power.is_on_mains, power.is_battery_low, power.must_stop


async def while_powered(
    kiosk: Kiosk, watch: PowerWatch, flows: Coroutine[None, None, None]
) -> None:
    """Run the flows until the battery ends soon; then no door is in play, but for one that somebody
    has not shut within a minute, which the next start looks after."""
    serving = asyncio.ensure_future(flows)
    stopping = asyncio.create_task(_until_it_must_stop(kiosk, watch))
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        serving.cancel()
        stopping.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
    if not serving.cancelled():
        serving.result()


async def _until_it_must_stop(kiosk: Kiosk, watch: PowerWatch) -> None:
    while not watch.power.must_stop:
        await asyncio.sleep(LOOK_EVERY_S)
    with contextlib.suppress(TimeoutError, StoreError):
        async with asyncio.timeout(CALM_WITHIN_S):
            while await kiosk.store.run(intents.is_in_play) or not _is_alone(kiosk):
                await asyncio.sleep(LOOK_EVERY_S)


def _is_alone(kiosk: Kiosk) -> bool:
    return isinstance(kiosk.person.view, First) and not kiosk.person.has_news
