"""What a technician is shown: doors in doubt, the bank, the computer, the journal, the staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.door import BoardReport, DoorState
from kiosk.flows.events import Scanned
from kiosk.flows.views.choices import Problem, Refused
from kiosk.flows.views.shared import View
from kiosk.model.location import Service, SlotStatus, SuspectReason
from kiosk.model.person import Role
from kiosk.model.power import Power


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(View):
    """A slot of which nobody knows what is inside, and how many there are in all."""

    slot: str
    suspect: SuspectReason
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue(View):
    """A dead machine's locker is emptied: the next door behind which something may lie."""

    slot: str
    barcode: str
    """What is known to lie there; empty where nobody knows."""
    left: int
    problem: Problem | None = None
    """What was wrong with it when it was tried just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanInside(View):
    """Something lies in a slot in doubt: scan its label, or set it aside."""

    slot: str
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class DoorRow:
    """A door as the technician sees it."""

    slot: str
    size: str
    door: DoorState
    status: SlotStatus
    service: Service
    board: str
    channel: int
    reachable: bool
    suspect: SuspectReason | None = None
    reason: str = ""
    """Why it is out of service; empty while it is in."""
    since_ms: int | None = None
    """Since when, in milliseconds since 1970 UTC."""
    until_ms: int | None = None
    """Until when it is thought to be so; None: nobody said."""
    by: str = ""
    """Who said so."""
    barcode: str = ""
    awaits_look: bool = False
    """Its board was away for long or came back elsewhere: no deposits until staff opened one of the
    board's doors and saw that it was the right one."""
    is_slowing: bool = False
    """The lock takes clearly longer to open than it used to: it will jam one day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors(View):
    """The bank live, for the technician; a door comes back as `Chosen(slot)`."""

    doors: tuple[DoorRow, ...]
    boards: tuple[BoardReport, ...]
    away_since_ms: Mapping[str, int] = field(default_factory=dict)
    """Since when each board that does not answer is away, where that is known."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPage(View):
    """One door, for the technician."""

    row: DoorRow
    last_outcome: str = ""
    """What came of the last opening from this page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseReason(View):
    """Why a slot goes out of service; comes back as `Chosen(reason)`."""

    slot: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseUntil(View):
    """For how many days more a slot is out of service; comes back as `Chosen`, 0 for not known."""

    slot: str
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServerReport:
    """How the sync with the server is doing."""

    is_reached: bool
    last_ms: int | None
    """When the server last answered, in milliseconds since 1970 UTC."""
    waiting: int
    """How many events the server does not hold yet."""
    message: str = ""
    """Why it does not answer as it should."""
    url: str = ""
    """Which of its addresses answered last, where there are several."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the computer itself is doing; None where it is not known."""

    version: str = ""
    disk_free_mb: int | None = None
    temperature_c: float | None = None
    bank_temperature_c: float | None = None
    server: ServerReport | None = None
    """None where the kiosk belongs to no server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(View):
    """The computer, for the technician; times in milliseconds since 1970 UTC."""

    now_ms: int
    is_time_trusted: bool
    vitals: Vitals
    events: int
    """How many the journal has."""
    power: Power | None = None
    """What the uninterruptible supply says; None where there is none."""
    has_backup: bool = False
    """Whether backups are to be made here."""
    backup_ms: int | None = None
    """When the last one was made; None where there is none yet."""
    backup_problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards(View):
    """Some of the lock boards and their lines, for the technician."""

    boards: tuple[BoardReport, ...]
    away_since_ms: Mapping[str, int] = field(default_factory=dict)
    """Since when each of them that does not answer is away, where that is known."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of the journal, without what only a program needs."""

    number: int
    kind: str
    slot: str
    actor: str
    outcome: str
    at_ms: int | None
    """None where the clock could not be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History(View):
    """Events of the journal, the newest first: of one slot, or all."""

    slot: str = ""
    lines: tuple[EventLine, ...] = ()
    openings: tuple[tuple[int | None, int], ...] = ()
    """Of the slot's lock: how many openings took at most so many milliseconds; None: longer."""
    is_slowing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorsTested(View):
    """What came of a test of several doors."""

    opened: int
    failed: tuple[str, ...]
    """The slots whose doors did not open."""
    left: int
    """How many were not tried."""


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff who is listed at this kiosk."""

    number: str
    name: str
    role: Role
    may_work: bool
    until_ms: int | None
    """When that ends, in milliseconds since 1970 UTC; None: it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffList(View):
    """Some of the staff, for the technician."""

    rows: tuple[StaffRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsTest(View):
    """Scanner, panel and loudspeaker, for the technician to try: what was scanned is shown, the
    other two are the screen's own."""

    scans: tuple[Scanned, ...] = ()
    """The last ones, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotStart(View):
    """The kiosk does not start: what is wrong and what to do, for whoever is called."""

    message: str
    reference: str = ""
    """Finds the whole of it in the log; empty where the message is all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPower(View):
    """The battery ends soon: the kiosk stands still, and goes on by itself with the mains."""
