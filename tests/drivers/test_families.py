"""What every board family must hold to, whichever it is."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from drivers.boards import FAMILIES
from drivers.boards.family import Answer, LockBoard
from drivers.boards.options import BoardSettingError, Option
from drivers.door import DoorState, DriverError, ItemState, Outcome
from drivers.frames import FrameError
from drivers.simulator.families import simulated_class
from drivers.simulator.virtual import virtual_site
from drivers.tools.supported_boards import tables, up_to_date
from drivers.wiring import BoardWiring, DoorWiring
from tests.support.syntax import tree_of
from tests.support.vectors import FILES, OF_FAMILY, Bench, board_codec_of, encoders, host_codec_of

PAGE = Path(__file__).parents[2] / "docs" / "supported-boards.md"

every_family = pytest.mark.parametrize("name", list(FAMILIES))

GUARDS = {"is_no_solenoid"}
"""What a function must be assured of before it builds a frame that burns a lock."""

ONE_PULSE = {"UnlockRequest", "UnlockForRequest", "UnlockForOwnTimeRequest", "FlashOnRequest"}
HARMLESS = {
    "FlashOffRequest",
    "HoldOffRequest",
    "SwitchOffRequest",
    "SwitchAllOffRequest",
    "AddressRequest",
    "ReadAddressRequest",
    "ReadAllRequest",
    "ReadCoilsRequest",
    "ReadInputsRequest",
    "ReadOneRequest",
    "ReadRegistersRequest",
    "ReportingRequest",
    "RestartRequest",
    "StatusOfAllBoardsRequest",
    "StatusRequest",
    "UnlockTimeRequest",
    "VersionRequest",
    "WriteModeRequest",
    "WriteNodeRequest",
}


def board_of(
    name: str, *, address: int | None = None, channels: int | None = None, **settings: Any
) -> LockBoard:
    family = FAMILIES[name]
    most = family.channel_counts[-1]
    return family(address or family.addresses[1], channels or most, **settings)


def options_of(board: LockBoard) -> dict[str, object]:
    return {"unlock_function": board.unlock_function} if hasattr(board, "unlock_function") else {}


def is_refused(function: Callable[[Any], object], argument: object) -> bool:
    try:
        function(argument)
    except FrameError:
        return True
    return False


# --- what is known of a family -----------------------------------------------------------------


@every_family
def test_a_family_is_named_and_described_and_sourced(name: str) -> None:
    family = FAMILIES[name]
    assert family.name == name
    module = importlib.import_module(type(board_of(name)).__module__)
    described = " ".join((inspect.getdoc(module) or "").split())
    for reported in (
        "Line:",
        "baud",
        "data bits",
        "Source",
        f"tests/vectors/{name.replace('-', '_')}",
    ):
        assert reported in described
    assert OF_FAMILY[name]["frames"]
    assert all(f"| `{name}` |" in "\n".join(table) for table in tables()[:2])


def test_the_page_of_supported_boards_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == up_to_date(page), (
        "run: python -m drivers families --into docs/supported-boards.md"
    )


def test_a_page_without_the_tables_is_refused() -> None:
    with pytest.raises(DriverError, match="the page has no table that begins with"):
        up_to_date("# Boards\n")


@every_family
def test_a_family_tells_its_options(name: str) -> None:
    for option in FAMILIES[name].options:
        assert option.meaning
        assert option.right
        assert option.allows(option.default)
        for value in option.allowed if isinstance(option.allowed, tuple) else [option.default]:
            assert board_of(name, options={option.name: value})


@every_family
def test_a_wrong_option_is_refused_by_name_with_what_is_right(name: str) -> None:
    with pytest.raises(BoardSettingError, match=f"option 'speed': a {name} only has"):
        board_of(name, options={"speed": 1})
    for option in FAMILIES[name].options:
        for wrong in ("sideways", -1, None, 1.5, [], *_nearly(option)):
            with pytest.raises(BoardSettingError) as refusal:
                board_of(name, options={option.name: wrong})
            reported = str(refusal.value)
            assert reported == f"option {option.name} {wrong!r}: must be {option.right}"


def _nearly(option: Option) -> list[object]:
    """Values that Python takes for right ones."""
    return [1, 0] if isinstance(option.default, bool) else [True, float(str(option.default) == "")]


@every_family
@pytest.mark.parametrize("wrong", [-1, 256, 300, True, 1.0, "1", None])
def test_a_wrong_address_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(BoardSettingError, match=f"address {wrong!r}: a {name} has an address of"):
        FAMILIES[name](wrong, FAMILIES[name].channel_counts[-1])


@every_family
def test_only_addresses_and_sizes_that_there_are(name: str) -> None:
    family = FAMILIES[name]
    for address in range(-2, 300):
        if address in family.addresses:
            assert family(address, family.channel_counts[-1]).address == address
        else:
            with pytest.raises(BoardSettingError, match=f"address {address}: "):
                family(address, family.channel_counts[-1])
    for channels in range(-2, 100):
        if channels in family.channel_counts:
            assert family(family.addresses[0], channels).channels == channels
        else:
            with pytest.raises(BoardSettingError, match=f"channels {channels}: "):
                family(family.addresses[0], channels)


def test_addresses_that_mean_every_board_cannot_be_configured() -> None:
    for name, everyone in {
        "kerong-cu16": 15,
        "kerong-cu48": 10,
        "kerong-cu48b": 10,
        "dingchang-dc": 0,
        "modbus-waveshare": 0,
        "modbus-xunming": 0,
    }.items():
        assert everyone not in FAMILIES[name].addresses
    for name, family in FAMILIES.items():
        assert not simulated_class(name).everyone & set(family.addresses)
    assert 0xFE not in FAMILIES["modbus-xunming"].addresses


# --- what must never be built ------------------------------------------------------------------


@every_family
def test_no_channel_of_any_board_pulses_anything_but_its_own_lock(name: str) -> None:
    """Exhaustive over addresses and channels."""
    family, codec = FAMILIES[name], board_codec_of(name.replace("-", "_"))
    for address in family.addresses:
        board = family(address, family.channel_counts[-1])
        frames = set()
        for channel in range(1, board.channels + 1):
            frame = board.unlock_request(channel)
            request = codec.decode_request(frame, **options_of(board))
            assert type(request).__name__ in ONE_PULSE
            assert (request.address, request.channel) == (address, channel)
            frames.add(frame)
        assert len(frames) == board.channels


@every_family
def test_no_other_number_is_a_channel(name: str) -> None:
    """Over all that two bytes can hold and beyond, and over what only looks like a number."""
    for channels in {1, FAMILIES[name].channel_counts[-1]} & set(FAMILIES[name].channel_counts):
        board = board_of(name, channels=channels)
        for channel in range(-300, 0x10000 + 300):
            if channel not in range(1, channels + 1):
                assert is_refused(board.unlock_request, channel)
    looks_like_one: tuple[Any, ...] = (True, 1.0, "1", None, 1 + 0j)
    for wrong in looks_like_one:
        with pytest.raises(FrameError, match="is not on this board"):
            board_of(name).unlock_request(wrong)


@every_family
def test_no_number_leads_to_a_frame_that_opens_more_than_one_door(name: str) -> None:
    """Every unguarded function of the codec, with every address and channel and many numbers."""
    codec = board_codec_of(name.replace("-", "_"))
    for encode in encoders(name.replace("-", "_")):
        parameters = inspect.signature(encode).parameters
        numbers = [each for each in parameters if each not in ("function", "low_byte_first")]
        if GUARDS & set(parameters):
            continue
        ranges = [
            {"address": range(-1, 258), "channel": range(-1, 70)}.get(each, (-1, 0, 1, 7, 0xFF00))
            for each in numbers
        ]
        for values in product(*ranges):
            try:
                frame = encode(*values)
            except FrameError:
                continue
            request = type(codec.decode_request(frame)).__name__
            assert request in ONE_PULSE | HARMLESS, (encode.__name__, values)


@every_family
def test_frames_that_hold_a_current_must_be_meant(name: str) -> None:
    for encode in encoders(name.replace("-", "_")):
        parameters = inspect.signature(encode).parameters
        guards = GUARDS & set(parameters)
        if not guards:
            continue
        (guard,) = guards
        assert parameters[guard].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[guard].default is inspect.Parameter.empty
        good = {"address": 1, "channel": 1}
        arguments = {each: good[each] for each in parameters if each in good}
        for meant in (False, 1, "yes", None):
            with pytest.raises(FrameError, match="without meaning it"):
                encode(**arguments, **{guard: meant})
        assert encode(**arguments, **{guard: True})
        assert FAMILIES[name].holds_outputs


@every_family
def test_a_family_has_no_encoder_that_its_board_does_not_use(name: str) -> None:
    host = host_codec_of(name.replace("-", "_"))
    used = {
        node.func.id
        for node in ast.walk(tree_of(inspect.getsource(type(board_of(name)))))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert {encode.__name__ for encode in encoders(name.replace("-", "_"))} <= used
    assert not hasattr(host, "decode_request")


def test_no_request_of_one_family_is_a_request_of_another() -> None:
    """Boards of different families hear each other's frames when they share a line."""
    for speaker, family in FAMILIES.items():
        frames = []
        for address in family.addresses:
            board = family(address, family.channel_counts[-1])
            frames += [board.unlock_request(channel) for channel in range(1, board.channels + 1)]
            frames += [question.request for question in board.questions()]
        for hearer in FAMILIES:
            if speaker == hearer or {speaker, hearer} == {"modbus-xunming", "modbus-waveshare"}:
                continue
            codec = board_codec_of(hearer.replace("-", "_"))
            decode = codec.decode_request
            for frame, length in product(frames, codec.REQUEST_LENGTHS):
                for start in range(len(frame) - length + 1):
                    assert is_refused(decode, frame[start : start + length])


# --- doors and items ---------------------------------------------------------------------------


def read_doors(bench: Bench) -> Answer:
    (question,) = bench.board.questions()
    (frame,) = bench.ask(question.request)
    answer = bench.board.find_answer(question, frame)
    assert answer is not None
    assert not bench.board.has_wrong_sum(question, frame)
    return answer


@every_family
@pytest.mark.parametrize("invert", [False, True])
def test_every_door_reads_as_it_stands_either_way_round(name: str, invert: bool) -> None:
    random = Random(5)
    family = FAMILIES[name]
    for channels in family.channel_counts:
        opened = [channel for channel in range(1, channels + 1) if random.random() < 0.5]
        wiring = {"address": family.addresses[-1], "channels": channels, "invert": invert}
        bench = Bench(name, {**wiring, "open": opened})
        (question,) = bench.board.questions()
        assert question.channels == tuple(range(1, channels + 1))
        doors = read_doors(bench).doors
        assert tuple(doors) == question.channels
        assert [each for each, state in doors.items() if state is DoorState.OPEN] == opened
        assert DoorState.UNKNOWN not in doors.values()


@every_family
def test_each_channel_pulses_its_own_lock_and_its_door_is_seen_open(name: str) -> None:
    family = FAMILIES[name]
    for channel in range(1, family.channel_counts[-1] + 1):
        board = {"address": family.addresses[0], "channels": family.channel_counts[-1]}
        bench = Bench(name, board)
        bench.ask(bench.board.unlock_request(channel))
        bench.steel.advance(1.0)
        assert bench.pulsed() == [channel]
        doors = bench_doors_after(bench, at_s=2.0)
        assert [each for each, state in doors.items() if state is DoorState.OPEN] == [channel]


def bench_doors_after(bench: Bench, at_s: float) -> Mapping[int, DoorState]:
    (question,) = bench.board.questions()
    (frame,) = bench.ask(question.request, at_s)
    answer = bench.board.find_answer(question, frame)
    assert answer is not None
    return answer.doors


ITEM_FAMILIES = [
    name
    for name, family in FAMILIES.items()
    if any(option.name == "item_sensors" for option in family.options)
]


def test_families_with_item_sensors() -> None:
    assert {"kerong-cu16", "kerong-cu48b"} <= set(ITEM_FAMILIES)


@pytest.mark.parametrize("name", ITEM_FAMILIES)
@pytest.mark.parametrize("invert_items", [False, True])
def test_item_sensors_tell_what_lies_there(name: str, invert_items: bool) -> None:
    options = {"item_sensors": True, "invert_items": invert_items}
    wiring = {"address": 3, "channels": 16, "options": options, "items": [2, 16], "open": [2]}
    items = read_doors(Bench(name, wiring)).items
    assert [each for each, item in items.items() if item is ItemState.PRESENT] == [2, 16]
    assert list(items.values()).count(ItemState.ABSENT) == 14


@every_family
def test_where_there_are_no_item_sensors_nothing_is_claimed(name: str) -> None:
    has_switch = any(option.name == "item_sensors" for option in FAMILIES[name].options)
    assert has_switch == (name in ITEM_FAMILIES)
    options = {"item_sensors": False} if has_switch else {}
    family = FAMILIES[name]
    wiring = {"address": family.addresses[0], "channels": family.channel_counts[-1]}
    assert read_doors(Bench(name, {**wiring, "options": options})).items == {}


async def test_the_bank_tells_items_after_two_equal_readings_and_forgets_them_with_the_board() -> (
    None
):
    boards = [BoardWiring("b", "kerong-cu48b", "bus", 0, 3)]
    doors = [DoorWiring(str(channel), "b", channel) for channel in (1, 2, 3)]

    site = virtual_site(boards, doors, Random(3))
    site.steel.door("2").has_item = True
    assert site.bank.item("2") is ItemState.UNKNOWN
    await site.bank.start()
    await asyncio.sleep(1)
    assert [site.bank.item(slot) for slot in "123"] == ["ABSENT", "PRESENT", "ABSENT"]
    site.steel.door("2").has_item = False
    await site.bank.read("2")
    assert site.bank.item("2") is ItemState.PRESENT
    await site.bank.read("2")
    assert site.bank.item("2") is ItemState.ABSENT
    site.lines["bus"].is_plugged = False
    await asyncio.sleep(1)
    assert site.bank.item("1") is ItemState.UNKNOWN
    await site.bank.stop()


# --- several families on one line --------------------------------------------------------------

KS1062: tuple[str, dict[str, object]] = ("lockboard-8a", {"unlock_function": 0x33})


def speeds_of(name: str) -> tuple[int, ...]:
    """The usual speed of a family, and those that can be set on its boards."""
    usual = board_of(name).timing.baud
    settable = [option.allowed for option in FAMILIES[name].options if option.name == "baud"]
    return (usual, *(int(speed) for allowed in settable for speed in allowed))


def mixed(baud: int) -> list[tuple[str, dict[str, object]]]:
    """Every family that there can be on a line of this speed."""
    able = [name for name in FAMILIES if baud in speeds_of(name)]
    boards: list[tuple[str, dict[str, object]]] = [
        (name, {"baud": baud} if len(speeds_of(name)) > 1 else {}) for name in able
    ]
    return [*boards, KS1062] if KS1062[0] in able else boards


MIXED = {baud: mixed(baud) for baud in sorted({speeds_of(name)[0] for name in FAMILIES})}


def test_the_lines_hold_every_family() -> None:
    assert {name for boards in MIXED.values() for name, _ in boards} == set(FAMILIES)
    assert len(MIXED[9600]) >= 6
    assert len(MIXED[19200]) >= 3


@pytest.mark.parametrize("echoes", [False, True])
@pytest.mark.parametrize("baud", list(MIXED))
async def test_boards_of_several_families_share_a_line(baud: int, echoes: bool) -> None:
    boards = [
        BoardWiring(f"{name}-{address}", name, "bus", address, 12, options=options)
        for address, (name, options) in enumerate(MIXED[baud], start=1)
    ]
    doors = [
        DoorWiring(f"{board.name}/{channel}", board.name, channel)
        for board in boards
        for channel in range(1, 13)
    ]

    site = virtual_site(boards, doors, Random(3))
    site.lines["bus"].echoes = echoes
    await site.bank.start()
    await site.bank.settled()
    assert all(report.reachable for report in site.bank.reports())
    for channel in (1, 12):
        slots = [f"{board.name}/{channel}" for board in boards]
        results = await asyncio.gather(*map(site.bank.open_slot, slots))
        assert [each.outcome for each in results] == [Outcome.OPENED] * len(boards)
    assert {site.steel.door(door.slot).pulses for door in doors if door.channel in (1, 12)} == {1}
    assert {site.steel.door(door.slot).pulses for door in doors if door.channel not in (1, 12)} == {
        0
    }
    assert [report.checksum_errors for report in site.bank.reports()] == [0] * len(boards)
    await site.bank.stop()


def test_the_vectors_of_each_family_have_an_exchange_that_opens_one_door() -> None:
    for vectors in FILES.values():
        if vectors["family"]:
            assert any(len(each.get("moves", [])) == 1 for each in vectors["exchanges"])
