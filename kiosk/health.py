"""Whether this kiosk works, and if not, why: for its keeper, its server and whoever asks.

It works where the store answers, the window draws, every board is there that was there before, and
the server was reached lately, where there is one. All of it is looked at when somebody asks, so
that a part which died is missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.flows.context import Kiosk
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.keeper_status import KEEPER_STATUS, TRIAL, release_status
from kiosk.store import boards, intents, meta
from kiosk.store.compatibility import OLDEST_VERSION
from kiosk.store.errors import StoreError
from kiosk.store.writer import Writer
from kiosk.vitals import version

DREW_WITHIN_S: Final = 5.0
"""The window draws each second; one that did not for so long stands still."""
STORE_WITHIN_S: Final = 5.0
SYNCED_WITHIN_MS: Final = 60_000
"""How much later than it was due a sync may be."""
IDLE_S: Final = 120.0
"""After so long without a touch nobody is at the panel."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it is now."""

    is_well: bool | None
    """None: nobody can say, as only the server is missing, which may be its own fault."""
    why: str = ""
    is_idle: bool = False
    oldest_writer: str = field(default="", compare=False)
    """The oldest version that may still write this database; "" where nobody can say."""
    reaches_server: bool | None = field(default=None, compare=False)
    """Whether the server answered lately, whatever else is wrong; None: it has none, or nobody can
    say."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of it."""

    is_in_play: bool
    before: frozenset[str]
    """The boards that are to be there."""
    oldest_writer: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Looks at the parts of a kiosk; `loop` is its engine's."""

    kiosk: Kiosk
    loop: asyncio.AbstractEventLoop
    keeper_status: Path = KEEPER_STATUS

    async def look(self) -> Verdict:
        """On the engine's loop; it answers within seconds, whatever hangs."""
        try:
            async with asyncio.timeout(STORE_WITHIN_S):
                known = await self.kiosk.store.run(known_of, self.answering(), self.is_trial())
        except TimeoutError:
            return Verdict(False, f"the store does not answer within {STORE_WITHIN_S:g} s")
        except StoreError as error:
            return Verdict(False, f"the store does not answer: {error}")
        why, missing, is_idle = self.trouble(known), self._server_trouble(), self._is_idle(known)
        reaches_server = None if self.kiosk.contact() is None else not missing
        is_well = False if why else None if missing else True
        return Verdict(is_well, why or missing, is_idle, known.oldest_writer, reaches_server)

    def known(self) -> Known:
        """What the store knows, for a thread that may wait for it. Raises `StoreError`."""
        return self.kiosk.store.submit(known_of, self.answering(), self.is_trial()).result()

    def answering(self) -> dict[str, bool | None]:
        """Each board, and whether it answers; None: it was not asked yet."""
        reports = self.kiosk.bank.reports()
        return {each.board: each.reachable or (False if each.reason else None) for each in reports}

    def is_trial(self) -> bool:
        """Whether the release that runs has yet to prove itself."""
        release = release_status(self.keeper_status)
        return release is not None and release.state == TRIAL

    def trouble(self, known: Known) -> str:
        """What of this machine does not work; "" where all does."""
        drew_s_ago = self.kiosk.drew_s_ago
        if drew_s_ago is not None:
            ago_s = drew_s_ago()
            if ago_s is None:
                return "the window has not drawn yet"
            if ago_s > DREW_WITHIN_S:
                return f"the window has not drawn for {ago_s:.0f} s"
        reports = self.kiosk.bank.reports()
        away = [each for each in reports if each.board in known.before and not each.reachable]
        named = ", ".join(
            f"{each.board} ({each.reason or 'it was not asked yet'})" for each in away
        )
        return f"{len(away)} of {len(reports)} boards do not answer: {named}" if away else ""

    def _server_trouble(self) -> str:
        contact = self.kiosk.contact()
        if contact is None:
            return ""
        if contact.ago_ms is None:
            return "the server has not answered since this start"
        is_late = contact.ago_ms > SYNCED_WITHIN_MS + contact.due_after_ms
        return f"the server has not answered for {contact.ago_ms // 1000} s" if is_late else ""

    def _is_idle(self, known: Known) -> bool:
        """Whether nobody is here, no door stands open, and none is about to."""
        person = self.kiosk.person
        is_alone = isinstance(person.view, First) and Choice.SERVICE in person.view.choices
        return (
            is_alone
            and self.loop.time() - person.by_hand_s >= IDLE_S
            and not person.has_news
            and not known.is_in_play
            and not self.kiosk.open_doors()
        )


def known_of(writer: Writer, answering: Mapping[str, bool | None], is_trial: bool) -> Known:
    """In a transaction. While a release is on trial it is held to the boards that answered before
    it came; else each that ever answered is to be there."""
    before = boards.to_be_there(writer, answering, is_trial=is_trial)
    oldest = meta.value(writer, OLDEST_VERSION) or ""
    return Known(intents.is_in_play(writer), before, oldest)


def answer_of(verdict: Verdict) -> dict[str, object]:
    """What is said on the console's socket."""
    return {
        "version": version(),
        "is_well": verdict.is_well,
        "why": verdict.why,
        "is_idle": verdict.is_idle,
        "oldest_writer": verdict.oldest_writer,
        "reaches_server": verdict.reaches_server,
    }
