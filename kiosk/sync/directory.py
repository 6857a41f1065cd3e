"""The directory of the house: fetched when another version counts, and taken whole or not at all.

Each page is signed for this location and for this question, as the list of staff is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import requests
from pydantic import ValidationError

from kiosk.model.clock import Instant
from kiosk.model.commands import what_is_wrong
from kiosk.model.directory import HOUSEHOLDS_MAX, Household
from kiosk.store import directory
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.sync.contract import DirectoryAnswer, DirectoryPage, directory_text, read_message
from kiosk.sync.signing import signed_by
from kiosk.sync.staff_list import StaffPause

LOG = logging.getLogger("kiosk.sync")
PAGES_MAX = 1_000
Ask = Callable[[str, str], bytes]
"""Asks the server for the households behind an id, with a question; the text of its answer."""


class DirectoryError(Exception):
    """What came is not taken; the message says why, and names nobody."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole directory."""

    version: int
    households: list[Household]


class HouseDirectory:
    """Keeps the directory that is here the one that counts."""

    def __init__(self, store: Store, location: str, rng: Random) -> None:
        self._store, self._location, self._rng = store, location, rng
        self._pause = StaffPause()

    def follow(self, counts: int | None, ask: Ask, keys: Sequence[str]) -> None:
        """Fetch it where another version counts, None being of a server without directories. What
        goes wrong with it holds up nothing else, and is tried again later."""
        here, now = self._store.submit(_here_and_now).result()
        if counts in (None, here) or self._pause.holds(counts, now):
            return
        try:
            fetched = fetch(ask, self._location, keys, self._rng)
        except (requests.RequestException, DirectoryError) as error:
            LOG.warning("the directory of the house is not taken: %s", error)
            self._pause = StaffPause(counts, now.monotonic_ms)
            return
        taken = (fetched.households, fetched.version)
        self._store.submit(directory.replace, *taken).result()
        LOG.info("the directory of the house is version %s", fetched.version)


def _here_and_now(writer: Writer) -> tuple[int, Instant]:
    return directory.version(writer), writer.now


def fetch(ask: Ask, location: str, keys: Sequence[str], rng: Random) -> Fetched:
    """The directory as it is now. Raises `DirectoryError`."""
    found: dict[str, Household] = {}
    after, version = "", None
    for _ in range(PAGES_MAX):
        question = f"{rng.getrandbits(128):032x}"
        page = _page(ask(after, question), question, location, keys)
        if page.after != after or version not in (None, page.version):
            raise DirectoryError("it was changed while it was fetched, or is not what was asked")
        version = page.version
        if any(each.id <= after for each in page.households):
            raise DirectoryError("its households are not behind those of the page before")
        found |= {each.id: each for each in page.households}
        if len(found) > HOUSEHOLDS_MAX:
            raise DirectoryError(f"it has more than {HOUSEHOLDS_MAX} households")
        if not page.has_more or not page.households:
            return Fetched(version, list(found.values()))
        after = max(each.id for each in page.households)
    raise DirectoryError(f"it has more than {PAGES_MAX} pages")


def _page(text: bytes, question: str, location: str, keys: Sequence[str]) -> DirectoryPage:
    try:
        answer = read_message(DirectoryAnswer, text)
        signed = directory_text(location, question, answer.page)
    except (ValueError, TypeError, RecursionError) as error:
        raise DirectoryError("what the server answers is no directory") from error
    if signed_by(signed, answer.signature, keys) is None:
        raise DirectoryError("it is not signed by this kiosk's server, for this kiosk, just now")
    try:
        return DirectoryPage.model_validate(answer.page)
    except ValidationError as error:
        fields = what_is_wrong(error, "").split(":")[0]
        raise DirectoryError(f"{fields}: not as it should be") from None
