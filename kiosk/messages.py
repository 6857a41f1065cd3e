"""Messages to recipients from the kiosk itself, for a site that has no central server.

For each stored package, and for each code that is issued or asked for again, one file goes
into a spool folder, in the form that SMS daemons such as smstools take from their `outgoing`
folder: a header `To:` with the number, a blank line, the text. A message may go out twice after a
power cut, under the same file name.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from kiosk.flows.context import Kiosk
from kiosk.model import bidi
from kiosk.model.events import Event, EventKind
from kiosk.model.location import Location
from kiosk.model.package import Package
from kiosk.model.person import Recipient
from kiosk.model.phone import PhoneNumberError, phone_number
from kiosk.model.pickup_code import make_code
from kiosk.private_files import private_folder, write_private
from kiosk.store import packages, staff
from kiosk.store.observers import Later
from kiosk.store.writer import Writer

LOG = logging.getLogger(__name__)

UNDO_MS = 120_000
"""How long a message waits at most for a courier who may still take the package out again."""


class MessageSpool:
    """An observer of the journal that writes a message for each code that was issued."""

    name = "message-spool"
    kinds = (
        EventKind.PACKAGE_STORED,
        EventKind.CODE_REISSUED,
        EventKind.CODE_ASKED,
        EventKind.RECIPIENT_ERASED,
    )

    def __init__(self, kiosk: Kiosk, folder: Path) -> None:
        self._kiosk = kiosk
        self._folder = folder
        self.is_ending = False
        """The kiosk ends, and the courier's visit with it: no message waits any more."""

    async def take(self, event: Event) -> None:
        """Write the message of a package, as soon as its courier cannot undo the deposit; delete
        those of somebody who was erased."""
        if event.kind == EventKind.RECIPIENT_ERASED:
            recipient = str(json.loads(event.body)["recipient"])
            self._forget(await self._kiosk.store.run(packages.of_recipient, recipient))
            return
        if not self.is_ending and await self._kiosk.store.run(staff.is_in_visit, event.seq):
            now = self._kiosk.clock.now()
            age_ms = now.monotonic_ms - event.at.monotonic_ms
            if now.boot_id == event.at.boot_id and 0 <= age_ms < UNDO_MS:
                raise Later((UNDO_MS - age_ms) / 1000)
        found = await self._kiosk.store.run(_package_of, event)
        if found is not None:
            self._write(*found)

    def _write(self, package: Package, recipient: Recipient) -> None:
        number = self._number_of(package, recipient)
        if not number or package.locator is None:
            return
        code = make_code(
            self._kiosk.location_key, package.id, package.locator, package.code_counter
        )
        shown = f"{code[:-6]} {code[-6:-3]} {code[-3:]}"
        text = text_of(self._kiosk.location, shown)
        private_folder(self._folder)
        path = self._folder / f"{package.id}-{package.code_counter}"
        draft = path.with_suffix(".part")
        write_private(draft, f"To: {number}\nAlphabet: UTF-8\n\n{text}\n")
        draft.rename(path)

    def _forget(self, packages_of_person: list[str]) -> None:
        """What no daemon has taken goes with its person."""
        for package in packages_of_person:
            for path in self._folder.glob(f"{package}-*"):
                path.unlink(missing_ok=True)

    def _number_of(self, package: Package, recipient: Recipient) -> str:
        """In international form without the plus, as gateways such as smstools want it."""
        if not recipient.phone:
            return ""
        try:
            return phone_number(recipient.phone, self._kiosk.location.country or None)[1:]
        except PhoneNumberError:
            # The number stays out of the log.
            LOG.warning("package %s: no message: its number is none, or has no country", package.id)
            return ""


def text_of(location: Location, code: str) -> str:
    """What a message says; a name from right to left leaves the numbers in their order."""
    name, address, phone = location.name, location.address, location.help_phone
    if bidi.is_right_to_left(f"{name} {address}"):
        name, address = bidi.by_its_letters(name), bidi.by_its_letters(address)
        code, phone = bidi.left_to_right(code), bidi.left_to_right(phone)
    return f"Your package is here: {name}, {address}. Code {code}. Help: {phone}"


def _package_of(writer: Writer, event: Event) -> tuple[Package, Recipient] | None:
    """The stored package and who gets the message; None when it is gone or nobody is known."""
    body = json.loads(event.body)
    named = [values["id"] for table, values in body.get("rows", ()) if table == "package"]
    package_id = named[0] if named else body.get("package")
    if package_id is None:
        return None
    package = packages.package(writer, package_id)
    recipient = packages.recipient_of(writer, package_id)
    if recipient is None or not package.may_be_picked_up:
        return None
    if packages.is_contested(writer, package_id):
        return None
    return package, recipient
