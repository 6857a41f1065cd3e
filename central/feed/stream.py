"""The feed to a broker: read, published, and only after the broker has it durably acknowledged.

What was published and not acknowledged before a kill comes once more, from its beginning: at least
once, in order for each location. One process reads for a reader at a time; another machine's
takes over when this one ends.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from central.adapters import RNG
from central.context import Central
from central.database.holding import Held, held_alone
from central.errors import CannotServeError
from central.feed import readers
from central.feed.publisher import NotPublishedError, Publisher, Target

LOG = logging.getLogger("central.feed")
BATCH: Final = 500
IDLE_S: Final = 0.5
"""So often the feed is looked at while nothing waits."""
BACK_OFF_S: Final = 0.5
BACK_OFF_MAX_S: Final = 30.0


class Stream:
    """Publishes for one reader until it is ended."""

    def __init__(self, central: Central, reader: str, target: Target, publisher: Publisher) -> None:
        self._central, self._reader, self._publisher = central, reader, publisher
        self._target, self._ending, self._failures, self._problem = target, threading.Event(), 0, ""

    def end(self) -> None:
        """Stop soon; what is not acknowledged comes again later."""
        self._ending.set()
        self._publisher.end()

    def run(self) -> None:
        """Raises `CannotServeError` where another process reads for this reader."""
        database = self._central.database
        while not self._ending.is_set():
            try:
                with held_alone(database.url, f"feed-{self._reader}") as held:
                    if held is None:
                        # A database that does not answer says so here.
                        database.read(readers.require_reading, self._reader)
                        raise CannotServeError(
                            f"another central stream reads for {self._reader!r} already;"
                            " one at a time"
                        )
                    self._begin()
                    self._while_held(held)
            except SQLAlchemyError as error:
                self._wait_after(f"the database does not answer: {type(error).__name__}")

    def _begin(self) -> None:
        """Locations that do not write for this reader yet begin to."""
        begin_everywhere(self._central, self._reader)
        LOG.info("what happens goes to %s, for the reader %s", self._target, self._reader)

    def _while_held(self, held: Held) -> None:
        database, region = self._central.database, self._central.settings.region
        while not self._ending.is_set() and held():
            database.read(readers.require_reading, self._reader)
            batch = database.read(readers.batch, self._reader, region, BATCH)
            if not batch.ids:
                self._ending.wait(IDLE_S)
                continue
            if batch.missing:
                LOG.error("%d rows name events that are no longer kept", batch.missing)
            try:
                self._publisher.publish(batch.documents)
            except NotPublishedError as error:
                self._wait_after(str(error))
                continue
            database.submit(readers.acknowledge, self._reader, batch).result()
            self._note_success()

    def _note_success(self) -> None:
        if self._failures:
            LOG.info("%s takes what happens again", self._target)
        self._failures, self._problem = 0, ""

    def _wait_after(self, problem: str) -> None:
        if self._ending.is_set():
            return
        if problem != self._problem:
            LOG.warning("%s: not published, tried again: %s", self._target, problem)
        self._problem = problem
        self._failures += 1
        longest_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2.0 ** min(self._failures - 1, 10))
        self._ending.wait(longest_s * RNG.uniform(0.5, 1))


def begin_everywhere(central: Central, reader: str) -> int:
    """Have every location write for a reader, one after the other; how many events of the journal
    that brought. Raises `RequestError` where there is no such reader any more."""
    database, count = central.database, 0
    while waiting := database.read(readers.not_begun, reader):
        # No location writes for one that is stopped, so this would never end.
        database.read(readers.require_reading, reader)
        for location in waiting:
            begin = partial(readers.begin_at, name=reader, location=location)
            count += database.submit(begin, now_ms=central.clock.now_ms()).result()
    return count
