"""What can be told to a running simulation, one command on a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.door import DriverError


class CommandError(DriverError):
    """A line that is no command; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Close:
    """A person closes a door."""

    slot: str


@dataclass(frozen=True, slots=True)
class CloseAfter:
    """A person closes every door so many seconds after it opens; None: nobody does."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Open:
    """A door is forced open."""

    slot: str


@dataclass(frozen=True, slots=True)
class Jam:
    """A lock no longer obeys its pulse."""

    slot: str


@dataclass(frozen=True, slots=True)
class Unjam:
    """A lock obeys again."""

    slot: str


@dataclass(frozen=True, slots=True)
class Swap:
    """The lock cables of two doors change places; their sensors do not."""

    slot: str
    other: str


@dataclass(frozen=True, slots=True)
class Sensor:
    """A door's sensor dies and says the same for ever: True for open; None: it works again."""

    slot: str
    reads_open: bool | None


@dataclass(frozen=True, slots=True)
class Unplug:
    """Pull an adapter of the lock boards out; with no port, all of them."""

    port: str = ""


@dataclass(frozen=True, slots=True)
class Plug:
    """Put an adapter back in; with no port, all of them."""

    port: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """Hold a label before the scanner."""

    text: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass before the next command."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Let time pass until a door is open, or closed."""

    slot: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Quit:
    """End the simulation."""


Command = (
    Close
    | CloseAfter
    | Open
    | Jam
    | Unjam
    | Swap
    | Sensor
    | Unplug
    | Plug
    | Scan
    | Wait
    | WaitFor
    | Quit
)

_ESCAPED_BYTE = re.compile(r"\\x([0-9A-Fa-f]{2})")

_WITH_SLOT: Mapping[str, Callable[[str], Command]] = {
    "close": Close,
    "open": Open,
    "jam": Jam,
    "unjam": Unjam,
    "wait-open": lambda slot: WaitFor(slot, is_open=True),
    "wait-closed": lambda slot: WaitFor(slot, is_open=False),
}
_WITH_PORT: Mapping[str, Callable[[str], Command]] = {"unplug": Unplug, "plug": Plug}
_SENSORS: Mapping[str, bool | None] = {"open": True, "closed": False, "works": None}

USAGE = (
    "close SLOT, close-after SECONDS|off, open SLOT, jam SLOT, unjam SLOT, swap SLOT SLOT, "
    "sensor SLOT open|closed|works, unplug [PORT], plug [PORT], scan TEXT, wait SECONDS, "
    "wait-open SLOT, wait-closed SLOT, quit"
)


def parse_command(line: str) -> Command | None:
    r"""The command on a line; None for an empty line or one that begins with `#`.

    In the text of a `scan`, `\x1D` stands for the byte 1D.
    """
    word, _, rest = line.strip().partition(" ")
    argument = rest.strip()
    if not word or word.startswith("#"):
        return None
    if word in _WITH_PORT:
        return _WITH_PORT[word](argument)
    words = argument.split()
    if word == "swap" and len(words) == 2:
        return Swap(*words)
    if word == "sensor" and len(words) == 2 and words[1] in _SENSORS:
        return Sensor(words[0], _SENSORS[words[1]])
    if word == "quit" and not argument:
        return Quit()
    if word in _WITH_SLOT and argument:
        return _WITH_SLOT[word](argument)
    if word == "scan" and argument:
        return Scan(_ESCAPED_BYTE.sub(lambda found: chr(int(found[1], 16)), argument))
    if word == "wait" and argument:
        return Wait(_seconds(line, argument))
    if word == "close-after" and argument:
        return CloseAfter(None if argument == "off" else _seconds(line, argument))
    raise CommandError(f"{line.strip()!r} is no command; there are: {USAGE}")


def _seconds(line: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86400:
        raise CommandError(f"{line.strip()!r}: {text!r} is no number of seconds within 0..86400")
    return seconds
