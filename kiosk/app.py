"""The composition root: the one place that builds the parts of the kiosk and joins them."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import logging
import os
import secrets
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from config import Site
from config.schema import Face
from drivers.bank import Bank, BankTiming, open_bank
from drivers.port import port_in
from drivers.scanner import Scanner, ScannerRead
from drivers.serial_port import SerialPortOpener
from drivers.signals import Signals
from drivers.wiring import wired_boards, wired_doors, wired_signals
from kiosk.adapters import (
    LocationKeyError,
    SystemClock,
    key_check,
    key_path,
    location_key,
    verify_pin,
)
from kiosk.console import Desk, serving
from kiosk.flows import session
from kiosk.flows.kiosk import Kiosk, Policy
from kiosk.flows.person import Event, Person, Screen
from kiosk.flows.views import CannotStart, Choice, First, OpenFromAfar, Scanned, View
from kiosk.messages import MessageSpool
from kiosk.model.allocation import AllocationStrategy, BestFit, FirstAvailable
from kiosk.model.location import Location, Locker, Rectangle, Size, Slot
from kiosk.model.person import Recipient, Role, Staff, StaffSource
from kiosk.model.pickup_code import locator_digits
from kiosk.model.throttle import opened_by_guessing
from kiosk.observers import observing
from kiosk.store import holds, packages, restoring, slots, staff
from kiosk.store.backup import KEY_CHECK, BackupPlan
from kiosk.store.errors import CannotOpenError, StoreError
from kiosk.store.packages import Announcement
from kiosk.store.restoring import Restored
from kiosk.store.sealing import Sealer
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.sync.client import SyncClient
from kiosk.sync.contract import BoardStatus, Status
from kiosk.sync.enrol import IDENTITY_FILE, EnrolError, enrol, identity_in
from kiosk.sync.recalling import recall
from kiosk.ui.jack import Jack
from kiosk.ui.loudspeaker import Loudspeaker, is_there
from kiosk.ui.night import NightHours
from kiosk.ui.theme import SiteLook, colour
from kiosk.vitals import vitals
from kiosk.watchdog import ServiceManager, Watchdog

LOG = logging.getLogger("kiosk")
DATABASE = "kiosk.db"

SWITCH_INTERVAL_S = 0.0005
"""How long the window's thread may keep the others waiting while it draws."""


class CannotRunError(Exception):
    """The kiosk cannot run with this data folder; the message says what to do."""


# --- from the site's config ----------------------------------------------------------------------


def location_of(site: Site) -> Location:
    """The location that a site file describes."""
    sizes = [
        Size(name, size.width_mm, size.height_mm, size.depth_mm, size.max_weight_kg)
        for name, size in site.sizes.items()
    ]
    return Location(
        id=site.location.id,
        name=site.location.name,
        address=site.location.address,
        time_zone=site.location.time_zone,
        languages=site.location.languages,
        help_phone=site.location.help_phone,
        sizes=tuple(sorted(sizes, key=lambda size: size.volume_mm3)),
        lockers=tuple(Locker(locker.label, _rectangle(locker)) for locker in site.lockers),
        slots=tuple(
            Slot(slot.label, locker.label, slot.size, slot.board, slot.channel, _rectangle(slot))
            for locker in site.lockers
            for slot in locker.slots
        ),
        screen=_rectangle(site.screen),
    )


def _rectangle(face: Face) -> Rectangle:
    return Rectangle(face.left_mm, face.bottom_mm, face.width_mm, face.height_mm)


def risk_of_guessing(site: Site) -> str:
    """What somebody who guesses pickup codes all year long may expect here, in a sentence."""
    slot_count = len(site.slots)
    expected = opened_by_guessing(slot_count, locator_digits(slot_count))
    return (
        f"Somebody who guesses codes for a year opens {expected:.5f} packages"
        f" (expected, {slot_count} slots, three quarters full)."
    )


def remarks(site: Site) -> list[str]:
    """What is allowed here and should be known, each in a sentence."""
    return [*_remarks_on_sensors(site), *_remarks_on_sound(site)]


def _remarks_on_sound(site: Site) -> list[str]:
    said = []
    if not is_there(site.sound.speech):
        said.append("Nothing is spoken here: there is no program for it (Debian: espeak-ng).")
    if not is_there(site.sound.player):
        said.append("No sounds are played here: there is no program for it (Debian: alsa-utils).")
    return said


def _remarks_on_sensors(site: Site) -> list[str]:
    blind = [board.name for board in site.boards if not board.has_door_sensors]
    if not blind:
        return []
    said = f"No sensor tells whether the doors of {', '.join(blind)} are open: people are asked."
    if site.policy.trust_without_sensors:
        return [said, "A customer's word that such a door is shut frees its slot."]
    return [said, "After every pickup from such a door somebody has to look inside."]


def policy_of(site: Site) -> Policy:
    """What the site's owner decided."""
    return Policy(
        hold_days=site.policy.hold_days,
        show_code_to_courier=site.policy.show_code_to_courier,
        ask_phone_digits=site.policy.ask_phone_digits,
        late_pickup=site.policy.late_pickup,
        one_code_for_all=site.policy.one_code_for_all,
        couriers_may_look=site.policy.couriers_may_look,
        may_extend=site.policy.may_extend,
        reopen_s=site.policy.reopen_s,
        trust_without_sensors=site.policy.trust_without_sensors,
        courier_session_s=site.policy.courier_session_s,
        erase_after_days=site.policy.erase_after_days,
    )


def site_look_of(site: Site, data: Path) -> SiteLook:
    """What of the screens is the site's own."""
    clock, night = SystemClock(), NightHours(site.look.night, site.location.time_zone)
    logo = None if site.look.logo is None else data / site.look.logo
    if logo is not None and not logo.is_file():
        LOG.warning("the logo %s is not there: the name stands in its place", logo)
        logo = None
    return SiteLook(
        accent=None if site.look.accent is None else colour(site.look.accent),
        logo=logo,
        is_night=lambda: night.holds(clock.now().wall_ms),
        saver_after_s=site.look.screen_saver_s,
    )


def strategy_of(site: Site) -> AllocationStrategy:
    """The site's way of choosing slots."""
    if site.policy.allocation == "first-available":
        return FirstAvailable()
    return BestFit(site.policy.low_reserve)


def staff_of(site: Site) -> list[Staff]:
    """The staff that the site's config lists."""
    return [
        Staff(
            person.number,
            person.name,
            Role(person.role),
            person.pin_hash,
            person.badge_hash or "",
        )
        for person in site.staff
    ]


def bank_of(site: Site, data: Path) -> Bank:
    """The site's doors, on real ports."""
    timing = BankTiming(window_s=site.policy.open_window_s)
    return open_bank(wired_boards(site.boards, data), wired_doors(site.slots), timing=timing)


# --- a kiosk, ready to run ---------------------------------------------------------------------


@contextlib.asynccontextmanager
async def open_kiosk(site: Site, data: Path, screen: Screen) -> AsyncIterator[Kiosk]:
    """Join the parts for a site and its data folder; give them back at the end.

    Raises `StoreError` or `LocationKeyError` when the data folder cannot be used.
    """
    data.mkdir(parents=True, exist_ok=True)
    _require_database(data)
    clock, chance = SystemClock(), secrets.SystemRandom()
    store = Store(data / DATABASE, clock, chance)
    try:
        clock.believe(await store.run(holds.last_believed))
        key = await store.run(_location_key, key_path(data))
        kiosk = Kiosk(
            location=location_of(site),
            store=store,
            bank=bank_of(site, data),
            person=Person(screen),
            clock=clock,
            chance=chance,
            location_key=key,
            strategy=strategy_of(site),
            verify_pin=verify_pin,
            staff=staff_of(site),
            policy=policy_of(site),
            backup=backup_of(site, data),
        )
        signals = Signals(kiosk.bank, wired_signals(site.signals, site.lockers))
        signals.start()
        try:
            async with _observers(site, data, kiosk), serving(data, desk_of(kiosk)):
                with _scanner(site, data, kiosk), _centre(data, kiosk):
                    yield kiosk
        finally:
            await signals.stop()
            await kiosk.bank.stop()
    finally:
        store.close()


def _require_database(data: Path) -> None:
    """Refuse to begin anew where a kiosk was: a new database would call full slots empty."""
    path = data / DATABASE
    if not path.exists() and key_path(data).exists():
        raise CannotOpenError(
            f"{path}: there is a location key but no database. Was it lost? Then: kiosk restore"
            " FILE. Are all slots empty? Then: kiosk init"
        )


def _location_key(writer: Writer, path: Path) -> bytes:
    """The location's key: a new one for a new database, else the one that its codes were made with.

    Raises `LocationKeyError` when it is lost or another.
    """
    row = writer.one("SELECT value FROM meta WHERE key = ?", (KEY_CHECK,))
    key = location_key(path, may_make=row is None)
    check = key_check(key)
    if row is None:
        writer.db.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (KEY_CHECK, check))
    elif row["value"] != check:
        raise LocationKeyError(
            f"{path} is not the key that this database's codes were made with;"
            " bring the right one back from where it is kept"
        )
    writer.sealer = Sealer(key)
    return key


def backup_of(site: Site, data: Path) -> BackupPlan | None:
    """Where the site's backups go."""
    wanted = site.backup
    if wanted is None:
        return None
    return BackupPlan(data / wanted.folder, wanted.keep, wanted.keep_days)


def desk_of(kiosk: Kiosk) -> Desk:
    """Who answers the console while the kiosk runs."""
    return Desk(kiosk.location.id, kiosk.store, kiosk.clock, kiosk.location_key, kiosk.backup)


@contextlib.contextmanager
def own_desk(site: Site, data: Path) -> Iterator[Desk]:
    """Who answers the console while no kiosk runs. Raises `CannotRunError`, `StoreError` or
    `LocationKeyError`."""
    path = data / DATABASE
    if not path.exists():
        raise CannotRunError(f"{path}: there is no database; make one with: kiosk init")
    clock = SystemClock()
    store = Store(path, clock, secrets.SystemRandom(), threaded=False)
    try:
        clock.believe(store.submit(holds.last_believed).result())
        key = store.submit(_location_key, key_path(data)).result()
        yield Desk(site.location.id, store, clock, key, backup_of(site, data))
    finally:
        store.close()


def init(site: Site, data: Path, technician: Staff) -> Path:
    """Make a new kiosk's data folder: the location's key, the database, the first technician.

    Returns where the key is. Raises `CannotRunError` when there is a kiosk already, or somebody
    with the technician's number.
    """
    path = data / DATABASE
    if path.exists():
        raise CannotRunError(f"{path}: this kiosk was made before; nothing was changed")
    if technician.number in {person.number for person in site.staff}:
        raise CannotRunError(f"number {technician.number} belongs to somebody in the site file")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store(path, SystemClock(), secrets.SystemRandom(), threaded=False)
    try:
        store.submit(_init, key_path(data), location_of(site), technician).result()
    except BaseException:
        store.close()
        path.unlink()
        raise
    store.close()
    return key_path(data)


def _init(writer: Writer, key: Path, location: Location, technician: Staff) -> None:
    _location_key(writer, key)
    slots.configure(writer, location)
    staff.list_staff(writer, [technician], StaffSource.INIT)


def restore(data: Path, file: Path, *, with_centre: bool = True, doubt: str = "") -> Restored:
    """Put a backup in the database's place, with no kiosk running, and take back from the centre
    what is newer, where this kiosk is enrolled. Raises `RecallError` when that is not reached."""
    key = location_key(key_path(data), may_make=False)
    clock, chance = SystemClock(), secrets.SystemRandom()
    identity = identity_in(data) if with_centre else None
    path, check = data / DATABASE, key_check(key)
    with requests.Session() as session:
        recaller = None if identity is None else partial(recall, session, identity)
        return restoring.restore(file, path, check, clock, chance, recaller, doubt)


LOOK_AHEAD = 2
LOOK_AHEAD_AFTER_MS = 300_000
"""A code that the centre may have issued anew is accepted once the last sync is so long ago."""


@contextlib.contextmanager
def _centre(data: Path, kiosk: Kiosk) -> Iterator[None]:
    """The sync with the central server, where this kiosk is enrolled."""
    try:
        identity = identity_in(data)
    except EnrolError as error:
        LOG.error("the kiosk runs without its centre: %s", error)
        identity = None
    kiosk.vitals = lambda: vitals(data, None)
    if identity is None:
        yield
        return
    client = SyncClient(
        kiosk.store,
        kiosk.location,
        identity,
        lambda: machine_status(kiosk, data),
        kiosk.chance,
        _DoorsFromAfar(kiosk, asyncio.get_running_loop()),
    )

    def look_ahead() -> int:
        last_ms = client.state.last_ms
        is_fresh = last_ms is not None and (
            kiosk.clock.now().wall_ms - last_ms < LOOK_AHEAD_AFTER_MS
        )
        return 0 if is_fresh else LOOK_AHEAD

    kiosk.look_ahead = look_ahead
    kiosk.vitals = lambda: vitals(data, client.state)
    with client:
        yield


@dataclass(frozen=True, slots=True)
class _DoorsFromAfar:
    """What the sync's thread opens doors by: the first screen hears of it, and no other."""

    kiosk: Kiosk
    loop: asyncio.AbstractEventLoop

    def is_free(self) -> bool:
        view = self.kiosk.person.view
        return isinstance(view, First) and Choice.COURIER in view.choices

    def open(self, slot: str) -> None:
        self.loop.call_soon_threadsafe(self.kiosk.person.happened, OpenFromAfar(slot))


def machine_status(kiosk: Kiosk, data: Path) -> Status:
    """How the machine is, for the centre; may be called from any thread."""
    now = kiosk.clock.now()
    return Status(
        clock_ms=now.wall_ms,
        is_clock_trusted=now.is_trusted,
        boot_id=now.boot_id,
        monotonic_ms=now.monotonic_ms,
        doors={slot.label: kiosk.bank.door(slot.label).value for slot in kiosk.location.slots},
        boards=tuple(
            BoardStatus(name=each.board, is_reachable=each.reachable, reason=each.reason[:200])
            for each in kiosk.bank.reports()
        ),
        disk_free_bytes=shutil.disk_usage(data).free,
    )


def enrol_kiosk(site: Site, data: Path, url: str, token: str) -> None:
    """Make this kiosk known to a centre. Raises `EnrolError` or `LocationKeyError`."""
    key = location_key(key_path(data), may_make=False)
    enrol(data, location_of(site), key, url, token)


@contextlib.contextmanager
def _scanner(site: Site, data: Path, kiosk: Kiosk) -> Iterator[None]:
    """The scanner's thread hands what it reads to the engine's loop."""
    if site.scanner is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def take(read: ScannerRead) -> None:
        # A refused scan has no text: the flows say that it cannot be read.
        loop.call_soon_threadsafe(kiosk.person.happened, Scanned(read.text, bool(read.warning)))

    opener = SerialPortOpener(port_in(data, site.scanner.port))
    scanner = Scanner(opener, take, time.monotonic, baud=site.scanner.baud)
    scanner.start()
    try:
        yield
    finally:
        scanner.stop()


@contextlib.asynccontextmanager
async def _observers(site: Site, data: Path, kiosk: Kiosk) -> AsyncIterator[None]:
    """Who follows the journal at this site; where there is a centre, that one tells people."""
    if site.messages is None or (data / IDENTITY_FILE).exists():
        yield
        return
    spool = MessageSpool(kiosk, data / site.messages.folder)
    async with observing(kiosk.store, [spool]):
        try:
            yield
        finally:
            spool.is_ending = True


# --- the engine --------------------------------------------------------------------------------


class Engine:
    """The thread with the asyncio loop on which the flows run."""

    def __init__(self, site: Site, data: Path, screen: Screen) -> None:
        self._site, self._data, self._screen = site, data, screen
        self._loop = asyncio.new_event_loop()
        self._kiosk: Kiosk | None = None
        self._main: asyncio.Task[None] | None = None
        self.restart: Callable[[], None] | None = None
        """What a technician's wish to start anew calls, on the engine's thread."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the flows, give the ports back, close the store; waits until all is done."""
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def happened(self, event: Event, shown: View | None = None) -> None:
        """From the main thread: something was pressed or typed on the view `shown`."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the kiosk is ending
            self._loop.call_soon_threadsafe(self._take, event, shown)

    def ask(self, answer: Callable[[], None]) -> None:
        """From the main thread: call this on the engine's, as soon as that can."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(answer)

    def _take(self, event: Event, shown: View | None) -> None:
        if self._kiosk is not None:
            self._kiosk.person.happened(event, shown)

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._serve())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _serve(self) -> None:
        try:
            async with open_kiosk(self._site, self._data, self._screen) as kiosk:
                self._kiosk = kiosk
                kiosk.restart = self.restart
                await session.run(kiosk)
        except (StoreError, LocationKeyError, OSError) as error:
            LOG.error("the kiosk cannot start: %s", error)
            self._screen.show(CannotStart(message=str(error)))
            await asyncio.Event().wait()


def run_window(site: Site, data: Path, geometry: tuple[int, int, int, int] | None) -> int:
    """The kiosk in its window, until it is closed or the process is told to end.

    `geometry` is `(width, height, left, top)` of an ordinary window; None fills the panel.
    Kivy is imported here and not above, after its settings are made.
    """
    from kiosk.ui import environment
    from kiosk.ui.panel import Panel

    glass = site.screen
    panel = Panel(glass.width_px, glass.height_px, glass.width_mm, glass.height_mm)
    environment.prepare(panel, geometry)
    from kiosk.ui.stage import Sound
    from kiosk.ui.window import KioskWindow

    loudspeaker = Loudspeaker(site.sound.speech, site.sound.player)
    manager = ServiceManager()
    jack = Jack(site.sound.jack) if site.sound.jack is not None else None
    window = KioskWindow(
        location_of(site),
        panel,
        lambda event: engine.happened(event, window.view),
        geometry,
        on_started=lambda: manager.tell("READY=1"),
        site_look=site_look_of(site, data),
        sound=Sound(loudspeaker, jack, site.sound.speaks_directions),
    )
    engine = Engine(site, data, window)
    is_wanted_again = threading.Event()

    def restart() -> None:
        is_wanted_again.set()
        window.stop()

    engine.restart = restart
    # Drawing keeps Python's lock: at the usual 5 ms each hop from thread to thread, of the five
    # between a touch and its door, would wait that long.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: window.stop())
    if manager.feed_every_s is not None:
        window.every(manager.feed_every_s, Watchdog(manager, engine.ask).tick)
    engine.start()
    try:
        window.run()
    finally:
        # A service that says it stops is waited for and then killed: it does not say so to go on.
        if not is_wanted_again.is_set():
            manager.tell("STOPPING=1")
        engine.stop()
        loudspeaker.stop()
    if is_wanted_again.is_set():
        # The same process goes on: whoever started it, systemd or a hand, need not do anything.
        os.execv(sys.executable, sys.orig_argv)
    return 0


# --- packages that are expected ------------------------------------------------------------------


def read_announcements(path: Path) -> list[Announcement]:
    """Expected packages from a CSV file with the columns barcode, size, name, phone.

    Raises `CannotRunError` that names the line of the first mistake.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    announcements = []
    for number, row in enumerate(rows, 2):
        if not row.get("barcode"):
            raise CannotRunError(f"{path}, line {number}: barcode is empty")
        recipient = None
        if row.get("name") or row.get("phone"):
            recipient = Recipient(str(uuid.uuid4()), row.get("name") or "", row.get("phone") or "")
        announcements.append(
            Announcement(str(uuid.uuid4()), row["barcode"], row.get("size") or None, recipient)
        )
    return announcements


def announce(site: Site, data: Path, announcements: list[Announcement]) -> int:
    """Expect packages, with no kiosk running; how many were not expected or stored before."""
    data.mkdir(parents=True, exist_ok=True)
    unknown = {each.size for each in announcements if each.size} - set(site.sizes)
    if unknown:
        raise CannotRunError(
            f"size {', '.join(sorted(unknown))} is none of this site's: {', '.join(site.sizes)}"
        )
    store = Store(data / DATABASE, SystemClock(), secrets.SystemRandom(), threaded=False)
    try:
        store.submit(_location_key, key_path(data)).result()
        return sum(store.submit(packages.announce, each).result() for each in announcements)
    finally:
        store.close()
