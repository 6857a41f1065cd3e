"""A thousand simulated kiosks that fetch, try, prove and leave releases, in virtual time.

Each speaks with the server's own functions (`central.sync.service.sync`), with a journal whose
hashes follow; what it does with a release is what its luck says. Who has nothing new to say is only
noted as heard of.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from central import schema
from central.areas.visible import NETWORK
from central.building import build
from central.context import Central
from central.releases.tables import release as release_table
from central.rollouts import changes, keeping
from central.rollouts.changes import Who
from central.rollouts.standing import IN_PROGRESS, Standing, joined, standing
from central.rollouts.tables import rollout, rollout_location, rollout_ring
from central.settings import Settings
from central.sync import service
from central.tokens import token_hash
from kiosk.model.actor import SERVER
from kiosk.model.clock import HOUR_MS, Instant
from kiosk.model.commands import CommandType, ReleaseOutcome, WireCommand
from kiosk.model.events import GENESIS, EventKind, canonical_json, chain_hash
from kiosk.sync.contract import (
    Place,
    ReleaseStatus,
    Status,
    SyncAnswer,
    SyncRequest,
    WentBack,
    WireEvent,
)
from tests.support import postgresql
from tests.support.central_server import NOW_MS, TurnedClock, lay_tables

OLD, NEW = "1.3.0", "1.4.0"
STEP_MS = HOUR_MS
CHECKED_EVERY_H = 7
NIGHT_H = range(2, 5)
"""Between these hours kiosks switch."""
WHO = Who("test", NETWORK)


class Luck(Enum):
    """What becomes of the new release at a kiosk."""

    GOOD = auto()
    BAD = auto()
    """It runs, does not prove itself, and what ran before runs again."""
    STUCK = auto()
    """It takes the command, and nothing comes of it."""
    VANISHES = auto()
    """It begins to run, and nobody hears of it again."""
    BOASTS = auto()
    """Its journal says that the release runs, and it does not."""
    REFUSES = auto()


@dataclass
class SimulatedKiosk:
    """One machine: what runs there, and what its keeper knows."""

    name: str
    rng: random.Random
    luck: Luck = Luck.GOOD
    away: tuple[int, int] = (0, 0)
    """From when until when nobody hears of it."""
    running: str = OLD
    state: str = "good"
    went_back: WentBack | None = None
    cursor: int = 0
    wanted: WireCommand | None = None
    """The command that it is at."""
    fetched_ms: int = 0
    tried_ms: int = 0
    has_news: bool = False
    is_gone: bool = False
    seq: int = 0
    head: bytes = GENESIS
    waiting: list[WireEvent] = field(default_factory=list)

    @property
    def token(self) -> str:
        return f"kiosk_{self.name}"

    def is_heard(self, now_ms: int) -> bool:
        return not self.is_gone and not self.away[0] <= now_ms < self.away[1]

    def _note(self, now_ms: int, kind: EventKind, **body: Any) -> None:
        self.seq += 1
        self.has_news = True
        text = canonical_json({"actor": SERVER, **body})
        at = Instant(now_ms, now_ms, "boot", True)
        digest = chain_hash(self.head, "epoch", self.seq, kind.value, text, at)
        self.head = digest
        self.waiting.append(
            WireEvent(
                epoch="epoch",
                seq=self.seq,
                kind=kind.value,
                body=text,
                wall_ms=now_ms,
                monotonic_ms=now_ms,
                boot_id="boot",
                is_trusted=True,
                hash=digest.hex(),
            )
        )

    def _report(self, now_ms: int, outcome: ReleaseOutcome, detail: str = "") -> None:
        assert self.wanted is not None
        said = {"id": self.wanted.id, "rollout": self.wanted.body["rollout"]}
        said |= {"release": self.wanted.body["release"], "outcome": outcome.value}
        self._note(now_ms, EventKind.RELEASE_REPORTED, **said, detail=detail)

    def take(self, sent: Iterable[Any], now_ms: int) -> None:
        """The commands of an answer."""
        for each in sent:
            command = WireCommand.model_validate(each)
            if command.n <= self.cursor:
                continue
            self.cursor = command.n
            assert command.type == CommandType.CHOOSE_RELEASE.value
            refused = self.luck is Luck.REFUSES and command.body["release"] == NEW
            outcome = {"outcome": "REFUSED", "detail": "no room"} if refused else {}
            answer: dict[str, Any] = {"outcome": "APPLIED", **outcome}
            named = {"id": command.id, "n": command.n, "type": command.type}
            self._note(now_ms, EventKind.COMMAND_APPLIED, **named, **answer)
            if command.body["release"] in ("", self.running):
                # It stays with what runs, and begins nothing.
                self.wanted = None if self.state == "good" else self.wanted
            elif not refused:
                self.wanted = command
                self.fetched_ms = now_ms + self.rng.randrange(1, 6) * HOUR_MS

    def live(self, now_ms: int) -> None:
        """What an hour brings."""
        if self.wanted is None or self.luck is Luck.STUCK:
            return
        release = str(self.wanted.body["release"])
        if self.state == "trial":
            self._prove(now_ms)
        elif self.fetched_ms and now_ms >= self.fetched_ms:
            self.fetched_ms = 0
            self._report(now_ms, ReleaseOutcome.FETCHED)
        elif not self.fetched_ms and now_ms // HOUR_MS % 24 in NIGHT_H:
            if self.luck is Luck.BOASTS and release == NEW:
                self._report(now_ms, ReleaseOutcome.RUNNING)
                self.wanted = None
                return
            self._report(now_ms, ReleaseOutcome.TRYING)
            self.before, self.running = self.running, release
            self.state, self.tried_ms = "trial", now_ms

    before: str = OLD

    def _prove(self, now_ms: int) -> None:
        is_new = self.running == NEW
        if self.luck is Luck.VANISHES and is_new:
            self.is_gone = True
        elif self.luck is Luck.BAD and is_new:
            reason = "the window has not drawn for 12 s"
            self._report(now_ms, ReleaseOutcome.WENT_BACK, reason)
            self.went_back = WentBack(version=NEW, reason=reason, at_ms=now_ms)
            self.running, self.state, self.wanted = self.before, "good", None
        else:
            self.state = "good"
            self._report(now_ms, ReleaseOutcome.RUNNING)
            self.wanted = None

    def message(self, now_ms: int) -> SyncRequest:
        """What it sends now."""
        release = ReleaseStatus(
            running=self.running,
            state=self.state,
            went_back=self.went_back,
            python="cp311",
            machine="x86_64",
        )
        return SyncRequest(
            epoch="epoch",
            events=tuple(self.waiting),
            head=Place(epoch="epoch", seq=self.seq, hash=self.head.hex() if self.seq else ""),
            cursor=self.cursor,
            status=Status(
                version=self.running,
                clock_ms=now_ms,
                boot_id="boot",
                monotonic_ms=now_ms,
                staff_version=0,
                is_well=True,
                release=release,
            ),
        )


class Fleet:
    """A server's database and its kiosks, moved on hour by hour."""

    def __init__(self, folder: Path, count: int, seed: int = 1) -> None:
        self.clock, self.rng = TurnedClock(NOW_MS), random.Random(seed)
        settings = Settings(data=folder, database_url=postgresql.url_of(folder))
        if not settings.database_url:
            lay_tables(folder)
        self.central: Central = build(settings, self.clock)
        self.kiosks = {
            name: SimulatedKiosk(name, random.Random(f"{seed} {name}"))
            for name in (f"kiosk-{number:04}" for number in range(count))
        }
        self.write(self._fill)

    def close(self) -> None:
        self.central.database.close()

    def write(self, operation: Callable[..., Any], *args: Any) -> Any:
        return self.central.database.submit(operation, *args).result()

    def _fill(self, connection: Any) -> None:
        rows = [
            {
                "id": each.name,
                "token_hash": token_hash(each.token),
                "last_sync_ms": NOW_MS,
                "version": OLD,
                "release_state": "good",
                "is_well": True,
                "status": each.message(NOW_MS).status.model_dump_json(),
            }
            for each in self.kiosks.values()
        ]
        connection.execute(insert(schema.location), rows)
        files = [
            {"version": version, "python": "cp311", "machine": "x86_64", "sha256": "0a" * 32}
            for version in (OLD, NEW)
        ]
        connection.execute(insert(release_table), files)

    # --- time ----------------------------------------------------------------------------------

    def _hour(self, connection: Any) -> None:
        """In one transaction, as the writer puts together what comes at one moment."""
        self._sync_all(connection)
        self._keep(connection)

    def _sync_all(self, connection: Any) -> None:
        """Who can be heard of is, and says what is new."""
        now_ms = self.clock.wall_ms
        place, command = schema.location, schema.command
        waiting = select(command.c.location).where(command.c.state == schema.fixed("QUEUED"))
        queued = set(connection.execute(waiting.distinct()).scalars())
        quiet: list[str] = []
        for kiosk in self.kiosks.values():
            if not kiosk.is_heard(now_ms):
                continue
            if kiosk.has_news or kiosk.name in queued:
                self._sync(connection, kiosk, now_ms)
            else:
                quiet.append(kiosk.name)
        heard = update(place).where(place.c.id.in_(quiet)).values(last_sync_ms=now_ms)
        connection.execute(heard)

    def _sync(self, connection: Any, kiosk: SimulatedKiosk, now_ms: int) -> None:
        while True:
            answer: SyncAnswer = service.sync(
                connection, self.central, kiosk.name, kiosk.token, kiosk.message(now_ms)
            )
            kiosk.waiting, kiosk.has_news = [], False
            kiosk.take(answer.commands, now_ms)
            if not kiosk.has_news:
                return

    def _keep(self, connection: Any) -> None:
        """A round of the keeper's."""
        now_ms = self.clock.wall_ms
        for name in keeping.live(connection):
            keeping.join(connection, name)
            while keeping.ask(connection, name, now_ms):
                pass
            keeping.stretch(connection, self.central, name, now_ms)
            keeping.advance(connection, self.central, name, now_ms)

    def pass_hours(self, hours: int, until: Callable[[], bool] = lambda: False) -> int:
        """Let time pass, until something holds; after how many hours it did."""
        for hour in range(hours):
            if until():
                return hour
            self.clock.wall_ms += STEP_MS
            for kiosk in self.kiosks.values():
                kiosk.live(self.clock.wall_ms)
            self.write(self._hour)
            if hour % CHECKED_EVERY_H == 0:
                self.check()
        return hours

    # --- what is so ----------------------------------------------------------------------------

    def state(self, name: str) -> Any:
        return self.write(changes.row_of, name)

    def opened(self, name: str) -> int:
        """How many rings are open."""
        ring = rollout_ring
        query = select(ring.c.ring).where(ring.c.rollout == name, ring.c.opened_ms.is_not(None))
        return len(self.write(_all, query))

    def standings(self, name: str) -> dict[str, Standing]:
        """How far each location is, as the server says."""
        member = rollout_location
        how = standing(self.silent_ms(), self.clock.wall_ms)
        query = select(member.c.location, how).select_from(joined())
        rows = self.write(_all, query.where(member.c.rollout == name))
        return {location: Standing(word) for location, word in rows}

    def silent_ms(self) -> int:
        return self.clock.wall_ms - self.central.settings.silent_after_s * 1000

    def of_ring(self, name: str, ring: int) -> list[str]:
        member = rollout_location
        query = select(member.c.location).where(member.c.rollout == name, member.c.ring == ring)
        return [row.location for row in self.write(_all, query.order_by(member.c.spread))]

    def _live(self) -> list[Any]:
        query = select(rollout).where(rollout.c.state.in_(changes.LIVE))
        return list(self.write(_all, query))

    def check(self) -> None:
        """Nobody is done at whose machine the release does not run and is good; nobody who was
        asked is under way for longer than the deadline."""
        now_ms, member = self.clock.wall_ms, rollout_location
        for row in self._live():
            how = standing(self.silent_ms(), now_ms).label("how")
            query = select(member.c.location, member.c.until_ms, how).select_from(joined())
            query = query.where(member.c.rollout == row.id, member.c.asked_ms.is_not(None))
            for each in self.write(_all, query):
                kiosk = self.kiosks[each.location]
                runs = kiosk.running == row.release and kiosk.state == "good"
                is_done = each.how == Standing.CONFIRMED
                assert runs or not is_done, f"{kiosk.name} is said to be done"
                is_over = each.until_ms <= now_ms and each.how in IN_PROGRESS
                assert not is_over, f"{kiosk.name} is under way for ever"

    def answers(self, name: str) -> list[tuple[str, str]]:
        """What became of the commands to a location."""
        table = schema.command
        query = select(table.c.body, table.c.state).where(table.c.location == name)
        rows = self.write(_all, query.order_by(table.c.n))
        return [(json.loads(row.body)["release"], row.state) for row in rows]


def _all(connection: Any, query: Any) -> Any:
    return connection.execute(query).all()
