"""A barcode scanner on a serial line: bytes become reads that are safe to hand on.

A code ends with its suffix: CR, LF or TAB. A short pause inside a code joins; what a longer silence
cut is refused, with what follows up to the suffix, for a part of a code can look like a whole one.
A scanner that was never seen to send a suffix is believed once the same text came twice. Only
printable ASCII and GS (as which FNC1 arrives) are taken, at most 160 characters, or 400 of a badge
that a key signed and that is nothing but letters and digits: barcodes can carry control characters
made to attack.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from drivers.barcodes import BARCODE_LENGTH_MAX, Check, Kind, Recognised, recognise
from drivers.port import (
    PORT_ERRORS,
    Port,
    PortOpener,
    PortProblem,
    PortUnavailableError,
    ReconnectPlan,
)

log = logging.getLogger(__name__)

SILENCE_S: Final = 0.5
"""A shorter pause inside a code joins its pieces."""
SAME_AGAIN_S: Final = 1.0
TERMINATORS: Final = b"\r\n\t"
GROUP_SEPARATOR: Final = 0x1D
DEFAULT_BAUD: Final = 115200

LISTEN_S: Final = 0.25
"""How long the thread listens before it looks whether it is to stop."""
STOP_TIMEOUT_S: Final = 5.0

AIM_IDENTIFIER: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""What a scanner may put before a code to tell its symbology (ISO/IEC 15424)."""

SCAN_LENGTH_MAX: Final = 400
"""How long a signed badge may be as it is read; anything else is as short as a barcode."""
SIGNED_BADGE: Final = re.compile(rb"(?:\][A-Za-z][0-9A-Za-z]){0,2}PKB[0-9]+:[A-Z2-7]+")
TOO_LONG: Final = f"longer than {BARCODE_LENGTH_MAX} characters"
CUT: Final = "came in pieces or without its suffix (Enter); scan it again"
NOT_PRINTABLE: Final = "holds characters that no label of ours has"


@dataclass(frozen=True, slots=True)
class ScannerRead:
    """One read, or why it was not taken."""

    text: str
    """What the label says, without the AIM identifier; empty when refused."""
    aim_id: str = ""
    """The symbology as the scanner names it, such as `]C1`; often empty."""
    refused: str = ""
    """Why nothing is handed on; empty for a good read."""
    received: str = field(default="", compare=False, repr=False)
    """What came, before anything was judged or put right; for the test of a scanner."""
    has_suffix: bool = field(default=True, compare=False, repr=False)
    """Whether a suffix ended it."""

    @property
    def kind(self) -> Kind:
        """Whose form the code has: a carrier's, GS1's, or just text."""
        return self._recognised.kind

    @property
    def check(self) -> Check:
        """What its check digit says; `failed` warns and forbids nothing."""
        return self._recognised.check

    @property
    def warning(self) -> str:
        """A sentence about a failed check for the person who scanned; else empty."""
        return self._recognised.warning

    @property
    def _recognised(self) -> Recognised:
        return recognise(self.text, self.aim_id)


class ScanAssembler:
    """Joins bytes to reads. Pure: times are handed in, in monotonic seconds."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._newest_s = 0.0
        self._last: ScannerRead | None = None
        self._last_s = 0.0
        self._silent = b""
        """What silence ended last, with no suffix since."""
        self._silent_s = float("-inf")
        self._is_cut = False
        self._has_suffix = False
        self._lacks_suffix = False

    @property
    def is_waiting(self) -> bool:
        """Whether a code has begun and not ended."""
        return bool(self._received)

    @property
    def is_cut(self) -> bool:
        """Whether what comes up to the next suffix may be the tail of a code."""
        return self._is_cut

    def cut(self) -> None:
        """The beginning of the code that comes was lost: it is refused."""
        self._is_cut = True

    def feed(self, data: bytes, at_s: float) -> tuple[ScannerRead, ...]:
        """Take bytes that came at this moment; the reads that they end."""
        reads = list(self.silence(at_s))
        for byte in data:
            if byte in TERMINATORS:
                reads.extend(self._suffix(at_s))
            elif len(self._received) <= SCAN_LENGTH_MAX:
                self._received.append(byte)
        self._newest_s = at_s
        return tuple(reads)

    def silence(self, now_s: float) -> tuple[ScannerRead, ...]:
        """What silence has ended by now, if anything; most often refused."""
        if not self._received or now_s - self._newest_s < SILENCE_S:
            return ()
        received, self._received = bytes(self._received), bytearray()
        is_new = self._newest_s - self._silent_s >= SAME_AGAIN_S
        is_twice = received == self._silent
        if is_twice and not self._has_suffix:
            self._lacks_suffix = True
        # Of a scanner without a suffix, another text so soon after the last is its tail.
        is_whole = self._lacks_suffix and (is_twice or is_new)
        self._silent, self._silent_s, self._is_cut = received, self._newest_s, True
        read = _judge(received) if is_whole else ScannerRead("", refused=CUT)
        came = received.decode("ascii", "replace")
        return self._report(replace(read, received=came, has_suffix=False), self._newest_s)

    def _suffix(self, at_s: float) -> tuple[ScannerRead, ...]:
        received, self._received = bytes(self._received), bytearray()
        if not received and not self._is_cut:
            return ()
        is_cut, self._is_cut = self._is_cut, False
        # After a cut it may be a person's enter key: only a whole code shows what its scanner does.
        self._has_suffix |= not is_cut
        self._lacks_suffix, self._silent = False, b""
        if not received:
            return ()  # what it belongs to was refused already
        return self._report(ScannerRead("", refused=CUT) if is_cut else _judge(received), at_s)

    def _report(self, read: ScannerRead, at_s: float) -> tuple[ScannerRead, ...]:
        is_same_again = read == self._last and at_s - self._last_s < SAME_AGAIN_S
        # Counted from the newest: a label held before the scanner is one read, however long.
        self._last, self._last_s = read, at_s
        return () if is_same_again or not (read.text or read.refused) else (read,)


def _judge(received: bytes) -> ScannerRead:
    is_badge = len(received) <= SCAN_LENGTH_MAX and SIGNED_BADGE.fullmatch(received) is not None
    if len(received) > BARCODE_LENGTH_MAX and not is_badge:
        return ScannerRead("", refused=TOO_LONG)
    if not all(0x20 <= byte <= 0x7E or byte == GROUP_SEPARATOR for byte in received):
        return ScannerRead("", refused=NOT_PRINTABLE)
    text = received.decode("ascii")
    aim_id = ""
    # Twice, where both the scanner and the program behind it are set to put it there.
    while identifier := AIM_IDENTIFIER.match(text):
        aim_id = identifier.group()
        text = text.removeprefix(aim_id)
    return ScannerRead(text, aim_id)


class Scanner:
    """Owns the scanner's port on a thread of its own, and opens it again when it was gone.

    `on_read` is called on that thread, as is `on_reachable(reachable, reason)`, which tells of an
    outage once and of its end; hand them on to a loop yourself.
    """

    def __init__(
        self,
        opener: PortOpener,
        on_read: Callable[[ScannerRead], None],
        clock: Callable[[], float],
        *,
        baud: int = DEFAULT_BAUD,
        plan: ReconnectPlan | None = None,
        on_reachable: Callable[[bool, str], None] | None = None,
    ) -> None:
        self._opener = opener
        self._on_read = on_read
        self._clock = clock
        self._baud = baud
        self._plan = plan or ReconnectPlan()
        self._on_reachable = on_reachable
        # Kept when the port is opened again: what comes then may be the tail of a code.
        self._assembler = ScanAssembler()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed_tries = 0
        self._reported_reason: str | None = None
        self._is_reachable = False

    @property
    def reachable(self) -> bool:
        """Whether its port is open now."""
        return self._is_reachable

    def start(self) -> None:
        """Begin to listen."""
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._run, name=f"scanner {self._opener.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End within a moment and give the port back."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                port = self._opener.open(self._baud)
            except PortUnavailableError as error:
                self._failed_tries += 1
                self._report_outage(str(error))
                self._wait(error.problem)
                continue
            opened_at_s = self._clock()
            try:
                self._listen(port)
            except PORT_ERRORS as error:
                # A port that held for a while begins a new outage with quick tries.
                has_held = self._clock() - opened_at_s > self._plan.pause_s
                self._failed_tries = 1 if has_held else self._failed_tries + 1
                self._report_outage(f"{self._opener.name} failed: {error}. It is opened again.")
                self._wait(PortProblem.OTHER)
            finally:
                self._is_reachable = False
                port.close()

    def _listen(self, port: Port) -> None:
        assembler = self._assembler
        self._report_open()
        while not self._stopping.is_set():
            data = port.read(LISTEN_S)
            now_s = self._clock()
            reads = assembler.feed(data, now_s) if data else assembler.silence(now_s)
            for read in reads:
                self._hand_on(read)

    def _hand_on(self, read: ScannerRead) -> None:
        try:
            self._on_read(read)
        except Exception:
            log.exception("whoever takes the scanner's reads failed; scanning goes on")

    def _wait(self, problem: PortProblem) -> None:
        """Wait for the next try; a missing port is tried as soon as it is there again."""
        until_s = self._clock() + self._plan.delay_s(self._failed_tries)
        is_gone = problem is PortProblem.MISSING and not self._opener.is_present()
        while (left_s := until_s - self._clock()) > 0:
            if self._stopping.wait(min(left_s, self._plan.look_s)):
                return
            if is_gone and self._opener.is_present():
                return

    def _report_open(self) -> None:
        self._is_reachable = True
        if self._reported_reason is not None:
            log.info("the scanner on %s is back", self._opener.name)
            self._reported_reason = None
        if self._on_reachable is not None:
            self._on_reachable(True, "")

    def _report_outage(self, reason: str) -> None:
        self._is_reachable = False
        if self._reported_reason is not None:
            return
        self._reported_reason = reason
        log.warning("%s", reason)
        if self._on_reachable is not None:
            self._on_reachable(False, reason)
