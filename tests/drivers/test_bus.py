"""The bus against a bad line, in virtual time: every disturbance that real ones make."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

import pytest

from drivers.boards.lockboard_8a import LockBoard8A
from drivers.bus import Bus, BusBoard, BusTiming
from drivers.bus_events import (
    BoardFound,
    BoardLost,
    BoardUnreachable,
    BusEvent,
    NotPulsed,
    Pulsed,
    ReadFailed,
    Reading,
    ReadJob,
    UnlockJob,
)
from drivers.door import DoorState, DriverError
from drivers.port import Port, PortProblem, PortUnavailableError
from drivers.runners import MovableClock
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.boards.lockboard_8a import SimulatedBoard8A
from drivers.simulator.line import SimulatedLine
from drivers.simulator.virtual import VirtualPortOpener

UNLOCK = 0x8A
E = TypeVar("E")
Deliveries = Sequence[tuple[float, bytes]]
Spoil = Callable[[bytes], Deliveries]


class Rig:
    """A bus with the boards `a` (address 1) and `b` (address 2), twelve doors each: a1..b12."""

    def __init__(self, *, in_bursts: bool = True, deaf_after_pulse_s: float = 0.0) -> None:
        self.clock = MovableClock()
        slots = [f"{board}{channel}" for board in "ab" for channel in range(1, 13)]
        self.steel = SimulatedBank(slots, Random(7), self.clock)
        codecs = {"a": LockBoard8A(1, 12), "b": LockBoard8A(2, 12)}
        self.boards = {
            name: SimulatedBoard8A(
                codec,
                self.steel,
                {channel: f"{name}{channel}" for channel in range(1, 13)},
                deaf_after_pulse_s=deaf_after_pulse_s,
            )
            for name, codec in codecs.items()
        }
        self.line = SimulatedLine(self.steel, tuple(self.boards.values()), 9600)
        self.line.keeps_record = True
        self.opener = VirtualPortOpener("ttyTEST", self.line, self.clock, in_bursts)
        self.bus = Bus(
            self.opener,
            [BusBoard(name, "lockboard-8a", codec) for name, codec in codecs.items()],
            self.clock,
            BusTiming(),
        )
        self.events: list[BusEvent] = []

    def run(self, seconds: float) -> list[BusEvent]:
        """Let the bus work so long; what it reported meanwhile."""
        until_s = self.clock.now_s + seconds
        reported: list[BusEvent] = []
        while self.clock.now_s < until_s:
            step = self.bus.step()
            reported += step.events
            self.clock.now_s = min(until_s, self.clock.now_s + step.wait_s)
        self.events += reported
        return reported

    def unlock_frames(self) -> list[bytes]:
        return [data for _, data in self.line.heard if data[0] == UNLOCK]


def of(kind: type[E], events: Sequence[BusEvent]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def open_doors(reading: Reading) -> list[int]:
    return [channel for channel, state in reading.doors.items() if state is DoorState.OPEN]


def with_garbage(frame: bytes) -> Deliveries:
    return ((0.0, bytes.fromhex("FA FD 99 99")), (0.0, frame))


def byte_by_byte(frame: bytes) -> Deliveries:
    return tuple((0.02, bytes([byte])) for byte in frame)


def doubled(frame: bytes) -> Deliveries:
    return ((0.0, frame), (0.0, frame))


def behind_another_boards_answer(frame: bytes) -> Deliveries:
    return ((0.0, bytes.fromhex("80 1F 00 FF FF 33 AC 8A 02 05 00 8D")), (0.0, frame))


def behind_a_cut_frame(frame: bytes) -> Deliveries:
    return ((0.0, frame[:-3]), (0.03, frame))


def before_garbage(frame: bytes) -> Deliveries:
    return ((0.0, frame), (0.001, b"\x80\x01\x00\x33"))


class EveryOther:
    """Spoils every second answer, so that each needs its repeat."""

    def __init__(self, spoil: Spoil) -> None:
        self.spoil = spoil
        self.count = 0

    def __call__(self, frame: bytes) -> Deliveries:
        self.count += 1
        return self.spoil(frame) if self.count % 2 else ((0.0, frame),)


def with_wrong_sum(frame: bytes) -> Deliveries:
    return ((0.0, frame[:-1] + bytes([frame[-1] ^ 0x40])),)


def without_last_byte(frame: bytes) -> Deliveries:
    return ((0.0, frame[:-1]),)


def without_header(frame: bytes) -> Deliveries:
    return ((0.0, frame[1:]),)


def lost(frame: bytes) -> Deliveries:
    return ()


def late(frame: bytes) -> Deliveries:
    return ((0.31, frame),)


def so_late_that_it_comes_into_the_next_question(frame: bytes) -> Deliveries:
    return ((0.34, frame),)


DISTURBANCES = [
    with_garbage,
    byte_by_byte,
    doubled,
    behind_another_boards_answer,
    behind_a_cut_frame,
    before_garbage,
]
SPOILINGS = [
    with_wrong_sum,
    without_last_byte,
    without_header,
    lost,
    late,
    so_late_that_it_comes_into_the_next_question,
]


@pytest.mark.parametrize("echoes", [False, True])
@pytest.mark.parametrize("in_bursts", [False, True])
@pytest.mark.parametrize(
    "make_distortion",
    [
        *(pytest.param(lambda each=each: each, id=each.__name__) for each in DISTURBANCES),
        *(pytest.param(lambda each=each: EveryOther(each), id=each.__name__) for each in SPOILINGS),
    ],
)
def test_each_board_is_read_right_on_a_bad_line(
    make_distortion: Callable[[], Spoil], in_bursts: bool, echoes: bool
) -> None:
    rig = Rig(in_bursts=in_bursts)
    rig.line.distort = make_distortion()
    rig.line.echoes = echoes
    rig.steel.open_by_force("a3")
    rig.steel.open_by_force("b12")
    reported = rig.run(20.0)
    readings = of(Reading, reported)
    for board, expected in (("a", [3]), ("b", [12])):
        of_board = [reading for reading in readings if reading.board == board]
        assert len(of_board) >= 10
        assert all(open_doors(reading) == expected for reading in of_board)
    assert of(BoardUnreachable, reported) == []


def test_wrong_sums_and_silence_are_counted_apart() -> None:
    rig = Rig()
    rig.line.distort = EveryOther(with_wrong_sum)
    rig.run(5.0)
    report = rig.bus.report("a")
    assert report.checksum_errors > 0
    assert report.frames_received > 0
    assert report.frames_sent == report.frames_received + report.timeouts


@pytest.mark.parametrize("spoil", [*DISTURBANCES, *SPOILINGS], ids=lambda each: each.__name__)
@pytest.mark.parametrize("deaf_after_pulse_s", [0.0, 0.8])
def test_an_unlock_is_written_once_whatever_comes_back(
    spoil: Spoil, deaf_after_pulse_s: float
) -> None:
    rig = Rig(deaf_after_pulse_s=deaf_after_pulse_s)
    rig.run(1.0)
    rig.line.distort = spoil
    job = UnlockJob("b", 12)
    rig.bus.submit(job)
    reported = rig.run(15.0)
    assert [event.job for event in of(Pulsed, reported)] == [job]
    assert rig.unlock_frames() == [bytes.fromhex("8A 02 0C 11 95")]
    assert rig.steel.doors["b12"].pulses == 1


def test_a_board_that_is_deaf_while_it_pulses_is_not_lost() -> None:
    rig = Rig(deaf_after_pulse_s=1.9)
    rig.run(1.0)
    rig.bus.watch("a", rig.clock.now_s + 10.0)
    rig.bus.submit(UnlockJob("a", 4))
    reported = rig.run(4.0)
    assert of(BoardLost, reported) == []
    assert open_doors(of(Reading, reported)[-1]) in ([4], [])
    assert [4] in [open_doors(reading) for reading in of(Reading, reported)]


def test_an_unlock_waits_for_one_transaction_at_most() -> None:
    """Asked for while the line is full of reads, and while a dead board is being waited for."""
    rig = Rig()
    rig.run(1.0)
    for _ in range(20):
        rig.bus.submit(ReadJob("a"))
    rig.bus.step()
    sent_before = len(rig.line.heard)
    rig.bus.submit(UnlockJob("b", 1))
    rig.run(0.05)
    assert rig.line.heard[sent_before][1] == bytes.fromhex("8A 02 01 11 98")
    rig.boards["a"].is_silent = True
    rig.bus.submit(ReadJob("a"))
    rig.bus.step()
    sent_before = len(rig.line.heard)
    rig.bus.submit(UnlockJob("b", 2))
    rig.bus.step()
    assert rig.line.heard[sent_before][1][0] == UNLOCK


def test_quiet_ends_a_frame() -> None:
    """What stayed cut is never joined to bytes that come later."""
    rig = Rig()
    rig.line.distort = lambda frame: ((0.0, frame[:4]), (0.05, frame[4:]))
    reported = rig.run(5.0)
    assert of(Reading, reported) == []
    assert rig.bus.report("a").frames_received == 0


def test_nothing_is_asked_while_the_line_still_talks_after_a_failure() -> None:
    rig = Rig()
    rig.run(1.0)
    noise = [(0.005, b"\x55")] * 80
    rig.line.distort = lambda frame: noise
    rig.bus.submit(ReadJob("a"))
    while rig.bus.step().wait_s > 0:
        pass
    asked_s = rig.line.heard[-1][0]
    rig.line.distort = lambda frame: ((0.0, frame),)
    rig.run(1.0)
    repeated_s = next(at_s for at_s, _ in rig.line.heard if at_s > asked_s)
    noise_s = sum(delay_s for delay_s, _ in noise)
    assert repeated_s - asked_s >= noise_s + 0.025


def test_a_lock_that_the_board_does_not_have_is_refused_when_asked_for() -> None:
    rig = Rig()
    for channel in (0, 13, -1):
        with pytest.raises(DriverError, match=f"lock {channel} is not on this board"):
            rig.bus.submit(UnlockJob("a", channel))
    rig.run(1.0)
    assert rig.unlock_frames() == []


def test_a_fault_of_the_software_is_an_outage_and_nothing_more() -> None:
    rig = Rig()
    rig.run(1.0)
    reported = rig.bus.fail("a fault")
    assert [event.board for event in of(BoardLost, reported)] == ["a", "b"]
    assert {event.board for event in of(BoardFound, rig.run(3.0))} == {"a", "b"}


def test_frames_keep_the_gap() -> None:
    rig = Rig()
    rig.bus.watch("a", 1e9)
    rig.run(0.5)
    rig.bus.submit(UnlockJob("a", 1))
    rig.run(0.5)
    byte_s = 10 / 9600
    for (before_s, data), (after_s, _) in zip(rig.line.heard, rig.line.heard[1:], strict=False):
        assert after_s - (before_s + len(data) * byte_s) >= 0.005 - 1e-6


def test_a_withdrawn_unlock_never_leaves() -> None:
    rig = Rig()
    rig.run(1.0)
    job = UnlockJob("a", 1)
    rig.bus.submit(job)
    job.withdrawn = True
    reported = rig.run(2.0)
    assert [(event.job, event.may_have_left) for event in of(NotPulsed, reported)] == [(job, False)]
    assert rig.unlock_frames() == []


def test_a_watched_board_is_polled_faster_and_the_other_all_the_same() -> None:
    rig = Rig()
    rig.run(1.0)
    calm = of(Reading, rig.run(2.0))
    rig.bus.watch("a", rig.clock.now_s + 2.0)
    busy = of(Reading, rig.run(2.0))

    def count(readings: list[Reading], board: str) -> int:
        return sum(each.board == board for each in readings)

    assert count(busy, "a") > 3 * count(calm, "a")
    assert count(busy, "b") >= count(calm, "b") - 1


def test_a_silent_board_is_reported_once_and_found_again(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.run(1.0)
    rig.boards["b"].is_silent = True
    with caplog.at_level(logging.WARNING):
        reported = rig.run(200.0)
    assert [event.board for event in of(BoardLost, reported)] == ["b"]
    (unreachable,) = of(BoardUnreachable, reported)
    assert "Board b (address 2) does not answer on ttyTEST" in unreachable.reason
    assert "power" in unreachable.reason
    assert len(caplog.records) == 1
    assert not rig.bus.report("b").reachable
    assert rig.bus.report("a").reachable
    assert len([each for each in of(Reading, reported) if each.board == "a"]) > 500
    # It is asked seldom, or every question would cost the other board its time-out.
    assert len([each for each in of(ReadFailed, reported) if each.board == "b"]) < 15
    rig.boards["b"].is_silent = False
    reported = rig.run(61.0)
    assert [event.board for event in of(BoardFound, reported)] == ["b"]


def test_an_unplugged_adapter_is_reported_after_five_tries_and_found_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    rig.run(1.0)
    rig.line.is_plugged = False
    with caplog.at_level(logging.WARNING):
        reported = rig.run(3.0)
        assert [event.board for event in of(BoardLost, reported)] == ["a", "b"]
        assert of(BoardUnreachable, reported) == []
        job = UnlockJob("a", 1)
        rig.bus.submit(job)
        (refused,) = of(NotPulsed, rig.run(0.5))
        assert (refused.job, refused.may_have_left) == (job, False)
        reported = rig.run(300.0)
    unreachable = of(BoardUnreachable, reported)
    assert [event.board for event in unreachable] == ["a", "b"]
    assert reported[0] == unreachable[0]
    assert "plug the adapter in" in unreachable[0].reason
    assert len(caplog.records) == 1
    rig.line.is_plugged = True
    assert {event.board for event in of(BoardFound, rig.run(1.5))} == {"a", "b"}
    assert rig.bus.report("a").reconnects == 1
    assert rig.unlock_frames() == []


def test_an_unlock_during_which_the_port_fails_may_have_left() -> None:
    rig = Rig()
    rig.run(1.0)
    while rig.bus.step().wait_s == 0:
        pass
    write = rig.line.write

    def fail_after(data: bytes, at_s: float) -> None:
        write(data, at_s)
        raise OSError("the adapter went away")

    rig.line.write = fail_after  # type: ignore[method-assign]
    job = UnlockJob("a", 5)
    rig.bus.submit(job)
    (failed,) = of(NotPulsed, rig.run(0.5))
    assert failed.may_have_left
    rig.line.write = write  # type: ignore[method-assign]
    rig.run(10.0)
    assert len(rig.unlock_frames()) == 1


class RefusingOpener:
    """A port that another program holds."""

    name = "ttyBUSY"

    def __init__(self, problem: PortProblem) -> None:
        self.problem = problem
        self.tries = 0

    def is_present(self) -> bool:
        return True

    def open(self, baud: int) -> Port:
        self.tries += 1
        raise PortUnavailableError(self.problem, "somebody else has it")


@pytest.mark.parametrize("problem", list(PortProblem))
def test_a_port_that_does_not_open_at_the_start_is_reported_at_once(problem: PortProblem) -> None:
    rig = Rig()
    opener = RefusingOpener(problem)
    rig.bus = Bus(opener, [BusBoard("a", "f", LockBoard8A(1, 12))], rig.clock, BusTiming())
    reported = rig.run(0.5)
    assert reported == [BoardUnreachable("a", "somebody else has it")]
    rig.run(240.0)
    assert 8 <= opener.tries <= 10


def test_two_boards_with_one_address_are_refused() -> None:
    boards = [BusBoard(name, "lockboard-8a", LockBoard8A(1, 12)) for name in "ab"]
    with pytest.raises(DriverError, match="two boards on port tty have one address"):
        opener = VirtualPortOpener("tty", Rig().line, MovableClock())
        Bus(opener, boards, MovableClock(), BusTiming())
