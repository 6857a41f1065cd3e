"""A technician looks after the doors: live states, open one, out of service and back."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.door import Outcome
from kiosk.flows.collection import take_out
from kiosk.flows.context import Kiosk
from kiosk.flows.diagnostics import history, machine
from kiosk.flows.doors import (
    Ending,
    Opened,
    ask,
    confirm_board,
    open_for_service,
    pressed,
    shut_wrong_door,
    until_shut,
)
from kiosk.flows.events import Chosen, Pressed, TimedOut
from kiosk.flows.move import move_package
from kiosk.flows.reconciliation import look_inside, round_of_suspects
from kiosk.flows.sign_in import prove
from kiosk.flows.views.choices import Choice, Purpose, Question
from kiosk.flows.views.service import (
    ChooseReason,
    ChooseUntil,
    DoorPage,
    DoorRow,
    Doors,
    DoorsTested,
)
from kiosk.flows.views.shared import DoorOpen, View
from kiosk.model.clock import days_later_ms, end_of_day_ms
from kiosk.model.location import GIVEN_BY_STAFF, Service, SlotStatus
from kiosk.model.person import Staff
from kiosk.store import boards, codes, counters, departures, intents, slots
from kiosk.store import staff as staff_store
from kiosk.store.errors import RefusedError
from kiosk.store.slots import SlotRecord
from kiosk.store.writer import Writer

SESSION_S = 86_400
"""Longer than anybody stands there: what ends a session that nobody goes on with is its lock."""
REASONS = tuple(reason.value for reason in GIVEN_BY_STAFF)
TAKE_OUT_REASONS = ("damaged", "misrouted", "refused")
DOORS_CHOICES = (Choice.DONE, Choice.TEST_DOORS, Choice.MACHINE)
UNTIL_DAYS = (1, 2, 7, 30, 0)
"""For how long a slot may be said to be out of service; 1 is today, 0 says that nobody knows."""
TEST_ROUNDS = 5
"""How often a lock's test opens it."""
WORKS = (Outcome.OPENED, Outcome.ALREADY_OPEN)
REACHES_INSIDE = (
    Choice.OPEN_DOOR,
    Choice.LOOK_INSIDE,
    Choice.MOVE_PACKAGE,
    Choice.TAKE_OUT,
    Choice.REISSUE_CODE,
)
"""What a technician's PIN is asked for at a slot that is not empty."""


async def maintenance(kiosk: Kiosk, staff: Staff) -> None:
    """The bank, live, until the technician is done or has gone."""
    names = await kiosk.store.run(staff_store.names)
    while True:
        records = await kiosk.store.run(slots.records)
        is_in_doubt = any(record.status is SlotStatus.SUSPECT for record in records)
        locks = await kiosk.store.run(_Locks.read)
        kiosk.person.show(
            Doors(
                doors=tuple(_row(kiosk, record, names, locks) for record in records),
                boards=kiosk.bank.reports(),
                away_since_ms=await kiosk.store.run(boards.all_away_since_ms),
                name=staff.name,
                choices=(*DOORS_CHOICES, Choice.ROUND) if is_in_doubt else DOORS_CHOICES,
            )
        )
        event = await kiosk.person.next(SESSION_S)
        if isinstance(event, TimedOut) or event == Pressed(Choice.DONE):
            return
        actor = staff.actor
        if event == Pressed(Choice.ROUND):
            if await prove(kiosk, staff):
                await round_of_suspects(kiosk, actor)
        elif event == Pressed(Choice.MACHINE):
            await machine(kiosk, staff)
        elif event == Pressed(Choice.TEST_DOORS):
            await _test_doors(kiosk, staff, names)
        elif isinstance(event, Chosen) and event.value in kiosk.location.slot_by_label:
            await _DoorPage(kiosk, staff, event.value, names).serve()


async def _test_doors(kiosk: Kiosk, staff: Staff, names: dict[str, str]) -> None:
    """Open the door of every empty slot once, and those with packages only if that is asked for and
    the PIN was typed once more."""
    if await _test_all(kiosk, staff, names, SlotStatus.EMPTY) is not Choice.TEST_TAKEN:
        return
    if await prove(kiosk, staff):
        await _test_all(kiosk, staff, names, SlotStatus.OCCUPIED)


async def _test_all(
    kiosk: Kiosk, staff: Staff, names: dict[str, str], status: SlotStatus
) -> Choice | None:
    """Open the door of every slot of this status once; whoever stops or leaves ends it."""
    every = [
        record
        for record in await kiosk.store.run(slots.records)
        if record.service is not Service.DO_NOT_OPEN
    ]
    records = [record for record in every if record.status is status]
    opened, failed, tried = 0, [], 0
    for record in records:
        page = _DoorPage(kiosk, staff, record.label, names)
        outcome = await page.open(record, in_series=True)
        tried += 1
        if outcome in WORKS:
            opened += 1
        else:
            failed.append(record.label)
        if page.is_stopped:
            break
    has_taken = any(record.status is SlotStatus.OCCUPIED for record in every)
    is_more_offered = status is SlotStatus.EMPTY and has_taken
    choices = (Choice.DONE, Choice.TEST_TAKEN) if is_more_offered else (Choice.DONE,)
    left = len(records) - tried
    view = DoorsTested(opened=opened, failed=tuple(failed), left=left, choices=choices)
    kiosk.person.show(view)
    return await pressed(kiosk, choices, SESSION_S)


@dataclass(frozen=True, slots=True)
class _Locks:
    """What a technician should know of the locks, beyond their state now."""

    awaiting_look: frozenset[str]
    """The boards of which a door must be seen to open first."""
    slowing: frozenset[str]
    """The slots whose locks have become slower."""

    @classmethod
    def read(cls, writer: Writer) -> _Locks:
        times = counters.opening_times(writer).values()
        slowing = frozenset(each.slot for each in times if each.is_slowing)
        return cls(boards.awaiting_look(writer), slowing)


def _row(kiosk: Kiosk, record: SlotRecord, names: dict[str, str], locks: _Locks) -> DoorRow:
    wiring = kiosk.location.slot_by_label.get(record.label)
    is_out = record.service is not Service.IN_SERVICE
    return DoorRow(
        slot=record.label,
        size=record.size,
        door=kiosk.bank.door(record.label),
        status=record.status,
        service=record.service,
        board=wiring.board if wiring else "",
        channel=wiring.channel if wiring else 0,
        reachable=kiosk.bank.reachable(record.label),
        suspect=record.suspect,
        reason=record.service_reason if is_out else "",
        since_ms=record.service_since_ms if is_out else None,
        until_ms=record.service_until_ms if is_out else None,
        by=names.get(record.service_by.removeprefix("staff:"), record.service_by) if is_out else "",
        barcode=record.barcode or "",
        awaits_look=wiring is not None and wiring.board in locks.awaiting_look,
        is_slowing=record.label in locks.slowing,
    )


@dataclass
class _DoorPage:
    """One door and what a technician does with it."""

    kiosk: Kiosk
    staff: Staff
    slot: str
    names: dict[str, str]
    outcome: str = ""
    """What came of the last thing that was done here."""
    is_stopped: bool = False
    """Whether the technician wants no more doors opened, or has gone."""

    @property
    def actor(self) -> str:
        return self.staff.actor

    async def serve(self) -> None:
        """Until the technician goes back."""
        while True:
            record = await self.kiosk.store.run(slots.record_of, self.slot)
            locks = await self.kiosk.store.run(_Locks.read)
            choices = _choices(record, knows_the_date=self.kiosk.clock.now().is_trusted)
            self.kiosk.person.show(
                DoorPage(
                    row=_row(self.kiosk, record, self.names, locks),
                    last_outcome=self.outcome,
                    choices=choices,
                )
            )
            event = await self.kiosk.person.next(SESSION_S)
            if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
                return
            if not isinstance(event, Pressed) or event.choice not in choices:
                continue
            if await self._is_allowed(event.choice, record):
                await self._do(event.choice, record)

    async def _is_allowed(self, choice: Choice, record: SlotRecord) -> bool:
        """Whether this may be done now. What gets at a package, or at a slot that may hold one,
        asks for the PIN; a reason that is asked for comes after it."""
        if choice not in REACHES_INSIDE or record.status is SlotStatus.EMPTY:
            return True
        if not await prove(self.kiosk, self.staff):
            return False
        # What lies there may be another by now: then the page shows it first.
        after = await self.kiosk.store.run(slots.record_of, self.slot)
        return (after.status, after.package) == (record.status, record.package)

    async def _do(self, choice: Choice, record: SlotRecord) -> None:
        kiosk, package = self.kiosk, record.package
        match choice:
            case Choice.OPEN_DOOR:
                self.outcome = await self.open(record)
            case Choice.TEST_LOCK:
                self.outcome = await self._test_lock(record)
            case Choice.HISTORY:
                await history(kiosk, self.slot)
            case Choice.LOOK_INSIDE:
                self.outcome = await look_inside(kiosk, self.actor, self.slot)
            case Choice.OUT_OF_SERVICE:
                await self._out_of_service(Service.NO_DEPOSITS)
            case Choice.DO_NOT_OPEN:
                await self._out_of_service(Service.DO_NOT_OPEN)
            case Choice.BACK_IN_SERVICE:
                await kiosk.store.run(
                    slots.set_service, self.slot, Service.IN_SERVICE, "", self.actor
                )
            case Choice.UNTIL_WHEN:
                await self._until_when()
            case Choice.MOVE_PACKAGE if package is not None:
                self.outcome = await move_package(kiosk, self.actor, package)
            case Choice.TAKE_OUT if package is not None:
                await self._take_out(package)
            case Choice.REISSUE_CODE if package is not None:
                await self._reissue(package)

    async def _reissue(self, package: str) -> None:
        """A new code; none for a package that is recalled."""
        try:
            await self.kiosk.store.run(codes.reissue, package, self.actor)
        except RefusedError:
            self.outcome = "NOT_TO_BE_FETCHED"
            return
        self.outcome = "CODE_REISSUED"

    async def _reason(self, reasons: tuple[str, ...]) -> str | None:
        """Ask for a reason; nothing happens without one."""
        view = ChooseReason(slot=self.slot, reasons=reasons, choices=(Choice.BACK,))
        return await self._chosen(view, reasons)

    async def _chosen(self, view: View, values: tuple[str, ...]) -> str | None:
        """Which of these values is chosen; None when the technician goes back or away."""
        self.kiosk.person.show(view)
        while True:
            event = await self.kiosk.person.next(SESSION_S)
            if isinstance(event, Chosen) and event.value in values:
                return event.value
            if isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
                return None

    async def _out_of_service(self, grade: Service) -> None:
        reason = await self._reason(REASONS)
        if reason is not None:
            await self.kiosk.store.run(slots.set_service, self.slot, grade, reason, self.actor)

    async def _until_when(self) -> None:
        """Ask for how long the slot will be out of service; it does not come back by itself."""
        kiosk = self.kiosk
        view = ChooseUntil(slot=self.slot, days=UNTIL_DAYS, choices=(Choice.BACK,))
        chosen = await self._chosen(view, tuple(map(str, UNTIL_DAYS)))
        if chosen is not None:
            zone, days = kiosk.location.time_zone, int(chosen)
            midnight_ms = end_of_day_ms(kiosk.clock.now().wall_ms, zone)
            until_ms = days_later_ms(midnight_ms, days - 1, zone) if days else None
            await kiosk.store.run(slots.set_service_until, self.slot, until_ms, self.actor)

    async def _take_out(self, package: str) -> None:
        """Take a package back before its time: damaged, misrouted or refused."""
        reason = await self._reason(TAKE_OUT_REASONS)
        if reason is not None:
            problem = await take_out(self.kiosk, self.actor, package, self.slot, reason)
            self.outcome = problem.value if problem else "COLLECTED"

    async def _test_lock(self, record: SlotRecord) -> str:
        """Open one lock several times; only the last time, what is inside is asked."""
        outcome = ""
        for number in range(1, TEST_ROUNDS + 1):
            outcome = await self.open(record, asks=number == TEST_ROUNDS, in_series=True)
            if self.is_stopped or outcome not in WORKS:
                break
        return outcome

    async def open(self, record: SlotRecord, *, asks: bool = True, in_series: bool = False) -> str:
        """Open a door, and ask what was inside before anything is believed; what came of it.

        Until it is asked, the slot is in doubt. A series can be stopped at the open door.
        """
        kiosk = self.kiosk
        opened = await open_for_service(kiosk, record, self.actor, Purpose.LOOK)
        if opened.unlocked.outcome is Outcome.WRONG_DOOR:
            await shut_wrong_door(kiosk, opened, self.slot, Purpose.LOOK)
        await confirm_board(kiosk, self.actor, self.slot, opened)
        ending = await self._until_shut(opened, (Choice.CANCEL,) if in_series else ())
        if ending is Ending.STAYED_SHUT:
            return opened.problem.value
        answer = None
        if ending is not Ending.LEFT_OPEN and (asks or self.is_stopped):
            answer = await self._what_is_inside(record)
        self.is_stopped |= asks and answer is None
        await self._believe(record, opened.intent, answer)
        return opened.unlocked.outcome.value

    async def _until_shut(self, opened: Opened, choices: tuple[Choice, ...]) -> Ending | Choice:
        """Until the door is shut; whoever wants no more after it says so meanwhile."""
        view = DoorOpen(slot=self.slot, purpose=Purpose.LOOK, choices=choices)
        ending = await until_shut(self.kiosk, view, opened)
        if ending is Choice.CANCEL:
            self.is_stopped = True
            view = DoorOpen(slot=self.slot, purpose=Purpose.LOOK, remind=True)
            ending = await until_shut(self.kiosk, view, opened)
        self.is_stopped |= ending is Ending.LEFT_OPEN
        return ending

    async def _what_is_inside(self, record: SlotRecord) -> Choice | None:
        if record.package is not None:
            choices = (Choice.STILL_THERE, Choice.IT_IS_EMPTY)
            return await ask(self.kiosk, Question.WAS_IT_THERE, self.slot, choices)
        choices = (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE)
        return await ask(self.kiosk, Question.IS_IT_EMPTY, self.slot, choices)

    async def _believe(self, record: SlotRecord, intent: str, answer: Choice | None) -> None:
        """Write down what the technician saw; silence leaves the slot in doubt."""
        if answer is Choice.IT_IS_EMPTY and record.package is not None:
            await self.kiosk.store.run(departures.missing, record.package, intent, None, self.actor)
            return
        found = {
            Choice.IT_IS_EMPTY: SlotStatus.EMPTY,
            Choice.STILL_THERE: SlotStatus.OCCUPIED,
        }.get(answer or Choice.CANCEL, SlotStatus.SUSPECT)
        await self.kiosk.store.run(
            intents.end_opening, intent, self.slot, found, self.actor, "looked inside"
        )


def _choices(record: SlotRecord, *, knows_the_date: bool) -> tuple[Choice, ...]:
    """What may be done with a slot as it is."""
    is_in_doubt = record.status is SlotStatus.SUSPECT
    choices = [Choice.LOOK_INSIDE if is_in_doubt else Choice.OPEN_DOOR]
    if record.service is Service.IN_SERVICE:
        choices += [Choice.OUT_OF_SERVICE, Choice.DO_NOT_OPEN]
    else:
        choices.append(Choice.BACK_IN_SERVICE)
        if knows_the_date:
            choices.append(Choice.UNTIL_WHEN)
    if record.status is SlotStatus.EMPTY:
        choices += [Choice.TEST_LOCK]
    if record.status is SlotStatus.OCCUPIED:
        choices += [Choice.MOVE_PACKAGE, Choice.TAKE_OUT, Choice.REISSUE_CODE]
    return (*choices, Choice.HISTORY, Choice.BACK)
