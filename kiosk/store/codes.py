"""Checking pickup codes: found at once, slowed when wrong, counted before answered."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from kiosk.model.actor import CONSOLE, CUSTOMER, SERVER
from kiosk.model.barcode import kept_key
from kiosk.model.clock import DAY_MS
from kiosk.model.event_bodies import (
    CodeAsked,
    CodeRefused,
    CodeReissued,
    CodeTold,
    How,
)
from kiosk.model.location import Service, SuspectReason
from kiosk.model.package import Package, PackageStatus
from kiosk.model.pickup_code import is_delegates, locator_digits, parse_code, secret_matches
from kiosk.model.throttle import (
    KIOSK_WRONG_A_DAY,
    NO_PHONE_INTERVAL_MS,
    PACKAGE_WRONG_A_DAY,
)
from kiosk.store import delegates, packages, tries
from kiosk.store.errors import RefusedError
from kiosk.store.slots import inside, service_of
from kiosk.store.writer import Row, Writer, update

STORY_DAYS = 30
"""How long a code of a finished package is answered by its story."""
CANDIDATES = 16
"""Of how many random locators the longest unused is taken."""


def draw_locator(writer: Writer, slot_count: int, rng: Random) -> str:
    """A locator that no live package has, drawn at random from those not used lately.

    Of some random free ones it takes the longest unused, so that yesterday's code is not
    mistaken for today's.
    """
    digits = locator_digits(slot_count)
    count = 10**digits
    candidates = [str(number).zfill(digits) for number in rng.sample(range(count), CANDIDATES)]
    last_used_ms = _free_locators(writer, candidates)
    if last_used_ms:
        return min(last_used_ms, key=last_used_ms.__getitem__)
    start = rng.randrange(count)
    everything = (f"{(start + step) % count:0{digits}d}" for step in range(count))
    return next(locator for locator in everything if _free_locators(writer, [locator]))


def _free_locators(writer: Writer, candidates: Sequence[str]) -> dict[str, int]:
    """Those that no live package has, in the order given, with when each was used last or 0.

    One statement for all: one for each would be half of what storing a package costs.
    """
    rows = writer.all(
        f"WITH candidate (locator) AS (VALUES {', '.join('(?)' for _ in candidates)})"
        " SELECT locator, (SELECT max(stored_ms) FROM package"
        " WHERE package.locator = candidate.locator) AS last FROM candidate"
        " WHERE NOT EXISTS (SELECT 1 FROM package"
        " WHERE package.locator = candidate.locator AND slot IS NOT NULL)",
        candidates,
    )
    last_ms = {row["locator"]: row["last"] or 0 for row in rows}
    return {locator: last_ms[locator] for locator in candidates if locator in last_ms}


@dataclass(frozen=True, slots=True)
class CodePolicy:
    """What a site asks of a typed code."""

    location_key: bytes
    slot_count: int
    ask_phone_digits: bool = False
    late_pickup: bool = True
    reopen_ms: int = 120_000
    one_code_for_all: bool = True
    """Whether a code opens the same person's other packages, too."""
    look_ahead: int = 0
    """How many re-issues that the kiosk has not heard of are accepted: 2 while the last sync is
    long ago, else 0."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The code is right: this package, in this slot."""

    package: str
    slot: str
    is_doubtful: bool = False
    """The slot is SUSPECT in a way that lets its owner open it: ask "Was it there?"."""
    others: tuple[Granted, ...] = ()
    """The same person's other packages here, which the same proof opens."""
    delegate: str | None = None
    """Whose code it is, where it is not the owner's: it opens this package alone, and once."""


@dataclass(frozen=True, slots=True)
class MayReopen:
    """The package was just taken and the reopen window is on."""

    package: str
    slot: str


@dataclass(frozen=True, slots=True)
class NeedsPhone:
    """The last digits of the phone are asked as well; it says nothing about the code."""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A wrong code; counted. With phone digits it may as well be those that are wrong."""

    phone_digits_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many wrong tries: nothing was checked."""

    wait_ms: int


@dataclass(frozen=True, slots=True)
class Story:
    """The code of a package that cannot be had (any more), for who has the right code."""

    status: PackageStatus
    at_ms: int


@dataclass(frozen=True, slots=True)
class CannotOpen:
    """The code is right, but this door does not open for a customer: staff is needed."""

    package: str
    slot: str


CodeAnswer = Granted | MayReopen | NeedsPhone | NotKnown | Wait | Story | CannotOpen


def check_code(
    writer: Writer,
    policy: CodePolicy,
    digits: str,
    *,
    scanned: bool = False,
    phone_digits: str | None = None,
) -> CodeAnswer:
    """What a typed or scanned code opens, if anything. A wrong one is counted before the answer.

    Typing and scanning have a bucket of tries each, so that a guesser at the keypad does not slow
    down the people who scan, and one with a thousand printed codes is slowed all the same.
    """
    at_ms, now_ms = tries.now_ms(writer), writer.now.wall_ms
    name: How = "scanned" if scanned else "typed"
    typed = parse_code(digits, locator_digits(policy.slot_count))
    rows = _rows_of(writer, typed.locator, now_ms) if typed else []
    matching = [row for row in rows if typed and _counter_of(row, typed.secret, policy)]
    by_delegate = [
        row for row in rows if typed and _is_delegates(writer, row, typed.secret, policy)
    ]
    matching = matching or by_delegate
    is_owners = matching is not by_delegate
    finished = next((row for row in matching if _is_over(row, policy, now_ms)), None)
    wait_ms = tries.bucket(writer, name).wait_ms(at_ms)
    if finished is not None and _may_be_answered(writer, name, wait_ms, at_ms):
        # Recognised first and counted for nobody: its owner only forgot that it was fetched.
        return _tell(finished, policy, now_ms, may_reopen=is_owners)
    if wait_ms > 0:
        if finished is None and _may_be_answered(writer, name, wait_ms, at_ms):
            tries.spend(writer, _answered_meanwhile(name), at_ms)
        return Wait(wait_ms)
    live = next((row for row in rows if row["slot"] is not None), None)
    row = matching[0] if matching else None
    is_attacked = _is_attacked(writer, name, live, at_ms)
    is_asked = is_attacked or (policy.ask_phone_digits and not scanned and _has_phone(row))
    if is_asked and phone_digits is None:
        return NeedsPhone()
    if row is None or (is_asked and not _is_known_by(writer, row, phone_digits, name, at_ms)):
        return _wrong(writer, name, live, at_ms, by_phone=is_asked)
    _retire_earlier(writer, row, _counter_of(row, typed.secret if typed else "", policy))
    if not is_owners:
        return _grant_delegate(row)
    return _grant(writer, row, policy)


def _answered_meanwhile(name: How) -> str:
    """The bucket of what is answered by its story while the other waits."""
    return f"{name} while waiting"


def _may_be_answered(writer: Writer, name: How, wait_ms: int, at_ms: int) -> bool:
    """Whether a code of a package that has left is answered now.

    While the throttle waits it still is, for who only forgot that it was fetched. But then every
    code that is none of those costs a try of its own, whatever else it is: a guesser would else
    try codes out there for nothing, and learn from what it costs which of them open a door.
    """
    return wait_ms == 0 or tries.bucket(writer, _answered_meanwhile(name)).wait_ms(at_ms) == 0


def _rows_of(writer: Writer, locator: str, now_ms: int) -> list[Row]:
    """The packages with this locator: the live one, and the finished ones not long ago."""
    rows = writer.all(
        "SELECT package.*, slot.status AS slot_status, slot.suspect, slot.service,"
        " recipient.phone FROM package"
        " LEFT JOIN slot ON slot.label = package.slot"
        " LEFT JOIN recipient ON recipient.id = package.recipient"
        " WHERE locator = ? AND (package.slot IS NOT NULL OR finished_ms > ?)"
        " ORDER BY package.slot IS NULL, stored_ms DESC LIMIT 8",
        (locator, now_ms - STORY_DAYS * DAY_MS),
    )
    return [{**row, "phone": writer.sealer.open(row["phone"] or "")} for row in rows]


def _counter_of(row: Row, secret: str, policy: CodePolicy) -> int | None:
    """The issue of the code that this is, or None when it is none of them."""
    look_ahead = policy.look_ahead if row["slot"] is not None else 0
    return secret_matches(policy.location_key, row["id"], row["code_counter"], secret, look_ahead)


def _retire_earlier(writer: Writer, row: Row, counter: int | None) -> None:
    """A code that the server re-issued meanwhile is accepted: the ones before it no longer are."""
    if counter is not None and counter > row["code_counter"]:
        ended = delegates.ended_with_code(row)
        change = update("package", id=row["id"], code_counter=counter, **ended)
        writer.record(CodeReissued(actor=SERVER), change)


def _is_over(row: Row, policy: CodePolicy, now_ms: int) -> bool:
    if row["slot"] is None:
        return True
    if row["status"] == PackageStatus.EXPIRED:
        return not policy.late_pickup
    return packages.status_of(row["status"]) is PackageStatus.CANCELLED


def _is_delegates(writer: Writer, row: Row, secret: str, policy: CodePolicy) -> bool:
    """Whether this is the code of a package's delegate, who may fetch it or has fetched it."""
    if row["delegate"] is None or not is_delegates(
        policy.location_key, row["id"], row["delegate"], secret
    ):
        return False
    return row["slot"] is None or delegates.may_fetch(writer, row)


def _grant_delegate(row: Row) -> CodeAnswer:
    if _stays_shut(row):
        return CannotOpen(row["id"], row["slot"])
    is_doubtful = row["slot_status"] == "SUSPECT"
    return Granted(row["id"], row["slot"], is_doubtful, delegate=row["delegate"])


def _tell(row: Row, policy: CodePolicy, now_ms: int, *, may_reopen: bool) -> CodeAnswer:
    status = packages.status_of(row["status"])
    at_ms = row["finished_ms"] if row["finished_ms"] is not None else now_ms
    if status is PackageStatus.EXPIRED:
        at_ms = row["hold_until_ms"]
    is_fresh = 0 <= now_ms - at_ms <= policy.reopen_ms
    if (
        may_reopen
        and status is PackageStatus.RETRIEVED
        and is_fresh
        and row["last_slot"] is not None
    ):
        return MayReopen(row["id"], row["last_slot"])
    return Story(status, at_ms)


def _grant(writer: Writer, row: Row, policy: CodePolicy) -> CodeAnswer:
    if _stays_shut(row):
        return CannotOpen(row["id"], row["slot"])
    others = _others(writer, row, policy) if policy.one_code_for_all else ()
    return Granted(row["id"], row["slot"], row["slot_status"] == "SUSPECT", others)


def _stays_shut(row: Row) -> bool:
    """Whether this slot opens for no customer, whatever the code."""
    _, suspect = inside(row["slot_status"], row["suspect"])
    is_shut = service_of(row["service"]) is Service.DO_NOT_OPEN
    return is_shut or suspect in (SuspectReason.MAY_HOLD_ANOTHERS, SuspectReason.WIRING)


def _others(writer: Writer, row: Row, policy: CodePolicy) -> tuple[Granted, ...]:
    """The same person's other packages that may be had now; not those that are to be alone, nor
    those that another sender says are theirs."""
    if row["owner"] is None or row["is_alone"]:
        return ()
    statuses = ("STORED", "EXPIRED") if policy.late_pickup else ("STORED", "STORED")
    rows = writer.all(
        "SELECT package.id, package.slot, slot.status AS slot_status, slot.suspect, slot.service"
        " FROM package JOIN slot ON slot.label = package.slot WHERE owner = ? AND is_alone = 0"
        f" AND package.id <> ? AND package.status IN (?, ?) AND NOT {packages.CONTESTED}"
        " ORDER BY slot.position",
        (row["owner"], row["id"], *statuses),
    )
    return tuple(
        Granted(other["id"], other["slot"], other["slot_status"] == "SUSPECT")
        for other in rows
        if not _stays_shut(other)
    )


def _is_attacked(writer: Writer, how: str, live: Row | None, at_ms: int) -> bool:
    """Whether so many codes were wrong today that the phone's digits are asked as well.

    Of a right code as of a wrong one: to ask only for a right one would tell that it is right, and
    four digits are soon tried out. Typing and scanning are judged each by itself.
    """
    if tries.wrong_codes(writer, how, at_ms) > KIOSK_WRONG_A_DAY:
        return True
    if how == "scanned" or live is None:
        return False
    against = writer.one(
        "SELECT count(*) AS n FROM wrong_try WHERE package = ? AND at_ms > ?",
        (live["id"], at_ms - DAY_MS),
    )
    return bool(against and against["n"] >= PACKAGE_WRONG_A_DAY)


def _phone_of(row: Row | None) -> str:
    """The last digits of the phone on file; "" when there are too few."""
    digits = "".join(filter(str.isdigit, (row["phone"] if row is not None else None) or ""))
    return digits[-4:] if len(digits) >= 4 else ""


def _has_phone(row: Row | None) -> bool:
    return _phone_of(row) != ""


def _is_known_by(writer: Writer, row: Row, phone_digits: str | None, how: str, at_ms: int) -> bool:
    """Whether the digits are those on file. With none on file there is one try in ten minutes."""
    if _has_phone(row):
        return hmac.compare_digest((phone_digits or "").encode(), _phone_of(row).encode())
    last = writer.one("SELECT max(at_ms) AS ms FROM wrong_try WHERE how = ?", (how,))
    last_ms = last["ms"] if last is not None else None
    return last_ms is None or at_ms - last_ms >= NO_PHONE_INTERVAL_MS


def _wrong(writer: Writer, how: How, live: Row | None, at_ms: int, by_phone: bool) -> NotKnown:
    package_id = None if live is None else live["id"]
    writer.record(CodeRefused(actor=CUSTOMER, how=how, package=package_id))
    tries.count_wrong_code(writer, how, package_id, at_ms)
    return NotKnown(phone_digits_wrong=by_phone)


def ask_again(writer: Writer, policy: CodePolicy, barcode: str, phone_digits: str) -> int | Wait:
    """Somebody has no code: it is to be sent again to the contact on file, where the package lies
    here and the digits are its recipient's. The number of the event, whether they are or not.

    Every question is counted, so that nobody floods a mailbox or tries digits out.
    """
    at_ms, now_ms = tries.now_ms(writer), writer.now.wall_ms
    wait_ms = tries.bucket(writer, "asked").wait_ms(at_ms)
    if wait_ms > 0:
        return Wait(wait_ms)
    tries.spend(writer, "asked", at_ms)
    row = writer.one(
        "SELECT package.*, recipient.phone FROM package"
        " JOIN recipient ON recipient.id = package.recipient"
        " WHERE barcode_key = ? AND slot IS NOT NULL AND package.status IN ('STORED', 'EXPIRED')",
        (kept_key(barcode),),
    )
    if row is not None:
        row = {**row, "phone": writer.sealer.open(row["phone"] or "")}
    is_known = (
        row is not None
        and _has_phone(row)
        and not _is_over(row, policy, now_ms)
        and hmac.compare_digest(phone_digits.encode(), _phone_of(row).encode())
    )
    return writer.record(
        CodeAsked(actor=CUSTOMER, package=row["id"] if row is not None and is_known else None)
    )


def reissue(writer: Writer, package_id: str, actor: str) -> int:
    """Make a new code for a package that lies here; the earlier ones open nothing any more.

    Returns the new counter.
    """
    row = writer.one(
        "SELECT code_counter, status, delegate FROM package WHERE id = ? AND slot IS NOT NULL",
        (package_id,),
    )
    if row is None or row["status"] not in (PackageStatus.STORED, PackageStatus.EXPIRED):
        raise RefusedError(f"package {package_id} does not lie here to be fetched")
    counter = int(row["code_counter"]) + 1
    ended = delegates.ended_with_code(row)
    change = update("package", id=package_id, code_counter=counter, **ended)
    writer.record(CodeReissued(actor=actor), change)
    return counter


def show_to_console(writer: Writer, wanted: str) -> tuple[Package, str]:
    """A package that has a code, by id or barcode, and its locator; that it was shown is
    journaled."""
    live = packages.live_by_barcode(writer, wanted)
    row = writer.one("SELECT * FROM package WHERE id = ?", (wanted if live is None else live.id,))
    if row is None:
        raise RefusedError(f"no package here has the id or barcode {wanted!r}")
    if row["status"] not in (PackageStatus.STORED, PackageStatus.EXPIRED):
        raise RefusedError(f"package {wanted} is {row['status']}: it has no code")
    writer.record(CodeTold(actor=CONSOLE, package=row["id"]))
    return packages.package_of(row), row["locator"]
