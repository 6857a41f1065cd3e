"""What happened in several regions, put together at headquarters, and held against each of them.

Headquarters has a database of its own for it: one row for each document, by the name that is the
document's for ever, so that what comes twice is there once. Each region counts its own journal by
location and day: which numbers there are, and a digest of their hashes; the same is counted of what
was put together, and every difference is named.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Column, Connection, Index, MetaData, Table, Text, func, insert, select

from central import schema
from central.database.columns import WHOLE
from central.feed.document import name_of
from central.feed.tables import feed
from central.feed.writing import life
from kiosk.model.clock import DAY_MS

BATCH: Final = 500
headquarters = MetaData()
merged = Table(
    "merged",
    headquarters,
    Column("name", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", WHOLE, nullable=False),
    Column("source", Text, nullable=False),
    Column("recorded_ms", WHOLE, nullable=False),
    Column("hash", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_merged_place", "region", "location", "epoch", "seq"),
)


_Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
_Number = Annotated[int, Field(ge=0, lt=2**63)]
"""As every database takes them."""


class _Read(BaseModel):
    """What of a document counts here; one of a newer version may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: _Text
    region: _Text
    location: _Text
    epoch: _Text
    seq: _Number
    source: _Text
    kind: str
    recorded_ms: _Number
    hash: _Text
    body: dict[str, Any]

    def content(self) -> str:
        """A digest of what never changes, however often it is read."""
        said = [self.kind, self.recorded_ms, self.hash, self.body]
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class Merged:
    """What came of putting documents together."""

    new: int = 0
    known: int = 0
    unreadable: int = 0
    """Lines that are no document, or whose name is not that of its parts."""
    contradicted: list[str] = field(default_factory=list)
    """Names under which something else was there already; the first stays."""


def merge(connection: Connection, lines: Iterable[str]) -> Merged:
    """Put the documents of these lines with what is there."""
    outcome, batch = Merged(), dict[str, tuple[_Read, str]]()
    for line in lines:
        if not line.strip():
            continue
        read = _document(line)
        if read is None:
            outcome.unreadable += 1
        elif read.name not in batch:
            batch[read.name] = (read, line.strip())
        else:
            _note_again(outcome, read, batch[read.name][0].content())
        if len(batch) == BATCH:
            _take(connection, batch, outcome)
            batch = {}
    _take(connection, batch, outcome)
    return outcome


def _document(line: str) -> _Read | None:
    try:
        read = _Read.model_validate_json(line)
    except ValidationError:
        return None
    right = name_of(read.region, read.location, read.epoch, read.seq)
    return read if read.name == right else None


def _take(connection: Connection, batch: dict[str, tuple[_Read, str]], outcome: Merged) -> None:
    found = select(merged.c.name, merged.c.content).where(merged.c.name.in_(sorted(batch)))
    known = {row.name: row.content for row in connection.execute(found)}
    for name in known:
        _note_again(outcome, batch[name][0], known[name])
    rows = [
        {
            **read.model_dump(exclude={"kind", "body"}),
            "content": read.content(),
            "document": line,
        }
        for name, (read, line) in batch.items()
        if name not in known
    ]
    if rows:
        connection.execute(insert(merged), rows)
    outcome.new += len(rows)


def _note_again(outcome: Merged, read: _Read, content: str) -> None:
    if read.content() == content:
        outcome.known += 1
    else:
        outcome.contradicted.append(read.name)


# --- counted -------------------------------------------------------------------------------------


class Count(BaseModel):
    """What there is of one journal of one location on one day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str
    location: str
    day: str
    """By the region's clock, in UTC; empty for what a server itself tells, which is not kept."""
    epoch: str
    seqs: str = Field(pattern=r"^(\d{1,19}(-\d{1,19})?(,\d{1,19}(-\d{1,19})?)*)?$")
    """Which numbers, as `1-57,59`."""
    digest: str
    """Of their hashes, in order; empty where there are none."""
    waiting: int = 0
    """Rows that wait there and were not published yet."""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What is counted."""
        return self.region, self.location, self.day, self.epoch


def of_region(connection: Connection, region: str, until_ms: int) -> Iterator[Count]:
    """What a region has, until the beginning of a day."""
    event, location = schema.event, schema.location
    own_life = life(connection)
    counted = select(feed.c.location, func.count().label("rows")).group_by(feed.c.location)
    waiting = {row.location: int(row.rows) for row in connection.execute(counted)}
    for row in connection.execute(select(location).order_by(location.c.id)):
        rows = connection.execute(
            select(event.c.epoch, event.c.seq, event.c.hash, event.c.received_ms)
            .where(event.c.location == row.id, event.c.received_ms < until_ms)
            .order_by(event.c.epoch, event.c.seq)
        )
        yield from _counted(region, row.id, rows, waiting.get(row.id, 0))
        if row.feed_n:
            yield Count(
                region=region,
                location=row.id,
                day="",
                epoch=own_life,
                seqs=f"1-{row.feed_n}",
                digest="",
                waiting=waiting.get(row.id, 0),
            )


def of_merged(connection: Connection, region: str, until_ms: int) -> Iterator[Count]:
    """What was put together of a region, until the beginning of a day."""
    of_region = merged.c.region == region
    names = select(merged.c.location).where(of_region).distinct().order_by(merged.c.location)
    for name in connection.execute(names).scalars().all():
        here = of_region & (merged.c.location == name)
        rows = connection.execute(
            select(merged.c.epoch, merged.c.seq, merged.c.hash, merged.c.recorded_ms)
            .where(here, merged.c.source == "kiosk", merged.c.recorded_ms < until_ms)
            .order_by(merged.c.epoch, merged.c.seq)
        )
        yield from _counted(region, name, rows, 0)
        own: dict[str, list[int]] = defaultdict(list)
        for epoch, seq in connection.execute(
            select(merged.c.epoch, merged.c.seq)
            .where(here, merged.c.source == "server")
            .order_by(merged.c.epoch, merged.c.seq)
        ):
            own[epoch].append(seq)
        for epoch, seqs in own.items():
            yield Count(
                region=region, location=name, day="", epoch=epoch, seqs=ranges(seqs), digest=""
            )


def _counted(region: str, location: str, rows: Iterable[Any], waiting: int) -> Iterator[Count]:
    days: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for epoch, seq, hash_, at_ms in rows:
        days[_day(at_ms), epoch].append((seq, hash_))
    for (day, epoch), some in days.items():
        digest = sha256("".join(f"{seq}:{each}\n" for seq, each in some).encode())
        yield Count(
            region=region,
            location=location,
            day=day,
            epoch=epoch,
            seqs=ranges([seq for seq, _ in some]),
            digest=digest.hexdigest(),
            waiting=waiting,
        )


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def today_ms(now_ms: int) -> int:
    """When this day began, in UTC."""
    return now_ms - now_ms % DAY_MS


# --- compared ------------------------------------------------------------------------------------


def compare(theirs: Sequence[Count], here: Sequence[Count]) -> list[str]:
    """What is not the same, each in a sentence; nothing where all is."""
    known = {each.place: each for each in here}
    said = {each.place: each for each in theirs}
    return [
        text
        for place in sorted(said.keys() | known.keys())
        for text in _differences(place, said.get(place), known.get(place))
    ]


def _differences(
    place: tuple[str, str, str, str], said: Count | None, known: Count | None
) -> Iterator[str]:
    region, location, day, epoch = place
    what = f"{region}/{location} {day or 'what the server said'} {epoch}"
    there = numbers(said.seqs) if said is not None else set[int]()
    here = numbers(known.seqs) if known is not None else set[int]()
    if not day and said is None:
        return  # of an epoch before it was restored a region knows no more how many there were
    if not day and here:
        there = {number for number in there if number >= min(here)}  # a reader may begin later
    if missing := sorted(there - here):
        waits = f"; {said.waiting} rows wait there" if said is not None and said.waiting else ""
        yield f"{what}: {ranges(missing)} is missing here{waits}"
    if more := sorted(here - there):
        yield f"{what}: {ranges(more)} is here, and not in the region any more"
    if there == here and said is not None and known is not None and said.digest != known.digest:
        yield f"{what}: the same numbers, with another content"


def ranges(seqs: Sequence[int]) -> str:
    """Numbers in order, in short: `1-57,59`."""
    parts: list[list[int]] = []
    for seq in seqs:
        if parts and seq == parts[-1][1] + 1:
            parts[-1][1] = seq
        else:
            parts.append([seq, seq])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def numbers(text: str) -> set[int]:
    """The numbers that `ranges` wrote."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found
