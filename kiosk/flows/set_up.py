"""An installer makes a new kiosk ready: its boards, its bank, door after door, a technician.

Each step is kept in the store when it is done. Whoever sets a kiosk up is nobody that it knows yet:
in the journal the doors are opened by the console, as by `kiosk init`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.door import Outcome
from kiosk.flows.context import Kiosk
from kiosk.flows.door_events import seen
from kiosk.flows.doors import Ending, Opened, open_for_service, shut_wrong_door, until_shut
from kiosk.flows.events import Entered, Preference, Pressed
from kiosk.flows.person import Event
from kiosk.flows.views.choices import Choice, Problem, Purpose, Refusal, Refused
from kiosk.flows.views.set_up import (
    BankDrawn,
    BoardsFound,
    DoorFailed,
    NewPin,
    PinStep,
    SetUpDone,
)
from kiosk.flows.views.shared import Checking, DoorOpen, View
from kiosk.model.actor import CONSOLE
from kiosk.model.invariants import present
from kiosk.model.location import Service, ServiceReason, SlotStatus
from kiosk.model.person import (
    Role,
    Staff,
    StaffSource,
    is_new_pin_secret,
    is_staff_number,
    kept_number,
)
from kiosk.store import intents, meta, set_up, slots
from kiosk.store import staff as staff_store
from kiosk.store.set_up import Progress
from kiosk.store.slots import SlotRecord
from kiosk.store.writer import Writer

PATIENCE_S = 86_400.0
"""Nobody but the installer stands there, and nothing is lost by waiting."""
FRESH_S = 2.0
"""How often the boards are looked at while they are shown."""
NAME = "Technician"
"""What the first technician is called until somebody lists them by name."""


async def finish_set_up(kiosk: Kiosk) -> None:
    """From where the installer was to a kiosk that is ready."""
    found = await kiosk.store.run(set_up.progress)
    progress = present(found, "a kiosk is set up that is ready")
    kiosk.person.preference = Preference(progress.language, progress.is_access)
    await _SetUp(kiosk).run(progress)


@dataclass(slots=True)
class _SetUp:
    """An installer at a kiosk that has a site file and a store."""

    kiosk: Kiosk

    async def run(self, progress: Progress) -> None:
        if not progress.has_seen_bank:
            await self._boards()
            await self._bank()
            await self.kiosk.store.run(set_up.saw_bank)
        await self._walk()
        await self._technician()
        await self._ready()

    async def _next(self, timeout_s: float = PATIENCE_S) -> Event:
        event = await self.kiosk.person.next(timeout_s)
        if isinstance(event, Preference):
            await self.kiosk.store.run(_prefer, event)
        return event

    def _show(self, view: View) -> None:
        self.kiosk.person.show(replace(view, preference=self.kiosk.person.preference))

    async def _pressed(self, view: View) -> Choice:
        self._show(view)
        while True:
            event = await self._next()
            if isinstance(event, Pressed) and event.choice in view.choices:
                return event.choice

    # --- boards and bank ---

    async def _boards(self) -> None:
        """Which boards answer, read again and again until the installer goes on."""
        while True:
            boards = self.kiosk.bank.reports()
            self._show(BoardsFound(boards=boards, choices=(Choice.GO_ON,)))
            event = await self._next(FRESH_S)
            if event == Pressed(Choice.GO_ON):
                return

    async def _bank(self) -> None:
        doors = len(self.kiosk.location.slots)
        await self._pressed(BankDrawn(doors=doors, choices=(Choice.GO_ON,)))

    # --- door after door ---

    async def _walk(self) -> None:
        """Try each door, until none is left that nobody knows about."""
        self._show(Checking())
        await seen(self.kiosk)
        while (record := await self._next_door()) is not None:
            await self._try(record)

    async def _next_door(self) -> SlotRecord | None:
        progress = await self.kiosk.store.run(set_up.progress)
        done = () if progress is None else progress.walked
        known = self.kiosk.location.slot_by_label
        for record in await self.kiosk.store.run(slots.records):
            is_known = record.label in known and record.service is Service.IN_SERVICE
            is_left = record.label not in done or record.status is SlotStatus.SUSPECT
            if is_known and is_left:
                return record
        return None

    async def _try(self, record: SlotRecord) -> None:
        """Open a door and have it shut; one that does not do so is tried again, or marked."""
        opened = await open_for_service(self.kiosk, record, CONSOLE, Purpose.TRY)
        if opened.unlocked.outcome is Outcome.WRONG_DOOR:
            await shut_wrong_door(self.kiosk, opened, record.label, Purpose.TRY)
        if not opened.stands_open:
            await self._mark_or_again(record, opened)
            return
        view = DoorOpen(slot=record.label, purpose=Purpose.TRY, choices=(Choice.ANOTHER_SLOT,))
        ending = await until_shut(self.kiosk, view, opened)
        is_another = ending is Choice.ANOTHER_SLOT
        reminder = DoorOpen(slot=record.label, purpose=Purpose.TRY, remind=True)
        while ending in (Ending.LEFT_OPEN, Choice.ANOTHER_SLOT):
            ending = await until_shut(self.kiosk, reminder, opened)
        if ending is Ending.STAYED_SHUT:
            await self._mark_or_again(record, opened)
            return
        status = SlotStatus.SUSPECT if is_another else SlotStatus.EMPTY
        found = (opened.intent, record.label, status, CONSOLE, "tried at the set-up")
        await self.kiosk.store.run(intents.end_opening, *found)
        if is_another:
            await self._mark_or_again(record, opened, Problem.WRONG_DOOR)
        else:
            await self.kiosk.store.run(set_up.walked, record.label)

    async def _mark_or_again(
        self, record: SlotRecord, opened: Opened, problem: Problem | None = None
    ) -> None:
        """A door that does not open: again, or out of service; nobody puts a package in then."""
        slot = self.kiosk.location.slot(record.label)
        view = DoorFailed(
            slot=record.label,
            problem=problem or opened.problem,
            board=slot.board,
            channel=slot.channel,
            wrong_slot=opened.unlocked.wrong_slot or "",
            choices=(Choice.TRY_AGAIN, Choice.OUT_OF_SERVICE),
        )
        if await self._pressed(view) is Choice.OUT_OF_SERVICE:
            marked = (record.label, Service.NO_DEPOSITS, ServiceReason.DOOR_JAMS, CONSOLE)
            await self.kiosk.store.run(slots.set_service, *marked)
            await self.kiosk.store.run(set_up.walked, record.label)

    # --- the first technician ---

    async def _technician(self) -> None:
        """A number and a PIN, unless a technician is listed already and the installer goes on."""
        members = await self.kiosk.store.run(staff_store.members)
        if any(each.role is Role.TECHNICIAN for each in members):
            return
        number, secret = "", None
        while secret is None:
            number = await self._number({each.number for each in members})
            secret = await self._secret(number)
        self._show(Checking())
        pin_hash = await self.kiosk.hash_pin(secret)
        name = f"{NAME} {number}"
        person = Staff(kept_number(number), name, Role.TECHNICIAN, pin_hash)
        listed = ([person], StaffSource.INIT, len(number))
        await self.kiosk.store.run(staff_store.list_staff, *listed)

    async def _number(self, taken: set[str]) -> str:
        """A staff number that nobody has."""
        view = NewPin(step=PinStep.NUMBER)
        while True:
            number = await self._digits(view)
            if number is not None and kept_number(number) not in taken:
                return number
            view = replace(view, refused=Refused(Refusal.NUMBER_TAKEN))

    async def _secret(self, number: str) -> str | None:
        """The secret digits, the same twice; None when the installer goes back."""
        view = NewPin(step=PinStep.SECRET, number=number)
        while True:
            first = await self._digits(view)
            if first is None:
                return None
            second = await self._digits(NewPin(step=PinStep.AGAIN, number=number))
            if second == first:
                return first
            differ = Refused(Refusal.PINS_DIFFER)
            view = replace(view, refused=None if second is None else differ)

    async def _digits(self, view: NewPin) -> str | None:
        """What is typed, if it may be that; None when the installer goes back."""
        choices = () if view.step is PinStep.NUMBER else (Choice.BACK,)
        view = replace(view, choices=choices)
        while True:
            self._show(view)
            event = await self._next()
            if event == Pressed(Choice.BACK) and choices:
                return None
            if isinstance(event, Entered) and _is_right(view.step, event.text):
                return event.text

    # --- the end ---

    async def _ready(self) -> None:
        out = [
            record.label
            for record in await self.kiosk.store.run(slots.records)
            if record.service is not Service.IN_SERVICE
        ]
        view = SetUpDone(
            doors=len(self.kiosk.location.slots),
            out_of_service=tuple(out),
            is_enrolled=await self.kiosk.store.run(meta.value, meta.SERVER) is not None,
            choices=(Choice.DONE,),
        )
        await self._pressed(view)
        await self.kiosk.store.run(set_up.end)


def _is_right(step: PinStep, text: str) -> bool:
    if step is PinStep.NUMBER:
        return is_staff_number(text)
    return is_new_pin_secret(text, Role.TECHNICIAN)


def _prefer(writer: Writer, preference: Preference) -> None:
    set_up.prefer(writer, preference.language, is_access=preference.is_access)
