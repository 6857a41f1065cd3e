"""The crash matrix: 7 points × 5 flows × 4 sensor states × 4 serial answers, each a cell.

The process dies at the point; what the sensor and the line say from the pulse on, and at the start
after it, is the cell's. The three points of the upload are those of the real sync: its client talks
over loopback to a real server.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from requests import Response
from requests.adapters import HTTPAdapter

from central import schema
from drivers.bank import BankTiming
from drivers.boards.board import FramedBoard
from drivers.door import DoorState
from drivers.frames import xor_of
from drivers.simulator.bank import SimulatedDoor
from drivers.simulator.virtual import VirtualSite
from kiosk.demo.player import PlayError
from kiosk.flows.context import Policy
from kiosk.flows.events import Chosen, Entered, Pressed, Scanned
from kiosk.flows.views.choices import Choice, Question
from kiosk.flows.views.courier import Collection
from kiosk.flows.views.customer import First
from kiosk.flows.views.service import DoorPage, ScanInside
from kiosk.flows.views.shared import Ask, EnterPin, Trouble, View
from kiosk.model.events import GENESIS
from kiosk.model.location import SlotStatus, SuspectReason
from kiosk.store import journal, slots
from kiosk.store.answers import Answer
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.sync.client import OBSERVER, Identity, SyncClient
from kiosk.sync.contract import Status
from tests.crash.cell_server import CellServer
from tests.crash.disk import Files
from tests.crash.recording import PLACE, lay_down, pick_up
from tests.support.flow_site import TECHNICIAN_PIN, LoopClock, Running, World, running
from tests.support.invariants import Pulse, Witness, findings, gather
from tests.support.stories.people import (
    announce,
    have_stored,
    press,
    recall,
    sign_in_courier,
    sign_in_technician,
    type_code,
)
from tests.support.virtual_loop import run_virtually

POLICY = Policy(
    show_code_to_courier=True, remind_after_s=1, give_up_after_s=5, idle_s=5, thanks_s=5
)
"""Short waits, so that a cell in which nobody shuts the door is over soon."""
TIMING = BankTiming(window_s=1.0, silence_s=0.5)
HEALED_AFTER_S = 3.0
SETTLED_AFTER_S = 1.0
AT_THE_DOOR_S = 2.5


class Point(StrEnum):
    """When the process dies."""

    BEFORE_INTENT = "before the intent's commit"
    BEFORE_PULSE = "after it, before the pulse"
    BEFORE_SENSOR = "after the pulse, before the sensor"
    BEFORE_OUTCOME = "after the sensor, before the outcome's commit"
    BEFORE_UPLOAD = "after that, before the upload"
    BEFORE_ANSWER = "after the server's commit, before its answer"
    BEFORE_MARK = "after the answer, before the mark"


class Sensor(StrEnum):
    """What the sensor of the door in play says from the pulse on."""

    OPEN = "open"
    """The door stands open and nobody shuts it."""
    CLOSED = "closed"
    """The door is shut after its use."""
    UNKNOWN = "unknown"
    """The board does not tell of this door."""
    FLAPPING = "flapping"


class Serial(StrEnum):
    """What comes back on the line from the pulse on."""

    RIGHT = "right"
    NONE = "none"
    GARBAGE = "garbage"
    ANOTHERS = "another door's"


class KilledError(BaseException):
    """The process is gone; nothing it would have done happens."""


# --- the flows ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """A disk on which a flow can begin, and what lies in the steel."""

    files: Files
    contents: Mapping[str, str]
    slot: str
    code: str = ""


@dataclass(frozen=True)
class Flow:
    """One of the five: how its disk is made, how it begins, and what hands do at the open door."""

    name: str
    prepare: Callable[[Running, Witness], Any]
    begin: Callable[[Running, Setting], Any]
    puts_in: bool = False
    takes_out: bool = False


async def _announced(kiosk: Running, witness: Witness) -> str:
    await announce(kiosk, "P", "S")
    return ""


async def _stored(kiosk: Running, witness: Witness) -> str:
    return await have_stored(kiosk, witness)


async def _recalled(kiosk: Running, witness: Witness) -> str:
    slot = await have_stored(kiosk, witness)
    await recall(kiosk, "P")
    return slot


async def _in_doubt(kiosk: Running, witness: Witness) -> str:
    slot = await have_stored(kiosk, witness)
    await kiosk.kiosk.store.run(
        slots.mark_suspect, slot, SuspectReason.MAY_HOLD_SOMETHING, "a test"
    )
    return slot


async def _nothing(kiosk: Running, witness: Witness) -> str:
    return "9"


async def _deposit(kiosk: Running, setting: Setting) -> None:
    await sign_in_courier(kiosk)
    kiosk.player.do(Scanned("P"))


async def _pickup(kiosk: Running, setting: Setting) -> None:
    await type_code(kiosk, setting.code)


async def _collection(kiosk: Running, setting: Setting) -> None:
    await sign_in_courier(kiosk)
    await press(kiosk, Choice.COLLECT, Collection)
    kiosk.player.do(Pressed(Choice.OPEN_NEXT))


async def _open_as_technician(kiosk: Running, setting: Setting) -> None:
    await sign_in_technician(kiosk)
    kiosk.player.do(Chosen(setting.slot))
    page = await kiosk.player.until(DoorPage)
    kiosk.player.do(Pressed(page.choices[0]))
    if page.row.status is not SlotStatus.EMPTY:
        await kiosk.player.until(EnterPin, lambda view: view.again)
        kiosk.player.do(Entered(TECHNICIAN_PIN))


FLOWS = (
    Flow("deposit", _announced, _deposit, puts_in=True),
    Flow("pickup", _stored, _pickup, takes_out=True),
    Flow("collection", _recalled, _collection, takes_out=True),
    Flow("reconciliation", _in_doubt, _open_as_technician),
    Flow("maintenance", _nothing, _open_as_technician),
)


def prepare(flow: Flow, folder: Path) -> Setting:
    """Make the disk on which the cells of a flow begin."""
    lay_down({}, folder)
    witness = Witness()

    async def play() -> tuple[str, str]:
        async with running(World(folder, place=PLACE, policy=POLICY), tell=witness.see) as kiosk:
            slot = await flow.prepare(kiosk, witness)
            await kiosk.player.until(First)
            return slot, await kiosk.code_of("P") if flow.takes_out else ""

    slot, code = run_virtually(play())
    return Setting(pick_up(folder), dict(witness.contents), slot, code)


# --- the sync -------------------------------------------------------------------------------------


class Network(HTTPAdapter):
    """The way to the server. The process may die when the server has done what it was asked."""

    def __init__(self, death: Death) -> None:
        super().__init__()
        self._death = death

    def send(self, *arguments: Any, **named: Any) -> Response:
        answer = super().send(*arguments, **named)
        self._death.comes(Point.BEFORE_ANSWER)
        return answer


def upload(kiosk: Running, identity: Identity, death: Death | None = None) -> None:
    """What is new goes up, and what the server wants done comes down, until neither has more."""
    store, location = kiosk.kiosk.store, kiosk.kiosk.location
    ticks = itertools.count(1)

    def status() -> Status:
        return Status(boot_id=f"boot-{kiosk.world.seed}", monotonic_ms=next(ticks))

    client = SyncClient(store, location, identity, status, Random(1))
    if death is not None:
        client._servers.session.mount("http://", Network(death))
    try:
        while client.sync_once() == 0 or client.state.queue:
            continue
    finally:
        client._servers.session.close()


# --- the death ------------------------------------------------------------------------------------


@dataclass
class Death:
    """When the process dies, and what is left then."""

    at: Point
    folder: Path
    is_armed: bool = False
    is_dead: bool = False
    acknowledged: tuple[int, bytes] = (0, GENESIS)
    pulses: list[Pulse] = field(default_factory=list)
    files: Files = field(default_factory=dict)
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    outcome_is_durable: asyncio.Event = field(default_factory=asyncio.Event)

    def comes(self, point: Point) -> None:
        """The process has come to this point; it may be its last."""
        if self.is_armed and point is self.at and not self.is_dead:
            self.is_dead = True
            self.happened.set()
            self.files = pick_up(self.folder)
        if self.is_dead:
            raise KilledError(point)

    def store(self, *arguments: Any, **named: Any) -> Store:
        """A store that dies with the process, before or after a commit."""
        death = self

        class MortalStore(Store):
            def submit(self, operation: Any, *arguments: Any, **named: Any) -> Answer[Any]:
                if death.is_dead:
                    raise KilledError
                if operation is journal.set_observer_seq:
                    death.comes(Point.BEFORE_MARK)
                found: list[str] = []

                def watched(writer: Writer, *arguments: Any, **named: Any) -> Any:
                    before = _in_play(writer)
                    result = operation(writer, *arguments, **named)
                    after = _in_play(writer)
                    if after - before:
                        found.append("began")
                        death.comes(Point.BEFORE_INTENT)
                    elif before - after:
                        found.append("ended")
                        death.comes(Point.BEFORE_OUTCOME)
                    return result

                future: Answer[Any] = super().submit(watched, *arguments, **named)
                if future.exception() is None:
                    death.acknowledged = (self._writer.head.seq, self._writer.head.hash)
                if "began" in found:
                    death.comes(Point.BEFORE_PULSE)
                elif "ended" in found:
                    death.outcome_is_durable.set()
                    death.comes(Point.BEFORE_UPLOAD)
                return future

        return MortalStore(*arguments, **named)


def _in_play(writer: Writer) -> set[str]:
    rows = writer.all("SELECT id FROM intent WHERE state IN ('INTENDED', 'OPENED')")
    return {row["id"] for row in rows}


# --- what the sensor and the line say -------------------------------------------------------------


class FlappingDoor(SimulatedDoor):
    """Its sensor says something else each time."""

    says_open = False

    @property
    def reads_open(self) -> bool:
        FlappingDoor.says_open = not FlappingDoor.says_open
        return FlappingDoor.says_open


@dataclass
class WhatIsSaid:
    """The sensor and the line of one cell, for one site."""

    sensor: Sensor
    serial: Serial
    channel_unseen: int | None = None

    def begin(self, site: VirtualSite, slot: str) -> None:
        """From here on the cell's sensor and line are as they are."""
        if self.sensor is Sensor.UNKNOWN:
            self.channel_unseen = next(d.channel for d in PLACE.doors if d.slot == slot)
        if self.sensor is Sensor.FLAPPING:
            door = site.steel.doors[slot]
            site.steel.doors[slot] = FlappingDoor(slot, door.is_open)
        for board in site.boards.values():
            board.is_silent = self.serial is Serial.NONE
        for line in site.lines.values():
            if self.serial is Serial.GARBAGE:
                line.distort = lambda frame: ((0.0, bytes(byte ^ 0x5A for byte in frame)),)
            if self.serial is Serial.ANOTHERS:
                line.distort = lambda frame: ((0.0, _of_another_board(frame)),)

    def end(self, site: VirtualSite, slot: str) -> None:
        """All is well again."""
        self.channel_unseen = None
        door = site.steel.doors[slot]
        site.steel.doors[slot] = SimulatedDoor(slot, door.is_open)
        for board in site.boards.values():
            board.is_silent = False
        for line in site.lines.values():
            line.distort = lambda frame: ((0.0, frame),)

    def unseen(self) -> Any:
        """The codec, with one channel that its answers do not tell of."""
        find = FramedBoard.find_answer

        def without(board: FramedBoard, question: Any, received: bytes) -> Any:
            answer = find(board, question, received)
            if answer is None or self.channel_unseen is None:
                return answer
            doors = {**answer.doors, self.channel_unseen: DoorState.UNKNOWN}
            return replace(answer, doors=doors)

        return mock.patch.object(FramedBoard, "find_answer", without)


def _of_another_board(frame: bytes) -> bytes:
    """The same answer from the next address, with a right sum."""
    changed = bytes([frame[0], frame[1] + 1, *frame[2:-1]])
    return changed + bytes([xor_of(changed)])


# --- a cell ---------------------------------------------------------------------------------------


@dataclass
class Cell:
    """One cell, played in a folder of its own."""

    point: Point
    flow: Flow
    sensor: Sensor
    serial: Serial
    setting: Setting
    folder: Path
    server: CellServer
    contents: dict[str, str] = field(default_factory=dict)
    slot: str = ""

    def play(self) -> list[str]:
        """Die at the point and start again; what is wrong."""
        self.contents = dict(self.setting.contents)
        self.slot = self.setting.slot
        self.server.begin_again()
        lay_down(self.setting.files, self.folder)
        death = run_virtually(self._until_death())
        if not death.is_dead:
            return ["the flow never came to the point"]
        lay_down(death.files, self.folder)
        return run_virtually(self._after_the_start(death))

    # --- before --------------------------------------------------------------------------------

    async def _until_death(self) -> Death:
        death = Death(self.point, self.folder)
        trouble = WhatIsSaid(self.sensor, self.serial)

        def on_site(site: VirtualSite) -> None:
            pulse = site.steel.pulse

            def pulsed(slot: str, at_s: float) -> None:
                self.slot = slot
                death.pulses.append(Pulse(slot, death.acknowledged[0]))
                pulse(slot, at_s)
                self._use_the_door(site, slot)
                if self.point is Point.BEFORE_SENSOR:
                    # The bus itself must not see an exception: the flow does, at its next step.
                    with _Swallowed():
                        death.comes(Point.BEFORE_SENSOR)
                else:
                    trouble.begin(site, slot)

            site.steel.pulse = pulsed  # type: ignore[method-assign]

        world = self._world(ahead_ms=60_000)
        with trouble.unseen():
            async with running(world, death.store, on_site=on_site) as kiosk:
                death.is_armed = True
                person = asyncio.create_task(self._person(kiosk))
                syncing = asyncio.create_task(self._sync(kiosk, death))
                await asyncio.wait(
                    {person, asyncio.create_task(death.happened.wait())},
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in (person, syncing):
                    task.cancel()
                await asyncio.gather(person, syncing, return_exceptions=True)
        return death

    def _world(self, ahead_ms: int) -> World:
        return World(
            self.folder,
            place=PLACE,
            policy=POLICY,
            bank_timing=TIMING,
            clock=LoopClock(ahead_ms=ahead_ms),
            seed=ahead_ms,
        )

    def _use_the_door(self, site: VirtualSite, slot: str) -> None:
        """Hands do at the open door what they came for; whether the kiosk lives or not."""
        if self.flow.puts_in:
            self.contents[slot] = "P"
        if self.flow.takes_out:
            self.contents.pop(slot, None)
        if self.sensor is not Sensor.OPEN:
            asyncio.get_running_loop().call_later(AT_THE_DOOR_S, site.steel.close, slot)

    async def _person(self, kiosk: Running) -> None:
        """Begin the flow, then answer whatever is asked, truly."""
        await self.flow.begin(kiosk, self.setting)
        while True:
            try:
                view = await kiosk.player.until(View, patience_s=30)
            except PlayError:
                return
            answer = self._answer(view)
            if answer is not None:
                kiosk.player.do(answer)

    def _answer(self, view: View) -> Pressed | Scanned | None:
        if isinstance(view, ScanInside):
            return Scanned("P")
        if isinstance(view, Trouble) and view.choices:
            return Pressed(view.choices[-1])
        if not isinstance(view, Ask):
            return None
        is_inside = view.slot in self.contents
        match view.question:
            case Question.IS_IT_EMPTY:
                wanted = {Choice.SOMETHING_INSIDE} if is_inside else {Choice.IT_IS_EMPTY}
            case Question.DID_YOU_TAKE_IT:
                wanted = {Choice.NO} if is_inside else {Choice.YES}
            case _:
                wanted = {Choice.YES, Choice.STILL_THERE} if is_inside else {Choice.IT_IS_EMPTY}
        return Pressed(next((each for each in view.choices if each in wanted), view.choices[-1]))

    async def _sync(self, kiosk: Running, death: Death) -> None:
        await death.outcome_is_durable.wait()
        upload(kiosk, self.server.identity, death)

    # --- after ---------------------------------------------------------------------------------

    async def _after_the_start(self, death: Death) -> list[str]:
        wrong: list[str] = []
        pulsed: list[str] = []
        trouble = WhatIsSaid(self.sensor, self.serial)
        views: list[View] = []
        stores: list[Store] = []
        slot = self.slot or "9"
        loop = asyncio.get_running_loop()

        def look(when: str) -> None:
            if not views or not isinstance(views[-1], First):
                wrong.append(f"{when}: the screen shows {views[-1:]}")
            evidence = gather(
                stores[0],
                acknowledged=death.acknowledged,
                contents=self.contents,
                pulses=death.pulses,
            )
            wrong.extend(f"{when}: {each}" for each in findings(evidence))

        def make_store(*arguments: Any, **named: Any) -> Store:
            stores.append(Store(*arguments, **named))
            return stores[0]

        def on_site(site: VirtualSite) -> None:
            is_pulsed = bool(death.pulses)
            site.steel.doors[slot].is_open = is_pulsed and self.sensor is Sensor.OPEN
            site.steel.pulse = lambda slot, at_s: pulsed.append(slot)  # type: ignore[method-assign]
            trouble.begin(site, slot)
            loop.call_later(HEALED_AFTER_S, look, "with the trouble on")
            loop.call_later(HEALED_AFTER_S, trouble.end, site, slot)

        with ExitStack() as stack:
            stack.enter_context(trouble.unseen())
            world = self._world(ahead_ms=120_000)
            async with running(world, make_store, views.append, on_site) as kiosk:
                left_s = HEALED_AFTER_S + SETTLED_AFTER_S - loop.time()
                await asyncio.sleep(max(0.0, left_s))
                look("with all well")
                wrong.extend(self._synced(kiosk))
        return wrong + [f"door {label} was pulsed by a start" for label in pulsed]

    def _synced(self, kiosk: Running) -> Iterator[str]:
        """The server gets everything, once and unchanged, whatever it had before."""
        store = kiosk.kiosk.store
        upload(kiosk, self.server.identity)
        events = store.submit(journal.after, 0, 10**9).result()
        if self.server.rows(schema.event, "epoch", "seq", "hash") != [
            (event.epoch, event.seq, event.hash.hex()) for event in events
        ]:
            yield "the server does not have each event once"
        if doubted := self.server.rows(schema.quarantine, "seq", "reason"):
            yield f"the server does not believe {doubted}"
        if store.submit(journal.observer_seq, OBSERVER).result() != len(events):
            yield "what the server acknowledged is not marked"


class _Swallowed:
    """The killed process makes no more sound."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return isinstance(error, KilledError)


def cells() -> Iterator[tuple[Point, Flow, Sensor, Serial]]:
    """All 560."""
    for flow in FLOWS:
        for point in Point:
            for sensor in Sensor:
                for serial in Serial:
                    yield point, flow, sensor, serial
