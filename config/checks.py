"""What the shape alone cannot tell: whether the parts of a site fit each other.

Each check takes the parts that were read, each with its key, so that a mistake in one slot hides
no mistake in another.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.labels import looks_like
from config.lines import Key
from config.machine import Reach
from config.mistakes import key_path, one_of
from config.schema import Board, Face, Scanner, Screen, Signal, Slot, Staff
from drivers.boards import FAMILIES
from drivers.door import DriverError
from drivers.port_names import require_port_name, same_port, shares_its_name, timing_of

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake before it is known where in which file it stands."""

    key: Key
    problem: str
    right: str


@dataclass(frozen=True)
class Parts:
    """Everything in a file that could be read by itself."""

    size_names: tuple[str, ...]
    board_names: tuple[str, ...]
    boards: Mapping[Key, Board]
    outlines: Mapping[Key, Face]
    locker_labels: Mapping[Key, str]
    slots: Mapping[Key, Slot]
    signals: Mapping[Key, Signal]
    staff: Mapping[Key, Staff]
    scanner: Scanner | None
    screen: Screen | None
    reach: Reach | None


def read_parts(raw: Mapping[str, Any]) -> Parts:
    """Take what is right by itself out of a file that may be wrong elsewhere."""
    lockers = _tables(raw, ("lockers",))
    outlines: dict[Key, Face] = {}
    slots: dict[Key, Slot] = {}
    for key, locker in lockers.items():
        faces = {name: locker[name] for name in Face.model_fields if name in locker}
        outlines |= _read(Face, {key: faces})
        slots |= _read(Slot, _tables(locker, (*key, "slots")))
    boards = _tables(raw, ("boards",))
    sizes = raw.get("sizes")
    return Parts(
        size_names=tuple(sizes) if isinstance(sizes, dict) else (),
        board_names=tuple(str(board["name"]) for board in boards.values() if "name" in board),
        boards=_read(Board, boards),
        outlines=outlines,
        locker_labels={
            key: unicodedata.normalize("NFC", locker["label"])
            for key, locker in lockers.items()
            if isinstance(locker.get("label"), str)
        },
        slots=slots,
        signals=_read(Signal, _tables(raw, ("signals",))),
        staff=_read(Staff, _tables(raw, ("staff",))),
        scanner=_read(Scanner, {("scanner",): raw.get("scanner")}).get(("scanner",)),
        screen=_read(Screen, {("screen",): raw.get("screen")}).get(("screen",)),
        reach=_read(Reach, {("reach",): raw.get("reach")}).get(("reach",)),
    )


def all_findings(parts: Parts) -> list[Finding]:
    """Every mistake between the parts."""
    return [
        *_labels(parts),
        *_boards(parts),
        *_ports(parts),
        *_spellings(parts),
        *_line_speeds(parts),
        *_shared_names(parts),
        *_scanner(parts),
        *_slot_wiring(parts),
        *_double_channels(parts),
        *_signals(parts),
        *_drawing(parts),
        *_reach(parts),
    ]


def _tables(raw: Mapping[str, Any], key: Key) -> dict[Key, Mapping[str, Any]]:
    """The tables of the list under the last part of `key`; [] when it is no list."""
    found = raw.get(str(key[-1]))
    if not isinstance(found, list):
        return {}
    return {(*key, index): item for index, item in enumerate(found) if isinstance(item, dict)}


def _read(model: type[T], raw: Mapping[Key, object]) -> dict[Key, T]:
    read: dict[Key, T] = {}
    for key, item in raw.items():
        try:
            read[key] = model.model_validate(item)
        except ValidationError:
            continue  # reported by the check of the whole file
    return read


def _duplicates(named: Mapping[Key, object]) -> Iterator[tuple[Key, Key]]:
    """Each key whose value stood before, with the key where it stood first."""
    first: dict[object, Key] = {}
    for key, value in named.items():
        if value in first:
            yield key, first[value]
        else:
            first[value] = key


def _labels(parts: Parts) -> Iterator[Finding]:
    unique: Iterable[tuple[str, str, Mapping[Key, object]]] = (
        ("label", "a label that no other locker has", parts.locker_labels),
        (
            "label",
            "a label that no other slot of the location has",
            {key: slot.label for key, slot in parts.slots.items()},
        ),
        (
            "name",
            "a name that no other board has",
            {key: board.name for key, board in parts.boards.items()},
        ),
        (
            "number",
            "a number that nobody else has, with as many digits as the others",
            {key: person.number for key, person in parts.staff.items()},
        ),
    )
    for field, right, named in unique:
        alike = {key: looks_like(str(name)) for key, name in named.items()}
        for key, first in _duplicates(alike if field != "number" else named):
            but = (
                ""
                if named[key] == named[first]
                else ", but for capitals, a 0 in front or another script"
            )
            yield Finding((*key, field), f"stands at {key_path(first)} already{but}", right)
    yield from _digits_of_staff(parts)


def _digits_of_staff(parts: Parts) -> Iterator[Finding]:
    digits = {key: len(person.number) for key, person in parts.staff.items()}
    for key, count in digits.items():
        first = next(iter(digits))
        if count != digits[first]:
            problem = f"has {count} digits, and {key_path(first)} has {digits[first]}"
            yield Finding((*key, "number"), problem, "as many digits for everybody, like 0011")


def _boards(parts: Parts) -> Iterator[Finding]:
    for key, board in parts.boards.items():
        family = FAMILIES[board.family]
        limits = (
            ("address", board.address, family.addresses),
            ("channels", board.channels, family.channel_counts),
        )
        for field, value, allowed in limits:
            if value not in allowed:
                yield Finding(
                    (*key, field),
                    f'does not exist in family "{board.family}"',
                    f"a whole number from {allowed[0]} to {allowed[-1]}",
                )
        yield from _options(key, board)
    places = {key: (same_port(board.port), board.address) for key, board in parts.boards.items()}
    for key, first in _duplicates(places):
        yield Finding(
            (*key, "address"),
            f"is the address of {key_path(first)} on the same port already",
            "an address that no other board on this port has (set on the board itself)",
        )


def _options(key: Key, board: Board) -> Iterator[Finding]:
    """Options that the board's family does not have, or values that they cannot have."""
    known = {option.name: option for option in FAMILIES[board.family].options}
    for name, value in board.options.items():
        option = known.get(name)
        if option is None:
            names = " or ".join(known) or "none: this family has no options"
            yield Finding((*key, "options", name), f'no option of "{board.family}"', names)
        elif not option.allows(value):
            yield Finding((*key, "options", name), "cannot be", option.right)


def _named_ports(parts: Parts) -> dict[Key, str]:
    ports: dict[Key, str] = {(*key, "port"): board.port for key, board in parts.boards.items()}
    if parts.scanner is not None:
        ports["scanner", "port"] = parts.scanner.port
    return ports


def _ports(parts: Parts) -> Iterator[Finding]:
    """Names that the drivers would refuse, or would look for in the data folder for ever."""
    for key, port in _named_ports(parts).items():
        try:
            require_port_name(port)
        except DriverError as error:
            yield Finding(
                key,
                f"cannot be opened: {error}".rstrip("."),
                'a device like "/dev/serial/by-id/usb-…", "socket://HOST:PORT" of a serial '
                'server, or a path with a folder inside the data folder, as "ports/lock-bus"',
            )


def _spellings(parts: Parts) -> Iterator[Finding]:
    """One port in two spellings would be opened twice."""
    first: dict[str, tuple[Key, str]] = {}
    for key, board in parts.boards.items():
        first_key, written = first.setdefault(same_port(board.port), (key, board.port))
        if board.port != written:
            yield Finding(
                (*key, "port"),
                f"is the port of {key_path(first_key)}, written in another way",
                f'written as there: "{written}"',
            )


def _line_speeds(parts: Parts) -> Iterator[Finding]:
    """Boards of one port that do not speak at one speed."""
    first: dict[str, tuple[Key, int]] = {}
    for key, board in parts.boards.items():
        try:
            baud = timing_of(board).baud
        except DriverError:
            continue  # its address, channels or options are reported by themselves
        first_key, first_baud = first.setdefault(same_port(board.port), (key, baud))
        if baud != first_baud:
            yield Finding(
                (*key, "port"),
                f"is the port of {key_path(first_key)}, which speaks at {first_baud} baud; "
                f'family "{board.family}" speaks at {baud}',
                "a port of its own, or boards of one speed on this port",
            )


def _shared_names(parts: Parts) -> Iterator[Finding]:
    """Two adapters under names that only say their kind: which is which changes with each start."""
    shared: dict[str, Key] = {}
    for key, port in _named_ports(parts).items():
        if shares_its_name(port) and port not in shared:
            if shared:
                yield Finding(
                    key,
                    f"and {key_path(next(iter(shared.values())))} are CH340 adapters, which have "
                    f"no serial number: another of the kind gets the same by-id name",
                    "the place it is plugged in at, /dev/serial/by-path/…, for both",
                )
            shared[port] = key


def _scanner(parts: Parts) -> Iterator[Finding]:
    if parts.scanner is None:
        return
    for key, board in parts.boards.items():
        if same_port(board.port) == same_port(parts.scanner.port):
            yield Finding(
                ("scanner", "port"),
                f"is the port of {key_path(key)} already",
                "the port that the scanner is plugged into",
            )
            return


def _slot_wiring(parts: Parts) -> Iterator[Finding]:
    channels = {board.name: board.channels for board in parts.boards.values()}
    for key, slot in parts.slots.items():
        if slot.size not in parts.size_names:
            right = one_of(parts.size_names, slot.size)
            yield Finding((*key, "size"), "is not a size of this site", right)
        if slot.board not in parts.board_names:
            right = one_of(parts.board_names, slot.board)
            yield Finding((*key, "board"), "is not a board of this site", right)
        elif slot.channel > channels.get(slot.board, slot.channel):
            last = channels[slot.board]
            yield Finding(
                (*key, "channel"),
                f'is beyond the last channel of board "{slot.board}"',
                f"a whole number from 1 to {last}",
            )


def _double_channels(parts: Parts) -> Iterator[Finding]:
    wires = {key: (slot.board, slot.channel) for key, slot in parts.slots.items()}
    for key, first in _duplicates(wires):
        slot, other = parts.slots[key], parts.slots[first]
        yield Finding(
            (*key, "channel"),
            f'of board "{slot.board}" is used by slot {other.label} ({key_path(first)}) already',
            "a channel that no other slot has: two doors would open at once",
        )


def _signals(parts: Parts) -> Iterator[Finding]:
    boards = {board.name: board for board in parts.boards.values()}
    taken = {
        (slot.board, slot.channel): f"the lock of slot {slot.label}"
        for slot in parts.slots.values()
    }
    labels = tuple(parts.locker_labels.values())
    for key, signal in parts.signals.items():
        board = boards.get(signal.board)
        if signal.board not in parts.board_names:
            right = one_of(parts.board_names, signal.board)
            yield Finding((*key, "board"), "is not a board of this site", right)
        elif board is not None:
            yield from _output(key, signal, board)
        if signal.locker not in labels:
            right = one_of(labels, signal.locker)
            yield Finding((*key, "locker"), "is not a locker of this site", right)
        output = (signal.board, signal.channel)
        if output in taken:
            yield Finding(
                (*key, "channel"),
                f'of board "{signal.board}" is {taken[output]} already',
                "an output that nothing hangs on: a lock that is held burns",
            )
        taken[output] = f"the output of {key_path(key)}"


def _output(key: Key, signal: Signal, board: Board) -> Iterator[Finding]:
    if not FAMILIES[board.family].holds_outputs:
        families = [name for name, family in FAMILIES.items() if family.holds_outputs]
        yield Finding(
            (*key, "board"),
            f'is of family "{board.family}", whose outputs are only pulsed',
            "a board of family " + " or ".join(f'"{name}"' for name in families),
        )
    if signal.channel > board.channels:
        yield Finding(
            (*key, "channel"),
            f'is beyond the last channel of board "{board.name}"',
            f"a whole number from 1 to {board.channels}",
        )


def _drawing(parts: Parts) -> Iterator[Finding]:
    for key, slot in parts.slots.items():
        outline = parts.outlines.get(key[:2])
        if outline is not None and not outline.contains(slot):
            yield Finding(
                key,
                f"slot {slot.label} reaches beyond its locker ({_extent(slot)})",
                f"a place inside {key_path(key[:2])} ({_extent(outline)})",
            )
    for (_, one), (key, two) in combinations(parts.slots.items(), 2):
        if one.overlaps(two):
            yield Finding(
                key,
                f"slot {two.label} lies over slot {one.label} ({_extent(two)})",
                f"a place beside slot {one.label} ({_extent(one)})",
            )
    for (first, one_outline), (key, outline) in combinations(parts.outlines.items(), 2):
        if one_outline.overlaps(outline):
            yield Finding(
                key,
                f"lies over {key_path(first)} ({_extent(outline)})",
                f"a place beside it ({_extent(one_outline)})",
            )
    if parts.screen is not None:
        under = [slot.label for slot in parts.slots.values() if parts.screen.overlaps(slot)]
        if under:
            yield Finding(
                ("screen",),
                f"lies over slots {', '.join(under)} ({_extent(parts.screen)})",
                "a place where no door is",
            )


def _reach(parts: Parts) -> Iterator[Finding]:
    if parts.reach is not None and parts.reach.lowest_mm >= parts.reach.highest_mm:
        yield Finding(
            ("reach", "lowest_mm"),
            f"is not below highest_mm, which is {parts.reach.highest_mm}",
            "a height below it, as 380 below 1220",
        )


def _extent(face: Face) -> str:
    right, top = face.left_mm + face.width_mm, face.bottom_mm + face.height_mm
    return f"{face.left_mm} to {right} mm across, {face.bottom_mm} to {top} mm up"
