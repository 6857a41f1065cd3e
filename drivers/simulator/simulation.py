"""The simulator's engine: lines behind the names of ports, a scanner, commands, events.

One thread runs it (`run`); a window or a script talks to it through `post` and `listen` from any
other. It sleeps until a byte comes or something is due.
"""

from __future__ import annotations

import contextlib
import os
import selectors
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from drivers.boards.family import BITS_PER_BYTE_ON_THE_WIRE
from drivers.door import DriverError
from drivers.simulator import commands
from drivers.simulator.bank import DoorMoved, SimulatedBank
from drivers.simulator.families import AnySimulatedBoard
from drivers.simulator.labels import Label
from drivers.simulator.line import SimulatedLine
from drivers.simulator.line_end import LineEnd, line_end
from drivers.simulator.lines import simulate_lines
from drivers.wiring import BoardWiring, DoorWiring

Event = dict[str, Any]
EventListener = Callable[[Event], None]

LATEST_SLEEP_S = 1.0


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """What is simulated: boards, doors, and the scanner's port, paths absolute."""

    boards: tuple[BoardWiring, ...]
    doors: tuple[DoorWiring, ...]
    scanner_port: str | None = None
    scanner_baud: int = 115200


@dataclass(frozen=True, slots=True)
class DoorView:
    """A door as a window shows it."""

    slot: str
    is_open: bool
    is_jammed: bool


@dataclass(frozen=True, slots=True)
class LineView:
    """A cable of the lock boards as a window shows it."""

    port: str
    is_plugged: bool


@dataclass(slots=True)
class _PluggedLine:
    terminal: LineEnd
    line: SimulatedLine
    sent: bytearray = field(default_factory=bytearray)
    """What has gone out of a frame that is still going out."""
    sent_from_s: float = 0.0


class _ScannerLine:
    """The scanner's end: text goes out at the line's pace, nothing comes back."""

    def __init__(self, terminal: LineEnd, baud: int) -> None:
        self.terminal = terminal
        self._byte_s = BITS_PER_BYTE_ON_THE_WIRE / baud
        self._going: deque[tuple[float, int]] = deque()
        self._free_at_s = 0.0

    def scan(self, text: str, now_s: float) -> None:
        at_s = max(now_s, self._free_at_s)
        for byte in text.encode("latin-1", errors="replace") + b"\r":
            at_s += self._byte_s
            self._going.append((at_s, byte))
        self._free_at_s = at_s

    def next_due_s(self) -> float | None:
        return self._going[0][0] if self._going else None

    def send_due(self, now_s: float) -> None:
        due = bytearray()
        while self._going and self._going[0][0] <= now_s:
            due.append(self._going.popleft()[1])
        if due:
            self.terminal.write(bytes(due))


class Simulation:
    """A simulated site that runs until it is stopped."""

    def __init__(
        self,
        site: SimulatedSite,
        rng: Random,
        clock: Callable[[], float],
        labels: Sequence[Label] = (),
        make_end: Callable[[str], LineEnd] = line_end,
    ) -> None:
        self.labels = tuple(labels)
        self._clock = clock
        self._steel = SimulatedBank([door.slot for door in site.doors], rng, clock)
        self._steel.listen(self._door_moved)
        lines, self._boards = simulate_lines(site.boards, site.doors, self._steel)
        self._lines = [_PluggedLine(make_end(port), line) for port, line in lines.items()]
        self._scanner = (
            _ScannerLine(make_end(site.scanner_port), site.scanner_baud)
            if site.scanner_port is not None
            else None
        )
        self._selector = selectors.PollSelector()
        self._wake_read_fd, self._wake_write_fd = os.pipe()
        for fd in (self._wake_read_fd, self._wake_write_fd):
            os.set_blocking(fd, False)
        self._posted: deque[commands.Command] = deque()
        self._script: deque[commands.Command] = deque()
        self._script_waits_until_s = 0.0
        self._listeners: list[EventListener] = []
        self._wire_listeners: list[EventListener] = []
        self._is_stopping = False

    # --- from any thread -----------------------------------------------------------------------

    def post(self, command: commands.Command) -> None:
        """Do this at once, whatever a script waits for."""
        self._posted.append(command)
        self._wake()

    def stop(self) -> None:
        """End `run` soon; may be called by a signal handler."""
        self._is_stopping = True
        self._wake()

    def doors(self) -> tuple[DoorView, ...]:
        """Every door as it stands now."""
        return tuple(
            DoorView(door.slot, door.is_open, door.is_jammed) for door in self._steel.doors.values()
        )

    def lines(self) -> tuple[LineView, ...]:
        """Every cable of the lock boards as it is now."""
        return tuple(
            LineView(plugged.terminal.name, plugged.terminal.is_plugged) for plugged in self._lines
        )

    @property
    def is_plugged(self) -> bool:
        """Whether the lock boards' adapters are in."""
        return all(plugged.terminal.is_plugged for plugged in self._lines)

    @property
    def closes_doors(self) -> bool:
        """Whether a simulated person closes every door by itself."""
        return self._steel.close_after_s is not None

    # --- before it runs ------------------------------------------------------------------------

    def listen(self, listener: EventListener) -> None:
        """Call `listener` with every event, on the thread that runs."""
        self._listeners.append(listener)

    def listen_to_wires(self, listener: EventListener) -> None:
        """Call `listener` with every piece of bytes that goes over a lock boards' line."""
        self._wire_listeners.append(listener)

    def play(self, script: Sequence[commands.Command]) -> None:
        """Add commands to be done one after another; waits hold back those behind them."""
        self.check(script)
        self._script.extend(script)
        self._wake()

    def check(self, script: Sequence[commands.Command]) -> None:
        """Refuse commands for slots or ports that are not there, or a scan without a scanner."""
        for command in script:
            for slot in (getattr(command, "slot", None), getattr(command, "other", None)):
                if slot is not None:
                    self._steel.door(slot)
            if isinstance(command, commands.Unplug | commands.Plug):
                self._lines_at(command.port)
            if isinstance(command, commands.Spoil | commands.Heal):
                self._boards_named(command.board)
            if isinstance(command, commands.Scan) and self._scanner is None:
                raise DriverError("the site has no scanner: nothing can be scanned")

    def watch(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Call `on_readable` on the running thread whenever `fd` has something to read."""
        self._selector.register(fd, selectors.EVENT_READ, on_readable)

    def forget(self, fd: int) -> None:
        """Watch `fd` no longer."""
        self._selector.unregister(fd)

    # --- the run -------------------------------------------------------------------------------

    def run(self) -> None:
        """Plug everything in and live until `stop`, or `quit`. Leaves no name behind."""
        self._selector.register(self._wake_read_fd, selectors.EVENT_READ, self._drain_wakes)
        try:
            self._plug()
            if self._scanner is not None:
                self._scanner.terminal.plug()
            self._emit(
                {
                    "event": "ready",
                    "ports": self._ports(),
                    "labels": [label.barcode for label in self.labels],
                }
            )
            while not self._is_stopping:
                for key, _ in self._selector.select(self._sleep_s()):
                    key.data()
                self._work()
        finally:
            self._unplug()
            if self._scanner is not None:
                self._scanner.terminal.unplug()
            self._selector.close()
            os.close(self._wake_read_fd)
            os.close(self._wake_write_fd)

    def _work(self) -> None:
        now_s = self._clock()
        self._steel.advance(now_s)
        for plugged in self._lines:
            self._send_due(plugged, now_s)
        if self._scanner is not None and self._scanner.terminal.is_plugged:
            self._scanner.send_due(now_s)
        while self._posted:
            self._do(self._posted.popleft())
        self._play_on(now_s)

    def _sleep_s(self) -> float:
        now_s = self._clock()
        if self._posted:
            return 0.0
        times = [now_s + LATEST_SLEEP_S, self._steel.next_due_s()]
        times += [each.line.next_due_s() for each in self._lines if each.terminal.is_plugged]
        if self._scanner is not None:
            times.append(self._scanner.next_due_s())
        if self._script and not isinstance(self._script[0], commands.WaitFor):
            times.append(self._script_waits_until_s)
        return max(0.0, min(time_s for time_s in times if time_s is not None) - now_s)

    def _wake(self) -> None:
        # A full pipe wakes as well as one byte more; a closed one has nobody left to wake.
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write_fd, b"w")

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read_fd, 4096)

    # --- commands ------------------------------------------------------------------------------

    def _play_on(self, now_s: float) -> None:
        while self._script and not self._is_stopping:
            command = self._script[0]
            if now_s < self._script_waits_until_s:
                return
            if isinstance(command, commands.WaitFor):
                if self._steel.door(command.slot).is_open is not command.is_open:
                    return
            elif isinstance(command, commands.Wait):
                self._script_waits_until_s = now_s + command.seconds
            else:
                self._do(command)
            self._script.popleft()
            now_s = self._clock()

    def _do(self, command: commands.Command) -> None:
        try:
            self.check([command])
        except DriverError as error:
            self._emit({"event": "error", "message": str(error)})
            return
        match command:
            case commands.Close(slot):
                self._steel.close(slot)
            case commands.Open(slot):
                self._steel.open_by_force(slot)
            case commands.Jam(slot):
                self._steel.jam(slot)
                self._emit({"event": "jammed", "slot": slot})
            case commands.Unjam(slot):
                self._steel.unjam(slot)
                self._emit({"event": "unjammed", "slot": slot})
            case commands.Swap(slot, other):
                self._steel.swap(slot, other)
                self._emit({"event": "swapped", "slot": slot, "other": other})
            case commands.Sensor(slot, reads_open):
                door = self._steel.door(slot)
                door.stuck_sensor, door.has_bouncing_sensor = reads_open, False
                door.bounced_to = None
                self._emit({"event": "sensor", "slot": slot, "reads_open": reads_open})
            case commands.Bounce(slot):
                self._steel.door(slot).has_bouncing_sensor = True
                self._emit({"event": "sensor", "slot": slot, "bounces": True})
            case commands.Spoil(board, fault, probability):
                for each in self._boards_named(board):
                    each.faults.set(fault, probability)
                self._emit(
                    {"event": "fault", "board": board, "fault": fault, "probability": probability}
                )
            case commands.Heal(board):
                for each in self._boards_named(board):
                    each.faults.clear()
                self._emit({"event": "fault", "board": board, "fault": "none"})
            case commands.Power(is_on, back_after_s):
                if is_on:
                    self._steel.restore_power()
                else:
                    self._steel.cut_power(back_after_s)
                self._emit({"event": "power", "on": is_on})
            case commands.CloseAfter(seconds):
                self._steel.close_after_s = seconds
            case commands.Unplug(port):
                self._unplug(port)
                self._emit({"event": "unplugged", **({"port": port} if port else {})})
            case commands.Plug(port):
                self._plug(port)
                self._emit({"event": "plugged", **({"port": port} if port else {})})
            case commands.Scan(text):
                self._scan(text)
            case commands.Quit():
                self._is_stopping = True

    def _boards_named(self, name: str) -> list[AnySimulatedBoard]:
        if name == commands.EVERY_BOARD:
            return list(self._boards.values())
        if name not in self._boards:
            raise DriverError(f"there is no board {name!r}; there are {', '.join(self._boards)}")
        return [self._boards[name]]

    def _scan(self, text: str) -> None:
        if self._scanner is not None:
            self._scanner.scan(text, self._clock())
            self._emit({"event": "scanned", "text": text})

    # --- wires ---------------------------------------------------------------------------------

    def _lines_at(self, port: str) -> list[_PluggedLine]:
        if not port:
            return self._lines
        found = [each for each in self._lines if each.terminal.name.endswith(port)]
        if not found:
            ports = ", ".join(each.terminal.name for each in self._lines)
            raise DriverError(f"there are no lock boards at {port!r}; there are some at {ports}")
        return found

    def _plug(self, port: str = "") -> None:
        for plugged in self._lines_at(port):
            if plugged.terminal.is_plugged:
                continue
            plugged.line.clear()
            plugged.terminal.plug()
            self._selector.register(
                plugged.terminal.fileno(),
                selectors.EVENT_READ,
                lambda plugged=plugged: self._receive(plugged),
            )

    def _unplug(self, port: str = "") -> None:
        for plugged in self._lines_at(port):
            if plugged.terminal.is_plugged:
                self._selector.unregister(plugged.terminal.fileno())
                plugged.terminal.unplug()

    def _receive(self, plugged: _PluggedLine) -> None:
        # A command done since may have pulled the plug.
        data = plugged.terminal.read() if plugged.terminal.is_plugged else b""
        if data:
            now_s = self._clock()
            self._report_wire(plugged, "in", data, now_s)
            plugged.line.write(data, now_s)

    def _send_due(self, plugged: _PluggedLine, now_s: float) -> None:
        data = plugged.line.take(now_s)
        if data and plugged.terminal.is_plugged:
            plugged.terminal.write(data)
            plugged.sent_from_s = plugged.sent_from_s if plugged.sent else now_s
            plugged.sent += data
        if plugged.sent and not plugged.line.is_sending:
            self._report_wire(plugged, "out", bytes(plugged.sent), plugged.sent_from_s)
            plugged.sent.clear()

    def _report_wire(self, plugged: _PluggedLine, direction: str, data: bytes, at_s: float) -> None:
        for listener in self._wire_listeners:
            listener(
                {
                    "event": "frame",
                    "direction": direction,
                    "port": plugged.terminal.name,
                    "at_s": at_s,
                    "hex": data.hex(" ").upper(),
                }
            )

    # --- events --------------------------------------------------------------------------------

    def _door_moved(self, moved: DoorMoved) -> None:
        event = "opened" if moved.is_open else "closed"
        self._emit({"event": event, "slot": moved.slot, "at_s": moved.at_s})

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    def _ports(self) -> list[str]:
        terminals = [plugged.terminal for plugged in self._lines]
        if self._scanner is not None:
            terminals.append(self._scanner.terminal)
        return [terminal.name for terminal in terminals]
