"""A view of every kind, for the gallery and for tests of the screens."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flows.events import Scanned
from kiosk.flows.views.choices import Choice, Problem, Purpose, Question, Refusal, Refused
from kiosk.flows.views.customer import (
    CodeAsked,
    EnterCode,
    EnterPhoneDigits,
    EnterTracking,
    First,
    HoldExtended,
    LowerAsked,
    MorePackages,
    Thanks,
)
from kiosk.flows.views.service import (
    Boards,
    CannotStart,
    ChooseReason,
    ChooseUntil,
    DoorPage,
    DoorsTested,
    EventLine,
    History,
    Machine,
    NoPower,
    PartsTest,
    Rescue,
    Round,
    ScanInside,
    ServerReport,
    StaffList,
    StaffRow,
    Vitals,
)
from kiosk.flows.views.shared import (
    Answer,
    Ask,
    Checking,
    DoorOpen,
    EnterPin,
    Opening,
    Trouble,
    View,
)
from kiosk.model.commands import PauseReason
from kiosk.model.events import EventKind
from kiosk.model.location import (
    SuspectReason,
)
from kiosk.model.person import Role
from kiosk.model.power import Power
from kiosk.store.remote_help import Paused
from tests.gallery.courier_samples import courier_views
from tests.gallery.locker import (
    NOW_MS,
    sample_doors,
)
from tests.gallery.set_up_samples import set_up_views
from tests.gallery.unannounced_samples import unannounced_views


def sample_views() -> list[tuple[str, View]]:
    """Every view with sensible data, each under the name of its picture."""
    return [
        *_customer_views(),
        *courier_views(),
        *unannounced_views(),
        *set_up_views(sample_doors(silent=True).boards),
        *_service_views(),
    ]


PAUSED = Paused(PauseReason.MAINTENANCE, None, is_closed=False)
CLOSED = Paused(PauseReason.OUT_OF_ORDER, NOW_MS, is_closed=True)

_NEXT = (Choice.OPEN_NEXT, Choice.DONE)


def _customer_views() -> list[tuple[str, View]]:
    first = (Choice.PICK_UP, Choice.COURIER, Choice.SERVICE, Choice.HELP)
    paused, closed = (Choice.PICK_UP, Choice.SERVICE, Choice.HELP), (Choice.SERVICE, Choice.HELP)
    back = (Choice.BACK, Choice.HELP)
    entry = (Choice.BACK, Choice.NO_CODE, Choice.HELP)
    not_known = Refused(Refusal.NOT_KNOWN)
    return [
        ("first", First(choices=first)),
        ("first-door-open", First(choices=first, open_doors=("7", "12"))),
        ("first-paused", First(choices=paused, paused=PAUSED)),
        ("first-paused-until", First(choices=paused, paused=replace(PAUSED, until_ms=NOW_MS))),
        ("first-battery-low", First(choices=paused, is_battery_low=True)),
        ("first-closed", First(choices=closed, paused=CLOSED)),
        ("first-board-lost", First(choices=first, unreachable_boards=1)),
        ("first-no-door", First(choices=closed, unreachable_boards=2, no_door_works=True)),
        (
            "first-locked-run",
            First(choices=(Choice.PICK_UP, Choice.RESUME, Choice.HELP)),
        ),
        ("code", EnterCode(choices=entry)),
        ("code-some", EnterCode(choices=entry, digits="48210")),
        ("code-refused", EnterCode(choices=entry, digits="482107733", refused=not_known)),
        ("code-wait", EnterCode(choices=entry, digits="482107733", refused=not_known, wait_s=27)),
        ("phone", EnterPhoneDigits(choices=(Choice.PRIVACY, *back))),
        (
            "phone-refused",
            EnterPhoneDigits(
                choices=(Choice.PRIVACY, *back), refused=Refused(Refusal.WRONG_PHONE_DIGITS)
            ),
        ),
        ("pin", EnterPin(choices=back)),
        (
            "pin-refused",
            EnterPin(choices=back, refused=Refused(Refusal.WRONG_PIN), for_service=True),
        ),
        ("pin-longest", EnterPin(choices=back, number_digits=12, code_digits=8)),
        (
            "pin-badge-ended",
            EnterPin(choices=back, refused=Refused(Refusal.BADGE_NOT_VALID_NOW)),
        ),
        (
            "pin-badges-unchecked",
            EnterPin(choices=back, refused=Refused(Refusal.BADGES_NOT_CHECKED)),
        ),
        ("pin-anyone", EnterPin(choices=back, for_anyone=True)),
        ("pin-after-badge", EnterPin(choices=back, for_service=True, after_badge=True)),
        ("pin-again", EnterPin(choices=back, for_service=True, again=True)),
        (
            "pin-long-wait",
            EnterPin(choices=back, refused=Refused(Refusal.WRONG_PIN), wait_s=840),
        ),
        ("checking", Checking()),
        ("opening", Opening(slot="7", purpose=Purpose.TAKE)),
        ("door-open", DoorOpen(slot="7", purpose=Purpose.TAKE, choices=(Choice.HELP,))),
        (
            "door-reads-open",
            DoorOpen(
                slot="7",
                purpose=Purpose.TAKE,
                choices=(Choice.NOTHING_INSIDE, Choice.DOOR_IS_SHUT),
            ),
        ),
        (
            "ask-left-inside",
            Ask(
                question=Question.SOMETHING_LEFT_INSIDE,
                slot="7",
                choices=(Choice.OPEN_AGAIN, Choice.DONE),
            ),
        ),
        (
            "ask-this-door",
            Ask(question=Question.IS_IT_THIS_DOOR, slot="19", choices=(Choice.YES, Choice.NO)),
        ),
        ("door-remind", DoorOpen(slot="19", purpose=Purpose.TAKE, remind=True)),
        (
            "trouble-jammed",
            Trouble(
                problem=Problem.JAMMED,
                slot="7",
                reference="K3-0192",
                choices=(Choice.TRY_AGAIN, Choice.DOOR_IS_OPEN, Choice.CANCEL),
            ),
        ),
        (
            "trouble-unreachable",
            Trouble(
                problem=Problem.UNREACHABLE,
                slot="7",
                reference="K3-0193",
                choices=(Choice.TRY_AGAIN, Choice.CANCEL),
            ),
        ),
        ("trouble-wrong", Trouble(problem=Problem.WRONG_DOOR, slot="7", wrong_slot="9")),
        ("trouble-latch", Trouble(problem=Problem.NOT_LATCHED, slot="7")),
        (
            "trouble-record",
            Trouble(problem=Problem.CANNOT_RECORD, slot="7", choices=(Choice.DONE,)),
        ),
        (
            "trouble-unsafe",
            Trouble(problem=Problem.DO_NOT_OPEN, slot="7", choices=(Choice.DONE,)),
        ),
        (
            "ask-took",
            Ask(
                question=Question.DID_YOU_TAKE_IT, slot="7", choices=(Choice.YES, Choice.OPEN_AGAIN)
            ),
        ),
        (
            "ask-time",
            Ask(question=Question.NEED_MORE_TIME, wait_s=20, choices=(Choice.YES, Choice.NO)),
        ),
        (
            "ask-there",
            Ask(
                question=Question.WAS_IT_THERE,
                slot="7",
                choices=(Choice.YES, Choice.NOTHING_INSIDE, Choice.STILL_THERE),
            ),
        ),
        (
            "ask-was-empty",
            Ask(question=Question.WAS_IT_EMPTY, slot="7", choices=(Choice.NO, Choice.YES)),
        ),
        (
            "ask-shut",
            Ask(question=Question.IS_IT_SHUT, slot="7", choices=(Choice.YES, Choice.NO)),
        ),
        (
            "thanks",
            Thanks(slot="7", choices=(Choice.DONE, Choice.OPEN_AGAIN, Choice.SOMETHING_WRONG)),
        ),
        ("thanks-final", Thanks(slot="7", choices=(Choice.DONE,))),
        (
            "ask-wrong",
            Ask(
                question=Question.WHAT_IS_WRONG,
                slot="7",
                choices=(
                    Choice.NOTHING_INSIDE,
                    Choice.DAMAGED,
                    Choice.WRONG_PACKAGE,
                    Choice.LEAVE_IT_HERE,
                    Choice.BACK,
                ),
            ),
        ),
        ("more-packages", MorePackages(slots=("9", "14"), choices=_NEXT)),
        (
            "ask-high",
            Ask(
                question=Question.DOOR_IS_HIGH,
                slot="12",
                choices=(Choice.OPEN_DOOR, Choice.MOVE_LOWER, Choice.BACK),
            ),
        ),
        (
            "ask-near-floor",
            Ask(
                question=Question.DOOR_IS_NEAR_FLOOR,
                slot="8",
                choices=(Choice.OPEN_DOOR, Choice.BACK),
            ),
        ),
        ("lower-asked", LowerAsked(slot="12", until_ms=NOW_MS, choices=(Choice.DONE,))),
        ("hold-extended", HoldExtended(until_ms=NOW_MS, choices=(Choice.DONE,))),
        (
            "answer-picked-up",
            Answer(
                refused=Refused(Refusal.ALREADY_PICKED_UP, at_ms=NOW_MS), choices=(Choice.DONE,)
            ),
        ),
        ("tracking", EnterTracking(choices=(Choice.BACK,))),
        ("code-asked", CodeAsked(reference="4187", choices=(Choice.DONE,))),
        (
            "code-asked-offline",
            CodeAsked(reference="4187", is_reached=False, choices=(Choice.DONE,)),
        ),
        ("answer-help", Answer(help=True, reference="195", choices=(Choice.BACK,))),
        ("no-power", NoPower()),
        (
            "cannot-start",
            CannotStart(
                message="The database /var/lib/parcel-kiosk/kiosk.db was written by a newer "
                "version (schema 7, this program knows 3). Install version 0.4 or newer; the file "
                "was not touched."
            ),
        ),
    ]


_WITH_PACKAGE = (
    Choice.OPEN_DOOR,
    Choice.OUT_OF_SERVICE,
    Choice.DO_NOT_OPEN,
    Choice.MOVE_PACKAGE,
    Choice.TAKE_OUT,
    Choice.REISSUE_CODE,
    Choice.HISTORY,
    Choice.BACK,
)


def sample_machine() -> Machine:
    """The computer's page, with everything it can tell."""
    server = ServerReport(is_reached=False, last_ms=NOW_MS - 3_600_000, waiting=417)
    return Machine(
        now_ms=NOW_MS,
        is_time_trusted=False,
        vitals=Vitals("0.9.0", 11_400, 51.5, bank_temperature_c=38.0, server=server),
        events=128_431,
        power=Power(False, False, battery_percent=62.0, runtime_s=2_460),
        has_backup=True,
        backup_ms=NOW_MS - 8 * 3_600_000,
        choices=(
            *(Choice.BOARDS, Choice.JOURNAL, Choice.STAFF, Choice.TEST_PARTS, Choice.OPEN_ALL),
            *(Choice.TIME_IS_RIGHT, Choice.RESTART, Choice.BACK),
        ),
    )


def sample_staff() -> StaffList:
    """A page of the staff list."""
    rows = (
        StaffRow("11", "Kim Courier", Role.COURIER, True, None),
        StaffRow("12", "M. Novak", Role.COURIER, True, NOW_MS + 90 * 86_400_000),
        StaffRow("17", "Sam Parcel", Role.COURIER, False, NOW_MS - 86_400_000),
        StaffRow("99", "R. Weber", Role.TECHNICIAN, True, None),
    )
    return StaffList(rows=rows, choices=(Choice.MORE, Choice.BACK))


def sample_history(slot: str = "") -> History:
    """A page of the journal; of a slot, with its lock's times."""
    happened = (
        (EventKind.SLOT_SERVICE_CHANGED, "kiosk", ""),
        (EventKind.DOOR_OUTCOME, "", "JAMMED"),
        (EventKind.DOOR_INTENDED, "customer", ""),
        (EventKind.PACKAGE_STORED, "staff:11", ""),
        (EventKind.DOOR_OUTCOME, "", "OPENED"),
    )
    lines = tuple(
        EventLine(4190 - number, kind, slot or "7", actor, outcome, NOW_MS - number * 61_000)
        for number, (kind, actor, outcome) in enumerate(happened)
    )
    times = ((100, 0), (150, 31), (200, 118), (300, 64), (400, 22), (600, 5), (800, 1), (1200, 0))
    return History(
        slot=slot,
        lines=lines,
        openings=times if slot else (),
        is_slowing=bool(slot),
        choices=(Choice.OLDER, Choice.NEWER, Choice.BACK),
    )


def _service_views() -> list[tuple[str, View]]:
    doors = sample_doors()
    rows = {row.slot: row for row in doors.doors}
    page = (
        *(Choice.OPEN_DOOR, Choice.OUT_OF_SERVICE, Choice.DO_NOT_OPEN),
        *(Choice.TEST_LOCK, Choice.HISTORY, Choice.BACK),
    )
    return [
        ("doors", doors),
        ("doors-silent", sample_doors(silent=True)),
        ("doors-in-doubt", replace(doors, choices=(*doors.choices, Choice.ROUND))),
        ("door-page", DoorPage(row=rows["2"], choices=page)),
        ("door-page-full", DoorPage(row=rows["4"], last_outcome="OPENED", choices=_WITH_PACKAGE)),
        (
            "door-page-out",
            DoorPage(
                row=rows["14"],
                last_outcome="OPENED",
                choices=(
                    Choice.OPEN_DOOR,
                    Choice.BACK_IN_SERVICE,
                    Choice.UNTIL_WHEN,
                    Choice.LOOK_INSIDE,
                    Choice.IT_IS_EMPTY,
                    Choice.BACK,
                ),
            ),
        ),
        ("machine", sample_machine()),
        (
            "machine-paused",
            replace(
                sample_machine(),
                choices=(
                    *(Choice.BOARDS, Choice.JOURNAL, Choice.STAFF, Choice.OPEN_ALL),
                    *(Choice.TIME_IS_RIGHT, Choice.RESTART, Choice.END_PAUSE, Choice.BACK),
                ),
            ),
        ),
        ("staff", sample_staff()),
        ("parts", PartsTest(choices=(Choice.BACK,))),
        (
            "parts-scanned",
            PartsTest(
                scans=(
                    Scanned("RR473129084DE", seems_misread=True),
                    Scanned("JD014600006281234567"),
                    Scanned(""),
                ),
                choices=(Choice.BACK,),
            ),
        ),
        ("ask-all", Ask(question=Question.OPEN_ALL, choices=(Choice.NO, Choice.YES))),
        ("ask-restart", Ask(question=Question.RESTART, choices=(Choice.YES, Choice.NO))),
        (
            "rescue",
            Rescue(
                slot="7",
                barcode="JD014600006281234567",
                left=12,
                problem=Problem.JAMMED,
                choices=(Choice.OPEN_NEXT, Choice.SKIP, Choice.DONE),
            ),
        ),
        ("boards", Boards(boards=doors.boards, choices=(Choice.BACK,))),
        ("history-door", sample_history("4")),
        ("history", sample_history()),
        (
            "doors-tested",
            DoorsTested(
                opened=11,
                failed=("4", "17"),
                left=2,
                choices=(Choice.DONE, Choice.TEST_TAKEN),
            ),
        ),
        (
            "round",
            Round(
                slot="9",
                suspect=SuspectReason.MAY_HOLD_SOMETHING,
                left=3,
                choices=(Choice.LOOK_INSIDE, Choice.SKIP, Choice.DONE),
            ),
        ),
        (
            "scan-inside",
            ScanInside(
                slot="9",
                refused=Refused(Refusal.LIES_ELSEWHERE, "12"),
                choices=(Choice.SET_ASIDE, Choice.BACK),
            ),
        ),
        ("until", ChooseUntil(slot="14", days=(1, 2, 7, 30, 0), choices=(Choice.BACK,))),
        (
            "reason",
            ChooseReason(
                slot="14",
                reasons=(
                    "door jams",
                    "lock broken",
                    "sensor broken",
                    "damaged inside",
                    "dirty",
                    "other",
                ),
                choices=(Choice.BACK,),
            ),
        ),
    ]
