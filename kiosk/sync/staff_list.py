"""The server's list of staff: fetched when another version counts, and taken whole or not at all.

Each page is signed for this location and for this fetch, by whose key commands are signed with:
nobody else adds a member of staff, and no list that somebody has kept comes again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from pydantic import ValidationError

from kiosk.model.clock import DAY_MS, JUMP_MS, Instant
from kiosk.model.commands import ListedStaff, what_is_wrong
from kiosk.store.badges import NO_ACCESS, CarrierAccess, KnownKey, Revocation
from kiosk.store.shares import DoorShare
from kiosk.store.staff import ListChange, ServerList, person_of
from kiosk.sync.contract import (
    STAFF_LIST_MAX,
    CarrierKeys,
    StaffAnswer,
    StaffPage,
    read_message,
    staff_text,
)
from kiosk.sync.signing import signed_by

AGAIN_MS = 60_000
"""How long after a fetch that brought nothing the next one comes, where no other version counts."""
PAGES_MAX = 1_000
"""How many pages one fetch has at most."""
CONFIRM_MS = DAY_MS
"""How old what is known of the list may be: then the server is asked, though no other version
counts. Couriers are let in for a week after it was confirmed."""
Ask = Callable[[int, str], bytes]
"""Asks the server what changed since a version, with a question; the text of its answer."""


class StaffListError(Exception):
    """What came is not taken; the message says why, and what would be right."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought."""

    change: ListChange
    key: str
    """Whose signature it bears, in hexadecimal."""


@dataclass(slots=True)
class _List:
    """What the pages say, together: of each number what was said last."""

    is_whole: bool = False
    version: int = 0
    digits: int = 0
    listed: dict[str, ListedStaff] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    carrier_keys: CarrierKeys | None = None

    def add(self, page: StaffPage) -> None:
        if page.is_whole:
            self.is_whole, self.listed, self.gone = True, {}, set()
        for person in page.listed:
            self.listed[person.number] = person
            self.gone.discard(person.number)
        for number in page.gone:
            self.listed.pop(number, None)
            self.gone.add(number)
        self.version, self.digits = page.version, page.digits
        self.carrier_keys = page.carrier_keys


@dataclass(frozen=True, slots=True)
class StaffPause:
    """After a fetch that brought nothing the same version is not asked for at once again."""

    counts: int | None = None
    since_ms: int | None = None
    """By the clock that nobody sets."""

    def holds(self, counts: int | None, now: Instant) -> bool:
        """Whether this version is not to be fetched yet."""
        if self.since_ms is None or counts != self.counts:
            return False
        return 0 <= now.monotonic_ms - self.since_ms < AGAIN_MS


def is_wanted(here: ServerList, counts: int | None, now: Instant) -> bool:
    """Whether the list is to be fetched. `counts`: which version the server says counts; None where
    it is of a version that sends lists as commands. One that never listed anybody takes nobody off.
    """
    if counts is None or counts == here.version == 0:
        return False
    age_ms = now.wall_ms - here.taken_ms
    return counts != here.version or not -JUMP_MS <= age_ms <= CONFIRM_MS


def fetch(
    ask: Ask, here: ServerList, location: str, keys: Sequence[str], rng: Random, now: Instant
) -> Fetched:
    """What changed since the list that is here. Raises `StaffListError`."""
    found, since = _List(), here.version
    for _ in range(PAGES_MAX):
        question = f"{rng.getrandbits(128):032x}"
        page, key = _page(ask(since, question), question, since, location, keys)
        found.add(page)
        if len(found.listed) > STAFF_LIST_MAX:
            raise StaffListError(f"it names more than {STAFF_LIST_MAX} people")
        if not page.has_more:
            break
        since = page.version
    else:
        raise StaffListError(f"it has more than {PAGES_MAX} pages")
    listed = [person_of(person, now.wall_ms) for person in found.listed.values()]
    change = ListChange(
        found.version,
        found.digits,
        found.is_whole,
        listed,
        sorted(found.gone),
        _access(found.carrier_keys),
    )
    return Fetched(change, key)


def _access(said: CarrierKeys | None) -> CarrierAccess:
    """How couriers who are on no list are known; none are where the server says nothing of it."""
    if said is None:
        return NO_ACCESS
    keys = [
        KnownKey(each.carrier, bytes.fromhex(each.public_key), each.until_ms) for each in said.keys
    ]
    revoked = [
        Revocation(each.carrier, each.badge, each.pseudonym, each.until_ms) for each in said.revoked
    ]
    shares = [DoorShare(each.carrier, each.size, each.least, each.most) for each in said.shares]
    return CarrierAccess(said.regions, keys, revoked, said.site_codes, shares)


def _page(
    text: bytes, question: str, since: int, location: str, keys: Sequence[str]
) -> tuple[StaffPage, str]:
    """A page that is proven and fits, and whose signature it bears. Raises `StaffListError`."""
    try:
        answer = read_message(StaffAnswer, text)
        signed = staff_text(location, question, answer.page)
    except (ValueError, TypeError, RecursionError) as error:
        raise StaffListError("what the server answers is no list of staff") from error
    key = signed_by(signed, answer.signature, keys)
    if key is None:
        raise StaffListError("it is not signed by this kiosk's server, for this kiosk, just now")
    try:
        page = StaffPage.model_validate(answer.page)
    except ValidationError as error:
        raise StaffListError(what_is_wrong(error, "")) from error
    _require_fit(page, since)
    return page, key


def _require_fit(page: StaffPage, since: int) -> None:
    """Raises `StaffListError`."""
    if page.since != since:
        raise StaffListError(f"since {page.since}: it was asked for {since}")
    before = 0 if page.is_whole else since
    if page.version < before or (page.has_more and page.version == before):
        raise StaffListError(f"version {page.version}: it is not behind {before}")
    numbers = [*(person.number for person in page.listed), *page.gone]
    twice = sorted(number for number, times in Counter(numbers).items() if times > 1)
    if twice:
        raise StaffListError(f"number {', '.join(twice[:20])} is in it twice: each is one person's")
    too_long = [each.number for each in page.listed if len(each.number) > page.digits]
    if too_long:
        raise StaffListError(f"number {too_long[0]} has more than the {page.digits} digits it says")
