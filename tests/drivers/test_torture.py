"""Every family on a line that does its worst, byte by byte and through the real bus.

The number of generated inputs grows with TEST_BUDGET=nightly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.boards import FAMILIES
from drivers.boards.family import Answer, Question
from drivers.bus import Bus, BusBoard, BusTiming
from drivers.bus_events import BoardLost, BoardUnreachable, BusEvent, Pulsed, Reading, UnlockJob
from drivers.door import DoorState
from drivers.frames import FrameError
from drivers.runners import MovableClock
from drivers.simulator.bank import SimulatedBank
from drivers.simulator.families import simulate_board
from drivers.simulator.line import SimulatedLine
from drivers.simulator.virtual import VirtualPortOpener
from tests.support.vectors import FILES, Bench, as_fields, board_codec_of, decoders, taken

E = TypeVar("E")
Deliveries = Sequence[tuple[float, bytes]]

IS_NIGHTLY = os.environ.get("TEST_BUDGET") == "nightly"
DECODERS = [(name, decode) for name in FILES for decode in decoders(name)]
FUZZED = len(DECODERS) + len(FAMILIES)
INPUTS = 1_000_000 // FUZZED if IS_NIGHTLY else 80

every_family = pytest.mark.parametrize("name", list(FAMILIES))
fuzzing = settings(
    max_examples=INPUTS,
    deadline=None,
    database=None,
    derandomize=not IS_NIGHTLY,
    suppress_health_check=list(HealthCheck),
)
patient = pytest.mark.timeout(0 if IS_NIGHTLY else 600)


def wiring(name: str, **settings: object) -> dict[str, Any]:
    family = FAMILIES[name]
    full = 24 if name == "lockboard-8a" else family.channel_counts[-1]
    return {"address": family.addresses[1], "channels": full, **settings}


def exchange(name: str, opened: list[int]) -> tuple[Bench, Question, bytes]:
    """A board, the question for its doors, and the answer with these open."""
    bench = Bench(name, wiring(name, open=opened))
    (question,) = bench.board.questions()
    (frame,) = bench.ask(question.request)
    return bench, question, frame


def open_of(answer: Answer | Reading | None) -> list[int]:
    assert answer is not None
    return [channel for channel, state in answer.doors.items() if state is DoorState.OPEN]


# --- one answer, disturbed ---------------------------------------------------------------------


@every_family
def test_an_answer_is_found_with_its_last_byte_and_never_before(name: str) -> None:
    bench, question, frame = exchange(name, [2, 5])
    for before in (b"", question.request, frame[:-1], b"\x00", b"\xfa\xfd\x99\x99", frame[:3]):
        stream = before + frame
        found = [bench.board.find_answer(question, stream[:end]) for end in range(len(stream) + 1)]
        assert [answer is not None for answer in found] == [False] * len(stream) + [True]
        assert open_of(found[-1]) == [2, 5]


@every_family
def test_a_part_of_an_answer_is_none(name: str) -> None:
    bench, question, frame = exchange(name, [2, 5])
    for start in range(len(frame)):
        for end in range(start, len(frame) + 1):
            if frame[start:end] != frame:
                assert bench.board.find_answer(question, frame[start:end]) is None


@every_family
def test_an_answer_with_a_lost_or_a_wrong_byte_is_none(name: str) -> None:
    bench, question, frame = exchange(name, [2, 5])
    for place in range(len(frame)):
        assert bench.board.find_answer(question, frame[:place] + frame[place + 1 :]) is None
        for bits in range(1, 256):
            wrong = frame[:place] + bytes([frame[place] ^ bits]) + frame[place + 1 :]
            assert bench.board.find_answer(question, wrong) is None


@every_family
def test_a_wrong_sum_is_distinguished_from_silence(name: str) -> None:
    bench, question, frame = exchange(name, [])
    wrong = frame[:-1] + bytes([frame[-1] ^ 0x10])
    assert bench.board.has_wrong_sum(question, wrong)
    assert not bench.board.has_wrong_sum(question, frame)
    assert not bench.board.has_wrong_sum(question, frame[:-1])
    assert not bench.board.has_wrong_sum(question, b"")


@every_family
def test_of_two_answers_the_newest_counts(name: str) -> None:
    bench, question, older = exchange(name, [1])
    _, _, newer = exchange(name, [1, 3])
    for between in (b"", b"\x00\xff", question.request):
        answer = bench.board.find_answer(question, older + between + newer)
        assert answer is not None
        assert open_of(answer) == [1, 3]


@every_family
def test_another_boards_answer_is_none(name: str) -> None:
    family = FAMILIES[name]
    bench, question, _ = exchange(name, [])
    for address in family.addresses:
        other = Bench(name, {**wiring(name), "address": address})
        (frame,) = other.ask(other.board.questions()[0].request)
        is_own = address == bench.board.address
        assert (bench.board.find_answer(question, frame) is not None) == is_own


@every_family
def test_no_request_is_an_answer(name: str) -> None:
    """An adapter that hears itself brings every request back."""
    bench, question, _ = exchange(name, [])
    channels = range(1, bench.board.channels + 1)
    echoes = [question.request, *map(bench.board.unlock_request, channels)]
    for echo in (*echoes, b"".join(echoes)):
        assert bench.board.find_answer(question, echo) is None


# --- the bus on a bad line ---------------------------------------------------------------------


USUAL_TIMEOUT_S = 0.3
"""Of most families; for the others what is late comes as much later."""


def with_garbage(frame: bytes) -> Deliveries:
    return ((0.0, bytes.fromhex("FA FD 99 99")), (0.0, frame))


def byte_by_byte(frame: bytes) -> Deliveries:
    return tuple((0.012, bytes([byte])) for byte in frame)


def doubled(frame: bytes) -> Deliveries:
    return ((0.0, frame), (0.0, frame))


def behind_a_cut_frame(frame: bytes) -> Deliveries:
    return ((0.0, frame[:-3]), (0.03, frame))


def before_garbage(frame: bytes) -> Deliveries:
    return ((0.0, frame), (0.001, frame[:4]))


def with_wrong_sum(frame: bytes) -> Deliveries:
    return ((0.0, frame[:-1] + bytes([frame[-1] ^ 0x40])),)


def without_last_byte(frame: bytes) -> Deliveries:
    return ((0.0, frame[:-1]),)


def without_header(frame: bytes) -> Deliveries:
    return ((0.0, frame[1:]),)


def lost(frame: bytes) -> Deliveries:
    return ()


def late(frame: bytes) -> Deliveries:
    return ((USUAL_TIMEOUT_S + 0.01, frame),)


def so_late_that_it_comes_into_the_next_question(frame: bytes) -> Deliveries:
    return ((USUAL_TIMEOUT_S + 0.04, frame),)


DISTURBANCES = [with_garbage, byte_by_byte, doubled, behind_a_cut_frame, before_garbage]
SPOILINGS = [
    with_wrong_sum,
    without_last_byte,
    without_header,
    lost,
    late,
    so_late_that_it_comes_into_the_next_question,
]


class Rig:
    """A bus with two boards of a family, `a` and `b`, every channel wired: a1, a2, .. b1, .."""

    def __init__(self, name: str) -> None:
        self.clock = MovableClock()
        family = FAMILIES[name]
        channels = wiring(name)["channels"]
        codecs = {
            "a": family(family.addresses[1], channels),
            "b": family(family.addresses[3], channels),
        }
        self.last = channels
        self.timeout_s = codecs["a"].timing.read_timeout_s
        slots = [f"{board}{channel}" for board in "ab" for channel in range(1, channels + 1)]
        self.steel = SimulatedBank(slots, Random(7), self.clock)
        simulated = [
            simulate_board(codec, self.steel, {c: f"{board}{c}" for c in range(1, channels + 1)})
            for board, codec in codecs.items()
        ]
        self.line = SimulatedLine(self.steel, simulated, codecs["a"].timing.baud)
        self.line.keeps_record = True
        self.bus = Bus(
            VirtualPortOpener("ttyTEST", self.line, self.clock, in_bursts=True),
            [BusBoard(board, name, codec) for board, codec in codecs.items()],
            self.clock,
            BusTiming(),
        )
        self.unlock_frame = codecs["b"].unlock_request(channels)

    def run(self, seconds: float) -> list[BusEvent]:
        until_s = self.clock.now_s + seconds
        reported: list[BusEvent] = []
        while self.clock.now_s < until_s:
            step = self.bus.step()
            reported += step.events
            self.clock.now_s = min(until_s, self.clock.now_s + step.wait_s)
        return reported


def of(kind: type[E], events: Sequence[BusEvent]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


@every_family
@pytest.mark.parametrize("echoes", [False, True], ids=["quiet", "echoing"])
@pytest.mark.parametrize("spoil", [*DISTURBANCES, *SPOILINGS], ids=lambda each: each.__name__)
def test_every_board_is_read_right_and_pulsed_once_on_a_bad_line(
    name: str, spoil: Callable[[bytes], Deliveries], echoes: bool
) -> None:
    rig = Rig(name)
    rig.line.echoes = echoes
    count = [0]
    is_late = spoil in (late, so_late_that_it_comes_into_the_next_question)
    later_s = rig.timeout_s - USUAL_TIMEOUT_S if is_late else 0.0

    def distort(frame: bytes) -> Deliveries:
        # What spoils an answer for good comes every other time, so that its repeat gets through.
        count[0] += 1
        is_spared = spoil in SPOILINGS and count[0] % 2 == 0
        if is_spared:
            return ((0.0, frame),)
        return tuple((delay_s + later_s, piece) for delay_s, piece in spoil(frame))

    rig.line.distort = distort
    rig.steel.open_by_force("a3")
    reported = rig.run(10 * rig.timeout_s)
    for board, expected in (("a", [3]), ("b", [])):
        readings = [each for each in of(Reading, reported) if each.board == board]
        assert len(readings) >= 3
        assert all(open_of(each) == expected for each in readings)
    job = UnlockJob("b", rig.last)
    rig.bus.submit(job)
    reported = rig.run(4.0)
    assert [event.job for event in of(Pulsed, reported)] == [job]
    assert [data for _, data in rig.line.heard].count(rig.unlock_frame) == 1
    assert rig.steel.door(f"b{rig.last}").pulses == 1
    assert sum(door.pulses for door in rig.steel.doors.values()) == 1
    assert open_of([each for each in of(Reading, reported) if each.board == "b"][-1]) == [rig.last]
    assert of(BoardUnreachable, reported) == []


@pytest.mark.parametrize("name", ["modbus-waveshare", "modbus-xunming"])
@pytest.mark.parametrize("answers_after_s", [0.0, 0.03, 0.055])
def test_silence_is_kept_behind_the_echo_of_an_unlock(name: str, answers_after_s: float) -> None:
    """Modbus boards answer an unlock at once, and take two frames without silence for one."""
    rig = Rig(name)
    rig.run(1.0)
    rig.line.distort = lambda frame: ((answers_after_s if frame[1] == 5 else 0.0, frame),)
    rig.bus.watch("a", rig.clock.now_s + 5.0)
    rig.bus.submit(UnlockJob("b", 1))
    rig.run(1.0)
    sent_at_s = [at_s for at_s, _ in rig.line.heard]
    unlock = next(place for place, (_, data) in enumerate(rig.line.heard) if data[1] == 5)
    line = FAMILIES[name](1, 16).timing
    took_s = 2 * line.wire_time_s(8) + 0.003 + answers_after_s
    if answers_after_s < line.unlock_answer_s:
        assert sent_at_s[unlock + 1] - sent_at_s[unlock] >= took_s + line.gap_s - 1e-6
    assert of(BoardLost, rig.run(1.0)) == []


@every_family
def test_a_line_of_pure_noise_shows_no_doors_and_breaks_nothing(name: str) -> None:
    random = Random(11)
    rig = Rig(name)
    rig.line.distort = lambda frame: ((0.0, random.randbytes(random.randint(0, 40))),)
    reported = rig.run(60.0)
    assert of(Reading, reported) == []
    assert {event.board for event in of(BoardUnreachable, reported)} == {"a", "b"}
    rig.line.distort = lambda frame: ((0.0, frame),)
    reported = rig.run(61.0)
    assert {event.board for event in of(Reading, reported)} == {"a", "b"}
    assert of(BoardLost, reported) == []


# --- any bytes at all --------------------------------------------------------------------------


def known_frames(name: str) -> list[bytes]:
    vectors = FILES[name]
    lists = (vectors["frames"], vectors["refused"], vectors["wrong_checksums"], vectors["streams"])
    return [bytes.fromhex(entry["hex"]) for each in lists for entry in each]


def damaged(name: str) -> st.SearchStrategy[bytes]:
    """Bytes near to frames of a family, and bytes far from them."""
    frame = st.sampled_from(known_frames(name))
    changed = st.tuples(frame, st.integers(0, 20), st.integers(0, 255)).map(
        lambda each: each[0][: each[1]] + bytes([each[2]]) + each[0][each[1] + 1 :]
    )
    cut = st.tuples(frame, st.integers(0, 20)).map(lambda each: each[0][: each[1]])
    return st.one_of(st.binary(max_size=24), frame, changed, cut)


@patient
@pytest.mark.parametrize(
    ("name", "decode"), DECODERS, ids=[f"{name}.{decode.__name__}" for name, decode in DECODERS]
)
def test_a_decoder_gives_a_meaning_or_a_frame_error(
    name: str, decode: Callable[..., object]
) -> None:
    encode = getattr(board_codec_of(name), decode.__name__.replace("decode_", "encode_"), None)
    arguments = taken(decode, {"channels": 24})

    @fuzzing
    @given(damaged(name))
    def fuzz(data: bytes) -> None:
        try:
            meaning = decode(data, **arguments)
        except FrameError as refusal:
            assert str(refusal)
            return
        assert meaning is not None
        # A frame that was there is the frame that its meaning makes; locks beyond 24 say nothing.
        if encode is not None and decode.__name__ != "decode_read_all_reply":
            assert encode(**as_fields(meaning)) == data

    fuzz()


@patient
@every_family
def test_an_answer_that_is_found_was_there(name: str) -> None:
    """Streams of noise, right answers and damaged ones: what is found stands there byte by byte."""
    module = name.replace("-", "_")
    # At an address that no collected frame has: what looks like an answer there is none.
    bench = Bench(name, {**wiring(name), "address": FAMILIES[name].addresses[-2]})
    (question,) = bench.board.questions()
    channels = range(1, bench.board.channels + 1)

    def frame_with(opened: frozenset[int]) -> bytes:
        for channel in channels:
            bench.steel.door(str(channel)).is_open = channel in opened
        (frame,) = bench.ask(question.request)
        return frame

    right = st.frozensets(st.sampled_from(channels)).map(
        lambda opened: (opened, frame_with(opened))
    )
    noise = damaged(module).map(lambda data: (None, data))
    wrong = st.tuples(right, st.integers(0, 200), st.integers(1, 255)).map(
        lambda each: (None, _with_wrong_byte(each[0][1], each[1], each[2]))
    )

    @fuzzing
    @given(st.lists(st.one_of(noise, wrong, right), max_size=5))
    def fuzz(pieces: list[tuple[frozenset[int] | None, bytes]]) -> None:
        stream = b"".join(data for _, data in pieces)
        bench.board.has_wrong_sum(question, stream)
        answer = bench.board.find_answer(question, stream)
        if answer is not None:
            opened = frozenset(open_of(answer))
            assert frame_with(opened) in stream
        else:
            assert all(opened is None for opened, _ in pieces)

    fuzz()


def _with_wrong_byte(frame: bytes, place: int, bits: int) -> bytes:
    place %= len(frame)
    return frame[:place] + bytes([frame[place] ^ bits]) + frame[place + 1 :]


@patient
@every_family
def test_a_simulated_board_bears_any_bytes(name: str) -> None:
    module = name.replace("-", "_")

    @fuzzing
    @given(st.lists(damaged(module), max_size=4))
    def fuzz(pieces: list[bytes]) -> None:
        bench = Bench(name, wiring(name))
        for at_s, data in enumerate(pieces):
            bench.ask(data, float(at_s))
        # Whatever came before, half a second of silence later a question is answered.
        (question,) = bench.board.questions()
        (frame,) = bench.ask(question.request, len(pieces) + 1.0)
        assert bench.board.find_answer(question, frame) is not None

    fuzz()
