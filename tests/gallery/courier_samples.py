"""A view of every kind that a courier sees, for the gallery and for tests of the screens."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flows.views.choices import Choice, Problem, Purpose, Question, Refusal, Refused
from kiosk.flows.views.courier import (
    ChooseSize,
    Collection,
    DueRow,
    Receipt,
    ReceiptLine,
    ScanPackage,
    SilentDoors,
    StoredNote,
)
from kiosk.flows.views.shared import Ask, DoorOpen, Trouble, View
from kiosk.model.events import EventKind
from kiosk.model.package import PackageStatus
from tests.gallery.locker import NOW_MS, sample_offers

_PUTTING_IN = (
    Choice.LARGER_SLOT,
    Choice.SOMETHING_INSIDE,
    Choice.DOOR_FAULT,
    Choice.CANCEL,
)


_LONG_RECEIPT = Receipt(
    name="M. Courier",
    number="41772",
    lines=tuple(
        ReceiptLine(
            EventKind.PACKAGE_STORED if n % 9 else EventKind.PACKAGE_COLLECTED,
            f"JD0146000062812345{n:02}",
            str(n + 1),
            NOW_MS + n * 60_000,
        )
        for n in range(60)
    ),
    link="https://lockers.example.org/receipt/market-square/"
    "5f8a1c0d9b7e4a62a1c3d5e7f9b1d3a5/41772/Zk1v0b2xQ9rT7yUe3wPq5A",
    choices=(Choice.DONE,),
)


def courier_views() -> list[tuple[str, View]]:
    """Every screen of a courier's run, each under the name of its picture."""
    choices = (Choice.DONE, Choice.TYPE_BARCODE, Choice.LET_SOMEONE_IN)
    stored = StoredNote("7", "JD014600006281234567", "482107733")
    name = "M. Courier"
    return [
        (
            "scan",
            ScanPackage(name=name, sizes=sample_offers(8, 5, 2), expected=60, choices=choices),
        ),
        (
            "scan-stored",
            ScanPackage(
                name=name,
                sizes=sample_offers(7, 5, 0),
                stored=stored,
                stored_count=12,
                expected=48,
                choices=choices,
            ),
        ),
        (
            "scan-doors-lost",
            ScanPackage(
                name=name,
                sizes=sample_offers(3, 2, 0),
                stored=replace(stored, code=""),
                stored_count=3,
                silent=SilentDoors(8, NOW_MS, 2),
                choices=choices,
            ),
        ),
        (
            "scan-refused",
            ScanPackage(
                name=name,
                sizes=sample_offers(7, 5, 0),
                stored=stored,
                stored_count=1,
                refused=Refused(Refusal.ALREADY_HERE, "12"),
                choices=choices,
            ),
        ),
        (
            "scan-misread",
            ScanPackage(
                name=name,
                sizes=sample_offers(7, 5, 0),
                refused=Refused(Refusal.MISREAD, "JD014600006281234567"),
                choices=choices,
            ),
        ),
        (
            "scan-type",
            ScanPackage(
                name=name, sizes=sample_offers(7, 5, 0), typing=True, choices=(Choice.BACK,)
            ),
        ),
        (
            "size",
            ChooseSize(
                barcode="JD014600006281234567",
                sizes=sample_offers(7, 5, 0),
                choices=(Choice.CANCEL,),
            ),
        ),
        (
            "put-in",
            DoorOpen(
                slot="20",
                purpose=Purpose.PUT_IN,
                barcode="JD014600006281234567",
                free=(("S", 7), ("M", 5), ("L", 0)),
                choices=_PUTTING_IN,
            ),
        ),
        (
            "put-in-by-word",
            DoorOpen(
                slot="20",
                purpose=Purpose.PUT_IN,
                barcode="JD014600006281234567",
                free=(("S", 112), ("M", 35), ("L", 4), ("XL", 0)),
                choices=(Choice.DONE, *_PUTTING_IN),
            ),
        ),
        (
            "put-in-next",
            DoorOpen(
                slot="2",
                purpose=Purpose.PUT_IN,
                barcode="JD014600006281234567",
                next_barcode="1Z999AA10123456784",
                free=(("S", 7), ("M", 5), ("L", 0)),
                choices=_PUTTING_IN,
            ),
        ),
        (
            "take-back",
            DoorOpen(
                slot="10",
                purpose=Purpose.TAKE,
                free=(("S", 7), ("M", 5), ("L", 0)),
                choices=(Choice.NOTHING_INSIDE,),
            ),
        ),
        (
            "trouble-deposit",
            Trouble(
                problem=Problem.JAMMED,
                slot="20",
                purpose=Purpose.PUT_IN,
                choices=(Choice.ANOTHER_SLOT, Choice.DOOR_IS_OPEN, Choice.CANCEL),
            ),
        ),
        (
            "collection",
            Collection(
                due=tuple(
                    DueRow(slot, f"JD0146000062812345{slot}", PackageStatus.EXPIRED)
                    for slot in ("10", "11", "12")
                ),
                choices=(Choice.OPEN_NEXT, Choice.SKIP, Choice.DONE),
            ),
        ),
        (
            "receipt",
            Receipt(
                name=name,
                number="K3-00417",
                lines=tuple(
                    ReceiptLine(EventKind.PACKAGE_STORED, f"JD0146000062812345{n}", str(n), NOW_MS)
                    for n in range(10, 20)
                ),
                choices=(Choice.DONE,),
            ),
        ),
        ("receipt-by-link", replace(_LONG_RECEIPT, is_reached=True)),
        ("receipt-no-line", _LONG_RECEIPT),
        (
            "scan-all-choices",
            ScanPackage(
                name=name,
                sizes=sample_offers(7, 5, 0),
                stored=stored,
                stored_count=59,
                expected=1,
                silent=SilentDoors(8, None),
                refused=Refused(Refusal.ALREADY_HERE, "12"),
                due=3,
                out_of_reach=1,
                choices=(
                    *choices,
                    *(Choice.UNDO_LAST, Choice.COLLECT, Choice.MOVE_LOWER, Choice.REISSUE_CODE),
                ),
            ),
        ),
        (
            "ask-empty",
            Ask(
                question=Question.IS_IT_EMPTY,
                slot="7",
                choices=(Choice.IT_IS_EMPTY, Choice.SOMETHING_INSIDE),
            ),
        ),
    ]
