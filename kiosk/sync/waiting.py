"""The waiting request: between two syncs a kiosk has its server hold one, and hears at once.

It is answered when a command is there, or when the kiosk had better come for another reason, and
with nothing when its time is over. What is no such answer does no harm: with an older server, or a
proxy that does not let it, the time passes without, and the kiosk asks as often as it is asked to.
A proxy that cuts what takes long is asked for less. It goes by the same connection as the syncs.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Final

import requests
from pydantic import ValidationError

from kiosk.sync.contract import WaitAnswer, read_message
from kiosk.sync.deadline import BoundedSession
from kiosk.sync.reaching import answer_text, is_out_of_reach

LOG = logging.getLogger("kiosk.sync")
LONGEST_S: Final = 60.0
"""How long a request is held at most; a server has a limit of its own."""
SHORTEST_S: Final = 5.0
"""Where even this is cut, there is no waiting."""
LONGER_AFTER: Final = 20
"""After so many that were not cut, longer ones are tried again."""
AWAY_S: Final = 1.0
CONNECT_S: Final = 5.0
GRACE_S: Final = 15.0
"""How much later than asked for an answer may come."""
SHORT_S: Final = 1.0
"""What is shorter is not worth a request, and an answer with nothing that came sooner was not
held."""
CUT_BY_A_PROXY: Final = (408, 502, 503, 504)
"""What proxies answer for a server that takes long, or is away; 503 also a server that stops."""
SPREAD_S: Final = 10.0
"""When the line is cut, others' are, too: they come back within this time, not all at once."""
LATER_MAX_S: Final = 60.0
POLL_S: Final = 10.0
"""How long it takes to ask again when the waiting request has failed."""
DUE_AT_ONCE: Final = 5
DUE_PAUSE_S: Final = 2.0
"""Where more than so many answers follow on each other at once, each waits for a moment."""
VAIN_MAX: Final = 3
"""So often a sync may find nothing that it was called for: then it is no server that calls."""
SKIPS_MAX: Final = 60
"""How many pauses at most go without a try, when the waiting request has failed again and again."""


class _NoWaitError(Exception):
    """There is no waiting here, for a while; why."""


class _EndedError(Exception):
    """The request was ended; somebody comes back sometime within so many seconds."""

    def __init__(self, within_s: float) -> None:
        super().__init__(within_s)
        self.within_s = within_s


_REASONS: Final = (_NoWaitError, _EndedError)


class Waiting:
    """Lets the time between two syncs pass, ready to come at once."""

    def __init__(
        self,
        line: Callable[[], tuple[BoundedSession, str]],
        token: str,
        rng: random.Random,
        woken: threading.Event,
    ) -> None:
        """`line` gives the session and the address to ask now; `woken` ends each pause."""
        self._line, self._token, self._rng, self._woken = line, token, rng, woken
        self.works = False
        """Whether the server, as far as is known, calls when something is there."""
        self._lock = threading.Lock()
        self._held: BoundedSession | None = None
        self._cursor = 0
        self._staff_version: int | None = None
        self._longest_s = LONGEST_S
        self._uncut = self._dues = self._vain = self._refusals = self._skips = 0
        self._was_due_in_s = 0.0

    def wake(self) -> None:
        """End the pause now, from any thread."""
        self._woken.set()
        with self._lock:
            if self._held is not None:
                self._held.cut()

    def synced(
        self,
        cursor: int,
        next_s: float,
        *,
        has_brought: bool,
        staff_version: int | None = None,
    ) -> None:
        """A sync is done: the last command that it showed, whether there was anything, which
        version of the list of staff it named, when the next is wanted."""
        has_brought |= staff_version != self._staff_version
        self._cursor, self._staff_version = cursor, staff_version
        if self._was_due_in_s:
            if has_brought or next_s < self._was_due_in_s:
                self._vain = self._refusals = 0
            else:
                self._vain = min(self._vain + 1, VAIN_MAX)
            self._was_due_in_s = 0.0
            if self._vain == VAIN_MAX:
                self._give_up("it calls, and nothing is there")

    def wait(self, pause_s: float) -> None:
        """Let a time pass, or less when the server calls or it is woken."""
        left_s = pause_s
        if self._skips:
            self._skips -= 1
        else:
            left_s = self._hold_for(pause_s)
        self._woken.wait(left_s)

    def _hold_for(self, pause_s: float) -> float:
        """Have the server hold requests for that time; how much is to pass without."""
        left_s = pause_s
        try:
            while left_s >= SHORT_S and not self._woken.is_set():
                held_s = self._hold(min(left_s, self._longest_s))
                if held_s is None:
                    self._was_due_in_s = left_s
                    self._dues += 1
                    return DUE_PAUSE_S if self._dues > DUE_AT_ONCE else 0.0
                self._dues = 0
                left_s -= held_s
        except _EndedError as ended:
            return self._rng.uniform(0.0, ended.within_s)
        except _NoWaitError as error:
            self._give_up(str(error))
            return min(left_s, POLL_S)
        return left_s

    def _hold(self, asked_s: float) -> float | None:
        """One request: how long it was held, None when the server calls. Raises `_EndedError` or
        `_NoWaitError`."""
        session, url = self._line()
        with self._lock:
            self._held = session
        try:
            with session.interruptible(self._woken.is_set):
                return self._asked(session, url, asked_s)
        except requests.RequestException as error:
            if self._woken.is_set():
                return asked_s
            if is_out_of_reach(error):
                raise _EndedError(AWAY_S) from error
            raise self._cut() from error
        except _REASONS:
            raise
        except Exception as error:
            # Whatever it is, the syncs go on: this is their thread.
            LOG.exception("the waiting request failed in a way it should not")
            raise _NoWaitError(f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._held = None

    def _asked(self, session: BoundedSession, url: str, asked_s: float) -> float | None:
        late_s = asked_s + GRACE_S
        with (
            session.exchange(CONNECT_S + late_s),
            session.get(
                url,
                params=self._seen() | {"within_s": f"{asked_s:.1f}"},
                headers={"authorization": f"Bearer {self._token}"},
                timeout=(CONNECT_S, late_s),
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            text, held_s = answer_text(answer), answer.elapsed.total_seconds()
        if answer.status_code in CUT_BY_A_PROXY:
            raise self._cut(_retry_after_s(answer))
        if answer.status_code != 200:
            raise _NoWaitError(f"it answered {answer.status_code}")
        try:
            is_due = read_message(WaitAnswer, text).is_due
        except ValidationError as error:
            raise _NoWaitError("what answers is no server") from error
        if not is_due and held_s < min(asked_s, SHORT_S) / 2:
            raise _NoWaitError("it holds nothing")
        self._went_well(held_s, is_due=is_due)
        return None if is_due else max(held_s, SHORT_S / 2)

    def _seen(self) -> dict[str, str]:
        """What is known here already, and is nothing to call for."""
        seen = {"cursor": str(self._cursor)}
        if self._staff_version is not None:
            seen["staff_version"] = str(self._staff_version)
        return seen

    def _went_well(self, held_s: float, *, is_due: bool) -> None:
        if not self.works:
            LOG.info("the server calls when something is there")
        self.works = True
        if held_s >= SHORT_S:
            self._dues = 0
        if not is_due:
            self._vain = self._refusals = 0
        self._uncut += 1
        if self._uncut % LONGER_AFTER == 0:
            self._longest_s = min(LONGEST_S, 2 * self._longest_s)

    def _cut(self, again_s: float = 0.0) -> Exception:
        """What becomes of it when the request was cut. A server that stops says within which time
        to come back; the line is not the cause then."""
        if again_s and self.works:
            self.works = False
            return _EndedError(min(again_s, LATER_MAX_S))
        self._uncut = 0
        self._longest_s /= 2
        if self._longest_s >= SHORTEST_S:
            return _EndedError(SPREAD_S)
        self._longest_s = SHORTEST_S
        return _NoWaitError(f"it is cut even after {SHORTEST_S:g} s")

    def _give_up(self, why: str) -> None:
        if self.works or not self._refusals:
            LOG.info("the server does not call when something is there, and is asked: %s", why)
        self.works = False
        self._refusals += 1
        self._skips = min(SKIPS_MAX, 2**self._refusals)


def _retry_after_s(answer: requests.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
