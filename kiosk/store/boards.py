"""What the store knows of lock boards: which are away, and which a person has to look at first.

A board that was away for long, or came back at another place, may be another board than before:
cables and address switches get swapped. Its slots are not given out until staff opened one of its
doors and saw that it was the right one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from kiosk.model.actor import KIOSK
from kiosk.model.carriers import CarrierScope
from kiosk.model.clock import Instant
from kiosk.model.event_bodies import BoardChanged
from kiosk.model.location import SuspectReason
from kiosk.store import meta
from kiosk.store.slots import mark_suspect, record_of
from kiosk.store.writer import RowChange, Writer, update

AWAY_FOR_LONG_MS = 600_000
META_PREFIX = "board."
_ANSWERED = "boards_answered"
"""Of each board that ever answered, whether it did when no release was on trial."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a board from one start to the next."""

    device: str = ""
    """Where it was found last; empty before it was found at all."""
    away_since: tuple[int, int, str] | None = None
    """Wall and monotonic milliseconds and the boot's id; None while it is there."""
    awaits_look: bool = False

    def was_away_ms(self, now: Instant) -> int:
        """How long it was away, by the clock that can tell."""
        if self.away_since is None:
            return 0
        wall_ms, monotonic_ms, boot_id = self.away_since
        if boot_id == now.boot_id:
            return now.monotonic_ms - monotonic_ms
        # Over a restart of the computer only the wall clock tells, if anything does.
        return now.wall_ms - wall_ms if now.is_trusted else AWAY_FOR_LONG_MS + 1


def went(writer: Writer, board: str, labels: Collection[str], reason: str) -> None:
    """A board does not answer any more: its slots are not given out."""
    known = _known(writer, board)
    if known.away_since is None:
        now = writer.now
        known.away_since = (now.wall_ms, now.monotonic_ms, now.boot_id)
        _remember(writer, board, known)
    changes = _reachable(writer, labels, False)
    if changes:
        writer.record(
            BoardChanged(actor=KIOSK, board=board, reachable=False, reason=reason), *changes
        )


def came(writer: Writer, board: str, labels: Collection[str], device: str) -> None:
    """A board answers: its slots are given out again, or a person is to look first.

    `device` is the place at which it was found. Nothing is written when all is as it was.
    """
    known = _known(writer, board)
    is_elsewhere = known.device not in ("", device)
    was_long = known.was_away_ms(writer.now) > AWAY_FOR_LONG_MS
    awaits_look = known.awaits_look or is_elsewhere or was_long
    _remember(writer, board, _Known(device, None, awaits_look))
    changes = _reachable(writer, labels, not awaits_look)
    if changes or awaits_look is not known.awaits_look:
        writer.record(
            BoardChanged(
                actor=KIOSK, board=board, reachable=True, device=device, awaits_look=awaits_look
            ),
            *changes,
        )


def seen_right(writer: Writer, board: str, labels: Collection[str], slot: str, actor: str) -> None:
    """Staff opened this slot's door and saw it open: the board is the one that it should be."""
    known = _known(writer, board)
    known.awaits_look = False
    _remember(writer, board, known)
    writer.record(
        BoardChanged(actor=actor, board=board, reachable=True, awaits_look=False, slot=slot),
        *_reachable(writer, labels, known.away_since is None),
    )


def seen_wrong(writer: Writer, slot: str, actor: str) -> int:
    """Staff opened this slot's door, and another one opened: the wiring is not as it was."""
    why = "staff saw another door open"
    return mark_suspect(writer, slot, SuspectReason.WIRING, why, actor)


def awaiting_look(writer: Writer) -> frozenset[str]:
    """The boards of which a door must be seen to open first."""
    rows = writer.all("SELECT key, value FROM meta WHERE key >= ? AND key < ?", _KEYS)
    return frozenset(
        row["key"].removeprefix(META_PREFIX)
        for row in rows
        if json.loads(row["value"])["awaits_look"]
    )


@dataclass(frozen=True, slots=True)
class SilentDoors:
    """Doors that somebody would use and whose boards do not answer, or wait for a look."""

    count: int
    since_ms: int | None
    """Since when; None where no clock can be trusted to say so."""
    due: int
    """How many packages behind them are to be taken back."""


def silent_doors(writer: Writer, boards: Mapping[str, str], scope: CarrierScope) -> SilentDoors:
    """What cannot be reached of the doors that would be free, and of those behind which lies what a
    courier who may touch this is to take back. `boards`: the board of each slot of the site."""
    rows = writer.all(
        "SELECT slot.label, package.carrier AS due_of FROM slot"
        " LEFT JOIN package ON package.slot = slot.label"
        " AND package.status IN ('EXPIRED', 'CANCELLED')"
        " WHERE slot.is_reachable = 0 AND (package.id IS NOT NULL AND slot.service <>"
        " 'DO_NOT_OPEN' OR slot.status = 'EMPTY' AND slot.service = 'IN_SERVICE')"
    )
    found = [row for row in rows if row["label"] in boards]
    found = [row for row in found if row["due_of"] is None or scope.may_touch(row["due_of"])]
    since = [
        away_since_ms(writer, board) for board in sorted({boards[row["label"]] for row in found})
    ]
    known = [each for each in since if each is not None]
    # Of several boards the last: from then on it is true of all these doors.
    since_ms = max(known, default=None) if len(known) == len(since) else None
    return SilentDoors(len(found), since_ms, sum(row["due_of"] is not None for row in found))


def away_since_ms(writer: Writer, board: str) -> int | None:
    """Since when a board does not answer; None where it answers, and where the clock is not trusted
    or the computer was started since: nobody knows what its clock was then."""
    since, now = _known(writer, board).away_since, writer.now
    if since is None or not now.is_trusted:
        return None
    _, monotonic_ms, boot_id = since
    return now.wall_ms - (now.monotonic_ms - monotonic_ms) if boot_id == now.boot_id else None


def all_away_since_ms(writer: Writer) -> dict[str, int]:
    """Of each board that does not answer, since when, where that is known."""
    rows = writer.all("SELECT key FROM meta WHERE key >= ? AND key < ?", _KEYS)
    names = [row["key"].removeprefix(META_PREFIX) for row in rows]
    since = {name: away_since_ms(writer, name) for name in names}
    return {name: at_ms for name, at_ms in since.items() if at_ms is not None}


def to_be_there(
    writer: Writer, answering: Mapping[str, bool | None], *, is_trial: bool
) -> frozenset[str]:
    """Which of these boards should answer, by what is kept of how it was before; None of one that
    was not asked yet.

    A release on trial is held to those that answered when another one ran last: what was broken
    before is no fault of it, and what breaks with it must not pass for broken before. So nothing is
    kept while one is on trial. Else each board that ever answered should.
    """
    kept: dict[str, bool] = json.loads(meta.value(writer, _ANSWERED) or "{}")
    if is_trial:
        return frozenset(name for name in answering if kept.get(name, False))
    asked = {name: kept.get(name) if it is None else it for name, it in answering.items()}
    now = {name: it for name, it in asked.items() if it or (it is not None and name in kept)}
    if now != kept:
        meta.set_value(writer, _ANSWERED, json.dumps(now))
    return frozenset(now)


_KEYS = (META_PREFIX, META_PREFIX.removesuffix(".") + "/")
"""All keys that begin so: "/" comes right behind the dot."""


def _known(writer: Writer, board: str) -> _Known:
    text = meta.value(writer, META_PREFIX + board)
    if text is None:
        return _Known()
    found = json.loads(text)
    since = found["away_since"]
    return _Known(found["device"], tuple(since) if since else None, found["awaits_look"])


def _remember(writer: Writer, board: str, known: _Known) -> None:
    meta.set_value(writer, META_PREFIX + board, json.dumps(asdict(known)))


def _reachable(writer: Writer, labels: Collection[str], is_reachable: bool) -> list[RowChange]:
    return [
        update("slot", label=label, is_reachable=int(is_reachable))
        for label in labels
        if record_of(writer, label).is_reachable is not is_reachable
    ]
