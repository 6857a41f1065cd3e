"""The scanner: what counts as a read, and the thread on a real pseudo-terminal."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.port import ReconnectPlan
from drivers.scanner import CUT, NOT_PRINTABLE, TOO_LONG, ScanAssembler, Scanner, ScannerRead
from drivers.serial_port import SerialPortOpener
from drivers.simulator.pseudo_terminal import PseudoTerminal

PATIENCE_S = 10.0


@pytest.mark.parametrize("terminator", [b"\r", b"\n", b"\r\n", b"\t"])
def test_each_terminator_ends_one_code(terminator: bytes) -> None:
    assembler = ScanAssembler()
    assert assembler.feed(b"1Z999" + terminator + b"ABC" + terminator, 1.0) == (
        ScannerRead("1Z999"),
        ScannerRead("ABC"),
    )


REFUSED = ScannerRead("", refused=CUT)


@given(
    text=st.text("0123456789AZ", min_size=2, max_size=40),
    data=st.data(),
    pause_s=st.floats(0.0, 1000.0),
    known=st.booleans(),
)
def test_no_part_of_a_code_is_taken_for_it(
    text: str, data: st.DataObject, pause_s: float, known: bool
) -> None:
    cut_at = data.draw(st.integers(1, len(text) - 1))
    assembler = ScanAssembler()
    if known:
        assembler.feed(b"FIRST OF ALL\r", 0.0)
    reads = [
        *assembler.feed(text[:cut_at].encode(), 10.0),
        *assembler.silence(10.0 + pause_s),
        *assembler.feed(text[cut_at:].encode() + b"\r", 10.0 + pause_s),
    ]
    assert {read.text for read in reads} <= {text, ""}
    assert reads == [ScannerRead(text)] if pause_s < 0.4 else reads
    assert assembler.feed(b"NEXT\r", 2000.0) == (ScannerRead("NEXT"),)


def test_a_scanner_without_a_suffix_is_believed_once_a_text_came_twice() -> None:
    assembler = ScanAssembler()
    assembler.feed(b"ABC", 1.0)
    assert assembler.silence(1.4) == ()
    assert assembler.silence(1.5) == (REFUSED,)
    assembler.feed(b"ABC", 4.0)
    assert assembler.silence(4.5) == (ScannerRead("ABC"),)
    assert assembler.silence(9.0) == ()
    assembler.feed(b"DEF", 9.0)
    assert assembler.silence(9.5) == (ScannerRead("DEF"),)
    assembler.feed(b"TAIL", 9.6)
    assert assembler.silence(10.1) == (REFUSED,)


def test_silence_ends_no_code_once_a_suffix_was_seen() -> None:
    assembler = ScanAssembler()
    assembler.feed(b"ABC\r", 1.0)
    for at_s in (3.0, 6.0):
        assembler.feed(b"DEF", at_s)
        assert assembler.silence(at_s + 1.0) == (REFUSED,)


def test_a_late_suffix_ends_what_was_refused() -> None:
    assembler = ScanAssembler()
    assembler.feed(b"ABC", 1.0)
    assert assembler.feed(b"\r", 2.0) == (REFUSED,)
    assert assembler.feed(b"\r\n", 2.5) == ()
    assert assembler.feed(b"ABC\r", 4.0) == (ScannerRead("ABC"),)


def test_a_code_may_come_byte_by_byte() -> None:
    assembler = ScanAssembler()
    reads = [read for byte in b"00340434\r" for read in assembler.feed(bytes([byte]), 1.0)]
    assert reads == [ScannerRead("00340434")]


def test_the_same_code_within_a_second_is_one_read() -> None:
    assembler = ScanAssembler()
    assert len(assembler.feed(b"ABC\r", 1.0)) == 1
    assert assembler.feed(b"ABC\r", 1.6) == ()
    assert assembler.feed(b"ABC\r", 2.2) == ()
    assert len(assembler.feed(b"DEF\r", 2.3)) == 1
    assert len(assembler.feed(b"ABC\r", 2.4)) == 1
    assert len(assembler.feed(b"ABC\r", 3.5)) == 1


@pytest.mark.parametrize("code", [b"AB\x12CD", b"\x1b[A", b"AB\x00", b"caf\xc3\xa9", b"\x7f"])
def test_other_than_printable_characters_are_refused(code: bytes) -> None:
    assert ScanAssembler().feed(code + b"\r", 1.0) == (ScannerRead("", refused=NOT_PRINTABLE),)


def test_a_group_separator_is_kept() -> None:
    assert ScanAssembler().feed(b"0112\x1d10AB\r", 1.0) == (ScannerRead("0112\x1d10AB"),)


def test_length_is_limited() -> None:
    assert ScanAssembler().feed(b"A" * 160 + b"\r", 1.0) == (ScannerRead("A" * 160),)
    assembler = ScanAssembler()
    assert assembler.feed(b"A" * 100_000 + b"\r", 1.0) == (ScannerRead("", refused=TOO_LONG),)
    assert assembler.feed(b"B\r", 1.0) == (ScannerRead("B"),)


def test_a_signed_badge_may_be_longer_than_any_barcode_and_nothing_else() -> None:
    badge = b"PKB1:" + b"AB27" * 90
    assert ScanAssembler().feed(badge + b"\r", 1.0) == (ScannerRead(badge.decode()),)
    assert ScanAssembler().feed(b"]Q1" + badge + b"\r", 1.0)[0].text == badge.decode()
    too_long = ScannerRead("", refused=TOO_LONG)
    for other in (badge + b"A" * 40, badge + b"a", badge[1:], badge + b" ", b"A" * 161):
        assert ScanAssembler().feed(other + b"\r", 1.0) == (too_long,)


@pytest.mark.parametrize(
    ("received", "text", "aim_id"),
    [
        (b"]C100376130321109103420", "00376130321109103420", "]C1"),
        (b"]Q1PK1:demo:123456789", "PK1:demo:123456789", "]Q1"),
        (b"]", "]", ""),
        (b"A]C1", "A]C1", ""),
    ],
)
def test_the_aim_identifier_is_taken_off_and_kept(received: bytes, text: str, aim_id: str) -> None:
    assert ScanAssembler().feed(received + b"\r", 1.0) == (ScannerRead(text, aim_id),)


def test_nothing_is_no_read() -> None:
    assert ScanAssembler().feed(b"\r\n\t\r]C1\r", 1.0) == ()


class Listening:
    """A scanner's thread on a terminal, and what it reported."""

    def __init__(self, path: Path) -> None:
        self.reads: queue.Queue[ScannerRead] = queue.Queue()
        self.states: queue.Queue[tuple[bool, str]] = queue.Queue()
        self.scanner = Scanner(
            SerialPortOpener(str(path)),
            self.take,
            time.monotonic,
            plan=ReconnectPlan(pause_s=0.05, rest_s=0.2, look_s=0.02),
            on_reachable=lambda reachable, reason: self.states.put((reachable, reason)),
        )

    def take(self, read: ScannerRead) -> None:
        self.reads.put(read)
        if read.text == "FAIL":
            raise ValueError("whoever listens failed")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal(tmp_path / "a folder" / "scanner")
    yield terminal
    terminal.unplug()


@pytest.fixture
def listening(terminal: PseudoTerminal) -> Iterator[Listening]:
    listening = Listening(terminal.path)
    yield listening
    listening.scanner.stop()


def test_a_real_port_is_read_and_opened_again(
    terminal: PseudoTerminal, listening: Listening
) -> None:
    listening.scanner.start()
    reachable, reason = listening.states.get(timeout=PATIENCE_S)
    assert not reachable
    assert "There is no serial port" in reason
    terminal.plug()
    assert listening.states.get(timeout=PATIENCE_S) == (True, "")
    terminal.write(b"FAIL\r]C1ABC\rX\x03Y\r")
    assert listening.reads.get(timeout=PATIENCE_S) == ScannerRead("FAIL")
    assert listening.reads.get(timeout=PATIENCE_S) == ScannerRead("ABC", "]C1")
    assert listening.reads.get(timeout=PATIENCE_S).refused == NOT_PRINTABLE
    terminal.write(b"no end")
    assert listening.reads.get(timeout=PATIENCE_S) == REFUSED
    terminal.unplug()
    reachable, _ = listening.states.get(timeout=PATIENCE_S)
    assert not reachable
    terminal.plug()
    assert listening.states.get(timeout=PATIENCE_S) == (True, "")
    terminal.write(b"of it\r")
    terminal.write(b"DEF\r")
    read = listening.reads.get(timeout=PATIENCE_S)
    # Whether the tail's refusal is reported once more depends on how soon it came.
    if read == REFUSED:
        read = listening.reads.get(timeout=PATIENCE_S)
    assert read == ScannerRead("DEF")
    assert listening.states.empty()
