"""Ceilings on what costs somebody money, patience or disk: so many in an hour, by whom they count.

A budget is refilled evenly and is full after an hour without use, so that a batch goes at once and
a flood does not. Of each there is one number in the database: until when it is used (the generic
cell rate algorithm), so it holds beyond a restart and says when there is room again. A refusal
uses nothing. Who runs into a ceiling reads which, and when there is room again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, literal, select

from central import schema
from central.context import Central, alarm, alarm_daily
from central.counters import LIMIT_REACHED
from central.database.bulk import upsert_many
from central.database.locks import lock_name, locked_rows
from central.errors import RequestError
from central.schema import LIVE
from central.settings import Limits
from kiosk.model.clock import HOUR_MS

ASK_AGAIN_S: Final = 3600
"""When to ask again where what is full empties by what people do, and nobody knows when."""
NEARLY: Final = 500
"""More announcements than all servers together take at the same moment."""


@dataclass(frozen=True, slots=True)
class Budget:
    """So many in an hour; `name` is the setting that says how many, `of` whose they are."""

    name: str
    of: str
    an_hour: int
    count: int = 1
    """How many are taken at once."""

    @property
    def subject(self) -> str:
        """The key of its row."""
        return f"{self.name} {self.of}"


@dataclass(frozen=True, slots=True)
class Reached:
    """A ceiling that somebody ran into."""

    name: str
    most: int
    free_ms: int

    def text(self, what: str) -> str:
        """What was exceeded and when it is free again, for people."""
        at = datetime.fromtimestamp(self.free_ms / 1000, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")
        return f"{what}: {self.most} an hour ({self.name}); free again {at}"


for _name in Limits.model_fields:
    LIMIT_REACHED.labels(limit=_name)  # 0 from the start, so that the first is seen as one more


def reached(name: str) -> None:
    """Count that a ceiling was run into."""
    LIMIT_REACHED.labels(limit=name).inc()


def take(
    connection: Connection, budgets: Sequence[Budget], now_ms: int, share: float = 1.0
) -> Reached | None:
    """Take one of each of these budgets; or none, and the one that is free again last.

    `share` is how much of each may be used: what matters less leaves some to what matters more.
    """
    table = schema.budget
    rows = locked_rows(connection, table, [each.subject for each in budgets])
    used_until = {subject: row["used_until_ms"] for subject, row in rows.items()}
    after: dict[str, int] = {}
    full: list[Reached] = []
    for each in budgets:
        step_ms = HOUR_MS / each.an_hour * each.count
        ends_ms = max(used_until.get(each.subject, 0), now_ms) + step_ms
        # What is taken at once always fits into a budget that nobody used.
        room_ms = max(HOUR_MS * share, step_ms)
        if ends_ms > now_ms + room_ms + 0.5:
            full.append(Reached(each.name, each.an_hour, int(ends_ms - room_ms) + 1))
        after[each.subject] = round(ends_ms)
    if full:
        last = max(full, key=lambda each: each.free_ms)
        reached(last.name)
        return last
    changed = [{"subject": name, "used_until_ms": ms} for name, ms in after.items()]
    upsert_many(connection, schema.budget, ("subject",), changed)
    return None


def promise(connection: Connection, full: Reached, subject: str, step_ms: int, now_ms: int) -> int:
    """When something goes that has to wait for a budget: each a step behind the one before, so that
    what waits does not come all at once, again and again."""
    table = schema.budget
    key = f"promised {full.name} {subject}"
    known = locked_rows(connection, table, [key]).get(key)
    last_ms = 0 if known is None else known["promised_ms"]
    at_ms = max(full.free_ms, last_ms + step_ms)
    at_ms = min(at_ms, now_ms + 24 * HOUR_MS)
    row = {"subject": key, "used_until_ms": at_ms, "promised_ms": at_ms}
    upsert_many(connection, table, ("subject",), [row])
    return at_ms


def forget_unused(connection: Connection, now_ms: int, most: int) -> int:
    """Delete budgets that are full again; how many."""
    table = schema.budget
    is_full = table.c.used_until_ms < now_ms
    some = select(table.c.subject).where(is_full).limit(most)
    return connection.execute(delete(table).where(is_full, table.c.subject.in_(some))).rowcount


def require(connection: Connection, central: Central, what: str, *budgets: Budget) -> None:
    """Take one of each. Raises `RequestError`: what was exceeded, and when to ask again."""
    now_ms = central.clock.now_ms()
    full = take(connection, budgets, now_ms)
    if full is not None:
        raise refusal(full, what, now_ms)


def refusal(full: Reached, what: str, now_ms: int) -> RequestError:
    """What is answered to somebody who ran into a ceiling."""
    return RequestError(
        429,
        "limit_reached",
        full.text(what),
        limit=full.name,
        most=full.most,
        per_s=HOUR_MS // 1000,
        free_ms=full.free_ms,
        retry_after_s=round(max(0, full.free_ms - now_ms) / 1000, 1),
    )


def require_change(
    connection: Connection, central: Central, location: str, package: str, by: str
) -> None:
    """One more change of a package by somebody: each has a budget of their own, so that a shop's
    program cannot keep the recipient or an operator from theirs. Raises `RequestError`."""
    rules = central.settings.limits
    require(
        connection,
        central,
        "too many changes of one package",
        Budget("changes_by_package", f"{_mark(central, by)} {package}", rules.changes_by_package),
        of_commands(central, location, by),
    )


def require_events(
    connection: Connection, central: Central, location: str, count: int, size: int
) -> None:
    """So many more events of a kiosk, with so many characters. Raises `RequestError`: the kiosk
    keeps them and sends them later."""
    rules = central.settings.limits
    by_size = rules.events_kb_by_location
    require(
        connection,
        central,
        "too many events of one location",
        Budget("events_by_location", location, rules.events_by_location, count),
        Budget("events_kb_by_location", location, by_size, 1 + size // 1000),
    )


def alarm_of_kiosk(
    connection: Connection,
    rules: Limits,
    now_ms: int,
    what: str,
    location: str,
    subject: str,
    **detail: Any,
) -> None:
    """An alarm about what a kiosk says, so that one that says much hides no other's alarms. Above
    the ceiling one a day says that there are more, and when the next one is written down."""
    budget = Budget("alarms_by_location", location, rules.alarms_by_location)
    full = take(connection, [budget], now_ms)
    if full is None:
        alarm(connection, now_ms, what, subject, location, **detail)
    else:
        why = full.text("too many alarms of one kiosk")
        alarm_daily(
            connection, now_ms, "alarms-flood", location, location, limit=full.name, why=why
        )


def of_commands(central: Central, location: str, by: str) -> Budget:
    """What somebody may have a kiosk write down on its disk."""
    most = central.settings.limits.commands_by_location_and_sender
    return Budget("commands_by_location_and_sender", f"{_mark(central, by)} {location}", most)


def _mark(central: Central, by: str) -> str:
    """Somebody, without their name: an operator goes by an e-mail address."""
    return central.secrets.mark("budget", by)[:32]


def _open_ones(*where: ColumnElement[bool], most: str) -> Any:
    """How many packages of a sender are announced and have not come, counted no further."""
    package = schema.package
    is_open = package.c.status == schema.fixed(LIVE[0])
    mine = select(literal(1)).where(package.c.sender == bindparam("by"), is_open, *where)
    counted = mine.limit(bindparam(most)).subquery()
    return select(func.count()).select_from(counted).scalar_subquery()


_OPEN: Final = select(
    _open_ones(schema.package.c.location == bindparam("location"), most="most_here"),
    _open_ones(most="most_in_all"),
)


def require_room(
    connection: Connection, central: Central, location: str, by: str, doors: int
) -> None:
    """One more announcement by a sender, at a location with so many doors and in all. Raises
    `RequestError`."""
    rules = central.settings.limits
    most_here = max(rules.open_announcements_min, int(doors * rules.open_announcements_per_door))
    most_in_all = rules.open_announcements_by_sender
    values = {"by": by, "location": location, "most_here": most_here, "most_in_all": most_in_all}
    here, in_all = connection.execute(_OPEN, values).one()
    if in_all >= most_in_all - NEARLY:
        # At other locations, too, others may be announced just now: each waits for the one before.
        lock_name(connection, f"open announcements by {by}")
        here, in_all = connection.execute(_OPEN, values).one()
    for name, most, found in (
        ("open_announcements_per_door", most_here, here),
        ("open_announcements_by_sender", most_in_all, in_all),
    ):
        if found >= most:
            reached(name)
            raise RequestError(
                429,
                "limit_reached",
                f"{most} packages of this key are announced and have not come ({name}): another"
                " can be announced when one of them comes or is recalled",
                limit=name,
                most=most,
                retry_after_s=ASK_AGAIN_S,
            )
