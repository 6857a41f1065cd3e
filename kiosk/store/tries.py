"""Wrong tries: a clock of their own, buckets that refill, and who was tried how often in a day.

What is counted here is counted before its answer is shown, and survives a power cut. Time is what
certainly passed: the machine's monotonic time while it runs, and over a restart what the wall clock
says if it is believed at both ends. So a clock that jumps ahead forgives nobody anything, and one
that is set back makes nobody wait longer.
"""

from __future__ import annotations

import json
from enum import StrEnum

from kiosk.model.actor import CUSTOMER, KIOSK, courier
from kiosk.model.clock import DAY_MS, Instant
from kiosk.model.event_bodies import GuessingNoticed, StaffRefused, Tried
from kiosk.model.person import Role
from kiosk.model.signed_badge import Why
from kiosk.model.throttle import (
    ALARM_AT,
    KIOSK_ALARM_AT,
    KIOSK_WRONG_A_DAY,
    PIN_LONGEST_WAIT_MS,
    Bucket,
    kiosk_refill_ms,
    pin_wait_ms,
)
from kiosk.store import meta
from kiosk.store.writer import Writer

CLOCK = "throttle_clock"
NOBODY = "--"
"""In the place of a number where what was scanned names nobody here."""


class Proof(StrEnum):
    """What a PIN was typed as. Each has tries of its own, so that who guesses at the keypad does
    not slow down somebody who has a badge, or is signed in."""

    PIN = "pin"
    KNOWN = "after badge"
    """After this person's badge was read, or within their session."""
    BADGE = "badge"


def now_ms(writer: Writer) -> int:
    """The time by which tries are counted; it never goes back.

    To read it writes nothing: a right code waits for no commit of its own. It is kept whenever
    something is counted, and every minute.
    """
    now, kept = writer.now, meta.value(writer, CLOCK)
    if kept is None:
        # What was counted by the wall clock before this version goes on from there.
        at_ms = now.wall_ms
        for table in ("bucket", "wrong_try"):
            writer.db.execute(f"UPDATE {table} SET at_ms = ? WHERE at_ms > ?", (at_ms, at_ms))
        _keep(writer, at_ms)
        return at_ms
    at_ms, wall_ms, monotonic_ms, boot_id, was_trusted = json.loads(kept)[:5]
    last = Instant(wall_ms, monotonic_ms, boot_id, was_trusted)
    return int(at_ms) + _elapsed_ms(last, now)


def keep_clock(writer: Writer) -> None:
    """Write down what time it is, so that little of it is lost in a restart without a clock."""
    _keep(writer, now_ms(writer))


def _keep(writer: Writer, at_ms: int) -> None:
    now = writer.now
    reading = [at_ms, now.wall_ms, now.monotonic_ms, now.boot_id, now.is_trusted]
    meta.set_value(writer, CLOCK, json.dumps(reading))


def _elapsed_ms(last: Instant, now: Instant) -> int:
    """How much time certainly passed between two readings of the clocks."""
    if last.boot_id == now.boot_id:
        return max(0, now.monotonic_ms - last.monotonic_ms)
    by_wall_ms = now.wall_ms - last.wall_ms if last.is_trusted and now.is_trusted else 0
    return max(0, now.monotonic_ms, by_wall_ms)


# --- buckets -------------------------------------------------------------------------------------


def bucket(writer: Writer, name: str) -> Bucket:
    """The bucket of this name; full where nothing was spent yet."""
    row = writer.one("SELECT level_thousandths, at_ms FROM bucket WHERE name = ?", (name,))
    return Bucket() if row is None else Bucket(row["level_thousandths"], row["at_ms"])


def set_bucket(writer: Writer, name: str, level: Bucket) -> None:
    """Keep a bucket in the place of the one before."""
    keep_clock(writer)
    writer.db.execute(
        "INSERT INTO bucket (name, level_thousandths, at_ms) VALUES (?, ?, ?) ON CONFLICT (name)"
        " DO UPDATE SET level_thousandths = excluded.level_thousandths, at_ms = excluded.at_ms",
        (name, level.level_thousandths, level.at_ms),
    )


def spend(writer: Writer, name: str, at_ms: int) -> None:
    """Take one try from a bucket."""
    set_bucket(writer, name, bucket(writer, name).spend(at_ms))


# --- codes ---------------------------------------------------------------------------------------


def wrong_codes(writer: Writer, how: str, at_ms: int) -> int:
    """How many codes of this kind were wrong within a day, up to a few more than matter."""
    found = writer.one(
        "SELECT count(*) AS n FROM (SELECT 1 FROM wrong_try WHERE how = ? AND at_ms > ? LIMIT 32)",
        (how, at_ms - DAY_MS),
    )
    return int(found["n"]) if found else 0


def count_wrong_code(writer: Writer, how: Tried, package: str | None, at_ms: int) -> None:
    """Count a wrong code, of the whole kiosk and against the package that its locator names."""
    spend(writer, how, at_ms)
    writer.db.execute("DELETE FROM wrong_try WHERE how = ? AND at_ms <= ?", (how, at_ms - DAY_MS))
    writer.db.execute(
        "INSERT INTO wrong_try (at_ms, how, package) VALUES (?, ?, ?)", (at_ms, how, package)
    )
    wrong = wrong_codes(writer, how, at_ms)
    if wrong == KIOSK_WRONG_A_DAY + 1:
        writer.record(GuessingNoticed(actor=CUSTOMER, tried=how, times=wrong))


# --- PINs and badges -----------------------------------------------------------------------------


def sign_in_wait_ms(
    writer: Writer, number: str, proof: Proof, longest_ms: int = PIN_LONGEST_WAIT_MS
) -> int:
    """How long until a PIN of this person is tried. Whether there is such a person makes no
    difference."""
    at_ms = now_ms(writer)
    wrong, last_ms = _wrong(writer, number, proof, at_ms)
    own_ms = last_ms + pin_wait_ms(wrong, longest_ms) - at_ms if wrong else 0
    kiosk_ms = kiosk_wait_ms(writer) if proof is Proof.PIN else 0
    return max(0, own_ms, kiosk_ms)


def kiosk_wait_ms(writer: Writer) -> int:
    """How long until any PIN is tried that is typed without a badge."""
    at_ms = now_ms(writer)
    return bucket(writer, "pin").wait_ms(at_ms, kiosk_refill_ms(_wrong_pins(writer, at_ms)))


def refuse_pin(writer: Writer, number: str, proof: Proof, role: Role | None) -> None:
    """Count a wrong PIN that was typed for this number. `role`: of whom a PIN was asked."""
    at_ms = now_ms(writer)
    if proof is Proof.PIN:
        refill_ms = kiosk_refill_ms(_wrong_pins(writer, at_ms))
        set_bucket(writer, "pin", bucket(writer, "pin").spend(at_ms, refill_ms))
    _count(writer, number, proof, at_ms)
    writer.record(StaffRefused(actor=KIOSK, role=role or "", number=number))
    _alarm_of_person(writer, number, proof, at_ms)
    wrong = _wrong_pins(writer, at_ms)
    if proof is Proof.PIN and wrong in KIOSK_ALARM_AT:
        writer.record(GuessingNoticed(actor=KIOSK, tried="pin", times=wrong))


def refuse_badge(writer: Writer, number: str, why: Why | None = None) -> None:
    """Count a badge that is nobody's, or no longer. A badge never waits: but of many bad ones in a
    row only some are written down, so that they do not fill the disk."""
    at_ms, name = now_ms(writer), f"{Proof.BADGE} {number}"
    if bucket(writer, name).wait_ms(at_ms) > 0:
        return
    spend(writer, name, at_ms)
    _count(writer, number, Proof.BADGE, at_ms)
    writer.record(StaffRefused(actor=KIOSK, role="badge", number=number, why=why))
    _alarm_of_person(writer, number, Proof.BADGE, at_ms)


def refuse_signed_badge(writer: Writer, why: Why, carrier: str) -> None:
    """Write down a carrier's badge that let nobody in. One that its carrier did sign is nobody's
    guess; one of which nobody knows who made it counts as a badge of nobody's. `carrier`: whose key
    signed it, so there are as many buckets as carriers; "" for nobody's."""
    if not carrier:
        return refuse_badge(writer, NOBODY, why)
    at_ms, name = now_ms(writer), f"{Proof.BADGE} {courier(carrier)}"
    if bucket(writer, name).wait_ms(at_ms) <= 0:
        spend(writer, name, at_ms)
        writer.record(StaffRefused(actor=KIOSK, role="badge", number=courier(carrier), why=why))
    return None


def forgive(writer: Writer, number: str) -> None:
    """A right PIN: this person's wrong ones before it make them wait no more, whatever they were
    typed as: who is let in is not made to wait within the session. What the kiosk counts in all
    stays."""
    writer.db.execute(
        "UPDATE sign_in_try SET is_forgiven = 1 WHERE number = ? AND is_forgiven = 0"
        " AND proof <> 'badge'",
        (number,),
    )


def _wrong(writer: Writer, number: str, proof: Proof, at_ms: int) -> tuple[int, int]:
    """How often this person was tried in vain within a day, not forgiven since, and when last."""
    row = writer.one(
        "SELECT count(*) AS n, max(at_ms) AS last FROM sign_in_try"
        " WHERE number = ? AND proof = ? AND is_forgiven = 0 AND at_ms > ?",
        (number, proof, at_ms - DAY_MS),
    )
    return (int(row["n"]), int(row["last"])) if row and row["n"] else (0, 0)


def _wrong_pins(writer: Writer, at_ms: int) -> int:
    """How many PINs were wrong at this kiosk within a day."""
    row = writer.one(
        "SELECT count(*) AS n FROM sign_in_try WHERE proof = 'pin' AND at_ms > ?",
        (at_ms - DAY_MS,),
    )
    return int(row["n"]) if row else 0


def _count(writer: Writer, number: str, proof: Proof, at_ms: int) -> None:
    keep_clock(writer)
    writer.db.execute("DELETE FROM sign_in_try WHERE at_ms <= ?", (at_ms - DAY_MS,))
    writer.db.execute(
        "INSERT INTO sign_in_try (at_ms, proof, number) VALUES (?, ?, ?)", (at_ms, proof, number)
    )


def _alarm_of_person(writer: Writer, number: str, proof: Proof, at_ms: int) -> None:
    row = writer.one(
        "SELECT count(*) AS n FROM sign_in_try WHERE number = ? AND proof = ? AND at_ms > ?",
        (number, proof, at_ms - DAY_MS),
    )
    times = int(row["n"]) if row else 0
    if times in ALARM_AT:
        tried: Tried = "badge" if proof is Proof.BADGE else "pin"
        writer.record(GuessingNoticed(actor=KIOSK, tried=tried, number=number, times=times))
