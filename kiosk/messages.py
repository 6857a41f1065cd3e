"""Messages to recipients from the kiosk itself, for a site that has no central server.

For each stored package one file goes into a spool folder, in the form that SMS daemons such as
smstools take from their `outgoing` folder: a header `To:` with the number, a blank line, the text.
How far the spool has come is kept in the store, so that a message survives a power cut; one may
then go out twice, under the same file name.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from kiosk.flows.kiosk import Kiosk
from kiosk.model.events import Event, EventKind
from kiosk.model.package import Package
from kiosk.model.person import Recipient
from kiosk.model.pickup_code import make_code
from kiosk.store import journal, packages
from kiosk.store.errors import StoreError
from kiosk.store.writer import Writer

LOG = logging.getLogger("kiosk.messages")
NAME = "message-spool"
LOOK_EVERY_S = 30


class MessageSpool:
    """An observer of the journal that writes a message for each stored package."""

    def __init__(self, kiosk: Kiosk, folder: Path) -> None:
        self._kiosk = kiosk
        self._folder = folder

    async def run(self) -> None:
        """Write messages until cancelled; a folder that fails is tried again later."""
        while True:
            self._kiosk.stored_signal.clear()
            try:
                await self.write_new()
            except (OSError, StoreError):
                LOG.exception("messages could not be written to %s", self._folder)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._kiosk.stored_signal.wait()
            except TimeoutError:
                continue

    async def write_new(self) -> None:
        """Write the messages of all packages stored since the last time."""
        store = self._kiosk.store
        while events := await store.run(_new_events):
            for event in events:
                found = await store.run(_package_of, event)
                if found is not None:
                    self._write(*found)
                await store.run(journal.set_observer_seq, NAME, event.seq)

    def _write(self, package: Package, recipient: Recipient) -> None:
        number = "".join(filter(str.isdigit, recipient.phone))
        if not number or package.locator is None:
            return
        code = make_code(
            self._kiosk.location_key, package.id, package.locator, package.code_counter
        )
        shown = f"{code[:-6]} {code[-6:-3]} {code[-3:]}"
        location = self._kiosk.location
        text = (
            f"Your package is here: {location.name}, {location.address}. "
            f"Code {shown}. Help: {location.help_phone}"
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{package.id}-{package.code_counter}"
        draft = path.with_suffix(".part")
        draft.write_text(f"To: {number}\nAlphabet: UTF-8\n\n{text}\n", encoding="utf-8")
        draft.rename(path)


def _new_events(writer: Writer) -> list[Event]:
    seq = journal.observer_seq(writer, NAME)
    return journal.after(writer, seq, 50, [EventKind.PACKAGE_STORED])


def _package_of(writer: Writer, event: Event) -> tuple[Package, Recipient] | None:
    """The stored package and who gets the message; None when it is gone or nobody is known."""
    rows = json.loads(event.body)["rows"]
    package_id = next(values["id"] for table, values in rows if table == "package")
    package = packages.package(writer, package_id)
    recipient = packages.recipient_of(writer, package_id)
    if recipient is None or not package.may_be_picked_up:
        return None
    return package, recipient
