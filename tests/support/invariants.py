"""What must hold at a locker after every step and every power cut: one function per invariant.

Everything is judged from outside: the store's tables and journal, the simulated steel, what lies in
it, and what people were shown. `Evidence` gathers that; each invariant yields what is wrong in
sentences; `check_all` raises them together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kiosk.flows.views.choices import Refusal, Refused
from kiosk.flows.views.courier import ScanPackage
from kiosk.flows.views.customer import EnterCode
from kiosk.flows.views.shared import Trouble, View
from kiosk.model.addressee import Addressee, UnfitAddresseeError, opened
from kiosk.model.events import Event
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.model.pickup_code import make_code
from kiosk.model.sealing import Sealing
from kiosk.store import addressees, journal
from kiosk.store.journal import DEFAULTS, Tables
from kiosk.store.store import Store
from kiosk.store.writer import KEY_OF_TABLE, Writer

ALL = 10**9


class UnsoundError(AssertionError):
    """At least one invariant does not hold; the message has one line for each finding."""


# --- what people were shown -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BecameFact:
    """A person was shown that the package with this barcode has come to this status."""

    barcode: str
    status: PackageStatus
    slot: str = ""
    code: str = ""
    """The pickup code that was shown with it, if any."""


@dataclass(frozen=True, slots=True)
class ReferenceFact:
    """A person was given this number of an event, for staff to look up."""

    seq: int


@dataclass(frozen=True, slots=True)
class CountedFact:
    """So many wrong codes were answered as not known."""

    wrong_codes: int


@dataclass(frozen=True, slots=True)
class RowFact:
    """A person was shown that a row has this value: a slot out of service, say."""

    table: str
    key: str
    column: str
    value: Any


@dataclass(frozen=True, slots=True)
class NamedFact:
    """A person was shown that a package is put in, and had said at the machine whom it is for."""

    barcode: str
    said: Addressee
    location: str


Fact = BecameFact | ReferenceFact | CountedFact | RowFact | NamedFact


@dataclass
class Witness:
    """What the people at a kiosk were shown, and what they did with what lies in the steel.

    `see` is called with every view at the moment it is shown. A story adds what only it knows:
    which package a view is about (`when_shown`), and what hands put in and took out.
    """

    shown: list[Fact] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    """What lies in the steel: slot → barcode, or any other name of a thing."""
    is_prepared: bool = False
    """What came before is only the setting of the story (`prepared`)."""
    views: list[View] = field(default_factory=list)
    on_change: Callable[[], None] = lambda: None
    """Called whenever something was shown or moved."""
    _expected: list[tuple[type[View], Callable[[View], bool], Fact]] = field(default_factory=list)

    def see(self, view: View) -> None:
        """A view is shown."""
        self.views.append(view)
        if isinstance(view, ScanPackage) and view.stored is not None:
            note = view.stored
            self.add(BecameFact(note.barcode, PackageStatus.STORED, note.slot, note.code))
        if isinstance(view, Trouble) and view.reference:
            self.add(ReferenceFact(int(view.reference)))
        if isinstance(view, EnterCode) and view.refused == Refused(Refusal.NOT_KNOWN):
            self.add(CountedFact(1 + self._wrong_codes()))
        for expected in tuple(self._expected):
            kind, so, fact = expected
            if isinstance(view, kind) and so(view):
                self._expected.remove(expected)
                self.add(fact)

    def when_shown(
        self, kind: type[View], fact: Fact, so: Callable[[Any], bool] = lambda view: True
    ) -> None:
        """The next view of this kind, for which `so` holds, tells this."""
        self._expected.append((kind, so, fact))

    def expect_nothing(self) -> None:
        """The story broke off: what it waited for will not be shown by it any more."""
        self._expected.clear()

    def add(self, fact: Fact) -> None:
        """Something was shown."""
        if fact not in self.shown:
            self.shown.append(fact)
            self.on_change()

    def prepared(self) -> None:
        """The story proper begins."""
        self.is_prepared = True
        self.on_change()

    def put(self, slot: str, thing: str) -> None:
        """Hands put something in."""
        self.contents[slot] = thing
        self.on_change()

    def took(self, slot: str) -> None:
        """Hands took out what lay there."""
        self.contents.pop(slot, None)
        self.on_change()

    def _wrong_codes(self) -> int:
        return sum(isinstance(fact, CountedFact) for fact in self.shown)


# --- the evidence ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pulse:
    """A lock's output was pulsed when this was the last event that the store had acknowledged."""

    slot: str
    acknowledged_seq: int


@dataclass(frozen=True, slots=True)
class Step:
    """One event with the rows as they were before it and are after it."""

    event: Event
    body: Mapping[str, Any]
    changes: Sequence[tuple[str, str, Mapping[str, Any]]]
    """Table, key, the values that the event sets."""


@dataclass
class Evidence:
    """Everything that the invariants are judged from."""

    tables: Tables
    events: list[Event]
    wrong: list[str]
    """What `journal.verify` says."""
    cursors: dict[str, int]
    wrong_tries: int
    after_cursor: dict[str, list[int]]
    """For each observer, the numbers of the events that it has still to get."""
    said: Mapping[str, str] = field(default_factory=dict)
    """By package: whom it is for by what was said at the machine, sealed, and not heard of yet."""
    location_key: bytes = bytes(range(32))
    acknowledged: tuple[int, bytes] | None = None
    """The number and hash of the last event that somebody was promised is durable."""
    shown: Sequence[Fact] = ()
    contents: Mapping[str, str] | None = None
    """What lies in the steel; None where nobody keeps account of it."""
    pulses: Sequence[Pulse] | None = None
    in_play: frozenset[str] = frozenset()
    """Slots whose flow is under way; none when the kiosk stands at its first screen."""
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steps = [_step(event) for event in self.events]

    def slot_history(self) -> Iterator[tuple[Step, dict[str, dict[str, Any]]]]:
        """Each step with the tables after it; the tables are one object that moves on."""
        tables: Tables = {table: {} for table in KEY_OF_TABLE}
        for step in self.steps:
            for table, key, values in step.changes:
                tables[table].setdefault(key, dict(DEFAULTS.get(table, {}))).update(values)
            yield step, tables


def _step(event: Event) -> Step:
    body = json.loads(event.body)
    changes = [
        (table, values[KEY_OF_TABLE[table]], values) for table, values in body.get("rows", [])
    ]
    return Step(event, body, changes)


def gather(store: Store, **known: Any) -> Evidence:
    """The evidence of a store that stands still; `known` are the fields only the test knows."""

    def read(writer: Writer) -> Evidence:
        cursors = {
            str(row["name"]): int(row["seq"]) for row in writer.all("SELECT * FROM observer")
        }
        tries = writer.one("SELECT count(*) AS n FROM wrong_try")
        return Evidence(
            tables=journal.tables(writer),
            events=journal.after(writer, 0, ALL),
            wrong=journal.verify(writer),
            cursors=cursors,
            wrong_tries=int(tries["n"]) if tries else 0,
            said=dict(addressees.unheard(writer, ALL)),
            after_cursor={
                name: [event.seq for event in journal.after(writer, seq, ALL)]
                for name, seq in cursors.items()
            },
            **known,
        )

    return store.submit(read).result()


# --- the invariants -------------------------------------------------------------------------------


def i1_acknowledged_is_durable(evidence: Evidence) -> Iterator[str]:
    """What the store or the screen said is in the journal, and true or lawfully changed since."""
    if evidence.acknowledged is not None:
        seq, digest = evidence.acknowledged
        if seq > len(evidence.events):
            yield f"event {seq} was acknowledged, the journal ends at {len(evidence.events)}"
        elif seq and evidence.events[seq - 1].hash != digest:
            yield f"event {seq} is not the one that was acknowledged"
    for fact in evidence.shown:
        yield from _not_so(evidence, fact)


def _not_so(evidence: Evidence, fact: Fact) -> Iterator[str]:
    if isinstance(fact, ReferenceFact) and fact.seq > len(evidence.events):
        yield f"reference {fact.seq} was shown and does not exist"
    if isinstance(fact, CountedFact):
        counted = sum(step.event.kind == "CODE_REFUSED" for step in evidence.steps)
        if min(counted, evidence.wrong_tries) < fact.wrong_codes:
            yield (
                f"{fact.wrong_codes} wrong codes were answered; {counted} are in the journal,"
                f" {evidence.wrong_tries} are counted"
            )
    if isinstance(fact, RowFact):
        said = any(
            (table, key) == (fact.table, fact.key) and values.get(fact.column) == fact.value
            for step in evidence.steps
            for table, key, values in step.changes
        )
        if not said:
            yield f"{fact.table} {fact.key} was shown to be {fact.column} = {fact.value}: nowhere"
    if isinstance(fact, BecameFact):
        yield from _package_not_so(evidence, fact)
    if isinstance(fact, NamedFact):
        yield from _addressee_not_so(evidence, fact)


def _addressee_not_so(evidence: Evidence, fact: NamedFact) -> Iterator[str]:
    """While it lies there, who a package is for is kept until the server has heard."""
    for row in evidence.tables["package"].values():
        if row["barcode"] != fact.barcode or row["status"] not in ("STORED", "EXPIRED"):
            continue
        text = evidence.said.get(row["id"], "")
        try:
            found = opened(Sealing([evidence.location_key]), text, fact.location, row["id"])
        except UnfitAddresseeError as error:
            yield f"package {fact.barcode} is for {fact.said}: of that is kept {text!r} ({error})"
            continue
        if found != fact.said:
            yield f"package {fact.barcode} is for {fact.said}, and kept is {found}"


def _package_not_so(evidence: Evidence, fact: BecameFact) -> Iterator[str]:
    rows = [row for row in evidence.tables["package"].values() if row["barcode"] == fact.barcode]
    came = {
        key
        for step in evidence.steps
        for table, key, values in step.changes
        if table == "package" and values.get("status") == fact.status
    }
    fitting = [row for row in rows if row["id"] in came]
    if not fitting:
        yield f"package {fact.barcode} was shown to be {fact.status}: it never was"
        return
    row = fitting[-1]
    if row["status"] not in REACHABLE[fact.status]:
        yield f"package {fact.barcode} was shown to be {fact.status} and is {row['status']}"
    if fact.code and row["locator"] and row["status"] != "PENDING":
        codes = [
            make_code(evidence.location_key, row["id"], row["locator"], counter)
            for counter in range(1, row["code_counter"] + 1)
        ]
        if fact.code not in codes:
            yield f"package {fact.barcode}: the code {fact.code} that was shown opens nothing"


def _reachable() -> dict[str, set[str]]:
    reach = {status.value: {status.value} for status in PackageStatus}
    for _ in PackageStatus:
        for before, after in LEGAL_CHANGES:
            for found in reach.values():
                if before in found:
                    found.add(after.value)
    return reach


REACHABLE = _reachable()


def i2_one_live_package_per_slot(evidence: Evidence) -> Iterator[str]:
    """Nobody's package was put on top of another's."""
    packages = evidence.tables["package"].values()
    held = Counter(row["slot"] for row in packages if row["slot"] is not None)
    for slot, number in held.items():
        if number > 1:
            yield f"slot {slot} holds {number} packages"
    for slot, row in evidence.tables["slot"].items():
        if row["status"] in ("OCCUPIED", "RESERVED") and not held[slot]:
            yield f"slot {slot} is {row['status']} by nobody"
        if row["status"] == "EMPTY" and held[slot]:
            yield f"slot {slot} is EMPTY and holds a package"


def i3_tables_are_the_replay(evidence: Evidence) -> Iterator[str]:
    """Every row is what the journal says it is."""
    replayed = journal.replay(event.body for event in evidence.events)
    if replayed == evidence.tables:
        return
    for table, rows in evidence.tables.items():
        for key in sorted(rows.keys() | replayed[table].keys()):
            found, said = rows.get(key), replayed[table].get(key)
            if found != said:
                yield f"{table} {key} is {found}, the journal says {said}"


def i4_chain_is_whole(evidence: Evidence) -> Iterator[str]:
    """Numbers without gaps, each event chained to the one before."""
    yield from evidence.wrong
    if [event.seq for event in evidence.events] != list(range(1, len(evidence.events) + 1)):
        yield "the journal's numbers have gaps"


def i5_every_event_waits_once(evidence: Evidence) -> Iterator[str]:
    """What an observer has not acknowledged waits for it, each event once and in order."""
    for name, cursor in evidence.cursors.items():
        if cursor > len(evidence.events):
            yield f"observer {name} is at {cursor}, after the journal's end"
        if evidence.after_cursor[name] != list(range(cursor + 1, len(evidence.events) + 1)):
            yield f"observer {name} would not get each event after {cursor} once"


def i6_no_pulse_without_a_durable_intent(evidence: Evidence) -> Iterator[str]:
    """Each pulse has an intent of its own that was acknowledged before it."""
    if not evidence.pulses:
        return
    waiting: list[Pulse] = sorted(evidence.pulses, key=lambda pulse: pulse.acknowledged_seq)
    intents: dict[str, str] = {}
    used: set[str] = set()
    for step, tables in [*evidence.slot_history(), (None, None)]:
        while waiting and (step is None or step.event.seq > waiting[0].acknowledged_seq):
            pulse = waiting.pop(0)
            intent = intents.get(pulse.slot)
            if intent is None:
                yield f"door {pulse.slot} was pulsed with no intent in the journal"
            elif intent in used:
                yield f"door {pulse.slot} was pulsed twice for one intent"
            else:
                used.add(intent)
        if step is not None and tables is not None:
            for table, key, values in step.changes:
                if table == "intent" and values.get("state") == "INTENDED":
                    intents[tables["intent"][key]["slot"]] = key


def i7_each_intent_ends(evidence: Evidence) -> Iterator[str]:
    """No door stays in play; one whose end nobody knows has put its slot in doubt."""
    for row in evidence.tables["intent"].values():
        if row["state"] in ("INTENDED", "OPENED") and row["slot"] not in evidence.in_play:
            yield f"the intent {row['purpose']} of slot {row['slot']} is still {row['state']}"
    for step, tables in evidence.slot_history():
        for table, key, values in step.changes:
            if table == "intent" and values.get("state") == "UNKNOWN":
                slot = tables["intent"][key]["slot"]
                if tables["slot"][slot]["status"] != "SUSPECT":
                    yield f"event {step.event.seq}: an intent of {slot} ends unknown, no doubt"


CUSTOMERS = ("PICKUP", "REOPEN", "RETURN")


def i8_a_proof_opens_only_its_own(evidence: Evidence) -> Iterator[str]:
    """A customer's opening is of the slot that held the package of that opening."""
    for step, tables in evidence.slot_history():
        for table, key, values in step.changes:
            if table != "intent" or values.get("state") != "INTENDED":
                continue
            row = tables["intent"][key]
            if row["purpose"] == "PICKUP":
                package = tables["package"].get(row["package"] or "")
                if package is None or package["slot"] != row["slot"]:
                    yield f"event {step.event.seq}: {row['slot']} opens for a package not in it"
                elif package["status"] not in ("STORED", "EXPIRED"):
                    yield f"event {step.event.seq}: {package['status']} package handed out"


def i9_unknown_content_is_not_available(evidence: Evidence) -> Iterator[str]:
    """A slot that is given to the next package is empty in the steel.

    One that a jam took out of service is `EMPTY`, and given to nobody.
    """
    for slot, row in evidence.tables["slot"].items():
        if row["status"] == "SUSPECT" and not row["suspect"]:
            yield f"slot {slot} is in doubt for no reason"
        is_given_out = row["status"] == "EMPTY" and row["service"] == "IN_SERVICE"
        if not is_given_out or slot in evidence.in_play:
            continue
        if evidence.contents is not None and slot in evidence.contents:
            yield f"slot {slot} is EMPTY in the database; {evidence.contents[slot]} lies in it"
    if evidence.contents is None:
        return
    lying = {row["barcode"]: row for row in evidence.tables["package"].values() if row["slot"]}
    for slot, thing in evidence.contents.items():
        package = lying.get(thing)
        if package is None or package["slot"] == slot:
            continue
        if evidence.tables["slot"][package["slot"]]["status"] == "OCCUPIED":
            yield f"package {thing} lies in {slot}, the database says {package['slot']}"


def i10_queues_are_empty(evidence: Evidence) -> Iterator[str]:
    """At rest nothing is half done: no slot is reserved without its deposit."""
    in_play = {
        row["slot"]
        for row in evidence.tables["intent"].values()
        if row["state"] in ("INTENDED", "OPENED")
    }
    for slot, row in evidence.tables["slot"].items():
        if row["status"] == "RESERVED" and slot not in in_play | evidence.in_play:
            yield f"slot {slot} is reserved and nobody is putting anything in"


def i11_a_code_never_opens_anothers(evidence: Evidence) -> Iterator[str]:
    """Codes of live packages differ, and an opening again never meets another's package."""
    codes: dict[str, str] = {}
    for row in evidence.tables["package"].values():
        if row["slot"] and row["locator"] and row["code_counter"]:
            code = make_code(evidence.location_key, row["id"], row["locator"], row["code_counter"])
            if row["locator"] in codes:
                yield f"packages {codes[row['locator']]} and {row['id']} have one locator: {code}"
            codes[row["locator"]] = row["id"]
    for step, tables in evidence.slot_history():
        for table, key, values in step.changes:
            if table != "intent" or values.get("state") != "INTENDED":
                continue
            row = tables["intent"][key]
            if row["purpose"] not in CUSTOMERS:
                continue
            for package in tables["package"].values():
                if package["slot"] == row["slot"] and package["id"] != row["package"]:
                    yield f"event {step.event.seq}: {row['slot']} opens on another's package"


INVARIANTS: Sequence[Callable[[Evidence], Iterator[str]]] = (
    i1_acknowledged_is_durable,
    i2_one_live_package_per_slot,
    i3_tables_are_the_replay,
    i4_chain_is_whole,
    i5_every_event_waits_once,
    i6_no_pulse_without_a_durable_intent,
    i7_each_intent_ends,
    i8_a_proof_opens_only_its_own,
    i9_unknown_content_is_not_available,
    i10_queues_are_empty,
    i11_a_code_never_opens_anothers,
)


def findings(evidence: Evidence) -> list[str]:
    """Everything that is wrong, each with the invariant it breaks."""
    return [
        f"{invariant.__name__}: {found}"
        for invariant in INVARIANTS
        for found in invariant(evidence)
    ]


def check_all(evidence: Evidence) -> None:
    """Raise `UnsoundError` with everything that is wrong, if anything is."""
    found = findings(evidence)
    if found:
        raise UnsoundError("\n".join(found))


def require_sound(store: Store) -> None:
    """What must hold whenever the kiosk stands still: chain, replay, slots and packages agree."""
    evidence = gather(store)
    open_slots = {
        row["slot"]
        for row in evidence.tables["intent"].values()
        if row["state"] in ("INTENDED", "OPENED")
    }
    evidence.in_play = frozenset(open_slots)
    check_all(evidence)
