"""A person looks into a slot of which nobody knows what is inside, and the doubt ends.

"Door 7: is it empty?" – yes, or something is inside: its label is scanned, or it is set aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.door import Outcome
from kiosk.flows.context import Kiosk
from kiosk.flows.doors import (
    ANSWER_S,
    Ending,
    Opened,
    ask,
    confirm_board,
    open_door,
    shut_wrong_door,
    until_shut,
    was_empty,
)
from kiosk.flows.events import Entered, Pressed, Scanned, TimedOut
from kiosk.flows.person import Event
from kiosk.flows.views.choices import Choice, Purpose, Question, Refusal, Refused
from kiosk.flows.views.service import Round, ScanInside
from kiosk.flows.views.shared import DoorOpen
from kiosk.model.carriers import EVERY_CARRIER, CarrierScope
from kiosk.model.location import SlotStatus
from kiosk.model.package import Package, PackageStatus
from kiosk.store import departures, deposits, intents, packages, slots
from kiosk.store.intents import IntentPurpose
from kiosk.store.slots import SlotRecord

INSIDE = (Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE)


async def look_inside(
    kiosk: Kiosk, actor: str, slot: str, scope: CarrierScope = EVERY_CARRIER
) -> str:
    """Open a slot, hear what is inside, and write it down; what came of the opening."""
    record = await kiosk.store.run(slots.record_of, slot)
    intent = kiosk.new_id()
    await kiosk.store.run(intents.intend, intent, slot, IntentPurpose.LOOK, actor, record.package)
    opened = await open_door(kiosk, slot, intent, Purpose.LOOK)
    if opened.unlocked.outcome is Outcome.WRONG_DOOR:
        await shut_wrong_door(kiosk, opened, slot, Purpose.LOOK)
    await confirm_board(kiosk, actor, slot, opened)
    answer = await _what_is_inside(kiosk, record, opened)
    if opened.stands_open:
        await _Look(kiosk, actor, scope, record, opened.intent).finish(answer)
    return opened.unlocked.outcome.value if opened.stands_open else opened.problem.value


async def _what_is_inside(kiosk: Kiosk, record: SlotRecord, opened: Opened) -> Choice | None:
    """What the person says while the door is open or once it is shut; None when nobody says."""
    slot = record.label
    view = DoorOpen(slot=slot, purpose=Purpose.LOOK, choices=INSIDE)
    ending = await until_shut(kiosk, view, opened)
    while ending is Choice.IT_IS_EMPTY and record.package is not None:
        if await was_empty(kiosk, slot):
            break
        ending = await until_shut(kiosk, view, opened)
    if ending in INSIDE:
        view = DoorOpen(slot=slot, purpose=Purpose.LOOK, remind=True, choices=())
        shut = await until_shut(kiosk, view, opened)
        return None if shut is Ending.LEFT_OPEN else Choice(ending)
    if ending in (Ending.LEFT_OPEN, Ending.STAYED_SHUT):
        return None
    return await ask(kiosk, Question.IS_IT_EMPTY, slot, INSIDE)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look into a slot, with the door shut again."""

    kiosk: Kiosk
    actor: str
    scope: CarrierScope
    record: SlotRecord
    intent: str

    async def finish(self, answer: Choice | None) -> None:
        """Write down what was seen."""
        if answer is Choice.IT_IS_EMPTY:
            await self._empty()
        elif answer is Choice.SOMETHING_INSIDE:
            await self._something_inside()
        else:
            await self._end(SlotStatus.SUSPECT)

    async def _end(self, found: SlotStatus) -> None:
        await self.kiosk.store.run(
            intents.end_opening,
            self.intent,
            self.record.label,
            found,
            self.actor,
            "looked inside",
        )

    async def _empty(self) -> None:
        if self.record.package is None:
            await self._end(SlotStatus.EMPTY)
        else:
            await self.kiosk.store.run(
                departures.missing, self.record.package, self.intent, None, self.actor
            )

    async def _something_inside(self) -> None:
        """Scan its label, as often as it takes, or set it aside."""
        view = ScanInside(slot=self.record.label, choices=(Choice.SET_ASIDE, Choice.BACK))
        while True:
            self.kiosk.person.show(view)
            event = await self.kiosk.person.next(ANSWER_S)
            if isinstance(event, Scanned | Entered):
                refused = await self._identify(event.text)
                if refused is None:
                    return
                view = ScanInside(
                    slot=self.record.label,
                    refused=refused,
                    choices=(Choice.SET_ASIDE, Choice.BACK),
                )
            elif event == Pressed(Choice.SET_ASIDE):
                await self._set_aside()
                return
            elif isinstance(event, TimedOut) or event == Pressed(Choice.BACK):
                await self._end(SlotStatus.SUSPECT)
                return

    async def _set_aside(self) -> None:
        """Staff has taken it out: what was known to lie here is with them now."""
        if self.record.package is None:
            await self._end(SlotStatus.EMPTY)
        else:
            await self.kiosk.store.run(
                departures.collect,
                self.record.package,
                self.intent,
                self.actor,
                "set aside from a slot in doubt",
            )

    async def _identify(self, barcode: str) -> Refused | None:
        """End the doubt by the label that was found, or say why it cannot."""
        kiosk = self.kiosk
        if await kiosk.store.run(packages.is_out_of_scope, barcode, self.scope):
            return Refused(Refusal.NOT_YOURS)
        found = await kiosk.store.run(packages.live_by_barcode, barcode, self.scope)
        if found is None:
            return Refused(Refusal.NOT_A_PACKAGE_OF_OURS)
        if found.id == self.record.package:
            await self._end(SlotStatus.OCCUPIED)
            return None
        if self.record.package is None and _is_expected(found):
            await kiosk.store.run(
                deposits.found_inside,
                found.id,
                self.record.label,
                self.intent,
                kiosk.location,
                kiosk.policy.hold_days,
                kiosk.rng,
                self.actor,
            )
            return None
        return Refused(Refusal.LIES_ELSEWHERE, found.slot or "")


def _is_expected(package: Package) -> bool:
    return package.status is PackageStatus.PENDING and package.slot is None


async def round_of_suspects(kiosk: Kiosk, actor: str) -> None:
    """Every slot in doubt, one after another; each may be skipped."""
    skipped: set[str] = set()
    choices = (Choice.LOOK_INSIDE, Choice.SKIP, Choice.DONE)
    while True:
        left = [
            record
            for record in await kiosk.store.run(slots.suspects)
            if record.label not in skipped
        ]
        if not left or left[0].suspect is None:
            return
        slot = left[0].label
        kiosk.person.show(
            Round(slot=slot, suspect=left[0].suspect, left=len(left), choices=choices)
        )
        event: Event = await kiosk.person.next(kiosk.policy.courier_session_s)
        if event == Pressed(Choice.LOOK_INSIDE):
            if await look_inside(kiosk, actor, slot) not in (
                Outcome.OPENED,
                Outcome.ALREADY_OPEN,
                Outcome.SENT,
            ):
                skipped.add(slot)
        elif event == Pressed(Choice.SKIP):
            skipped.add(slot)
        elif isinstance(event, TimedOut) or event == Pressed(Choice.DONE):
            return
