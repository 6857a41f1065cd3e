"""A sample location and its doors, for the gallery and for tests of the screens."""

from __future__ import annotations

from drivers.door import BoardReport, DoorState
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.courier import SizeOffer
from kiosk.flows.views.service import DoorRow, Doors
from kiosk.model.location import (
    Location,
    Locker,
    Rectangle,
    Service,
    Size,
    Slot,
    SlotStatus,
    SuspectReason,
)
from kiosk.ui.language import languages

_SIZES = (Size("S", 420, 110, 560, 2), Size("M", 420, 230, 560, 10), Size("L", 420, 480, 560, 30))
_COLUMN = "LMSSSM"
_HEIGHTS_MM = {"S": 120, "M": 250, "L": 500}


def sample_location(language: str = "en") -> Location:
    """Two lockers of two columns, 24 slots, the screen between them; every language, this first."""
    slots = []
    number = 0
    for locker, left_mm in (("A", 0), ("B", 1400)):
        for column in range(2):
            bottom_mm = 100
            for size in _COLUMN:
                number += 1
                door = Rectangle(left_mm + 450 * column, bottom_mm, 450, _HEIGHTS_MM[size])
                slots.append(Slot(str(number), locker, size, f"board-{locker}", number, door))
                bottom_mm += _HEIGHTS_MM[size]
    return Location(
        id="sample",
        name="Market square",
        address="Market square 1, 10115 Berlin",
        time_zone="Europe/Berlin",
        languages=tuple(dict.fromkeys((language, *languages()))),
        help_phone="+49 30 1234567",
        sizes=_SIZES,
        lockers=(
            Locker("A", Rectangle(0, 0, 900, 1500)),
            Locker("B", Rectangle(1400, 0, 900, 1500)),
        ),
        slots=tuple(slots),
        screen=Rectangle(1010, 850, 280, 480),
        scanner=Rectangle(1110, 720, 80, 60),
    )


def sample_offers(*free: int) -> tuple[SizeOffer, ...]:
    return tuple(
        SizeOffer(
            size.name, size.width_mm, size.height_mm, size.depth_mm, size.max_weight_kg, count
        )
        for size, count in zip(_SIZES, free, strict=True)
    )


def sample_row(slot: Slot, **changes: object) -> DoorRow:
    details: dict[str, object] = {
        "slot": slot.label,
        "size": slot.size,
        "door": DoorState.CLOSED,
        "status": SlotStatus.EMPTY,
        "service": Service.IN_SERVICE,
        "board": slot.board,
        "channel": slot.channel,
        "reachable": True,
    }
    return DoorRow(**{**details, **changes})  # type: ignore[arg-type]


NOW_MS = 1_794_000_000_000
"""Fri 6 Nov 2026, 22:20 in Berlin."""
OUT_OF_SERVICE: dict[str, object] = {
    "reason": "lock broken",
    "since_ms": NOW_MS,
    "until_ms": NOW_MS,
    "by": "R. Weber",
}


def sample_doors(*, silent: bool = False) -> Doors:
    """The bank with one door of every kind; with `silent` a board does not answer."""
    special: dict[str, dict[str, object]] = {
        "2": {"status": SlotStatus.OCCUPIED, "barcode": "JD014600006281234567"},
        "4": {"status": SlotStatus.OCCUPIED, "barcode": "1Z999AA10123456784"},
        "5": {"door": DoorState.OPEN},
        "9": {"status": SlotStatus.SUSPECT, "suspect": SuspectReason.MAY_HOLD_SOMETHING},
        "11": {"status": SlotStatus.RESERVED},
        "14": {"service": Service.NO_DEPOSITS, **OUT_OF_SERVICE},
        "17": {"status": SlotStatus.OCCUPIED},
    }
    rows = []
    for slot in sample_location().slots:
        changes = dict(special.get(slot.label, {}))
        if silent and slot.locker == "B":
            changes |= {"reachable": False, "door": DoorState.UNKNOWN}
        rows.append(sample_row(slot, **changes))
    reason = (
        "no answer on ports/lock-bus for 12 s: check its plug and its address" if silent else ""
    )
    boards = (
        BoardReport(
            *("board-A", "lockboard-8a", "ports/lock-bus", 1, True),
            last_request=bytes.fromhex("80010033B2"),
            last_heard=bytes.fromhex("80010FFF33C2"),
            answer_s=0.0042,
        ),
        BoardReport("board-B", "lockboard-8a", "ports/lock-bus", 2, not silent, reason),
    )
    choices = (Choice.DONE, Choice.TEST_DOORS, Choice.MACHINE)
    return Doors(doors=tuple(rows), boards=boards, name="R. Weber", choices=choices)
