"""The composition root: the one place that builds the parts of the kiosk and joins them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from config import Scanner as ScannerSettings
from config import Site
from drivers.port import port_in
from drivers.scanner import Scanner, ScannerRead
from drivers.serial_port import SerialPortOpener
from drivers.signals import Signals
from drivers.wiring import wired_signals
from kiosk import retirement
from kiosk.adapters import (
    KEY_FILE,
    LocationKeyError,
    SystemClock,
    hash_new_pin,
    key_check,
    key_path,
    location_key,
    verify_pin,
)
from kiosk.console.command_socket import ConsoleServer, serving
from kiosk.data_folder import open_store, use_location_key
from kiosk.flows.context import Kiosk
from kiosk.flows.events import Scanned
from kiosk.flows.person import Person, Screen
from kiosk.health import Health, answer_of
from kiosk.keeper_status import KEEPER_STATUS
from kiosk.messages import MessageSpool
from kiosk.model.location import Location
from kiosk.model.person import NUMBER_DIGITS_MIN, Staff, StaffSource, kept_number
from kiosk.model.power import Power
from kiosk.model.scanner_test import scanner_findings
from kiosk.private_files import private_folder
from kiosk.remote_helper import RemoteHelper, settings_in
from kiosk.server_link import send_all, syncing, transport_of
from kiosk.site_model import (
    backup_of,
    bank_of,
    bank_sensor_of,
    digits_of_staff,
    location_of,
    policy_of,
    sent_of,
    staff_of,
    strategy_of,
    with_settings,
)
from kiosk.store import evidence, holds, packages, remote_help, slots, staff
from kiosk.store import restore as backup_restore
from kiosk.store.errors import StoreError
from kiosk.store.observers import observing
from kiosk.store.remains import DATABASE, remains, require_database, require_nothing
from kiosk.store.restore import Restored
from kiosk.store.set_up import Progress
from kiosk.store.set_up import begin as begin_set_up
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.support_file import SupportFile, without_kiosk
from kiosk.sync.client import Identity
from kiosk.sync.enrol import IDENTITY_FILE, identity_in
from kiosk.sync.journal_import import RecallError, recall
from kiosk.sync.servers import Servers, servers_of
from kiosk.sync.transport import BY_TLS, PlainLineError, Transport
from kiosk.update_link import updating
from kiosk.vitals import version, vitals

LOG = logging.getLogger("kiosk")


class CannotRunError(Exception):
    """The kiosk cannot run with this data folder; the message says what to do."""


@contextlib.asynccontextmanager
async def open_kiosk(
    site: Site,
    data: Path,
    screen: Screen,
    *,
    drew_s_ago: Callable[[], float | None] | None = None,
    keeper_status: Path = KEEPER_STATUS,
    power: Callable[[], Power] | None = None,
    site_file: Path | None = None,
) -> AsyncIterator[Kiosk]:
    """Join the parts for a site and its data folder; give them back at the end. `site_file` is
    where the site was read from: other releases are rehearsed with it.

    Raises `StoreError`, `LocationKeyError` or `EnrolError` when the data folder cannot be used.
    """
    clock, rng = SystemClock(), secrets.SystemRandom()
    if data.is_dir():
        private_folder(data)
    store = open_store(data, known_of(site, data), clock, rng, copies=copies_of(site, data))
    try:
        clock.believe(await store.run(holds.last_believed))
        key = await store.run(use_location_key, key_path(data))
        head = await store.run(evidence.begin, store.path, store.loss)
        kiosk = Kiosk(
            location=location_of(site),
            store=store,
            bank=bank_of(site, data),
            person=Person(screen),
            clock=clock,
            rng=rng,
            location_key=key,
            strategy=strategy_of(site),
            verify_pin=verify_pin,
            hash_pin=hash_new_pin,
            staff=staff_of(site),
            staff_digits=digits_of_staff(site),
            policy=policy_of(site),
            backup=backup_of(site, data),
            journal_problem=head.problem,
            drew_s_ago=drew_s_ago,
            power=power,
        )
        kept = settings_in(data)
        kiosk.is_settled = kept == await store.run(remote_help.settings)
        health = Health(kiosk, asyncio.get_running_loop(), keeper_status)
        support = SupportFile(kiosk, health, sent_of(site))
        helper = partial(helper_of, site, data, kiosk, support)
        signals = Signals(kiosk.bank, wired_signals(site.signals, site.lockers))
        signals.start()
        try:
            async with _observers(site, data, kiosk), serving(data, console_server_of(support)):
                with (
                    evidence.kept(store, head, key),
                    scanning(data, site.scanner, kiosk.person),
                    syncing(
                        data,
                        kiosk,
                        transport_of(site, data),
                        helper,
                        health,
                        bank_sensor_of(site, data),
                    ),
                    updating(site, data, kiosk, health, site_file),
                ):
                    yield kiosk
        finally:
            await signals.stop()
            await kiosk.bank.stop()
    finally:
        store.close()


def helper_of(site: Site, data: Path, kiosk: Kiosk, support: SupportFile) -> RemoteHelper:
    """What of this kiosk helps remotely; settings that do not count yet are seen to."""

    def require_right(settings: Mapping[str, Any]) -> None:
        with_settings(site, settings)

    loop = asyncio.get_running_loop()
    helper = RemoteHelper(kiosk, data, loop, support, require_right)
    if not kiosk.is_settled:
        helper.settle()
    return helper


def known_of(site: Site, data: Path) -> tuple[Path, ...]:
    """What tells of a kiosk besides the files at its database: its key, its backups' folder."""
    plan = backup_of(site, data)
    return (key_path(data),) if plan is None else (key_path(data), plan.folder)


def copies_of(site: Site, data: Path) -> Path | None:
    """Where a copy of the database is kept before another version opens it: among the backups."""
    plan = backup_of(site, data)
    return None if plan is None else plan.folder


def require_kiosk(site: Site, data: Path) -> None:
    """Refuse a folder in which no kiosk is or was. Raises `CannotOpenError`; nothing is made."""
    path, known = data / DATABASE, known_of(site, data)
    if not (path.exists() or remains(path, known)):
        require_database(path, known)


def console_server_of(support: SupportFile) -> ConsoleServer:
    """Who answers the console while the kiosk runs."""
    kiosk = support.kiosk

    async def look() -> dict[str, Any]:
        return answer_of(await support.health.look())

    return ConsoleServer(
        kiosk.location.id,
        kiosk.store,
        kiosk.clock,
        kiosk.location_key,
        kiosk.backup,
        look,
        support.make,
    )


@contextlib.contextmanager
def own_console_server(site: Site, data: Path) -> Iterator[ConsoleServer]:
    """Who answers the console while no kiosk runs. Raises `StoreError` or `LocationKeyError`."""
    clock, rng = SystemClock(), secrets.SystemRandom()
    store = open_store(
        data, known_of(site, data), clock, rng, threaded=False, copies=copies_of(site, data)
    )
    try:
        clock.believe(store.submit(holds.last_believed).result())
        key = store.submit(use_location_key, key_path(data)).result()
        yield ConsoleServer(site.location.id, store, clock, key, backup_of(site, data))
    finally:
        store.close()


async def support_without_kiosk(site: Site, data: Path, why: str) -> bytes:
    """The file for whoever looks for a fault, where no kiosk answers."""
    computer = asdict(vitals(data, None, bank_sensor_of(site, data)))
    try:
        with own_console_server(site, data) as desk:
            return await without_kiosk(sent_of(site), computer, desk, why)
    except (StoreError, LocationKeyError) as error:
        return await without_kiosk(sent_of(site), computer, None, f"{why}; {error}")


def init(site: Site, data: Path, technician: Staff, *, digits: int = NUMBER_DIGITS_MIN) -> Path:
    """Make a new kiosk's data folder: the location's key, the database, the first technician, whose
    number is typed with so many digits.

    Returns where the key is. Raises `CannotOpenError` when a kiosk is or was there, and
    `CannotRunError` when somebody has the technician's number.
    """
    if technician.number in {kept_number(person.number) for person in site.staff}:
        raise CannotRunError(f"number {technician.number} belongs to somebody in the site file")
    return make_kiosk(site, data, [technician], digits)


def make_kiosk(
    site: Site,
    data: Path,
    technicians: Sequence[Staff] = (),
    digits: int = NUMBER_DIGITS_MIN,
    *,
    set_up: Progress | None = None,
) -> Path:
    """Make a data folder where none was; returns where the key is. `set_up`: it is ready only when
    somebody has set it up at its panel. Raises `CannotOpenError`."""
    path, key = data / DATABASE, key_path(data)
    retirement.require_not_retiring(data)
    # A key among the service's credentials tells of no kiosk: it may be handed to a new one.
    require_nothing(path, tuple(each for each in known_of(site, data) if each != key))
    private_folder(data)
    clock, rng = SystemClock(), secrets.SystemRandom()
    store = Store(path, clock, rng, threaded=False, version=version())
    try:
        store.submit(_init, key, location_of(site), technicians, digits, set_up).result()
        store.submit(evidence.begin, path, "").result()
    except BaseException:
        store.close()
        # Both were made just now.
        path.unlink()
        evidence.head_path(path).unlink(missing_ok=True)
        (data / KEY_FILE).unlink(missing_ok=True)
        raise
    store.close()
    return key


def _init(
    writer: Writer,
    key: Path,
    location: Location,
    technicians: Sequence[Staff],
    digits: int,
    set_up: Progress | None,
) -> None:
    use_location_key(writer, key, may_make=True)
    slots.configure(writer, location)
    staff.list_staff(writer, technicians, StaffSource.INIT, digits)
    if set_up is not None:
        begin_set_up(writer, set_up)


def restore(
    data: Path,
    file: Path,
    *,
    with_server: bool = True,
    doubt: str = "",
    transport: Transport = BY_TLS,
) -> Restored:
    """Put a backup in the database's place, with no kiosk running, and take back from the server
    what is newer, where this kiosk is enrolled. Raises `RecallError` when that is not reached."""
    key = location_key(key_path(data), may_make=False)
    clock, rng = SystemClock(), secrets.SystemRandom()
    identity = identity_in(data) if with_server else None
    path, check = data / DATABASE, key_check(key)
    with _servers(identity, transport) as servers:
        recaller = None if identity is None else partial(recall, servers, identity)
        return backup_restore.restore(file, path, check, clock, rng, recaller, doubt, key)


def _servers(identity: Identity | None, transport: Transport) -> Servers:
    """Raises `RecallError`."""
    servers = Servers(()) if identity is None else servers_of(transport, identity.url)
    try:
        servers.require_safe()
    except PlainLineError as error:
        raise RecallError(str(error)) from error
    return servers


def retire(site: Site, data: Path, *, is_forced: bool, with_server: bool) -> retirement.Retired:
    """Wipe this machine for good, with no kiosk running, after its server was notified; goes on
    where an earlier call was stopped. Raises `RetireError`, `StoreError` or `LocationKeyError`."""
    transport, identity = transport_of(site, data), None
    progress = retirement.progress_in(data)
    if progress is None or not progress.is_server_notified:
        identity = identity_in(data) if with_server else None
    if progress is None:
        progress = _begin_retiring(site, data, identity, transport, is_forced=is_forced)
    progress = retirement.notify(data, identity, transport, progress)
    retirement.keep_progress(data, progress)
    plan, messages = backup_of(site, data), site.messages
    folders = [] if plan is None else [plan.folder]
    folders += [] if messages is None else [data / messages.folder]
    files = (transport.client_key, transport.client_certificate)
    secret_files = [each for each in files if each is not None]
    return retirement.wipe_all(data, progress, folders, secret_files)


def _begin_retiring(
    site: Site, data: Path, identity: Identity | None, transport: Transport, *, is_forced: bool
) -> retirement.Progress:
    """Nothing is changed yet; the server gets what it has not heard, as far as it is reached."""
    clock, rng = SystemClock(), secrets.SystemRandom()
    store = open_store(
        data, known_of(site, data), clock, rng, threaded=False, copies=copies_of(site, data)
    )
    try:
        key = store.submit(use_location_key, key_path(data)).result()
        lying = store.submit(packages.inside).result()
        progress = retirement.begin(key, lying, is_forced=is_forced)
        if identity is not None:
            send_all(store, location_of(site), identity, transport, clock)
        return progress
    finally:
        store.close()


@contextlib.contextmanager
def scanning(data: Path, wanted: ScannerSettings | None, person: Person) -> Iterator[None]:
    """The scanner's thread hands what it reads to the engine's loop."""
    if wanted is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def take(read: ScannerRead) -> None:
        # A refused scan has no text: the flows say that it cannot be read.
        found = scanner_findings(read.received or read.text, has_suffix=read.has_suffix)
        scanned = Scanned(read.text, bool(read.warning), found)
        loop.call_soon_threadsafe(person.happened, scanned)

    opener = SerialPortOpener(port_in(data, wanted.port))
    scanner = Scanner(opener, take, time.monotonic, baud=wanted.baud)
    scanner.start()
    try:
        yield
    finally:
        scanner.stop()


@contextlib.asynccontextmanager
async def _observers(site: Site, data: Path, kiosk: Kiosk) -> AsyncIterator[None]:
    """Who follows the journal at this site; where there is a server, that one tells people."""
    if site.messages is None or (data / IDENTITY_FILE).exists():
        yield
        return
    spool = MessageSpool(kiosk, data / site.messages.folder)
    async with observing(kiosk.store, [spool]):
        try:
            yield
        finally:
            spool.is_ending = True
