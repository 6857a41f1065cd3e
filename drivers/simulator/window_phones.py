"""The phones of the simulated site: messages that the kiosk has written into its spool folder.

A message is one file, as SMS daemons such as smstools take them: headers, a blank line, the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

_CODE: Final = re.compile(r"\b(\d{3} \d{3} \d{3,4})\b")
LOOK_EVERY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """A message that lies on somebody's phone."""

    name: str
    """The file's name: tells two messages apart."""
    number: str
    """Digits only, with the country."""
    text: str
    code: str
    """The pickup code as it is written in the text, like `123 456 789`; empty without one."""

    @property
    def digits(self) -> str:
        """The code without its spaces."""
        return self.code.replace(" ", "")


def parse_message(name: str, content: str) -> PhoneMessage:
    """A spool file's content as a message; what has no `To:` goes to an unknown number."""
    head, _, text = content.partition("\n\n")
    headers = dict(line.partition(":")[::2] for line in head.splitlines())
    number = "".join(filter(str.isdigit, headers.get("To", "")))
    found = _CODE.search(text)
    return PhoneMessage(name, number, text.strip(), found[1] if found else "")


def read_messages(folder: Path) -> tuple[PhoneMessage, ...]:
    """All messages in a folder, the newest first; none when there is no such folder."""
    written: list[tuple[int, Path]] = []
    try:
        for path in folder.iterdir():
            # `.part` is a message that is still being written.
            if path.suffix != ".part" and path.is_file():
                written.append((path.stat().st_mtime_ns, path))
    except OSError:
        return ()
    messages = []
    for _, path in sorted(written, reverse=True):
        try:
            messages.append(
                parse_message(path.name, path.read_text(encoding="utf-8", errors="replace"))
            )
        except OSError:
            # A gateway took it away in between.
            continue
    return tuple(messages)


class PhoneWatch:
    """Looks at the folder on a thread of its own; tells when the messages are others."""

    def __init__(self, folder: Path, tell: Callable[[tuple[PhoneMessage, ...]], None]) -> None:
        """`tell` is called on the watching thread."""
        self._folder = folder
        self._tell = tell
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="phones", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the watch; returns when its thread has."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        before: tuple[PhoneMessage, ...] = ()
        while True:
            messages = read_messages(self._folder)
            if messages != before:
                before = messages
                self._tell(messages)
            if self._ended.wait(LOOK_EVERY_S):
                return
