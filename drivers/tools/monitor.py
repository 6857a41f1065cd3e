"""All doors of a site live in a terminal: what is shown, and the tap that shows the bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from drivers.bank import Bank
from drivers.door import BoardChange, BoardReport, DoorChange, DoorState, ItemState
from drivers.frames import hexed
from drivers.port import Port, PortOpener
from drivers.wiring import BoardWiring, DoorWiring

Tap = Callable[[str, str, bytes], None]
"""Called with a port's name, `>` for what was sent or `<` for what came, and the bytes."""

_SIGNS: Final = {DoorState.OPEN: "OPEN", DoorState.CLOSED: "shut", DoorState.UNKNOWN: "?"}


class TappedPort:
    """A port that hands all that goes over it to a tap; what came, when nothing follows it."""

    def __init__(self, name: str, port: Port, tap: Tap) -> None:
        self._name = name
        self._port = port
        self._tap = tap
        self._came = b""

    def read(self, timeout_s: float) -> bytes:
        data = self._port.read(timeout_s)
        self._came += data
        if not data:
            self._tap_received()
        return data

    def write(self, data: bytes) -> None:
        self._tap_received()
        self._tap(self._name, ">", data)
        self._port.write(data)

    def close(self) -> None:
        self._tap_received()
        self._port.close()

    def _tap_received(self) -> None:
        if self._came:
            self._tap(self._name, "<", self._came)
        self._came = b""


@dataclass(frozen=True, slots=True)
class TappedOpener:
    """The way to a port whose bytes are tapped."""

    opener: PortOpener
    tap: Tap

    @property
    def name(self) -> str:
        return self.opener.name

    def is_present(self) -> bool:
        return self.opener.is_present()

    def open(self, baud: int) -> Port:
        return TappedPort(self.name, self.opener.open(baud), self.tap)


def change_line(change: DoorChange | BoardChange) -> str:
    """A change as a line."""
    if isinstance(change, BoardChange):
        return f"board {change.board}: " + ("answers" if change.reachable else change.reason)
    how = ", first reading" if change.baseline else ""
    return f"door {change.slot}: {_SIGNS[change.now]}{how}"


def bytes_line(name: str, direction: str, data: bytes) -> str:
    """Bytes as a line."""
    return f"{name} {direction} {hexed(data)}"


def picture(
    bank: Bank, boards: Sequence[BoardWiring], doors: Sequence[DoorWiring], columns: int
) -> list[str]:
    """All boards and doors as they are now, in lines of so many columns."""
    reports = {report.board: report for report in bank.reports()}
    lines: list[str] = []
    for board in boards:
        lines += _about(reports[board.name], columns)
        cells = [_cell(bank, door) for door in doors if door.board == board.name]
        lines += _in_columns(cells, columns)
        lines.append("")
    return lines


def _about(report: BoardReport, columns: int) -> Iterator[str]:
    state = "answers" if report.reachable else f"does not answer. {report.reason}"
    yield from wrap(
        f"Board {report.board} ({report.family}, address {report.address}, {report.port}) {state}",
        columns,
    )
    yield from wrap(
        f"frames {report.frames_sent} sent, {report.frames_received} answered; "
        f"{report.timeouts} time-outs, {report.checksum_errors} wrong checksums, "
        f"{report.reconnects} reconnects",
        columns,
    )


def _cell(bank: Bank, door: DoorWiring) -> str:
    item = bank.item(door.slot)
    inside = "" if item is ItemState.UNKNOWN else "+" if item is ItemState.PRESENT else "-"
    return f"{door.slot}: {_SIGNS[bank.door(door.slot)]}{inside} (channel {door.channel})"


def _in_columns(cells: Sequence[str], columns: int) -> Iterator[str]:
    width = max(map(len, cells), default=0) + 3
    per_line = max(1, columns // width)
    for start in range(0, len(cells), per_line):
        yield "".join(cell.ljust(width) for cell in cells[start : start + per_line]).rstrip()
