"""What must be true after every step, by the word of the journal, the tables and the steel.

The numbers are those of the invariants: I1 acknowledged is durable, I2 one live package per slot,
I3 tables are the replay of the journal, I4 the chain is whole, I6 no pulse without a durable intent
and one at most, I7 every intent ends, I8 a proof opens only its own, I9 no slot is given out while
its content is unknown, I10 all comes to rest, I11 a code opens no slot of another's, I12 a courier
is shown, opens and moves no other carrier's package, I13 no badge out of its time, or otherwise
wrong, and no code of another day opens a session, I14 a delegate fetches the one package that they
were named for, in time and once, I15 what nobody announced is for whom it was said to be for, and
its code opens its door, I16 nobody's number or name stands in plain, but where it is read back, I17
guests take no more doors than they may, I18 a door that is kept is given to nobody else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from kiosk.flows.views.choices import Refusal
from kiosk.flows.views.courier import Collection, Receipt, ScanPackage
from kiosk.flows.views.shared import View
from kiosk.model.clock import Instant
from kiosk.model.events import GENESIS, EventKind, chain_hash
from kiosk.model.person import Role
from kiosk.model.pickup_code import delegate_code, make_code
from kiosk.store import journal
from kiosk.store.journal import DEFAULTS, Tables
from kiosk.store.writer import BARCODE_KEY, KEY_OF_TABLE, Writer
from tests.sim.reservations import FREE, Reservations
from tests.sim.rules import BrokenInvariantError, require
from tests.sim.site import (
    BADGES,
    COURIER_PINS,
    LOCATION_KEY,
    STAFF,
    TECHNICIAN_PIN,
    Site,
)
from tests.sim.unannounced import Unannounced
from tests.sim.wallet import Wallet
from tests.support.invariants import findings, gather

IN_PLAY = ("INTENDED", "OPENED")


class Audit:
    """Follows one site's journal and checks each step against it."""

    def __init__(self, site: Site, events: Counter[str], outcomes: Counter[str]) -> None:
        self.site = site
        self.events = events
        self.outcomes = outcomes
        self.inside: dict[str, list[str]] = {label: [] for label in site.steel.doors}
        """What truly lies in each slot, by barcode."""
        self.excused: set[str] = set()
        """Slots whose content nobody could have shown the kiosk: somebody lied or did not act."""
        self.is_honest = True
        self.head_seq = 0
        self.head_hash = GENESIS
        self.tables: Tables = {table: {} for table in KEY_OF_TABLE}
        self.pulses_of_intent: Counter[str] = Counter()
        self.found = ""
        """What was found wrong between two steps."""
        self.fetched_by: set[str] = set()
        """The delegates who have fetched their package."""
        self.refused_of_others = 0
        """How often a courier scanned another carrier's package."""
        self.wallet = Wallet(site, site.rng)
        self.unannounced = Unannounced(site)
        self.reservations = Reservations(site, self.tables)
        site.on_answer = self.unannounced.answered
        self.let_in: Counter[str] = Counter()
        """How often a badge, or a code of the day, opened a session."""
        self.touched_s: dict[str, float] = {}
        """When each door was last pulsed or moved."""
        site.steel.on_pulse = self.pulsed
        site.steel.listen(lambda moved: self.touched_s.update({moved.slot: moved.at_s}))

    # --- at every pulse --------------------------------------------------------------------

    def pulsed(self, slot: str) -> None:
        """A board pulses a lock now: there must be a reason for it on the disk (I6, I8, I11)."""
        self.touched_s[slot] = self.site.clock.loop_s()
        try:
            self._require_reason(slot)
        except BrokenInvariantError as error:
            # Reported at the next step: here it would only end the task of the bus.
            self.found = self.found or str(error)

    def _require_reason(self, slot: str) -> None:
        intents = self.site.store.peek(
            lambda writer: writer.all(
                "SELECT * FROM intent WHERE slot = ? AND state = 'INTENDED'", (slot,)
            )
        )
        require(len(intents) == 1, f"I6: slot {slot} was pulsed with {len(intents)} intents")
        intent = intents[0]
        self.pulses_of_intent[intent["id"]] += 1
        require(self.pulses_of_intent[intent["id"]] == 1, f"I6: {intent} was pulsed twice")
        self._require_entitled(intent)

    def _require_entitled(self, intent: Mapping[str, Any]) -> None:
        person, slot, purpose = self.site.person, intent["slot"], intent["purpose"]
        has_staff = bool(person.pins & {*COURIER_PINS.values(), TECHNICIAN_PIN, *BADGES})
        has_staff |= self._is_by_no_list()
        if purpose in ("PICKUP", "REOPEN", "RETURN"):
            rows = self.site.store.peek(_packages_of_slot, slot)
            owners = self.site.store.peek(_owners_of_codes, self._is_proved)
            proved = [
                row
                for row in rows
                if self._is_proved(row) or (row["owner"] in owners and not row["is_alone"])
            ]
            live = [row for row in rows if row["slot"] == slot]
            by_delegate = [row for row in rows if self._is_proved_by_delegate(row, row["delegate"])]
            if purpose == "PICKUP" and intent["delegate"] is not None:
                # Who was taken back since is pulsed for all the same: the intent was right.
                named = [row for row in rows if row["id"] == intent["package"]]
                wanted = [r for r in named if self._is_proved_by_delegate(r, intent["delegate"])]
                require(wanted, f"I14: nobody has the code of the delegate of {intent}")
            elif purpose == "PICKUP":
                wanted = [row for row in live if row["id"] == intent["package"]]
                require(wanted, f"I11: {intent} opens a slot that holds {live}")
                require(wanted[0] in proved, f"I8: nobody proved {wanted[0]} for {intent}")
            else:
                require(not live, f"I11: {intent} opens again a slot that holds {live}")
                # Another delegate may have been named since this one was let in.
                was_let_in = slot in person.opened
                any_proof = was_let_in or proved or by_delegate
                require(any_proof, f"I8: nobody proved a package of {intent}")
            person.opened.add(slot)
        else:
            has_named = purpose == "DEPOSIT" and self.unannounced.may_open(intent)
            require(has_staff or has_named, f"I8: {intent} without staff")
            self._require_own(intent)

    def _require_own(self, intent: Mapping[str, Any]) -> None:
        """A courier's door: what lies behind it, or is to, is of a carrier that he serves (I12)."""
        served = self._served()
        if served is None:
            return
        carriers = self.site.store.peek(_carriers_behind, intent["slot"], intent["package"])
        require(carriers <= served, f"I12: {intent} of {carriers}, by who serves {served}")

    def _served(self) -> set[str] | None:
        """The carriers of whoever works as a courier now; None where nobody does."""
        visit = self.site.store.peek(_open_visit)
        if visit is None or visit["role"] != Role.COURIER:
            return None
        named = str(visit["staff"])
        return {named.split(":")[1]} if _is_on_no_list(named) else set(STAFF[named].carriers)

    def _is_by_no_list(self) -> bool:
        """Whether who is signed in came by a badge or a code, which was judged at the sign-in."""
        visit = self.site.store.peek(_open_visit)
        return visit is not None and _is_on_no_list(str(visit["staff"]))

    def _require_let_in(self, body: Any, at: Instant) -> None:
        """Who is on no list came with a badge that is good, or typed a code that counts (I13)."""
        _, carrier, pseudonym = (*str(body["actor"]).split(":"), "")[:3]
        require(body["role"] == Role.COURIER, f"I13: {body} by who is on no list")
        if pseudonym:
            require(
                self.wallet.is_good(pseudonym, at),
                f"I13: {body} at {at}, by {self.wallet.issued.get(pseudonym)}",
            )
        else:
            require(
                self.wallet.good_codes(carrier, at) & self.wallet.typed,
                f"I13: {body} at {at}, and no code that counts was typed",
            )
        self.let_in["badge" if pseudonym else "code"] += 1

    def shown(self, view: View) -> None:
        """A courier is shown nothing of what other carriers' couriers bring (I12)."""
        served = self._served()
        self.unannounced.shown(view, is_courier=served is not None)
        match view:
            case ScanPackage(stored=stored, refused=refused):
                barcodes = [] if stored is None else [stored.barcode]
                if refused is not None and refused.reason is Refusal.NOT_YOURS:
                    self.refused_of_others += 1
                    self._require(not refused.detail, f"I12: {refused}")
            case Collection(due=rows) | Receipt(lines=rows):
                barcodes = [row.barcode for row in rows]
            case _:
                return
        for barcode in barcodes if served is not None else ():
            carriers = self.site.store.peek(_carriers_of, barcode)
            is_own = served is None or not carriers.isdisjoint(served)
            self._require(is_own, f"I12: {view} shows {barcode} of {carriers} to {served}")

    def _require(self, condition: object, message: str) -> None:
        """As `require`, reported at the next step."""
        if not condition:
            self.found = self.found or message

    def _is_proved(self, row: Mapping[str, Any]) -> bool:
        if row["locator"] is None or not row["code_counter"]:
            return False
        counters = range(row["code_counter"], row["code_counter"] + 3)
        return any(
            make_code(LOCATION_KEY, row["id"], row["locator"], counter) in self.site.person.codes
            for counter in counters
        )

    def _is_proved_by_delegate(self, row: Mapping[str, Any], delegate: str | None) -> bool:
        if row["locator"] is None or delegate is None:
            return False
        code = delegate_code(LOCATION_KEY, row["id"], delegate, row["locator"])
        return code in self.site.person.codes

    # --- after every step ------------------------------------------------------------------

    def step(self) -> None:
        """The events since the last step, and the state they led to."""
        require(not self.found, self.found)
        rows, slots, packages, intents = self.site.store.peek(self._read)
        touched: dict[tuple[str, str], None] = {}
        for row in rows:
            self._take_event(row, touched)
        actual = {
            "slot": {row["label"]: row for row in slots},
            "package": {row["id"]: row for row in packages},
            "intent": {row["id"]: row for row in intents},
        }
        for table, key in touched:
            found = actual.get(table, {}).get(key) or self.site.store.peek(_row, table, key)
            self._compare(table, key, found)
        for label, row in actual["slot"].items():
            self._compare("slot", label, row)
        self._require_sound(slots, packages, intents)
        self.unannounced.step(packages)

    def _read(self, writer: Writer) -> tuple[list[Any], ...]:
        return (
            list(writer.all("SELECT * FROM journal WHERE seq > ? ORDER BY seq", (self.head_seq,))),
            list(writer.all("SELECT * FROM slot ORDER BY position")),
            list(writer.all("SELECT * FROM package WHERE slot IS NOT NULL ORDER BY slot")),
            list(writer.all("SELECT * FROM intent WHERE state IN ('INTENDED', 'OPENED')")),
        )

    def _take_event(self, row: Mapping[str, Any], touched: dict[tuple[str, str], None]) -> None:
        seq = row["seq"]
        require(seq == self.head_seq + 1, f"I4: event {seq} follows event {self.head_seq}")
        at = Instant(row["wall_ms"], row["monotonic_ms"], row["boot_id"], bool(row["is_trusted"]))
        digest = chain_hash(
            self.head_hash, row["epoch"], seq, EventKind(row["kind"]), row["body"], at
        )
        require(digest == row["hash"], f"I4: event {seq} does not chain")
        self.head_seq, self.head_hash = seq, digest
        self.events[row["kind"]] += 1
        self.unannounced.require_said_to_nobody(row["body"])
        body = json.loads(row["body"])
        if row["kind"] == EventKind.STAFF_SIGNED_IN and _is_on_no_list(str(body["actor"])):
            self._require_let_in(body, at)
        for table, values in body.get("rows", []):
            key = values[KEY_OF_TABLE[table]]
            known = self.tables[table].setdefault(key, dict(DEFAULTS[table]))
            self._require_legal(table, known, values, body, at)
            self._require_delegate(row["kind"], table, values, body, at)
            known.update(values)
            touched[table, key] = None
        self._require_doubt(body)
        self._follow_packages(row["kind"], body)

    def _follow_packages(self, kind: str, body: Any) -> None:
        """Who a package is for, from the machine to whoever fetches it."""
        for table, values in body.get("rows", []):
            if table != "package":
                continue
            if kind == EventKind.PACKAGE_STORED and not body.get("found"):
                self.unannounced.stored(self.tables[table][values["id"]])
            elif kind == EventKind.CONTACT_CHANGED:
                self.unannounced.tied(values["id"])
            elif kind == EventKind.PACKAGE_RETRIEVED:
                self.unannounced.left(self.tables[table][values["id"]])

    def _require_legal(
        self,
        table: str,
        known: Mapping[str, Any],
        values: Mapping[str, Any],
        body: Any,
        at: Instant,
    ) -> None:
        """What a single change may be, judged by what was known before it."""
        if table == "slot" and values.get("status") == "RESERVED":
            require(
                FREE.items() <= known.items() or known["status"] == "SUSPECT",
                f"I9: {values['label']} was given out: {known}",
            )
            if known["status"] != "SUSPECT":
                self.reservations.given_out(values["label"], body, at)
        if table == "intent" and values.get("state") == "INTENDED":
            others = [
                each
                for each in self.tables["intent"].values()
                if each.get("slot") == values["slot"] and each.get("state") in IN_PLAY
            ]
            require(not others, f"I7: a second intent for slot {values['slot']}: {body}")
        if table == "intent" and values.get("outcome"):
            self.outcomes[values["outcome"]] += 1

    def _require_delegate(
        self, kind: str, table: str, values: Mapping[str, Any], body: Any, at: Instant
    ) -> None:
        """A delegate's code opens the one package that it is for, while it may, and once (I14)."""
        if kind == EventKind.PACKAGE_RETRIEVED and table == "package" and body.get("delegate"):
            delegate = body["delegate"]
            require(delegate not in self.fetched_by, f"I14: {delegate} fetched twice")
            self.fetched_by.add(delegate)
        is_opening = table == "intent" and values.get("state") == "INTENDED"
        if not is_opening or values.get("delegate") is None:
            return
        package = self.tables["package"].get(values["package"] or "", {})
        is_theirs = package.get("delegate") == values["delegate"]
        require(is_theirs and package["slot"] == values["slot"], f"I14: {values} opens {package}")
        is_in_time = not at.is_trusted or at.wall_ms < package["delegate_until_ms"]
        require(is_in_time, f"I14: {values} opens {package} at {at.wall_ms}")

    def _require_doubt(self, body: Any) -> None:
        """An intent whose end nobody saw leaves its slot in doubt (I7)."""
        for table, values in body.get("rows", []):
            if table == "intent" and values.get("state") == "UNKNOWN":
                slot = self.tables["slot"][self.tables["intent"][values["id"]]["slot"]]
                require(slot["status"] == "SUSPECT", f"I7: unknown end, yet {slot}")

    def _compare(self, table: str, key: str, found: Mapping[str, Any] | None) -> None:
        replayed = self.tables[table].get(key)
        if found is not None:
            # What follows from another column is not in the journal.
            found = {name: value for name, value in found.items() if name != BARCODE_KEY}
        require(found == replayed, f"I3: {table} {key} is {found}, the journal tells {replayed}")

    def _require_sound(self, slots: list[Any], packages: list[Any], intents: list[Any]) -> None:
        held = Counter(row["slot"] for row in packages)
        require(all(count == 1 for count in held.values()), f"I2: {held}")
        by_slot = {row["slot"]: row for row in packages}
        busy = {row["slot"] for row in intents}
        for slot in slots:
            label, status = slot["label"], slot["status"]
            package = by_slot.get(label)
            if status == "EMPTY":
                require(package is None, f"slot {label} is free and holds {package}")
            if status == "OCCUPIED":
                is_in = package is not None and package["status"] in (
                    "STORED",
                    "EXPIRED",
                    "CANCELLED",
                )
                require(is_in, f"slot {label} is taken by {package}")
            if status == "RESERVED":
                require(label in busy, f"I7: slot {label} is held and nobody opens it")
            if self.is_honest and label not in busy:
                self._require_true(label, status, package)

    def _require_true(self, label: str, status: str, package: Mapping[str, Any] | None) -> None:
        """What the kiosk is sure of is so in the steel (I9), unless nobody could tell it."""
        inside = self.inside[label]
        is_true = True
        if status == "EMPTY":
            is_true = not inside
        elif status == "OCCUPIED" and package is not None:
            is_true = package["barcode"] in inside
        if is_true and status != "SUSPECT":
            self.excused.discard(label)
        require(
            is_true or label in self.excused,
            f"I9: slot {label} is {status} with {package and package['barcode']},"
            f" and in it lies {inside}",
        )

    def at_rest(self) -> None:
        """On the first screen nothing is in play any more (I7)."""
        intents = self.site.store.peek(
            lambda writer: writer.all("SELECT * FROM intent WHERE state IN ('INTENDED', 'OPENED')")
        )
        require(not intents, f"I7: on the first screen, yet in play: {intents}")

    # --- after a restart and at the end ----------------------------------------------------

    def restarted(self) -> None:
        """All that was shown before the process died is still there (I1)."""
        row = self.site.store.peek(
            lambda writer: writer.one("SELECT hash FROM journal WHERE seq = ?", (self.head_seq,))
        )
        known = None if row is None else row["hash"]
        require(
            known == (self.head_hash if self.head_seq else None),
            f"I1: event {self.head_seq} was seen before the restart and is gone",
        )

    def whole(self) -> None:
        """The journal from its first event, and every table against its replay (I3, I4)."""
        # What happened since the last step, a look at the boards perhaps.
        self.step()
        store = self.site.store
        require(store.peek(journal.verify) == [], "I4: the chain is broken")
        replayed = store.peek(lambda writer: journal.replay(journal.bodies(writer)))
        tables = store.peek(journal.tables)
        require(replayed == tables, "I3: the tables are not the replay of the journal")
        require(replayed == self.tables, "I3: the replay differs from the one step by step")
        evidence = gather(
            store, location_key=LOCATION_KEY, acknowledged=(self.head_seq, self.head_hash)
        )
        found = findings(evidence)
        require(not found, "\n".join(found))
        self.unannounced.on_disk()
        self.unannounced.at_the_end(self._read_lying())

    def _read_lying(self) -> list[Any]:
        rows: list[Any] = self.site.store.peek(
            lambda writer: writer.all("SELECT * FROM package WHERE slot IS NOT NULL")
        )
        return rows


def _packages_of_slot(writer: Writer, slot: str) -> list[Any]:
    return list(writer.all("SELECT * FROM package WHERE slot = ? OR last_slot = ?", (slot, slot)))


def _owners_of_codes(writer: Writer, is_proved: Any) -> set[str]:
    rows = writer.all(
        "SELECT * FROM package WHERE owner IS NOT NULL AND locator IS NOT NULL AND is_alone = 0"
    )
    return {row["owner"] for row in rows if is_proved(row)}


def _open_visit(writer: Writer) -> Any:
    return writer.one("SELECT * FROM visit WHERE ended_seq IS NULL")


def _is_on_no_list(actor: str) -> bool:
    return actor.startswith("courier:")


def _carriers_behind(writer: Writer, slot: str, package: str | None) -> set[str]:
    """Of an opening's package, and of what lies, or was last meant to lie, in its slot."""
    rows = writer.all(
        "SELECT carrier FROM package WHERE id = ? OR slot = ?"
        " UNION SELECT last_carrier FROM slot WHERE label = ? AND status = 'SUSPECT'",
        (package, slot, slot),
    )
    return {row["carrier"] for row in rows}


def _carriers_of(writer: Writer, barcode: str) -> set[str]:
    rows = writer.all("SELECT carrier FROM package WHERE barcode = ?", (barcode,))
    return {row["carrier"] for row in rows}


def _row(writer: Writer, table: str, key: str) -> Any:
    return writer.one(f"SELECT * FROM {table} WHERE {KEY_OF_TABLE[table]} = ?", (key,))
