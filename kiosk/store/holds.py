"""How long packages are held: what makes a hold stand still, lengthens it, and ends it.

A hold runs only while the customer could come: not while the kiosk is down or its clock is not
trusted, and not while the door is faulty. For the first a stamp says, minute by minute, until when
the kiosk was alive and knew the time; what is missing when the next stamp is made is given back to
every hold. For the second each slot says since when it has been faulty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kiosk.model.actor import KIOSK
from kiosk.model.clock import (
    DAY_MS,
    Instant,
    Reading,
    days_later_ms,
    end_of_day_ms,
    hold_until_ms,
    paused_hold_until_ms,
    promised_hold_until_ms,
)
from kiosk.model.event_bodies import (
    HoldExtended,
    HoldPaused,
    LowerAsked,
    PackageCancelled,
    PackageExpired,
)
from kiosk.model.location import SHUTS_PEOPLE_OUT
from kiosk.model.package import PackageStatus
from kiosk.store import meta
from kiosk.store.errors import RefusedError
from kiosk.store.writer import Row, RowChange, Writer, update

GAP_MS = 180_000
"""A stamp older than this says that the kiosk was down, or its clock not trusted."""
HOLD_DAYS_MAX = 7
"""The longest hold in all, not counting the machine's own faults."""
ANNOUNCED_DAYS = 14
"""How long an announced package is expected."""
ALIVE = "alive"
"""The key of the stamp."""
ROWS_MAX = 100
"""How many rows one event changes at most."""

_SHUT_OUT = ", ".join(repr(reason.value) for reason in SHUTS_PEOPLE_OUT)
FAULTY = (
    "(slot.is_reachable = 0 OR slot.service = 'DO_NOT_OPEN' OR (slot.service = 'NO_DEPOSITS'"
    f" AND slot.service_reason IN ({_SHUT_OUT})))"
)
IN_PLAY = (
    "EXISTS (SELECT 1 FROM intent WHERE intent.slot = package.slot"
    " AND intent.state IN ('INTENDED', 'OPENED'))"
)


# --- the stamp -----------------------------------------------------------------------------------


def last_stamp(writer: Writer) -> Reading | None:
    """When the kiosk was last alive with a trusted clock; None before its first minute."""
    text = meta.value(writer, ALIVE)
    return None if text is None else Reading(*json.loads(text))


def last_believed(writer: Writer) -> Reading | None:
    """The newest time that was trusted when it was written down, for the clock to start from."""
    row = writer.one(
        "SELECT wall_ms, monotonic_ms, boot_id FROM journal WHERE is_trusted = 1"
        " ORDER BY seq DESC LIMIT 1"
    )
    if row is None:
        return None
    journaled = Reading(row["wall_ms"], row["monotonic_ms"], row["boot_id"])
    stamp = last_stamp(writer)
    return stamp if stamp is not None and stamp.wall_ms > journaled.wall_ms else journaled


def moment(writer: Writer) -> Instant:
    """The time that holds go by: now, or while the clock is not trusted the last stamp.

    What is reckoned from the stamp is put right when the clock is trusted again: the gap is given
    back to it as to every other hold.
    """
    now, stamp = writer.now, last_stamp(writer)
    is_running = now.is_trusted and (stamp is None or now.wall_ms - stamp.wall_ms <= GAP_MS)
    if is_running or stamp is None:
        return now
    return replace(now, wall_ms=stamp.wall_ms)


def tick(writer: Writer, time_zone: str) -> int:
    """Make the minute's stamp and give back what holds missed; return how many were lengthened.

    While the clock is not trusted it does nothing, except that a machine which never knew the time
    gets a first stamp to reckon from.
    """
    now, stamp = writer.now, last_stamp(writer)
    if not now.is_trusted and stamp is not None:
        return 0
    lengthened = 0
    if stamp is not None and now.wall_ms - stamp.wall_ms > GAP_MS:
        lengthened = _give_back(writer, now.wall_ms - stamp.wall_ms, time_zone)
    if now.is_trusted:
        lengthened += _follow_faults(writer, time_zone)
    stamp_alive(writer, Reading(now.wall_ms, now.monotonic_ms, now.boot_id))
    return lengthened


def stamp_alive(writer: Writer, at: Reading) -> None:
    """Write down that the kiosk was alive then and knew the time."""
    meta.set_value(writer, ALIVE, json.dumps([at.wall_ms, at.monotonic_ms, at.boot_id]))


def _give_back(writer: Writer, gap_ms: int, time_zone: str) -> int:
    """Time passed in which no hold ran: everything that waits is moved by it."""
    held = writer.all(
        "SELECT id, hold_until_ms, paused_ms FROM package WHERE status = 'STORED' ORDER BY id"
    )
    # Two searches by index, of those that wait for a courier and of those in a courier's hands.
    expected = writer.all(
        "SELECT id, announced_ms FROM package WHERE status = 'PENDING' AND slot IS NULL"
        " UNION ALL SELECT id, announced_ms FROM package"
        " WHERE status = 'PENDING' AND slot IS NOT NULL"
    )
    faulty = writer.all("SELECT label, faulty_since_ms FROM slot WHERE faulty_since_ms IS NOT NULL")
    changes = [
        *(_lengthened(row, gap_ms, time_zone) for row in held),
        *(
            update("package", id=row["id"], announced_ms=row["announced_ms"] + gap_ms)
            for row in expected
        ),
        *(
            update("slot", label=row["label"], faulty_since_ms=row["faulty_since_ms"] + gap_ms)
            for row in faulty
        ),
    ]
    for some in _batches(changes):
        why = "the kiosk was down or its clock not trusted"
        writer.record(HoldPaused(actor=KIOSK, gap_ms=gap_ms, why=why), *some)
    return len(held)


def _lengthened(row: Row, pause_ms: int, time_zone: str) -> RowChange:
    paused_ms = row["paused_ms"]
    return update(
        "package",
        id=row["id"],
        hold_until_ms=paused_hold_until_ms(row["hold_until_ms"], paused_ms, pause_ms, time_zone),
        paused_ms=paused_ms + pause_ms,
    )


def _batches(changes: Sequence[RowChange]) -> Iterator[Sequence[RowChange]]:
    for start in range(0, len(changes), ROWS_MAX):
        yield changes[start : start + ROWS_MAX]


def _follow_faults(writer: Writer, time_zone: str) -> int:
    """Note which packages became out of reach, and give back the time to those that are not."""
    now_ms = writer.now.wall_ms
    began = writer.all(
        "SELECT slot.label FROM package JOIN slot ON slot.label = package.slot"
        f" WHERE package.status = 'STORED' AND slot.faulty_since_ms IS NULL AND {FAULTY}"
    )
    for some in _batches([update("slot", label=r["label"], faulty_since_ms=now_ms) for r in began]):
        writer.record(HoldPaused(actor=KIOSK, why="the door is faulty"), *some)
    over = writer.all(
        "SELECT slot.label, slot.faulty_since_ms, package.* FROM slot"
        " LEFT JOIN package ON package.slot = slot.label AND package.status = 'STORED'"
        f" WHERE slot.faulty_since_ms IS NOT NULL AND (NOT {FAULTY} OR package.id IS NULL)"
    )
    lengthened = 0
    for row in over:
        changes = [update("slot", label=row["label"], faulty_since_ms=None)]
        pause_ms = 0
        if row["id"] is not None:
            pause_ms = max(0, now_ms - max(row["faulty_since_ms"], row["stored_ms"]))
            changes.append(_lengthened(row, pause_ms, time_zone))
            lengthened += 1
        why = "the door is well again"
        writer.record(HoldPaused(actor=KIOSK, gap_ms=pause_ms, why=why), *changes)
    return lengthened


# --- ends ----------------------------------------------------------------------------------------


def expire_due(writer: Writer, limit: int = 50) -> int:
    """Expire packages whose hold is over; return how many.

    None while the clock is not trusted, none behind a faulty door and none whose door is in play.
    `tick` comes first: it gives back what the hold missed.
    """
    if not writer.now.is_trusted:
        return 0
    due = writer.all(
        "SELECT package.id FROM package JOIN slot ON slot.label = package.slot"
        " WHERE package.status = 'STORED' AND hold_until_ms <= ?"
        f" AND slot.faulty_since_ms IS NULL AND NOT {FAULTY} AND NOT {IN_PLAY} LIMIT ?",
        (writer.now.wall_ms, limit),
    )
    for row in due:
        writer.record(
            PackageExpired(actor=KIOSK),
            update("package", id=row["id"], status=PackageStatus.EXPIRED),
        )
    return len(due)


def lapse_announcements(writer: Writer, limit: int = 50) -> int:
    """Expect no longer what was never delivered; return how many packages."""
    if not writer.now.is_trusted:
        return 0
    before_ms = writer.now.wall_ms - ANNOUNCED_DAYS * DAY_MS
    lapsed = writer.all(
        "SELECT id FROM package WHERE status = 'PENDING' AND announced_ms <= ? AND slot IS NULL"
        " AND coalesce(stored_ms, 0) <= ? LIMIT ?",
        (before_ms, before_ms, limit),
    )
    for row in lapsed:
        writer.record(
            PackageCancelled(actor=KIOSK, why="never delivered"),
            update(
                "package",
                id=row["id"],
                status=PackageStatus.CANCELLED,
                finished_ms=writer.now.wall_ms,
            ),
        )
    return len(lapsed)


def extend_hold(writer: Writer, package_id: str, days: int, time_zone: str, actor: str) -> int:
    """Hold a package some calendar days longer; return when the hold ends now.

    One that had expired is `STORED` again. Raises `RefusedError` when the package is not held, or
    when it would be held more than seven days in all (the machine's own faults not counted).
    """
    row = writer.one("SELECT * FROM package WHERE id = ?", (package_id,))
    if row is None or row["status"] not in (PackageStatus.STORED, PackageStatus.EXPIRED):
        status = "not known" if row is None else row["status"]
        raise RefusedError(f"package {package_id} is {status}: only a held one can be held longer")
    promised_ms = promised_hold_until_ms(row["hold_until_ms"], row["paused_ms"], time_zone)
    longer_ms = days_later_ms(promised_ms, days, time_zone)
    stored = replace(writer.now, wall_ms=row["stored_ms"])
    until_ms = end_of_day_ms(longer_ms + row["paused_ms"], time_zone)
    if days < 1 or longer_ms > hold_until_ms(stored, HOLD_DAYS_MAX, time_zone):
        raise RefusedError(
            f"package {package_id} cannot be held {days} days longer:"
            f" it may be held {HOLD_DAYS_MAX} days in all"
        )
    if writer.now.is_trusted and until_ms <= writer.now.wall_ms:
        raise RefusedError(
            f"package {package_id} cannot be held {days} days longer: that is over already"
        )
    writer.record(
        HoldExtended(actor=actor, days=days),
        update("package", id=package_id, status=PackageStatus.STORED, hold_until_ms=until_ms),
    )
    return until_ms


def ask_lower(writer: Writer, package_id: str, days: int, time_zone: str, actor: str) -> int:
    """The package's owner does not reach its door: a courier is to move it, and it is held longer
    meanwhile, where it may be. Return when its hold ends now.

    Raises `RefusedError` when the package is not held: it would be gone before the courier comes.
    """
    row = writer.one("SELECT status, hold_until_ms FROM package WHERE id = ?", (package_id,))
    try:
        until_ms = extend_hold(writer, package_id, days, time_zone, actor)
    except RefusedError:
        if row is None or row["status"] != PackageStatus.STORED:
            raise
        # It is held as long as anything may be; moved it can be all the same.
        until_ms = int(row["hold_until_ms"])
    writer.record(LowerAsked(actor=actor), update("package", id=package_id, needs_low=1))
    return until_ms
