"""What each kind of event says: its declared body, with ranges and units.

A body is written as one JSON object: its own fields, `actor` (who did it, always), and in `rows`
the after-images of what it changed. A field that says nothing (None) is left out. Bodies are kept
for ever, so a field is never renamed or given another meaning; a new one is optional.

Bodies of earlier versions lack some fields, `actor` among them: they are read as they are. Fields
and kinds of a newer version are carried along and passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

from kiosk.model.actor import Actor, in_one_form
from kiosk.model.commands import HelpOutcome, OpeningOutcome, ReleaseOutcome
from kiosk.model.events import EventKind
from kiosk.model.fields import (
    Count,
    Digest,
    DurationMs,
    Flag,
    Id,
    Name,
    Number,
    SlotLabel,
    TimeMs,
    Words,
)
from kiosk.model.person import Role, StaffSource


@dataclass(frozen=True, kw_only=True)
class Body:
    """What every event says."""

    kind: ClassVar[EventKind]
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    actor: Actor

    def details(self) -> dict[str, Any]:
        """The body as it is written, without its rows."""
        body = {name: value for name, value in vars(self).items() if value is not None}
        body["actor"] = in_one_form(self.actor)
        return body


# --- the machine ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class KioskStarted(Body):
    """The first event of every run of the program."""

    kind = EventKind.KIOSK_STARTED


@dataclass(frozen=True, kw_only=True)
class ClockChanged(Body):
    """The clock jumped, or is trusted now, or no longer."""

    kind = EventKind.CLOCK_CHANGED
    trusted: Flag
    jump_ms: Number = 0
    """By how much the wall clock moved against the monotonic one; negative: back."""


@dataclass(frozen=True, kw_only=True)
class BackupChecked(Body):
    """A backup was written and read back."""

    kind = EventKind.BACKUP_CHECKED
    file: Words
    at_ms: TimeMs
    size_bytes: Count
    problem: Words
    """What is wrong with it; "" when nothing is."""


@dataclass(frozen=True, kw_only=True)
class DatabaseRestored(Body):
    """Another life of the database begins: it does not know all of its past."""

    kind = EventKind.DATABASE_RESTORED
    from_epoch: Id
    from_seq: Count
    """The last event that it knows of its life before."""
    from_hash: Digest
    file: Words = ""
    """The backup; "" where the log was lost and no backup was taken."""
    taken_back: Count = 0
    """How many events, newer than the backup, the server gave back."""
    doubt: Words = ""
    """Why every slot is in doubt; "" when what is inside is known."""


@dataclass(frozen=True, kw_only=True)
class BoardChanged(Body):
    """A lock board went, came back, or was seen to be the one that it should be."""

    kind = EventKind.BOARD_CHANGED
    board: Name
    reachable: Flag
    reason: Words | None = None
    device: Words | None = None
    """Where it was found."""
    awaits_look: Flag | None = None
    """Its slots are not given out before staff saw one of its doors open."""
    slot: SlotLabel | None = None
    """The door that was seen to open."""


@dataclass(frozen=True, kw_only=True)
class VisitFailed(Body):
    """Somebody was sent away by an error of the program."""

    kind = EventKind.VISIT_FAILED
    error: Words
    times: Count


# --- slots ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SlotConfigured(Body):
    """A slot is as the site's config says."""

    kind = EventKind.SLOT_CONFIGURED


@dataclass(frozen=True, kw_only=True)
class SlotServiceChanged(Body):
    """A slot went out of service, came back, or it is said until when it is out."""

    kind = EventKind.SLOT_SERVICE_CHANGED


@dataclass(frozen=True, kw_only=True)
class SlotReachabilityChanged(Body):
    """The config no longer has a slot."""

    kind = EventKind.SLOT_REACHABILITY_CHANGED


@dataclass(frozen=True, kw_only=True)
class SlotSuspect(Body):
    """Nobody knows what is inside a slot any more."""

    kind = EventKind.SLOT_SUSPECT
    why: Words


@dataclass(frozen=True, kw_only=True)
class SlotCleared(Body):
    """Somebody looked: it is known what is inside."""

    kind = EventKind.SLOT_CLEARED
    why: Words = ""


@dataclass(frozen=True, kw_only=True)
class SlotReserved(Body):
    """A slot is held for a deposit or a move, and the door is to be opened."""

    kind = EventKind.SLOT_RESERVED


@dataclass(frozen=True, kw_only=True)
class ReservationReleased(Body):
    """A deposit ended without its package."""

    kind = EventKind.RESERVATION_RELEASED
    why: Words


# --- doors ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class DoorIntended(Body):
    """A door is to be opened; written before anything is pulsed."""

    kind = EventKind.DOOR_INTENDED
    why: Words | None = None


@dataclass(frozen=True, kw_only=True)
class DoorOutcome(Body):
    """What came of an opening."""

    kind = EventKind.DOOR_OUTCOME
    slot: SlotLabel | None = None
    elapsed_ms: DurationMs | None = None
    """From the pulse to the open door; left out where no edge was seen."""


@dataclass(frozen=True, kw_only=True)
class DoorMovedUnasked(Body):
    """A door stands open that nobody was to open."""

    kind = EventKind.DOOR_MOVED_UNASKED
    slot: SlotLabel
    found_at_start: Flag


@dataclass(frozen=True, kw_only=True)
class OpeningEnded(Body):
    """What came of a command of the server to open a door."""

    kind = EventKind.OPENING_ENDED
    id: Id
    """The command's."""
    slot: SlotLabel
    outcome: OpeningOutcome


@dataclass(frozen=True, kw_only=True)
class OpeningMissed(Body):
    """Of earlier versions: somebody stepped up before a door was opened by the server's command,
    and it stays shut."""

    kind = EventKind.OPENING_MISSED
    id: Id
    """The command's."""
    slot: SlotLabel


@dataclass(frozen=True, kw_only=True)
class HelpEnded(Body):
    """What came of a command of the server that helps remotely."""

    kind = EventKind.HELP_ENDED
    id: Id
    """The command's."""
    outcome: HelpOutcome
    detail: Name = ""


@dataclass(frozen=True, kw_only=True)
class ReleaseReported(Body):
    """How far this kiosk has come with a release that the server chose: one event for each step, so
    that the last one says how it is."""

    kind = EventKind.RELEASE_REPORTED
    id: Id
    """The command's."""
    rollout: Id
    release: Name
    """Which one was chosen; "": to stay with what runs."""
    outcome: ReleaseOutcome
    detail: Words = ""
    """Why it was refused, or why it went back."""


# --- packages ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PackageAnnounced(Body):
    """A package is expected, or what is known of an expected one was corrected."""

    kind = EventKind.PACKAGE_ANNOUNCED


@dataclass(frozen=True, kw_only=True)
class PackageStored(Body):
    """A package is in its slot, and its pickup code exists."""

    kind = EventKind.PACKAGE_STORED
    found: Flag = False
    """It was found lying in a slot in doubt."""


@dataclass(frozen=True, kw_only=True)
class DepositUndone(Body):
    """The courier took his last package out again."""

    kind = EventKind.DEPOSIT_UNDONE


@dataclass(frozen=True, kw_only=True)
class PackageRetrieved(Body):
    """A package was picked up."""

    kind = EventKind.PACKAGE_RETRIEVED
    reason: Words = ""
    delegate: Id | None = None  # by whose code, where it was not the owner's


@dataclass(frozen=True, kw_only=True)
class PackageExpired(Body):
    """The time to pick a package up is over."""

    kind = EventKind.PACKAGE_EXPIRED


@dataclass(frozen=True, kw_only=True)
class PackageMissing(Body):
    """A person looked, and the package is not there."""

    kind = EventKind.PACKAGE_MISSING
    reason: Words = ""


@dataclass(frozen=True, kw_only=True)
class PackageCollected(Body):
    """A courier took a package back."""

    kind = EventKind.PACKAGE_COLLECTED
    reason: Words = ""


@dataclass(frozen=True, kw_only=True)
class PackageCancelled(Body):
    """A package was recalled."""

    kind = EventKind.PACKAGE_CANCELLED
    why: Words = ""


@dataclass(frozen=True, kw_only=True)
class PackageReturned(Body):
    """A customer put a package back: a new one, for a courier to take."""

    kind = EventKind.PACKAGE_RETURNED
    replaces: Id
    slot: SlotLabel
    beside: Id | None = None
    """The other live package that has its barcode by now."""


@dataclass(frozen=True, kw_only=True)
class PackageMoved(Body):
    """A package lies in another slot."""

    kind = EventKind.PACKAGE_MOVED


@dataclass(frozen=True, kw_only=True)
class Complaint(Body):
    """A customer says that something is wrong."""

    kind = EventKind.COMPLAINT
    package: Id
    slot: SlotLabel
    what: Words


@dataclass(frozen=True, kw_only=True)
class HoldExtended(Body):
    """A package is held for more days."""

    kind = EventKind.HOLD_EXTENDED
    days: Count


@dataclass(frozen=True, kw_only=True)
class HoldPaused(Body):
    """Packages are held longer by the time in which nobody could get at them."""

    kind = EventKind.HOLD_PAUSED
    why: Words
    gap_ms: DurationMs | None = None


@dataclass(frozen=True, kw_only=True)
class LowerAsked(Body):
    """A customer does not reach the door: the package is to be moved lower."""

    kind = EventKind.LOWER_ASKED


How = Literal["typed", "scanned"]
"""How a code was given."""
Outcome = Literal["APPLIED", "REFUSED"]
"""What came of a command."""


# --- codes and people ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CodeReissued(Body):
    """A package has a new code; the earlier ones open nothing any more."""

    kind = EventKind.CODE_REISSUED


@dataclass(frozen=True, kw_only=True)
class CodeTold(Body):
    """The command line showed a package's code."""

    kind = EventKind.CODE_TOLD
    package: Id


@dataclass(frozen=True, kw_only=True)
class DelegateNamed(Body):
    """Somebody else may fetch a package, with a code of their own."""

    kind = EventKind.DELEGATE_NAMED
    package: Id


@dataclass(frozen=True, kw_only=True)
class DelegateEnded(Body):
    """A delegate may fetch a package no more."""

    kind = EventKind.DELEGATE_ENDED
    package: Id


@dataclass(frozen=True, kw_only=True)
class CodeAsked(Body):
    """Somebody without a code asked for it to be sent again."""

    kind = EventKind.CODE_ASKED
    package: Id | None = None
    """Left out where nothing is sent: it is not here, or the digits were wrong."""


@dataclass(frozen=True, kw_only=True)
class CodeRefused(Body):
    """A wrong code was tried."""

    kind = EventKind.CODE_REFUSED
    how: How
    package: Id | None = None
    """Whose code it nearly was."""


@dataclass(frozen=True, kw_only=True)
class RecipientErased(Body):
    """The name and number of a recipient were erased."""

    kind = EventKind.RECIPIENT_ERASED
    recipient: Id
    after_days: Count


@dataclass(frozen=True, kw_only=True)
class ContactChanged(Body):
    """A package is for another person from now on, or for somebody who was not known."""

    kind = EventKind.CONTACT_CHANGED


@dataclass(frozen=True, kw_only=True)
class StaffListed(Body):
    """The list of staff is another."""

    kind = EventKind.STAFF_LISTED
    source: StaffSource
    numbers: list[Name]
    """Who is new, changed or gone."""


@dataclass(frozen=True, kw_only=True)
class StaffSignedIn(Body):
    """A visit of a member of staff begins."""

    kind = EventKind.STAFF_SIGNED_IN
    role: Role


@dataclass(frozen=True, kw_only=True)
class StaffRefused(Body):
    """A wrong PIN or badge."""

    kind = EventKind.STAFF_REFUSED
    role: Name
    """Of whom a PIN was asked, "" where of anybody; or `badge`."""
    number: Name | None = None
    """The number that was typed, or is on the badge of somebody who is known here; the carrier that
    signed a badge."""
    why: Name | None = None
    """Of a badge that a carrier's key is to have signed: what is wrong with it."""


Tried = Literal["typed", "scanned", "pin", "badge"]


@dataclass(frozen=True, kw_only=True)
class GuessingNoticed(Body):
    """So much was wrong within a day that somebody seems to guess; operators are alarmed."""

    kind = EventKind.GUESSING_NOTICED
    tried: Tried
    """Codes, typed or scanned; PINs; or badges."""
    times: Count
    """How often it was wrong within a day."""
    number: Name | None = None
    """Whose PIN or badge; left out where it is about the whole kiosk."""


@dataclass(frozen=True, kw_only=True)
class VisitEnded(Body):
    """A visit of a member of staff ended, or its receipt was shown later."""

    kind = EventKind.VISIT_ENDED


@dataclass(frozen=True, kw_only=True)
class CommandApplied(Body):
    """The answer to a command of the server."""

    kind = EventKind.COMMAND_APPLIED
    id: Name
    """The command's; "" where it had none that could be read."""
    n: Count
    """The command's number at this location; 0 where it had none that could be read."""
    type: Name
    outcome: Outcome
    detail: Words | None = None
    """Why it was refused."""
    package: Id | None = None
    joined: Id | None = None
    """The announced package that turned out to be `package`, which lay here already."""
    slot: SlotLabel | None = None


def _declared(body: type[Body]) -> dict[EventKind, type[Body]]:
    return {each.kind: each for each in body.__subclasses__()}


BODIES: Mapping[EventKind, type[Body]] = _declared(Body)
"""The declared body of each kind."""


@cache
def adapter(kind: EventKind) -> TypeAdapter[Any]:
    """What holds a body of this kind against its declaration."""
    return TypeAdapter(BODIES[kind])
