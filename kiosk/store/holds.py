"""How long packages are held: what makes a hold stand still, lengthens it, and ends it.

A hold runs only while the customer could come, and hears what they must know: not while the kiosk
is down or its clock is not trusted, not while its server does not hear of it, and not while the
door is faulty. For the first two a stamp says, minute by minute, until when holds ran;
what is missing when the next stamp is made is given back to every hold. For the third each slot
says since when it has been faulty.

The server tells people that their time stands still once a kiosk is silent (`silent_after_s`); it
tells the kiosk after how long that is, and the kiosk gives back every silence of half as long, so
that what was promised is always kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
"""The key of the stamp of who was alive and knew the time."""
RAN = "holds_ran"
"""The key of the other stamp: until when holds ran, and after how long they stand still."""
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


@dataclass(frozen=True, slots=True)
class Contact:
    """How a kiosk that has a server and this server go together."""

    ago_ms: int | None = None
    """How long ago the server answered; None: not since this start."""
    silent_after_ms: int | None = None
    """After how long it tells people that their time stands still; None where it did not answer, or
    is of a version that tells nobody."""
    due_after_ms: int = 0
    """How long after its answer it is asked again."""


# --- the stamp -----------------------------------------------------------------------------------


def last_stamp(writer: Writer) -> Reading | None:
    """When the kiosk was last alive with a trusted clock; None before its first minute."""
    text = meta.value(writer, ALIVE)
    return None if text is None else meta.read_as(Reading, text)


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


def tick(
    writer: Writer, time_zone: str, contact: Contact | None = None, *, is_closed: bool = False
) -> int:
    """Make the minute's stamps and give back what holds missed; return how many were lengthened.

    `contact`: with the server; None where there is none, and nobody else tells people anything.
    `is_closed`: a pause keeps people from their packages.
    While the clock is not trusted it does nothing, except that a machine which never knew the time
    gets a first stamp to reckon from.
    """
    now, stamp = writer.now, last_stamp(writer)
    if not now.is_trusted and stamp is not None:
        return 0
    lengthened = 0
    if stamp is not None:
        ran, gap_ms = _ran(writer) or _Ran(stamp.wall_ms), now.wall_ms - stamp.wall_ms
        if gap_ms > GAP_MS:
            _expect_longer(writer, gap_ms)
            ran = replace(ran, after_ms=GAP_MS)
        if is_closed:
            _set_ran(writer, replace(ran, after_ms=GAP_MS))
        else:
            lengthened = _run_on(writer, ran, contact, time_zone)
    if now.is_trusted:
        lengthened += _follow_faults(writer, time_zone)
    stamp_alive(writer, Reading(now.wall_ms, now.monotonic_ms, now.boot_id))
    return lengthened


def stamp_alive(writer: Writer, at: Reading) -> None:
    """Write down that the kiosk was alive then and knew the time."""
    meta.set_value(writer, ALIVE, json.dumps([at.wall_ms, at.monotonic_ms, at.boot_id]))


def forget_stamps(writer: Writer) -> None:
    """Another life of the database begins: what the stamps say is not of this one."""
    meta.forget(writer, ALIVE)
    meta.forget(writer, RAN)


def stand_still(writer: Writer) -> bool:
    """Whether no hold runs: the clock is not trusted, the server does not hear of this kiosk, or
    the time in which that was so is yet to be given back."""
    ran = _ran(writer)
    if not writer.now.is_trusted:
        return True
    return ran is not None and writer.now.wall_ms - ran.until_ms > ran.after_ms


@dataclass(frozen=True, slots=True)
class _Ran:
    """Until when holds ran."""

    until_ms: int
    after_ms: int = GAP_MS
    """How long after that they stand still."""
    needs_server: bool = False
    """Whether they run only while the server hears of this kiosk, for so it is promised there."""


def _ran(writer: Writer) -> _Ran | None:
    text = meta.value(writer, RAN)
    return None if text is None else meta.read_as(_Ran, text)


def _set_ran(writer: Writer, ran: _Ran) -> None:
    text = json.dumps([ran.until_ms, ran.after_ms, ran.needs_server])
    meta.set_value(writer, RAN, text)


def _run_on(writer: Writer, before: _Ran, contact: Contact | None, time_zone: str) -> int:
    """Holds run up to when the server was heard last, or up to now where there is none; how many
    got back a time in which they had not."""
    if contact is not None and contact.ago_ms is None and before.needs_server:
        _set_ran(writer, before)
        return 0
    ran = _Ran(writer.now.wall_ms)
    if contact is not None and contact.ago_ms is not None and contact.silent_after_ms is not None:
        until_ms = max(before.until_ms, writer.now.wall_ms - contact.ago_ms)
        ran = _Ran(until_ms, max(GAP_MS, contact.silent_after_ms // 2), needs_server=True)
    lengthened = 0
    if ran.until_ms - before.until_ms > min(before.after_ms, ran.after_ms):
        lengthened = _give_back(writer, before.until_ms, ran.until_ms, time_zone)
    _set_ran(writer, ran)
    return lengthened


def _expect_longer(writer: Writer, gap_ms: int) -> None:
    """While the kiosk was down no courier could come: what is announced is expected longer."""
    # Two searches by index, of those that wait for a courier and of those in a courier's hands.
    expected = writer.all(
        "SELECT id, announced_ms FROM package WHERE status = 'PENDING' AND slot IS NULL"
        " UNION ALL SELECT id, announced_ms FROM package"
        " WHERE status = 'PENDING' AND slot IS NOT NULL"
    )
    changes = [
        update("package", id=row["id"], announced_ms=row["announced_ms"] + gap_ms)
        for row in expected
    ]
    _record_paused(writer, changes, gap_ms)


def _give_back(writer: Writer, ran_ms: int, until_ms: int, time_zone: str) -> int:
    """No hold ran in between: each that waited then is moved by as much of it as it waited."""
    gap_ms = until_ms - ran_ms
    held = writer.all(
        "SELECT id, hold_until_ms, paused_ms, stored_ms FROM package WHERE status = 'STORED'"
        " AND stored_ms < ? ORDER BY id",
        (until_ms,),
    )
    faulty = writer.all(
        "SELECT label, faulty_since_ms FROM slot WHERE faulty_since_ms < ?", (until_ms,)
    )
    changes = [
        *(_lengthened(row, min(gap_ms, until_ms - row["stored_ms"]), time_zone) for row in held),
        # A door's own time goes on from here: that up to now is given back already.
        *(
            update(
                "slot",
                label=row["label"],
                faulty_since_ms=min(row["faulty_since_ms"] + gap_ms, until_ms),
            )
            for row in faulty
        ),
    ]
    _record_paused(writer, changes, gap_ms)
    return len(held)


def _record_paused(writer: Writer, changes: Sequence[RowChange], gap_ms: int) -> None:
    for some in _batches(changes):
        why = "the kiosk was down, its clock not trusted or its server not reached"
        writer.record(HoldPaused(actor=KIOSK, gap_ms=gap_ms, why=why), *some)


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
    # While all holds stand still they are given back the time up to the end of that, all at once.
    ran = _ran(writer)
    until_ms = ran.until_ms if ran is not None and stand_still(writer) else now_ms
    lengthened = 0
    for row in over:
        changes = [update("slot", label=row["label"], faulty_since_ms=None)]
        pause_ms = 0
        if row["id"] is not None:
            pause_ms = max(0, until_ms - max(row["faulty_since_ms"], row["stored_ms"]))
            changes.append(_lengthened(row, pause_ms, time_zone))
            lengthened += 1
        why = "the door is well again"
        writer.record(HoldPaused(actor=KIOSK, gap_ms=pause_ms, why=why), *changes)
    return lengthened


# --- ends ----------------------------------------------------------------------------------------


def expire_due(writer: Writer, limit: int = 50) -> int:
    """Expire packages whose hold is over; return how many.

    None while the clock is not trusted or all holds stand still, none behind a faulty door and none
    whose door is in play. `tick` comes first: it gives back what the hold missed.
    """
    if stand_still(writer):
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
