"""The people at a simulated kiosk: customers, couriers, technicians, and who passes by.

Each does one thing at a time, mostly what the screen asks for, sometimes anything at all. Honest
people say what they see; what they do with packages is kept in `Audit.inside`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.person import Event
from kiosk.flows.views.choices import Choice, Purpose, Question
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.customer import EnterCode, EnterPhoneDigits, First
from kiosk.flows.views.service import ChooseReason, DoorPage, Doors, ScanInside
from kiosk.flows.views.shared import Ask, DoorOpen, EnterPin, Trouble, View
from kiosk.model.clock import DAY_MS, HOUR_MS
from kiosk.model.commands import Announce, CommandRecipient
from kiosk.model.pickup_code import delegate_code, make_code, qr_text
from kiosk.store import delegates, departures
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Writer
from tests.sim.audit import Audit
from tests.sim.faults import Rates
from tests.sim.site import (
    BADGES,
    CARRIERS,
    COURIER_BADGES,
    COURIER_PINS,
    LOCATION,
    LOCATION_KEY,
    TECHNICIAN_PIN,
    Site,
)

ROLES = ("customer", "customer", "customer", "courier", "courier", "technician", "guest")
NONSENSE = (
    "",
    " ",
    "A\x03B",
    "x" * 161,
    "x" * 10_000,
    "naïve",
    "'); DROP TABLE package; --",
    "PK1:elsewhere:123456789",
    "PK1:sim:12345678a",
    "PK1:sim:" + "9" * 5000,
    "PK1:sim:",
    "123456789",
    "٣٣٣٣٣٣٣٣٣",
)
REQUESTS = frozenset(
    {
        Choice.BACK,
        Choice.CANCEL,
        Choice.TRY_AGAIN,
        Choice.OPEN_AGAIN,
        Choice.ANOTHER_SLOT,
        Choice.LARGER_SLOT,
        Choice.OPEN_DOOR,
        Choice.LEAVE_IT_HERE,
        Choice.DAMAGED,
        Choice.WRONG_PACKAGE,
        Choice.LOOK_INSIDE,
        Choice.COLLECT,
        Choice.ANOTHER_PERSON,
    }
)
"""What says nothing about the inside of a slot; every other choice there is a statement."""
LABELS = 60
"""How many barcodes there are to be announced and scanned, again and again."""


class People:
    """Whoever stands at the machine now, and what they hold."""

    def __init__(self, site: Site, audit: Audit, rates: Rates, rng: random.Random) -> None:
        self.site = site
        self.audit = audit
        self.rates = rates
        self.rng = rng
        self.role = "customer"
        self.courier = "11"
        """The number of who stands there, if it is a courier."""
        self.badge = ""
        """The carrier's badge that was scanned last."""
        self.held: list[str] = []
        self.wanted: dict[str, Any] | None = None
        """The package whose code this customer has."""
        self.delegates: list[tuple[str, str]] = []
        """Who was ever named to fetch a package: its id, and theirs."""

    def new_visitor(self) -> None:
        """Somebody else steps up."""
        self.role = self.rng.choice(ROLES)
        self.courier = self.rng.choice(list(CARRIERS))
        self.held = []
        self.wanted = None

    # --- one step --------------------------------------------------------------------------

    def act(self, view: View) -> str:
        """Do one thing; its name for the trace."""
        if self.rng.random() > self.rates.sense:
            return self._anything(view)
        sensible: dict[type[View], Callable[[Any], str]] = {
            First: self._begin,
            EnterCode: self._enter_code,
            EnterPhoneDigits: self._enter_phone,
            EnterPin: self._enter_pin,
            ScanPackage: self._scan_package,
            ChooseSize: self._choose_size,
            Doors: self._choose_door,
            DoorPage: self._use_door_page,
            ChooseReason: self._choose_reason,
            DoorOpen: self._use_door,
            Ask: self._answer,
            Trouble: self._trouble,
            ScanInside: self._scan_inside,
        }
        answer = self.audit.unannounced.answer(view)
        if answer is not None:
            return self._do(answer)
        return sensible.get(type(view), self._press_one)(view)

    def _do(self, event: Event, *, is_true: bool = False) -> str:
        person = self.site.person
        view = person.view
        if isinstance(view, Ask | DoorOpen | Trouble | ScanInside) and not is_true:
            is_request = isinstance(event, Pressed) and event.choice in REQUESTS
            if not is_request:
                # Nobody checked whether it is so: the kiosk may now believe what is not.
                self.audit.excused.add(view.slot)
        match event:
            case Entered(text):
                person.codes.add(text)
                person.pins.add(text)
            case Scanned(text):
                person.codes.add(text.rpartition(":")[2])
                person.pins.add(text)
            case _:
                pass
        person.happened(event)
        return repr(event)[:120]

    def _press_one(self, view: View) -> str:
        if not view.choices:
            return "waits"
        return self._do(Pressed(self.rng.choice(view.choices)))

    def _anything(self, view: View) -> str:
        """Something nobody asked for."""
        rng = self.rng
        match rng.randrange(10):
            case 0:
                return self._do(Pressed(rng.choice(list(Choice))))
            case 1:
                return self._do(Scanned(rng.choice(NONSENSE)))
            case 2:
                return self._do(Entered(rng.choice(NONSENSE)))
            case 3:
                return self._do(Scanned(self._label()))
            case 4:
                return self._do(Chosen(rng.choice(("1", "8", "S", "XL", "", "99"))))
            case 5:
                return self.shut_a_door()
            case 6:
                return self._do(Scanned(self._code(is_scanned=True)))
            case 7:
                return self._do(Scanned(rng.choice(BADGES)))
            case _:
                return self._press_one(view)

    def _label(self) -> str:
        return f"LABEL-{self.rng.randrange(LABELS)}"

    # --- customers -------------------------------------------------------------------------

    def _begin(self, view: First) -> str:
        self.new_visitor()
        if Choice.RESUME in view.choices and self.rng.random() < 0.4:
            if self.rng.random() < 0.2:
                own = self.badge or COURIER_BADGES[self.courier]
                return self._do(Scanned(own if self.rng.random() < 0.5 else self._new_badge()))
            return self._do(Pressed(view.choices[1]))
        match self.role:
            case "courier" if self.rng.random() < 0.5:
                is_listed = self.rng.random() < 0.3
                badge = COURIER_BADGES[self.courier] if is_listed else self._new_badge()
                return self._do(Scanned(badge))
            case "courier":
                return self._do(Pressed(Choice.COURIER))
            case "technician":
                return self._do(Pressed(Choice.SERVICE))
            case "guest" if Choice.GUEST in view.choices:
                return self._do(Pressed(Choice.GUEST))
            case _:
                pass
        match self.rng.randrange(4):
            case 0:
                return self._do(Scanned(self._code(is_scanned=True)))
            case 1:
                return self._do(Entered(self.rng.choice("0123456789")))
            case _:
                return self._do(Pressed(Choice.PICK_UP))

    def _new_badge(self) -> str:
        """The carrier has made a courier a badge, and the kiosk has heard from its server."""
        wallet = self.audit.wallet
        if self.rng.random() < 0.8:
            wallet.sync()
        self.badge = wallet.badge(CARRIERS[self.courier])
        return self.badge

    def _enter_code(self, view: EnterCode) -> str:
        return self._do(Entered(self._code(is_scanned=False)))

    def _code(self, *, is_scanned: bool) -> str:
        """A code that somebody has: mostly of a package inside, at times old or wrong."""
        rows = self.site.store.peek(_coded_packages)
        rng = self.rng
        live = [row for row in rows if row["slot"] is not None]
        pool = live if live and rng.random() < 0.8 else rows
        if not pool or rng.random() < 0.03:
            code = f"{rng.randrange(10**9):09d}"
        else:
            row = self.wanted = rng.choice(pool)
            code = make_code(LOCATION_KEY, row["id"], row["locator"], row["code_counter"])
            named = [each for each in self.delegates if each[0] == row["id"]]
            if named and rng.random() < 0.7:
                # Somebody who was named for it, whether they still may fetch it or not.
                code = delegate_code(LOCATION_KEY, *rng.choice(named[-2:]), row["locator"])
            if rng.random() < 0.03:
                code = code[:3] + f"{rng.randrange(10**6):06d}"
        return qr_text(LOCATION.id, code) if is_scanned else code

    def _enter_phone(self, view: EnterPhoneDigits) -> str:
        phone = (self.wanted or {}).get("phone") or "0000"
        is_right = self.rng.random() < 0.8
        return self._do(Entered(phone[-4:] if is_right else "9999"))

    # --- staff -----------------------------------------------------------------------------

    def _enter_pin(self, view: EnterPin) -> str:
        if self.rng.random() < 0.1:
            return self._do(Entered(self.rng.choice(("110000", "990000", "55", ""))))
        if view.code_digits and self.rng.random() < 0.3:
            return self._do(Entered(self.audit.wallet.typed_code(CARRIERS[self.courier])))
        is_technicians = view.for_service or (view.for_anyone and self.rng.random() < 0.5)
        pin = TECHNICIAN_PIN if is_technicians else COURIER_PINS[self.courier]
        return self._do(Entered(pin))

    def _scan_package(self, view: ScanPackage) -> str:
        if self.rng.random() < 0.15:
            return self._press_one(view)
        label = self._label()
        return self._do(Entered(label) if self.rng.random() < 0.2 else Scanned(label))

    def _choose_size(self, view: ChooseSize) -> str:
        if self.rng.random() < 0.1:
            return self._press_one(view)
        return self._do(Chosen(self.rng.choice(view.sizes).name))

    def _choose_door(self, view: Doors) -> str:
        if self.rng.random() < 0.15:
            return self._do(Pressed(Choice.DONE))
        doubtful = [row.slot for row in view.doors if row.suspect or row.reason]
        every = [row.slot for row in view.doors]
        use_doubt = doubtful and self.rng.random() < 0.8
        return self._do(Chosen(self.rng.choice(doubtful if use_doubt else every)))

    def _use_door_page(self, view: DoorPage) -> str:
        self._mend(view.row.slot)
        if view.row.reason and Choice.BACK_IN_SERVICE in view.choices:
            return self._do(Pressed(Choice.BACK_IN_SERVICE))
        if view.row.suspect and self.rng.random() < 0.7:
            return self._do(Pressed(view.choices[0]))
        if self.rng.random() < 0.5:
            return self._do(Pressed(Choice.BACK))
        return self._press_one(view)

    def _mend(self, slot: str) -> None:
        """The technician looks at the lock first."""
        door = self.site.steel.door(slot)
        if self.rng.random() < 0.7:
            door.is_jammed = False
            door.stuck_sensor = None
            self.site.steel.unswap()

    def _choose_reason(self, view: ChooseReason) -> str:
        return self._do(Chosen(self.rng.choice(view.reasons)))

    # --- doors -----------------------------------------------------------------------------

    def _use_door(self, view: DoorOpen) -> str:
        door = self.site.steel.door(view.slot)
        if not door.is_open or self.rng.random() < 0.08:
            return self._press_one(view)
        inside = self.audit.inside[view.slot]
        done = "nothing"
        if view.purpose is Purpose.PUT_IN:
            done = self._put_in(view, inside)
        elif self.rng.random() < 0.9:
            done = self._take_out(view, inside)
        if self.rng.random() < 0.85:
            return f"{done}, {self.shut(view.slot)}"
        return done

    def _put_in(self, view: DoorOpen, inside: list[str]) -> str:
        strange = [thing for thing in inside if thing != view.barcode]
        if (strange and self.rng.random() < 0.9) or self.rng.random() < 0.1:
            return self._press_one(view)
        things = [view.barcode] if view.barcode else self.held[:1]
        for thing in things:
            if thing not in inside:
                inside.append(thing)
                self.held = [held for held in self.held if held != thing]
        return f"puts {things} into {view.slot}"

    def _take_out(self, view: DoorOpen, inside: list[str]) -> str:
        if view.purpose is Purpose.TAKE:
            if not inside and Choice.NOTHING_INSIDE in view.choices and not self.held:
                return self._do(Pressed(Choice.NOTHING_INSIDE), is_true=True)
            taken = list(inside)
        elif self.role == "technician":
            # What does not belong there; the slot's own package stays.
            row = self.site.store.peek(_package_in, view.slot)
            own = row and row["barcode"]
            taken = [thing for thing in inside if thing != own]
        elif self.role == "customer" and self.held and self.rng.random() < 0.3:
            inside.append(self.held.pop())
            return f"puts back into {view.slot}"
        else:
            taken = list(inside)
        for thing in taken:
            inside.remove(thing)
        self.held += taken
        return f"takes {taken} from {view.slot}"

    def shut(self, slot: str) -> str:
        """Push a door shut; who shuts it on the wrong content leaves a kiosk that cannot know."""
        inside = self.audit.inside[slot]
        for intent in self.site.store.peek(_intents_in_play, slot):
            is_in = intent["barcode"] in inside
            goes_in = intent["purpose"] == "DEPOSIT" or (
                intent["purpose"] == "MOVE" and intent["lies_in"] != slot
            )
            if not is_in if goes_in else inside:
                self.audit.excused.add(slot)
        self.site.steel.close(slot)
        return f"shuts {slot}"

    def shut_a_door(self) -> str:
        """Somebody shuts a door that stands open."""
        ajar = self.ajar()
        return self.shut(self.rng.choice(ajar)) if ajar else "nothing is open"

    def ajar(self) -> list[str]:
        """The doors that stand open in the steel."""
        return [label for label, door in self.site.steel.doors.items() if door.is_open]

    def _trouble(self, view: Trouble) -> str:
        for slot in (view.wrong_slot, view.slot):
            if slot and self.site.steel.door(slot).is_open and self.rng.random() < 0.7:
                if Choice.DOOR_IS_OPEN in view.choices:
                    return self._do(Pressed(Choice.DOOR_IS_OPEN))
                return self.shut(slot)
        options = [choice for choice in view.choices if choice is not Choice.DOOR_IS_OPEN]
        return self._do(Pressed(self.rng.choice(options))) if options else "waits"

    def _answer(self, view: Ask) -> str:
        if not self.rates.is_honest and self.rng.random() < 0.3:
            return self._press_one(view)
        if self.rng.random() < 0.05:
            return "says nothing"
        inside = self.audit.inside.get(view.slot, [])
        wanted = self._truth(view, inside)
        if wanted not in view.choices:
            return self._press_one(view)
        return self._do(Pressed(wanted), is_true=True)

    def _scan_inside(self, view: ScanInside) -> str:
        """Staff reads the label of what lies there, or takes it out."""
        inside = self.audit.inside[view.slot]
        if inside and self.rng.random() < 0.6:
            return self._do(Scanned(inside[0]), is_true=True)
        self.held += inside
        inside.clear()
        return self._do(Pressed(Choice.SET_ASIDE), is_true=True)

    def _truth(self, view: Ask, inside: list[str]) -> Choice:
        match view.question:
            case Question.IS_IT_EMPTY:
                full = Choice.STILL_THERE
                if full not in view.choices:
                    full = Choice.SOMETHING_INSIDE
                return full if inside else Choice.IT_IS_EMPTY
            case Question.IS_IT_THIS_DOOR | Question.DID_THE_DOOR_OPEN:
                return Choice.YES if self.site.steel.door(view.slot).is_open else Choice.NO
            case Question.IS_IT_PUT_IN:
                return Choice.YES if inside else Choice.NO
            case Question.DID_YOU_TAKE_IT:
                return Choice.NO if inside else Choice.YES
            case Question.WAS_IT_EMPTY:
                return Choice.NO if inside or self.held else Choice.YES
            case Question.WAS_IT_THERE if Choice.STILL_THERE in view.choices:
                row = self.site.store.peek(_package_in, view.slot)
                if row and row["barcode"] in inside:
                    return Choice.STILL_THERE
                inside.clear()
                return Choice.IT_IS_EMPTY
            case Question.WAS_IT_THERE:
                return Choice.YES if self.held and not inside else Choice.NO
            case _:
                return self.rng.choice(view.choices)

    # --- the server ------------------------------------------------------------------------

    def recall(self) -> str:
        """A package is recalled, wherever it is."""
        rows = self.site.store.peek(_recallable)
        if not rows:
            return "recalls nothing"
        row = self.rng.choice(rows)
        try:
            self.site.store.peek(departures.cancel, row["id"], "recalled by the sender")
        except RefusedError:
            return f"recalls {row['barcode']}: it is in somebody's hands"
        return f"recalls {row['barcode']}"

    def name_delegate(self) -> str:
        """A package's owner names somebody to fetch it, or takes that back."""
        rows, rng = self.site.store.peek(_recallable), self.rng
        if not rows:
            return "names nobody"
        row = rng.choice(rows)
        peek = self.site.store.peek
        if row["delegate"] is not None and rng.random() < 0.3:
            peek(delegates.end, row["id"], row["delegate"], "server")
            return f"takes back who may fetch {row['barcode']}"
        named = f"{rng.getrandbits(64):016x}"
        until_ms = self.site.clock.now().wall_ms + rng.choice((HOUR_MS // 60, HOUR_MS, 2 * DAY_MS))
        try:
            peek(delegates.name, row["id"], named, until_ms, "server")
        except RefusedError:
            return f"names nobody for {row['barcode']}"
        self.delegates.append((row["id"], named))
        return f"names somebody for {row['barcode']}"

    def announce(self) -> str:
        """A package is announced."""
        rng = self.rng
        recipient = None
        if rng.random() < 0.8:
            phone = f"+49171{rng.randrange(10**6):06d}" if rng.random() < 0.7 else ""
            recipient = CommandRecipient(id=f"{rng.getrandbits(64):016x}", name="Ada", phone=phone)
        carrier = rng.choice(list(CARRIERS.values()))
        owner = rng.choice((None, "u1", "u2", "u3"))
        reservation = self.audit.reservations.one()
        announcement = Announce(
            package=f"{rng.getrandbits(64):016x}",
            barcode=self._label(),
            size=rng.choice(("S", "S", "M", "L", None)) if not reservation else reservation[1].size,
            recipient=recipient,
            owner=owner and f"{carrier} {owner}",
            may_join=rng.random() < 0.7,
            is_alone=rng.random() < 0.2,
            needs_low=rng.random() < 0.1,
            sender=carrier,
            carrier=carrier,
            reservation=reservation[0] if reservation else None,
        )
        is_taken = self.audit.reservations.send(announcement)
        if is_taken and reservation:
            package = self.site.store.peek(_announced_last)
            self.audit.reservations.used(reservation[0], package)
        return f"announces {announcement.barcode}: {is_taken}"


def _announced_last(writer: Writer) -> str:
    """The package that the last announcement is for: its own, or one that was here."""
    row = writer.one("SELECT body FROM journal ORDER BY seq DESC LIMIT 1")
    return str(json.loads(row["body"])["package"]) if row else ""


def _coded_packages(writer: Writer) -> list[Any]:
    return list(
        writer.all(
            "SELECT package.*, recipient.phone FROM package"
            " LEFT JOIN recipient ON recipient.id = package.recipient"
            " WHERE locator IS NOT NULL AND code_counter > 0"
            " ORDER BY package.rowid DESC LIMIT 30"
        )
    )


def _recallable(writer: Writer) -> list[Any]:
    return list(
        writer.all(
            "SELECT * FROM package WHERE status IN ('STORED', 'EXPIRED')"
            " OR (status = 'PENDING' AND slot IS NULL) ORDER BY rowid"
        )
    )


def _package_in(writer: Writer, slot: str) -> Any:
    return writer.one("SELECT * FROM package WHERE slot = ?", (slot,))


def _intents_in_play(writer: Writer, slot: str) -> list[Any]:
    return list(
        writer.all(
            "SELECT intent.*, package.barcode, package.slot AS lies_in FROM intent"
            " LEFT JOIN package ON package.id = intent.package"
            " WHERE intent.slot = ? AND state IN ('INTENDED', 'OPENED')",
            (slot,),
        )
    )
