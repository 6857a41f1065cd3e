"""The commands of a running simulation, one on a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.door import DriverError
from drivers.simulator.faults import Fault


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
class Bounce:
    """From now on a door's sensor bounces for a moment whenever the door moves."""

    slot: str


@dataclass(frozen=True, slots=True)
class Spoil:
    """A board has a fault at every transaction, or with a probability; "*" is every board."""

    board: str
    fault: Fault
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Heal:
    """A board, or "*" for every board, has no fault any more."""

    board: str


@dataclass(frozen=True, slots=True)
class Power:
    """The 12 V of the locks and boards come or go; after some seconds they come back by themselves.

    The computer goes on: so it is when the 12 V come later than the computer.
    """

    is_on: bool
    back_after_s: float | None = None


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
    | Bounce
    | Spoil
    | Heal
    | Power
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
_FAULTS: Mapping[str, Fault] = {fault.value: fault for fault in Fault}
EVERY_BOARD = "*"

USAGE = (
    "close SLOT, close-after SECONDS|off, open SLOT, jam SLOT, unjam SLOT, swap SLOT SLOT, "
    "sensor SLOT open|closed|bounces|works, "
    f"fault BOARD|* {'|'.join(_FAULTS)}|none [PROBABILITY], "
    "power on|off [SECONDS], unplug [PORT], plug [PORT], scan TEXT, wait SECONDS, "
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
    if word == "sensor" and len(words) == 2 and words[1] == "bounces":
        return Bounce(words[0])
    if word == "fault" and len(words) in (2, 3):
        return _fault(line, *words)
    if word == "power" and words and words[0] in ("on", "off"):
        return _power(line, words)
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


def _fault(line: str, board: str, kind: str, probability: str = "1") -> Command:
    if kind == "none" and probability == "1":
        return Heal(board)
    if kind not in _FAULTS:
        raise CommandError(
            f"{line.strip()!r}: {kind!r} is no fault; there are {', '.join(_FAULTS)}, and none"
        )
    try:
        number = float(probability)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise CommandError(f"{line.strip()!r}: {probability!r} is no probability within 0..1")
    return Spoil(board, _FAULTS[kind], number)


def _power(line: str, words: list[str]) -> Command:
    if words[0] == "on" and len(words) == 1:
        return Power(is_on=True)
    if words[0] == "off" and len(words) <= 2:
        return Power(is_on=False, back_after_s=_seconds(line, words[1]) if words[1:] else None)
    raise CommandError(f"{line.strip()!r}: write power on, power off, or power off SECONDS")


def _seconds(line: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86400:
        raise CommandError(f"{line.strip()!r}: {text!r} is no number of seconds within 0..86400")
    return seconds
