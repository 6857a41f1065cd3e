"""What of the feed becomes an event for carriers, and how each is called.

The feed is the source of them all: a row of it is written in the transaction of its fact. What is
here only reads what it says; nothing of a person is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from central.feed.document import Change, Document, ServerKind
from kiosk.model.events import EventKind


class EventType(StrEnum):
    """What a receiver may ask for."""

    ANNOUNCED = "package.announced"
    DEPOSITED = "package.deposited"
    UNDONE = "package.undone"
    PICKED_UP = "package.picked_up"
    EXPIRED = "package.expired"
    EXTENDED = "package.extended"
    HOLD_PAUSED = "package.hold_paused"
    HOLD_RESUMED = "package.hold_resumed"
    REISSUED = "package.reissued"
    CONTACT_CHANGED = "package.contact_changed"
    MOVED = "package.moved"
    LOWER_ASKED = "package.lower_asked"
    RETURNED = "package.returned"
    COLLECTED = "package.collected"
    CANCELLED = "package.cancelled"
    MISSING = "package.missing"
    COMPLAINT = "package.complaint"
    FAULT = "package.fault"
    UNREACHABLE = "package.unreachable"
    JOINED = "package.joined"
    DISPUTED = "package.disputed"
    DECIDED = "package.decided"
    COLLECTION_DUE = "collection.due"
    FULL = "location.full"
    ROOM_AGAIN = "location.room_again"
    OUT = "location.out"
    BACK = "location.back"
    POWER_LOST = "location.power_lost"
    POWER_BACK = "location.power_back"
    TEST = "webhook.test"


EVERYTHING: Final = "*"
SAID: Final[dict[EventType, str]] = {
    EventType.ANNOUNCED: "It was announced to a locker.",
    EventType.DEPOSITED: "It lies behind a shut door.",
    EventType.UNDONE: "The courier took it out again; it is still to come.",
    EventType.PICKED_UP: "Its recipient has it.",
    EventType.EXPIRED: "Nobody came in time.",
    EventType.EXTENDED: "It is held longer; `why` is there where nobody asked for it.",
    EventType.HOLD_PAUSED: "It cannot be fetched now (`why`), and its time stands still.",
    EventType.HOLD_RESUMED: "It can be fetched again, and its time goes on.",
    EventType.REISSUED: "It has a new pickup code.",
    EventType.CONTACT_CHANGED: "It is for another contact.",
    EventType.MOVED: "It lies behind another door.",
    EventType.LOWER_ASKED: "Its recipient asks for a lower door.",
    EventType.RETURNED: "Its recipient put a package back: this new one, which `replaces` theirs.",
    EventType.COLLECTED: "A courier took it back.",
    EventType.CANCELLED: "It was recalled.",
    EventType.MISSING: "A person looked, and it is not there.",
    EventType.COMPLAINT: "Its recipient says that something is wrong (`what`).",
    EventType.FAULT: "Something is wrong with the door it lies behind (`fault`).",
    EventType.UNREACHABLE: "Its recipient cannot be sent a code (`why`: sms_stopped).",
    EventType.JOINED: "It lay there already, under the id `joined`, which it has from now on.",
    EventType.DISPUTED: "An operator has to say whose it is.",
    EventType.DECIDED: "An operator has said that it is yours.",
    EventType.COLLECTION_DUE: "It waits for your courier: `why` is expired, cancelled or returned.",
    EventType.FULL: "A location has no door left that is not promised.",
    EventType.ROOM_AGAIN: "It has again.",
    EventType.OUT: "Nothing can be fetched at a location: silent, revoked or retired (`why`).",
    EventType.BACK: "It can again, or its kiosk was enrolled.",
    EventType.POWER_LOST: "A location has no mains. It works on, and soon takes nothing in.",
    EventType.POWER_BACK: "It has mains again.",
    EventType.TEST: "You asked for it.",
}
"""For people who read what there is."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened to one package, or at one location."""

    type: EventType
    document: Document
    package: str = ""
    slot: str = ""
    """Where no package is named: whatever lies behind this door."""
    details: Mapping[str, Any] = field(default_factory=dict)


_OF_PACKAGE: Final = {
    EventKind.PACKAGE_STORED: EventType.DEPOSITED,
    EventKind.DEPOSIT_UNDONE: EventType.UNDONE,
    EventKind.PACKAGE_RETRIEVED: EventType.PICKED_UP,
    EventKind.PACKAGE_EXPIRED: EventType.EXPIRED,
    EventKind.HOLD_EXTENDED: EventType.EXTENDED,
    EventKind.HOLD_PAUSED: EventType.EXTENDED,
    EventKind.CODE_REISSUED: EventType.REISSUED,
    EventKind.CONTACT_CHANGED: EventType.CONTACT_CHANGED,
    EventKind.PACKAGE_MOVED: EventType.MOVED,
    EventKind.LOWER_ASKED: EventType.LOWER_ASKED,
    EventKind.PACKAGE_RETURNED: EventType.RETURNED,
    EventKind.PACKAGE_COLLECTED: EventType.COLLECTED,
    EventKind.PACKAGE_CANCELLED: EventType.CANCELLED,
    EventKind.PACKAGE_MISSING: EventType.MISSING,
    EventKind.COMPLAINT: EventType.COMPLAINT,
}
_DUE: Final = {
    EventKind.PACKAGE_EXPIRED: "expired",
    EventKind.PACKAGE_CANCELLED: "cancelled",
    EventKind.PACKAGE_RETURNED: "returned",
}
_OF_CHANGE: Final = {
    Change.ANNOUNCED: EventType.ANNOUNCED,
    Change.JOINED: EventType.JOINED,
    Change.DISPUTED: EventType.DISPUTED,
    Change.DECIDED: EventType.DECIDED,
    Change.RECALLED: EventType.CANCELLED,
    Change.FULL: EventType.FULL,
    Change.ROOM_AGAIN: EventType.ROOM_AGAIN,
    Change.REVOKED: EventType.OUT,
    Change.RETIRED: EventType.OUT,
    Change.ENROLLED: EventType.BACK,
}
_IMAGE: Final = ("status", "size", "stored_ms", "hold_until_ms", "finished_ms", "replaces")
_BODY: Final = {
    EventKind.HOLD_EXTENDED: ("days",),
    EventKind.HOLD_PAUSED: ("why",),
    EventKind.PACKAGE_RETURNED: ("replaces",),
    EventKind.COMPLAINT: ("what",),
}
_FAULTS: Final = ("JAMMED", "WRONG_DOOR")


def happened_in(documents: Sequence[Document]) -> list[Fact]:
    """The events that these documents are, in their order."""
    return [fact for each in documents for fact in _of_document(each)]


def _of_document(document: Document) -> Iterator[Fact]:
    if document.source == "server":
        yield from _of_server(document)
        return
    kind = document.kind
    if kind in _OF_PACKAGE:
        yield from _of_kiosk(document, EventKind(kind))
    elif kind == EventKind.DOOR_OUTCOME:
        outcome = str(_image(document, "intent").get("outcome", ""))
        if outcome in _FAULTS:
            yield _fault(document, str(_slot_of(document)), outcome.lower())
    elif kind == EventKind.DOOR_MOVED_UNASKED:
        yield _fault(document, str(_slot_of(document)), "opened_by_itself")
    elif kind == EventKind.SLOT_SUSPECT:
        yield _fault(document, str(_slot_of(document)), "in_doubt")


_AS_THEY_ARE: Final = {
    ServerKind.LOCATION_OUT: EventType.OUT,
    ServerKind.LOCATION_BACK: EventType.BACK,
    ServerKind.LOCATION_POWER_LOST: EventType.POWER_LOST,
    ServerKind.LOCATION_POWER_BACK: EventType.POWER_BACK,
    ServerKind.HOLD_PAUSED: EventType.HOLD_PAUSED,
    ServerKind.HOLD_RESUMED: EventType.HOLD_RESUMED,
    ServerKind.UNREACHABLE: EventType.UNREACHABLE,
}


def _of_server(document: Document) -> Iterator[Fact]:
    if document.kind in _AS_THEY_ARE:
        type_ = _AS_THEY_ARE[ServerKind(document.kind)]
        names = ("why", "since_ms", "hold_until_ms")
        said = {n: document.body[n] for n in names if document.body.get(n) is not None}
        yield Fact(type_, document, document.package or "", details=said)
        return
    if document.change not in _OF_CHANGE:
        return
    type_ = _OF_CHANGE[Change(document.change)]
    if document.kind == ServerKind.LOCATION:
        details = {"why": document.change} if type_ is EventType.OUT else {}
        yield Fact(type_, document, details=details)
        return
    body = document.body
    if type_ is EventType.JOINED and not body.get("joined"):
        return  # the one that lies there; the announced one says so
    # One that is another's other id has no state of its own any more.
    shown = ("joined",) if body.get("joined") else _IMAGE
    details = {name: body[name] for name in shown if body.get(name) is not None}
    yield Fact(type_, document, str(body["id"]), details=details)


def _of_kiosk(document: Document, kind: EventKind) -> Iterator[Fact]:
    images = [image for name, image in document.body.get("rows", ()) if name == "package"]
    said = {n: document.body[n] for n in _BODY.get(kind, ()) if document.body.get(n) is not None}
    named = {str(image["id"]): image for image in images}
    if not named and document.package:
        named = {document.package: {}}
    for package, image in named.items():
        details = {n: image[n] for n in _IMAGE if image.get(n) is not None} | said
        yield Fact(_OF_PACKAGE[kind], document, package, details=details)
        if kind in _DUE and image.get("finished_ms") is None:
            yield Fact(EventType.COLLECTION_DUE, document, package, details={"why": _DUE[kind]})


def _fault(document: Document, slot: str, what: str) -> Fact:
    package = str(_image(document, "intent").get("package") or document.package or "")
    return Fact(EventType.FAULT, document, package, slot, {"fault": what})


def _image(document: Document, name: str) -> Mapping[str, Any]:
    found = [image for kind, image in document.body.get("rows", ()) if kind == name]
    return found[0] if found else {}


def _slot_of(document: Document) -> object:
    return (
        _image(document, "slot").get("label")
        or _image(document, "intent").get("slot")
        or document.body.get("slot", "")
    )


def is_wanted(type_: str, wanted: Sequence[str]) -> bool:
    """Whether a receiver asked for such events: by their name, by `package.*`, or for all."""
    group = type_.partition(".")[0]
    return type_ in wanted or f"{group}.*" in wanted or EVERYTHING in wanted


WANTED: Final = frozenset(
    {EVERYTHING, *SAID, *(f"{each.partition('.')[0]}.*" for each in SAID)} - {"webhook.*"}
)
"""What a receiver may name."""
