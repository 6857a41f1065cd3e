"""Whom packages are for that nobody announced: who says it and how, and what becomes of it.

What somebody said is taken from what their screens were answered with, and the number that they
meant from how they spell it: the kiosk's own reading is what is checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from kiosk.flows.events import Chosen, Entered, Pressed, Scanned, TimedOut
from kiosk.flows.person import Event
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import ChooseSize, ScanPackage
from kiosk.flows.views.customer import First
from kiosk.flows.views.shared import View
from kiosk.flows.views.unannounced import (
    ConfirmPhone,
    EnterPhone,
    FindResident,
    PickResident,
    WhomFor,
    Whose,
)
from kiosk.model.actor import CUSTOMER
from kiosk.model.addressee import Addressee, UnfitAddresseeError, opened
from kiosk.model.barcode import kept_key
from kiosk.model.directory import Household
from kiosk.model.package import Package
from kiosk.model.pickup_code import make_code
from kiosk.model.sealing import Sealing
from kiosk.store import addressees, codes, directory, guests, packages
from kiosk.store.codes import CodeAnswer, CodePolicy, Granted, NeedsPhone, Wait
from kiosk.store.writer import Writer
from tests.sim.rules import require
from tests.sim.site import LOCATION, LOCATION_KEY, Site

NUMBERS = tuple(f"+491555077189{number:02d}" for number in range(12))
"""Who packages are sent to that nobody announced, and who sends them. All begin alike, and no other
number in the simulation does: wherever these digits stand in plain, it is one of them."""
HOUSEHOLDS = tuple(
    Household(
        id=f"quixotic-{number}",
        flat=f"{number % 7}{'ab'[number % 2]}",
        names=(f"Ada Quixotic{number}", f"Quixotically{number}, Bo"),
    )
    for number in range(14)
)
SAID_IN_PLAIN = re.compile(r"1555077189|quixotic", re.IGNORECASE)
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
NO_NUMBERS = ("", "12", "0", "0155507718", "491555077189", "015550771890001/12", "+", "9" * 40)
NOBODY = Addressee()
SEALING = Sealing([LOCATION_KEY])
MAY_SHOW = ConfirmPhone | PickResident
"""The screens on which somebody's number or name may stand."""


class Unannounced:
    """What was said at one site of whom packages are for, and what the kiosk made of it."""

    def __init__(self, site: Site) -> None:
        self._site, self._rng = site, site.rng
        self.said: dict[str, Addressee] = {}
        """By barcode key: whom the package that is brought now is for."""
        self.meant: dict[str, str] = {}
        """What is typed, and the number that is meant by it."""
        self.expected: dict[str, Addressee] = {}
        """By package: whom it is for, as long as no sender says otherwise."""
        self.heard: set[str] = set()
        """The packages of which the server has heard."""
        self.did: Counter[str] = Counter()
        self._barcode = ""
        self._typed = ""
        self._guests: list[str] = []
        self._version = 0
        self.found = ""
        """What was found wrong between two steps."""

    # --- what people do ----------------------------------------------------------------------

    def answer(self, view: View) -> Event | None:
        """What somebody sensible does on these screens; None on others."""
        rng = self._rng
        match view:
            case WhomFor(choices=choices):
                ways = [each for each in choices if each not in (Choice.PRIVACY, Choice.BACK)]
                return Pressed(rng.choice(ways if rng.random() < 0.95 else choices))
            case EnterPhone():
                return self._type(rng.choice(NUMBERS))
            case ConfirmPhone(phone=phone):
                is_right = self.meant.get(self._typed, phone) == phone
                if rng.random() < 0.05:
                    is_right = not is_right
                return Pressed(Choice.YES if is_right else Choice.CHANGE_NUMBER)
            case FindResident(choices=choices):
                if rng.random() < 0.05:
                    return Pressed(choices[0])
                one = rng.choice(HOUSEHOLDS)
                return Entered(rng.choice((one.flat, one.flat.upper(), "QUIXOTIC", "bo", "zz")))
            case PickResident(rows=rows, choices=choices):
                if not rows or rng.random() < 0.2:
                    return Pressed(rng.choice(choices))
                # A finger may also come down on a row of the page before.
                return Chosen(rng.choice((*(row.household for row in rows), HOUSEHOLDS[0].id)))
            case _:
                return None

    def _type(self, number: str) -> Event:
        rng = self._rng
        if rng.random() < 0.08:
            return Entered(rng.choice(NO_NUMBERS))
        if rng.random() < 0.05:
            return Pressed(Choice.BACK)
        text = rng.choice(_spellings(number))
        self.meant[text] = number
        return Entered(text)

    # --- what the flows are answered ---------------------------------------------------------

    def answered(self, view: View, event: Event) -> None:
        """A flow has taken an event for the answer to a view."""
        match view, event:
            case First(), _:
                self._guests = []
            case ScanPackage(), Scanned(text) | Entered(text):
                self._guests = []
                self.said.pop(kept_key(text), None)
            case WhomFor(barcode=barcode), _:
                self._barcode = kept_key(barcode)
                if event in (Pressed(Choice.WITHOUT_NAME), TimedOut()):
                    self.said[self._barcode] = NOBODY
            case EnterPhone(), Entered(text):
                self._typed = text
            case ConfirmPhone(whose=whose, phone=phone), Pressed(Choice.YES):
                self._name(whose, phone)
            case PickResident(rows=rows), Chosen(value) if value in {r.household for r in rows}:
                self.said[self._barcode] = Addressee(household=value)
            case ChooseSize(barcode=barcode), Chosen() if len(self._guests) == 2:
                sender, recipient = self._guests
                self.said[kept_key(barcode)] = Addressee(phone=recipient, sender_phone=sender)
            case EnterPhone() | ConfirmPhone() | FindResident() | PickResident(), TimedOut():
                self.said[self._barcode] = NOBODY
            case _:
                pass

    def _name(self, whose: Whose, phone: str) -> None:
        match whose:
            case Whose.RECIPIENT:
                self._guests = []
                self.said[self._barcode] = Addressee(phone=phone)
            case Whose.GUEST:
                self._guests = [phone]
            case Whose.GUESTS_RECIPIENT:
                self._guests = [*self._guests[:1], phone]

    def shown(self, view: View, *, is_courier: bool) -> None:
        """What stands on the screen: a number only where it is read back, to who typed it; the
        directory only to a courier; else nobody's number or name (I15, I16)."""
        if isinstance(view, ConfirmPhone):
            meant = self.meant.get(self._typed, view.phone)
            self._require(meant == view.phone, f"I15: {self._typed!r} was read as {view.phone}")
        if isinstance(view, FindResident | PickResident | WhomFor):
            self._require(is_courier, f"I16: {view} is shown to who is no courier")
        if not isinstance(view, MAY_SHOW):
            self._require_nothing_in_plain(repr(view), "a screen")

    # --- what the kiosk makes of it ----------------------------------------------------------

    def may_open(self, intent: Mapping[str, Any]) -> bool:
        """Whether a door opens for a guest, who has named both numbers."""
        package = self._site.store.peek(packages.package, intent["package"])
        said = self.said.get(kept_key(package.barcode), NOBODY)
        is_guests = intent["purpose"] == "DEPOSIT" and intent["actor"] == CUSTOMER
        is_allowed = self._site.policy.guest_deposits and not self._site.store.peek(_staff_is_here)
        return bool(is_guests and is_allowed and said.phone and said.sender_phone)

    def stored(self, row: Mapping[str, Any]) -> None:
        """A package was put in: it is for whom it was said to be for, sealed (I15)."""
        package, said = row["id"], NOBODY
        if not row["is_announced"]:
            said = self.said.get(kept_key(row["barcode"]), NOBODY)
        now = self._site.store.peek(packages.package, package)
        if now.status != "STORED":
            return
        kept = self._site.store.peek(_kept_for, package)
        if not said.is_known:
            require(kept is None, f"I15: {row} is for {kept}, and nobody was named")
            return
        require(kept is not None, f"I15: {row} is for nobody, and {said} was named")
        self._require_for(package, kept, said)
        person = self._site.store.peek(packages.recipient_of, package)
        require(person and person.phone == said.phone, f"I15: {row} is for {person}, not {said}")
        self.expected[package] = said
        kind = "guest" if said.sender_phone else "directory" if said.household else "phone"
        self.did[kind] += 1

    def _require_for(self, package: str, kept: str, said: Addressee) -> None:
        require(not SAID_IN_PLAIN.search(kept), f"I16: in plain in a table: {kept}")
        try:
            found = opened(SEALING, kept, LOCATION.id, package)
        except UnfitAddresseeError as error:
            found = Addressee(household=str(error))
        require(found == said, f"I15: package {package} is for {found}, not {said}")

    def tied(self, package: str) -> None:
        """Its sender says whom it is for."""
        self.expected.pop(package, None)

    def left(self, row: Mapping[str, Any]) -> None:
        """Somebody fetched a package."""
        if row["sender"] == guests.SENDER:
            self.did["guest_fetched"] += 1

    def hear(self) -> str:
        """The server hears whom packages are for."""
        waiting = self._site.store.peek(addressees.unheard, 5)
        for package, text in waiting:
            require(package in self.expected, f"I15: {package} is for somebody, and nobody said so")
            self._require_for(package, text, self.expected[package])
        self.heard.update(package for package, _ in waiting)
        self._site.store.peek(addressees.heard, [package for package, _ in waiting])
        return f"hears of {len(waiting)}"

    def replace_directory(self) -> str:
        """Who lives here changes, and the kiosk hears of it."""
        some = [each for each in HOUSEHOLDS if self._rng.random() < 0.8]
        if self._rng.random() < 0.1:
            some = []
        self._version += 1
        self._site.store.peek(directory.replace, some, self._version)
        return f"lists {len(some)} households"

    # --- after every step and at the end -----------------------------------------------------

    def step(self, lying: Iterable[Mapping[str, Any]]) -> None:
        """What is wrong now, with these packages in the slots (I17)."""
        require(not self.found, self.found)
        number = sum(row["sender"] == guests.SENDER for row in lying)
        most = max(1, len(LOCATION.slots) * self._site.policy.guest_doors_percent // 100)
        require(number <= most, f"I17: guests' packages take {number} doors, not {most}")

    def require_said_to_nobody(self, text: str) -> None:
        """The journal names nobody (I16)."""
        require(not SAID_IN_PLAIN.search(text), f"I16: in plain in the journal: {text}")

    def at_the_end(self, lying: Iterable[Mapping[str, Any]]) -> None:
        """Whom packages are for is waiting to be heard, or was; a guest's has a code (I15)."""
        waiting = {package for package, _ in self._site.store.peek(addressees.unheard, 1_000)}
        for row in lying:
            if row["id"] in self.expected and row["status"] in ("STORED", "EXPIRED"):
                is_known = row["id"] in waiting | self.heard
                require(is_known, f"I15: nobody hears whom {row} is for")
            if row["sender"] == guests.SENDER and row["status"] in ("STORED", "EXPIRED"):
                self._require_fetched(packages.package_of(row))

    def _require_fetched(self, package: Package) -> None:
        """The code that the recipient was sent opens the door of a guest's package."""
        slot = self._site.store.peek(lambda writer: writer.one(_SLOT, (package.slot,)))
        if slot["service"] == "DO_NOT_OPEN" or slot["status"] != "OCCUPIED":
            return
        code = make_code(LOCATION_KEY, package.id, str(package.locator), package.code_counter)
        policy = self._site.kiosk.code_policy
        phone = self.expected[package.id].phone[-4:]
        answer = self._site.store.peek(_checked, policy, code, phone)
        is_opened = isinstance(answer, Granted) and answer.slot == package.slot
        is_waiting = isinstance(answer, Wait)
        require(is_opened or is_waiting, f"I15: the code of {package} is answered by {answer}")

    def on_disk(self) -> None:
        """No file of the kiosk names anybody (I16)."""
        for file in sorted(self._site.folder.rglob("*")):
            content = file.read_bytes() if file.is_file() else b""
            for token in (b"1555077189", b"Quixotic", b"quixotic"):
                require(token not in content, f"I16: {token!r} stands in plain in {file.name}")

    def _require_nothing_in_plain(self, text: str, where: str) -> None:
        self._require(not SAID_IN_PLAIN.search(text), f"I16: in plain on {where}: {text}")

    def _require(self, condition: object, message: str) -> None:
        """As `require`, reported at the next step."""
        if not condition:
            self.found = self.found or message


_SLOT = "SELECT * FROM slot WHERE label = ?"


def _spellings(number: str) -> tuple[str, ...]:
    """How people type one number."""
    rest = number.removeprefix("+49")
    return (
        f"0{rest}",
        f"0{rest}",
        f"0049{rest}",
        number,
        f"0{rest[:4]} {rest[4:8]} {rest[8:]}",
        f"+49 (0) {rest[:4]}-{rest[4:]}",
        f"0{rest}".translate(EASTERN),
    )


def _staff_is_here(writer: Writer) -> bool:
    return writer.one("SELECT 1 FROM visit WHERE ended_seq IS NULL") is not None


def _kept_for(writer: Writer, package: str) -> str | None:
    row = writer.one("SELECT said FROM addressee WHERE package = ?", (package,))
    return None if row is None else str(row["said"])


def _checked(writer: Writer, policy: CodePolicy, code: str, phone: str) -> CodeAnswer:
    answer = codes.check_code(writer, policy, code, scanned=True)
    if isinstance(answer, NeedsPhone):
        answer = codes.check_code(writer, policy, code, scanned=True, phone_digits=phone)
    return answer
