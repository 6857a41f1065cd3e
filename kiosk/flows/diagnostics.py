"""What a technician reads: how the machine and its lock boards are doing, and the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kiosk.flows.context import Kiosk
from kiosk.flows.doors import YES_OR_NO, ask
from kiosk.flows.events import Pressed, Scanned, TimedOut
from kiosk.flows.housekeeping import confirm_time
from kiosk.flows.open_all import open_all
from kiosk.flows.sign_in import prove
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.service import (
    Boards,
    EventLine,
    History,
    Machine,
    PartsTest,
    StaffList,
    StaffRow,
)
from kiosk.model.actor import actor_of
from kiosk.model.events import Event
from kiosk.model.person import Staff, typed_number
from kiosk.store import backup, boards, counters, journal, remote_help
from kiosk.store import staff as staff_store
from kiosk.store.writer import Writer

READ = (Choice.BOARDS, Choice.JOURNAL, Choice.STAFF, Choice.TEST_PARTS, Choice.OPEN_ALL)
CHOICES_MAX = 8
LOOKED_AT_S = 600
"""A page goes back after this long without a touch."""
FRESH_S = 2.0
"""How often what is shown is read again."""
LINES = 5
"""How many events a page of the journal has; so many fit on the smallest panel."""
BOARDS = 3
"""How many boards a page has."""


STAFF = 5
"""How many members of staff a page has."""
SCANS = 3
"""How many scans are shown while the scanner is tried."""


async def machine(kiosk: Kiosk, staff: Staff) -> None:
    """The computer's page, until the technician goes back."""
    actor = staff.actor
    restart = () if kiosk.restart is None else (Choice.RESTART,)
    while True:
        last = await kiosk.store.run(backup.last)
        now = kiosk.clock.now()
        is_asked = () if now.is_trusted else (Choice.TIME_IS_RIGHT,)
        is_paused = await kiosk.store.run(remote_help.paused) is not None
        end_pause = (Choice.END_PAUSE,) if is_paused else ()
        view = Machine(
            now_ms=now.wall_ms,
            is_time_trusted=now.is_trusted,
            vitals=kiosk.vitals(),
            events=await kiosk.store.run(_journal_end),
            power=None if kiosk.power is None else kiosk.power(),
            has_backup=kiosk.backup is not None,
            backup_ms=None if last is None else last.at_ms,
            backup_problem="" if last is None else last.problem,
            choices=_with_room((*READ, *is_asked, *restart, *end_pause, Choice.BACK)),
        )
        kiosk.person.show(view)
        event = await kiosk.person.next(LOOKED_AT_S)
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return
        if event == Pressed(Choice.TIME_IS_RIGHT) and is_asked:
            if await prove(kiosk, staff):
                await confirm_time(kiosk, actor)
        elif event == Pressed(Choice.END_PAUSE):
            await kiosk.store.run(remote_help.take_back, actor)
        elif isinstance(event, Pressed):
            await _do(kiosk, staff, event.choice)


def _with_room(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """As many as the smallest panel has room for: what can wait until the pause is over goes."""
    if len(choices) <= CHOICES_MAX:
        return choices
    return tuple(choice for choice in choices if choice is not Choice.TEST_PARTS)


async def _do(kiosk: Kiosk, staff: Staff, choice: Choice) -> None:
    match choice:
        case Choice.BOARDS:
            await _boards(kiosk)
        case Choice.JOURNAL:
            await history(kiosk)
        case Choice.STAFF:
            await _staff(kiosk)
        case Choice.TEST_PARTS:
            await _test_parts(kiosk)
        case Choice.OPEN_ALL:
            await open_all(kiosk, staff)
        case Choice.RESTART if kiosk.restart is not None:
            is_meant = await ask(kiosk, Question.RESTART, "", YES_OR_NO) is Choice.YES
            if is_meant and await prove(kiosk, staff):
                kiosk.restart()
        case _:
            pass


async def _staff(kiosk: Kiosk) -> None:
    """Who is listed here, page by page, until the technician goes back."""
    members, first = await kiosk.store.run(staff_store.members), 0
    digits, now = await kiosk.store.run(staff_store.number_digits), kiosk.clock.now()
    rows = [
        StaffRow(
            typed_number(each.number, digits),
            each.name,
            each.role,
            each.may_work(now),
            each.valid_until_ms,
        )
        for each in members
    ]
    while True:
        choices = (Choice.MORE,) * (len(rows) > STAFF)
        some = tuple(rows[first : first + STAFF])
        kiosk.person.show(StaffList(rows=some, choices=(*choices, Choice.BACK)))
        event = await kiosk.person.next(LOOKED_AT_S)
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return
        if event == Pressed(Choice.MORE):
            first = first + STAFF if first + STAFF < len(rows) else 0


async def _test_parts(kiosk: Kiosk) -> None:
    """What the scanner reads is shown, until the technician goes back."""
    scans: tuple[Scanned, ...] = ()
    while True:
        kiosk.person.show(PartsTest(scans=scans, choices=(Choice.BACK,)))
        event = await kiosk.person.next(LOOKED_AT_S)
        if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return
        if isinstance(event, Scanned):
            scans = (event, *scans)[:SCANS]


def _journal_end(writer: Writer) -> int:
    return writer.head.seq


async def _boards(kiosk: Kiosk) -> None:
    """The boards, read again and again until the technician goes back."""
    shown_s, first = 0.0, 0
    while shown_s < LOOKED_AT_S:
        reports = kiosk.bank.reports()
        more = (Choice.MORE,) * (len(reports) > BOARDS)
        some = reports[first : first + BOARDS]
        since_ms = await kiosk.store.run(boards.all_away_since_ms)
        view = Boards(boards=some, away_since_ms=since_ms, choices=(*more, Choice.BACK))
        kiosk.person.show(view)
        event = await kiosk.person.next(FRESH_S)
        if event == Pressed(Choice.BACK):
            return
        if event == Pressed(Choice.MORE):
            first = first + BOARDS if first + BOARDS < len(reports) else 0
        shown_s = shown_s + FRESH_S if isinstance(event, TimedOut) else 0.0


async def history(kiosk: Kiosk, slot: str = "") -> None:
    """The journal, page by page from the newest: of one slot with its lock's times, or all."""
    pages = [await kiosk.store.run(_journal_end) + 1]
    times = (await kiosk.store.run(counters.opening_times)).get(slot)
    openings = () if times is None else tuple(times.histogram.items())
    while True:
        events = await kiosk.store.run(journal.before, pages[-1], LINES + 1, slot)
        choices = (Choice.OLDER,) * (len(events) > LINES) + (Choice.NEWER,) * (len(pages) > 1)
        kiosk.person.show(
            History(
                slot=slot,
                lines=tuple(map(_line, events[:LINES])),
                openings=_in_order(dict(openings)),
                is_slowing=times is not None and times.is_slowing,
                choices=(*choices, Choice.BACK),
            )
        )
        event = await kiosk.person.next(LOOKED_AT_S)
        if event == Pressed(Choice.OLDER) and len(events) > LINES:
            pages.append(events[LINES - 1].seq)
        elif event == Pressed(Choice.NEWER) and len(pages) > 1:
            pages.pop()
        elif isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
            return


def _in_order(histogram: Mapping[int | None, int]) -> tuple[tuple[int | None, int], ...]:
    """Every class of the histogram from the shortest, those without an opening as well."""
    if not histogram:
        return ()
    return tuple((end, histogram.get(end, 0)) for end in (*counters.OPENING_MS, None))


def _line(event: Event) -> EventLine:
    body = json.loads(event.body)
    return EventLine(
        number=event.seq,
        kind=event.kind,
        slot=_named(body, "slot", "label") or str(body.get("slot") or ""),
        actor=actor_of(body),
        outcome=_named(body, "intent", "outcome"),
        at_ms=event.at.wall_ms if event.at.is_trusted else None,
    )


def _named(body: Mapping[str, Any], table: str, column: str) -> str:
    """A column of the one row that the event changed in a table; "" where it changed several."""
    rows = [row for name, row in body.get("rows", ()) if name == table]
    value = rows[0].get(column) if len(rows) == 1 else None
    if value is None and table == "slot":
        intents = [row.get("slot") for name, row in body.get("rows", ()) if name == "intent"]
        value = intents[0] if len(intents) == 1 else None
    return str(value or "")
