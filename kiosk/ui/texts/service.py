"""What the screens for technicians say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from drivers.door import BoardReport, DoorState, Outcome
from kiosk.flows.views.choices import Problem, Refusal, Refused
from kiosk.flows.views.service import (
    Boards,
    ChooseReason,
    ChooseUntil,
    DoorPage,
    DoorRow,
    Doors,
    DoorsTested,
    EventLine,
    History,
    Machine,
    PartsTest,
    Rescue,
    StaffList,
    StaffRow,
)
from kiosk.flows.views.shared import View
from kiosk.model.events import EventKind
from kiosk.model.location import Location, Service, SlotStatus, SuspectReason
from kiosk.model.person import Role
from kiosk.model.power import Power
from kiosk.model.scanner_test import ScannerFinding
from kiosk.ui.language import ENGLISH, Speech
from kiosk.ui.texts.parts import N_, Note, Words, failed, reason_word
from kiosk.ui.theme import Tone


def _doors(view: Doors, location: Location, speech: Speech) -> Words:
    return Words(speech.say("All doors"), speech.say("Touch a door to open or check it."))


def _door_page(view: DoorPage, location: Location, speech: Speech) -> Words:
    note = None
    if view.last_outcome:
        note = Note(outcome_sentence(view.last_outcome, location, speech), Tone.CALM, "info")
    return Words(speech.say("Door {slot}", slot=view.row.slot), "", note)


def _choose_reason(view: ChooseReason, location: Location, speech: Speech) -> Words:
    return Words(speech.say("Why is door {slot} out of service?", slot=view.slot))


_DAYS: Mapping[int, str] = {
    1: N_("Today"),
    2: N_("Until tomorrow"),
    7: N_("For a week"),
    30: N_("For a month"),
    0: N_("Until further notice"),
}


def days_word(days: int, speech: Speech) -> str:
    """For how long a slot is out of service."""
    return speech.say(_DAYS[days])


def _choose_until(view: ChooseUntil, location: Location, speech: Speech) -> Words:
    return Words(speech.say("How long will door {slot} be out of service?", slot=view.slot))


def _rescue(view: Rescue, location: Location, speech: Speech) -> Words:
    title = speech.say("Door {slot}", slot=view.slot)
    if view.barcode:
        title = speech.row((title, view.barcode), " · ")
    do = speech.say("Open it, take out what's inside and close it.")
    left = speech.say("Doors left: {count}", count=view.left)
    note = None
    if view.problem is not None:
        text = outcome_sentence(view.problem.value, location, speech)
        note = Note(text, Tone.FAILED, "triangle-alert")
    return Words(title, f"{do}\n{left}", note, Tone.ACT, "package-open")


def _machine(view: Machine, location: Location, speech: Speech) -> Words:
    return Words(speech.say("System"))


def _boards(view: Boards, location: Location, speech: Speech) -> Words:
    return Words(speech.say("Lock boards"))


def _history(view: History, location: Location, speech: Speech) -> Words:
    title = speech.say("Journal")
    if view.slot:
        title = speech.say("Door {slot}: history", slot=view.slot)
    if view.is_slowing:
        return Words(title, "", Note(speech.say("opens slowly"), Tone.WAITING, "timer"))
    return Words(title, "" if view.lines else speech.say("Nothing yet."))


def _doors_tested(view: DoorsTested, location: Location, speech: Speech) -> Words:
    title = speech.say("Working doors: {count}", count=view.opened)
    left = ""
    if view.left:
        left = speech.say("Not tested: {count}", count=view.left)
    if not view.failed:
        return Words(title, left, tone=Tone.DONE, icon="circle-check")
    failed = speech.say("Did not open: {slots}", slots=speech.series(view.failed))
    return Words(title, left, Note(failed, Tone.FAILED, "triangle-alert"), Tone.CALM, "list-checks")


@dataclass(frozen=True, slots=True)
class DoorSign:
    """How a door looks on the technician's drawing: a word, an icon and a tone."""

    word: str
    icon: str
    tone: Tone | None
    """None: nothing special, drawn plain."""


SIGN_UNREACHABLE = DoorSign(N_("No answer"), "unplug", Tone.FAILED)
SIGN_DO_NOT_OPEN = DoorSign(N_("Do not open"), "hand", Tone.FAILED)
SIGN_NO_DEPOSITS = DoorSign(N_("Out of service"), "ban", Tone.FAILED)
SIGN_OPEN = DoorSign(N_("Open"), "door-open", Tone.DONE)
SIGN_SUSPECT = DoorSign(N_("To be checked"), "circle-question-mark", Tone.WAITING)
SIGN_OCCUPIED = DoorSign(N_("Package"), "package", Tone.CALM)
SIGN_RESERVED = DoorSign(N_("Reserved"), "clock", Tone.CALM)
SIGN_EMPTY = DoorSign(N_("Empty"), "", None)
SIGNS = (
    SIGN_OPEN,
    SIGN_EMPTY,
    SIGN_OCCUPIED,
    SIGN_SUSPECT,
    SIGN_NO_DEPOSITS,
    SIGN_UNREACHABLE,
)
"""The legend under the drawing."""


def sign(row: DoorRow) -> DoorSign:
    """The one thing that matters most about a door."""
    if not row.reachable:
        return SIGN_UNREACHABLE
    if row.door is DoorState.OPEN:
        return SIGN_OPEN
    if row.service is Service.DO_NOT_OPEN:
        return SIGN_DO_NOT_OPEN
    if row.service is Service.NO_DEPOSITS:
        return SIGN_NO_DEPOSITS
    return {
        SlotStatus.SUSPECT: SIGN_SUSPECT,
        SlotStatus.OCCUPIED: SIGN_OCCUPIED,
        SlotStatus.RESERVED: SIGN_RESERVED,
        SlotStatus.EMPTY: SIGN_EMPTY,
    }[row.status]


_SUSPECT: Mapping[SuspectReason, str] = {
    SuspectReason.MAY_BE_EMPTY: N_("May be empty: please check"),
    SuspectReason.MAY_HOLD_SOMETHING: N_("Something may be inside: please check"),
    SuspectReason.MAY_HOLD_ANOTHERS: N_("Someone else's package may be inside"),
    SuspectReason.WIRING: N_("Wiring: another door opened"),
}
_DOOR: Mapping[DoorState, str] = {
    DoorState.OPEN: N_("Open, size {size}"),
    DoorState.CLOSED: N_("Closed, size {size}"),
    DoorState.UNKNOWN: N_("Unknown, size {size}"),
}
_SERVICE: Mapping[Service, str] = {
    Service.IN_SERVICE: N_("In service"),
    Service.NO_DEPOSITS: N_("No deposits"),
    Service.DO_NOT_OPEN: N_("Do not open"),
}


def door_details(
    row: DoorRow, location: Location, speech: Speech = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """What a technician wants to know of a door, as name and value."""
    return (
        (speech.say("Door"), _door(row, speech)),
        (speech.say("Inside"), _inside(row, speech)),
        (speech.say("State"), _service(row, location, speech)),
        (speech.say("Board"), _board(row, speech)),
    )


def _door(row: DoorRow, speech: Speech) -> str:
    state = speech.say(_DOOR[row.door], size=row.size)
    return speech.row((state, speech.say("opens slowly")), " · ") if row.is_slowing else state


def _inside(row: DoorRow, speech: Speech) -> str:
    match row.status:
        case SlotStatus.EMPTY:
            return speech.say("Empty")
        case SlotStatus.RESERVED:
            return speech.say("Reserved for a deposit")
        case SlotStatus.OCCUPIED if row.barcode:
            return speech.say("Package {barcode}", barcode=row.barcode)
        case SlotStatus.OCCUPIED:
            return speech.say("Package")
        case SlotStatus.SUSPECT if row.suspect is not None:
            return speech.say(_SUSPECT[row.suspect])
        case _:
            return speech.say("Please check")


def _service(row: DoorRow, location: Location, speech: Speech) -> str:
    service = speech.say(_SERVICE[row.service])
    if not row.reason:
        return service
    when = ""
    if row.until_ms is not None:
        # The last day ends with this midnight.
        when = speech.say("until {day}", day=speech.day(row.until_ms - 1, location.time_zone))
    elif row.since_ms is not None:
        when = speech.day_and_time(row.since_ms, location.time_zone)
    return speech.row((service, reason_word(row.reason, speech), when, row.by), " · ")


def _board(row: DoorRow, speech: Speech) -> str:
    if row.reachable and row.awaits_look:
        return speech.say(
            "{board}, channel {channel}: open and check", board=row.board, channel=row.channel
        )
    if row.reachable:
        return speech.say("{board}, channel {channel}", board=row.board, channel=row.channel)
    return speech.say("{board}, channel {channel}: no answer", board=row.board, channel=row.channel)


_OUTCOMES: Mapping[str, str] = {
    Outcome.OPENED: N_("Opened"),
    Outcome.ALREADY_OPEN: N_("Was already open"),
    Outcome.JAMMED: N_("Did not open"),
    Outcome.WRONG_DOOR: N_("Another door opened"),
    Outcome.SENT: N_("Command sent"),
    Outcome.UNREACHABLE: N_("No answer"),
    Problem.DO_NOT_OPEN: N_("Must stay closed"),
    Problem.NOT_LATCHED: N_("Not locked"),
    Problem.CANNOT_RECORD: N_("Can't be saved"),
    "COLLECTED": N_("Package taken out"),
    "CODE_REISSUED": N_("New code sent"),
    "NOT_TO_BE_FETCHED": N_("Not ready for pickup"),
    "NOT_MOVED": N_("Package not moved"),
    "NO_SLOT": N_("No other door is free"),
    "LEFT_OPEN": N_("Door left open"),
}


def outcome_sentence(outcome: str, location: Location, speech: Speech) -> str:
    """What came of the last thing that was done with a door; other words stay as they are.

    A slot's label says that the package was moved there.
    """
    if outcome in location.slot_by_label:
        return speech.say("Now behind door {slot}", slot=outcome)
    if outcome in _OUTCOMES:
        return speech.say(_OUTCOMES[outcome])
    return outcome.replace("_", " ").capitalize()


_KINDS: Mapping[str, str] = {
    EventKind.KIOSK_STARTED: N_("Kiosk started"),
    EventKind.SLOT_CONFIGURED: N_("Door set up"),
    EventKind.SLOT_SERVICE_CHANGED: N_("Service status changed"),
    EventKind.SLOT_REACHABILITY_CHANGED: N_("Connection changed"),
    EventKind.SLOT_SUSPECT: N_("To be checked"),
    EventKind.SLOT_CLEARED: N_("Checked"),
    EventKind.PACKAGE_ANNOUNCED: N_("Package announced"),
    EventKind.SLOT_RESERVED: N_("Reserved for a deposit"),
    EventKind.RESERVATION_RELEASED: N_("No package stored"),
    EventKind.DOOR_INTENDED: N_("Opening door"),
    EventKind.DOOR_OUTCOME: N_("Door"),
    EventKind.PACKAGE_STORED: N_("Package stored"),
    EventKind.PACKAGE_RETRIEVED: N_("Package picked up"),
    EventKind.PACKAGE_EXPIRED: N_("Pickup time over"),
    EventKind.PACKAGE_MISSING: N_("Package missing"),
    EventKind.PACKAGE_COLLECTED: N_("Package taken out"),
    EventKind.PACKAGE_CANCELLED: N_("Package cancelled"),
    EventKind.PACKAGE_RETURNED: N_("Package left here"),
    EventKind.PACKAGE_MOVED: N_("Package moved"),
    EventKind.DEPOSIT_UNDONE: N_("Deposit undone"),
    EventKind.COMPLAINT: N_("Problem reported"),
    EventKind.HOLD_EXTENDED: N_("Hold extended"),
    EventKind.HOLD_PAUSED: N_("Pickup time paused"),
    EventKind.LOWER_ASKED: N_("To be moved within reach"),
    EventKind.CODE_REISSUED: N_("New code"),
    EventKind.CODE_TOLD: N_("Code shown"),
    EventKind.CODE_ASKED: N_("Code requested"),
    EventKind.RECIPIENT_ERASED: N_("Personal data deleted"),
    EventKind.VISIT_ENDED: N_("Visit ended"),
    EventKind.STAFF_LISTED: N_("Staff list"),
    EventKind.CLOCK_CHANGED: N_("Clock changed"),
    EventKind.DATABASE_RESTORED: N_("Database restored"),
    EventKind.BACKUP_CHECKED: N_("Backup"),
    EventKind.CODE_REFUSED: N_("Wrong code"),
    EventKind.STAFF_SIGNED_IN: N_("Signed in"),
    EventKind.STAFF_REFUSED: N_("Wrong PIN"),
    EventKind.GUESSING_NOTICED: N_("Codes are being guessed"),
    EventKind.DOOR_MOVED_UNASKED: N_("Door moved unexpectedly"),
    EventKind.BOARD_CHANGED: N_("Lock board"),
    EventKind.COMMAND_APPLIED: N_("Server command"),
    EventKind.CONTACT_CHANGED: N_("Contact changed"),
    EventKind.OPENING_MISSED: N_("Not opened remotely"),
    EventKind.OPENING_ENDED: N_("Remote opening"),
    EventKind.HELP_ENDED: N_("Remote help"),
    EventKind.RELEASE_REPORTED: N_("Version changed"),
    EventKind.VISIT_FAILED: N_("Can't be saved"),
}


_ACTORS: Mapping[str, str] = {
    "customer": N_("customer"),
    "kiosk": N_("kiosk"),
    "server": N_("server"),
    "console": N_("command line"),
}


def _actor(actor: str, speech: Speech) -> str:
    """Who did it: a staff member's number, or one of these."""
    return speech.say(_ACTORS[actor]) if actor in _ACTORS else actor.partition(":")[2] or actor


def event_details(
    view: History, location: Location, speech: Speech = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """When, and what happened, and who did it: one event a row."""
    return tuple(_event(line, view, location, speech) for line in view.lines)


def _event(line: EventLine, view: History, location: Location, speech: Speech) -> tuple[str, str]:
    when = speech.say("{number}, time unknown", number=line.number)
    if line.at_ms is not None:
        when = speech.day_and_time(line.at_ms, location.time_zone)
    known = _KINDS.get(line.kind)
    # A newer version wrote it: its own word is better than none.
    what = line.kind.replace("_", " ").capitalize() if known is None else speech.say(known)
    if line.outcome:
        what = outcome_sentence(line.outcome, location, speech)
    slot = line.slot if line.slot != view.slot else ""
    return when, speech.row((slot, what, _actor(line.actor, speech)), " · ")


def machine_details(
    view: Machine, location: Location, speech: Speech = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """What a technician wants to know of the computer, as name and value."""
    zone = location.time_zone
    time = speech.day_and_time(view.now_ms, zone)
    if not view.is_time_trusted:
        time = speech.row((time, speech.say("may be wrong")), " · ")
    details = [
        (speech.say("Time"), time),
        (speech.say("Server"), _server(view, zone, speech)),
        (speech.say("Computer"), _computer(view, speech)),
    ]
    power = view.power
    if power is not None:
        details.append((speech.say("Power"), _power(power, speech)))
    bank_c = view.vitals.bank_temperature_c
    if bank_c is not None:
        degrees = speech.say("{degrees} °C", degrees=speech.number(bank_c))
        details.append((speech.say("In the locker"), degrees))
    if view.has_backup:
        details.insert(2, (speech.say("Last backup"), _backup(view, zone, speech)))
    events = speech.say("Events: {count}", count=view.events)
    details += [(speech.say("Version"), view.vitals.version), (speech.say("Journal"), events)]
    return tuple((name, value) for name, value in details if value)


def _computer(view: Machine, speech: Speech) -> str:
    vitals, parts = view.vitals, []
    if vitals.disk_free_mb is not None:
        size = speech.number(vitals.disk_free_mb / 1000)
        parts.append(speech.say("{size} GB free", size=size))
    if vitals.temperature_c is not None:
        degrees = speech.number(vitals.temperature_c)
        parts.append(speech.say("{degrees} °C", degrees=degrees))
    return speech.row(parts, " · ")


def _power(power: Power, speech: Speech) -> str:
    """Mains or battery, and how long that lasts; the numbers only as the supply knows them."""
    if power.is_on_mains is None:
        return speech.say("The supply does not answer")
    parts = [speech.say("Mains") if power.is_on_mains else speech.say("Battery only")]
    if power.battery_percent is not None:
        charge = speech.number(round(power.battery_percent))
        parts.append(speech.say("{percent} %", percent=charge))
    if power.runtime_s is not None and not power.is_on_mains:
        minutes = round(power.runtime_s // 60)
        parts.append(speech.say_count(minutes, "{count} min left", "{count} min left"))
    return speech.row(parts, " · ")


def _server(view: Machine, zone: str, speech: Speech) -> str:
    server = view.vitals.server
    if server is None:
        return speech.say("None: this locker works on its own")
    state = speech.say("Connected") if server.is_reached else speech.say("Not connected")
    last = "" if server.last_ms is None else speech.day_and_time(server.last_ms, zone)
    waiting = ""
    if server.waiting:
        waiting = speech.say("waiting: {count}", count=server.waiting)
    return speech.row((state, last, waiting, urlsplit(server.url).netloc), " · ")


def _backup(view: Machine, zone: str, speech: Speech) -> str:
    if view.backup_ms is None:
        return speech.say("None yet")
    made = speech.day_and_time(view.backup_ms, zone)
    return speech.row((made, speech.say("Failed")), " · ") if view.backup_problem else made


def board_details(
    view: Boards, location: Location, speech: Speech = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """Each board, where it is and how its line does."""
    rows = []
    for each in view.boards:
        since = _away_since(each, view, location, speech)
        rows.append((each.board, _board_row(each, since, speech)))
        if each.last_request:
            rows.append((speech.say("Last frames"), _frames(each)))
    return tuple(rows)


FRAME_BYTES = 12
"""So much of a frame is shown."""


def _frames(report: BoardReport) -> str:
    """The last question and what came, in hexadecimal; frames read from left to right."""
    took = "" if report.answer_s is None else f"  {report.answer_s * 1000:.0f} ms"
    return f"{_hex(report.last_request)} > {_hex(report.last_heard) or '–'}{took}"


def _hex(frame: bytes) -> str:
    rest = "…" if len(frame) > FRAME_BYTES else ""
    return frame[:FRAME_BYTES].hex(" ").upper() + rest


def _board_row(report: BoardReport, since: str, speech: Speech) -> str:
    state = speech.say("Answers") if report.reachable else speech.say("No answer")
    timeouts = speech.say("timeouts: {count}", count=report.timeouts)
    counts = (
        speech.say(
            "answers: {received} of {sent}",
            received=report.frames_received,
            sent=report.frames_sent,
        ),
        timeouts,
        speech.say("checksum errors: {count}", count=report.checksum_errors),
        speech.say("reconnects: {count}", count=report.reconnects),
    )
    where = f"{report.family}, {report.port}, {report.address}"
    return speech.row((state, since, where, *counts), " · ")


_ROLES: Mapping[Role, str] = {
    Role.COURIER: N_("Courier"),
    Role.TECHNICIAN: N_("Technician"),
}


def staff_details(
    view: StaffList, location: Location, speech: Speech = ENGLISH
) -> tuple[tuple[str, str], ...]:
    """Each member of staff, with what they may do and until when."""
    return tuple(_member(row, location, speech) for row in view.rows)


def _member(row: StaffRow, location: Location, speech: Speech) -> tuple[str, str]:
    who = f"{row.number} {row.name}".strip()
    role, until = speech.say(_ROLES[row.role]), ""
    if not row.may_work:
        until = speech.say("not allowed now")
    elif row.until_ms is not None:
        until = speech.say("until {day}", day=speech.day(row.until_ms, location.time_zone))
    return who, speech.row((role, until), " · ")


def _staff_list(view: StaffList, location: Location, speech: Speech) -> Words:
    return Words(speech.say("Staff"))


TEST_SOUND = N_("Sound")
SOUND_SENTENCE = N_("This is a loudspeaker test.")


FINDINGS: Mapping[ScannerFinding, str] = {
    ScannerFinding.RIGHT: N_("The scanner is set up correctly."),
    ScannerFinding.LAYOUT: N_("Set the scanner to this computer's keyboard layout (country)."),
    ScannerFinding.CAPS_LOCK: N_("Turn caps lock off, on the scanner too."),
    ScannerFinding.NO_SUFFIX: N_("Set the scanner to end each code with Enter."),
    ScannerFinding.NO_SEPARATOR: N_("Set the scanner to send GS (FNC1) as Ctrl+]."),
    ScannerFinding.PREFIX: N_("Turn off what the scanner adds before a code."),
}


def _parts_test(view: PartsTest, location: Location, speech: Speech) -> Words:
    title = speech.say("Test devices")
    if not view.scans:
        return Words(title, speech.say("Scan something and slide a finger across the field."))
    if view.scans[0].findings:
        found = [speech.say(FINDINGS[each]) for each in view.scans[0].findings]
        return Words(title, "\n".join(found))
    lines = [scan.text or speech.say("Unreadable") for scan in view.scans]
    if not view.scans[0].seems_misread:
        return Words(title, "\n".join(lines))
    newest = Refused(Refusal.MISREAD, lines[0])
    return Words(title, "\n".join(lines[1:]), failed(newest, location, speech))


def silent_board(report: BoardReport, view: Doors, location: Location, speech: Speech) -> str:
    """A board that does not answer, why, and since when."""
    name, reason = report.board, report.reason
    text = f"{name}: {reason}" if reason else speech.say("{board}: no answer", board=name)
    return speech.row((text, _away_since(report, view, location, speech)), " · ")


def _away_since(
    report: BoardReport, view: Doors | Boards, location: Location, speech: Speech
) -> str:
    since_ms = view.away_since_ms.get(report.board)
    if report.reachable or since_ms is None:
        return ""
    when = speech.day_and_time(since_ms, location.time_zone)
    return speech.say("since {when}", when=when)


WORDS: Mapping[type[View], Callable[[Any, Location, Speech], Words]] = {
    Doors: _doors,
    DoorPage: _door_page,
    ChooseReason: _choose_reason,
    ChooseUntil: _choose_until,
    Rescue: _rescue,
    Machine: _machine,
    Boards: _boards,
    History: _history,
    DoorsTested: _doors_tested,
    StaffList: _staff_list,
    PartsTest: _parts_test,
}
