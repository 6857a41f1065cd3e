"""How a kiosk is joined to its central server, where it has one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from pydantic import ValidationError

from config import Site
from kiosk.adapters import SystemClock, key_path, location_key
from kiosk.data_folder import open_store
from kiosk.flows.context import Kiosk, PublicServer
from kiosk.flows.events import RemoteOpen
from kiosk.flows.views.choices import Choice
from kiosk.flows.views.customer import First
from kiosk.flows.views.unannounced import NearbyRow
from kiosk.health import Health
from kiosk.keeper_status import REASON_MAX, release_status
from kiosk.model.carriers import OPERATOR
from kiosk.model.clock import Clock, Instant
from kiosk.model.commands import OpeningOutcome
from kiosk.model.location import Location
from kiosk.model.throttle import LOOK_AHEAD
from kiosk.remote_helper import RemoteHelper
from kiosk.site_model import location_of
from kiosk.store import boards, commands, directory, meta, openings, remote_help, staff
from kiosk.store.holds import Contact
from kiosk.store.remains import DATABASE, fault_of
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.sync.client import Identity, SyncClient
from kiosk.sync.contract import BoardStatus, PauseStatus, PowerStatus, Status
from kiosk.sync.enrol import IDENTITY_FILE, EnrolError, enrol, identity_in, keep
from kiosk.sync.nearby import NearbyRoom
from kiosk.sync.reaching import server_url
from kiosk.sync.servers import servers_of
from kiosk.sync.status import SyncStatus
from kiosk.sync.transport import BY_TLS, PlainLineError, Transport
from kiosk.vitals import vitals

LOG = logging.getLogger("kiosk")
LOOK_AHEAD_AFTER_MS = 300_000
"""A code that the server may have issued again is accepted once the last sync is so long ago."""


@contextlib.contextmanager
def syncing(
    data: Path,
    kiosk: Kiosk,
    transport: Transport = BY_TLS,
    helper: Callable[[], RemoteHelper | None] = lambda: None,
    health: Health | None = None,
    bank_sensor: Path | None = None,
) -> Iterator[None]:
    """The sync with the central server, where this kiosk is enrolled.

    Raises `EnrolError` when what it kept of its enrolment is damaged or lost: without its server
    it would go on in silence, and nobody would miss it.
    """
    identity = identity_in(data)
    kiosk.store.submit(_know_server, data, None if identity is None else identity.url).result()
    kiosk.vitals = lambda: vitals(data, None, bank_sensor)
    if identity is None:
        yield
        return
    servers = servers_of(transport, identity.url)
    try:
        servers.require_safe()
    except PlainLineError as error:
        raise EnrolError(str(error)) from error
    client = SyncClient(
        kiosk.store,
        kiosk.location,
        identity,
        lambda: machine_status(kiosk, data, health),
        kiosk.rng,
        RemoteDoors(kiosk, asyncio.get_running_loop()),
        partial(keep, data),
        servers,
        helper(),
    )

    def look_ahead() -> int:
        return accepted_ahead(client.state, kiosk.clock.now())

    kiosk.look_ahead = look_ahead
    kiosk.public_server = lambda: PublicServer(client.state.public_url, client.state.is_reached)
    kiosk.contact = lambda: contact_of(client.state, kiosk.clock.now())
    kiosk.vitals = lambda: vitals(data, client.state, bank_sensor)
    kiosk.tell_server = client.wake
    room = NearbyRoom(
        servers_of(transport, identity.url), identity.location, identity.token, kiosk.clock.now
    )
    kiosk.elsewhere = Elsewhere(room, kiosk)
    keeping = asyncio.get_running_loop().create_task(room.keep(OPERATOR))
    try:
        with client:
            yield
    finally:
        keeping.cancel()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the flows hear of other locations' room, as the server says it."""

    room: NearbyRoom
    kiosk: Kiosk

    async def look(self, carrier: str) -> bool:
        return await self.room.look(carrier)

    def rows(self, carrier: str, size: str) -> tuple[NearbyRow, ...] | None:
        known = self.room.known(carrier)
        if known is None:
            return None
        return tuple(
            NearbyRow(each.id, each.name, each.address, each.distance_m, each.free)
            for each in known.answer.sizes.get(size, ())
        )

    def age_s(self, carrier: str) -> int:
        known = self.room.known(carrier)
        now_ms = self.kiosk.clock.now().monotonic_ms
        return 0 if known is None else max(0, now_ms - known.at_ms) // 1000

    async def reserve(self, place: str, size: str, carrier: str) -> int | None:
        return await self.room.reserve(place, size, carrier)


def accepted_ahead(sync: SyncStatus, now: Instant) -> int:
    """How many re-issues of a code that this kiosk has not heard of are accepted. By the clock that
    nobody sets: one that was set back would keep out who has a new code."""
    last_ms = sync.last_monotonic_ms
    is_fresh = last_ms is not None and now.monotonic_ms - last_ms < LOOK_AHEAD_AFTER_MS
    return 0 if is_fresh else LOOK_AHEAD


def contact_of(sync: SyncStatus, now: Instant) -> Contact:
    """How it goes with the server, by the clock that nobody sets."""
    if sync.last_monotonic_ms is None:
        return Contact()
    silent_after_ms = None if sync.silent_after_s is None else sync.silent_after_s * 1000
    ago_ms = max(0, now.monotonic_ms - sync.last_monotonic_ms)
    return Contact(ago_ms, silent_after_ms, round(sync.next_sync_s * 1000))


def _know_server(writer: Writer, data: Path, url: str | None) -> None:
    """Keep in the database, too, that there is a server."""
    known = meta.value(writer, meta.SERVER)
    if url is None and known is not None:
        raise EnrolError(
            f"{data / IDENTITY_FILE} is missing, and this kiosk was enrolled at {known};"
            " bring the file back, or enrol this kiosk again: kiosk enrol"
        )
    if url is not None and (known is None or known != url):
        meta.set_value(writer, meta.SERVER, url)
        meta.forget(writer, commands.ONLY_SIGNED)
        staff.forget_server_list(writer)
        directory.forget(writer)


@dataclass(frozen=True, slots=True)
class RemoteDoors:
    """What the sync's thread opens doors by: the first screen hears of it, and no other."""

    kiosk: Kiosk
    loop: asyncio.AbstractEventLoop

    def is_free(self) -> bool:
        view = self.kiosk.person.view
        return isinstance(view, First) and Choice.SERVICE in view.choices

    def open(self, slot: str, command_id: str) -> None:
        self.loop.call_soon_threadsafe(self.begin, slot, command_id)

    def begin(self, slot: str, command_id: str) -> None:
        """On the engine's loop: what stands on the screen now is what the flow waits on."""
        if self.is_free() and not self.kiosk.person.has_news:
            self.kiosk.person.happened(RemoteOpen(slot, command_id))
        else:
            self.kiosk.store.submit(openings.end, command_id, OpeningOutcome.MISSED)


def machine_status(kiosk: Kiosk, data: Path, health: Health | None = None) -> Status:
    """How the machine is, for the server; may be called from any thread but the store's."""
    now, computer = kiosk.clock.now(), kiosk.vitals()
    pause, settings = kiosk.store.submit(_remote_help).result()
    since_ms = kiosk.store.submit(boards.all_away_since_ms).result()
    # That it reaches its server is said by the message itself.
    trouble = None if health is None else health.trouble(health.known())
    return Status(
        version=computer.version,
        is_well=None if trouble is None else not trouble,
        unwell_reason=(trouble or "")[:REASON_MAX],
        release=None if health is None else release_status(health.keeper_status),
        temperature_c=computer.temperature_c,
        bank_temperature_c=computer.bank_temperature_c,
        power=_power_status(kiosk),
        clock_ms=now.wall_ms,
        is_clock_trusted=now.is_trusted,
        boot_id=now.boot_id,
        monotonic_ms=now.monotonic_ms,
        doors={slot.label: kiosk.bank.door(slot.label).value for slot in kiosk.location.slots},
        boards=tuple(
            BoardStatus(
                name=each.board,
                is_reachable=each.reachable,
                reason=each.reason[:200],
                since_ms=None if each.reachable else since_ms.get(each.board),
            )
            for each in kiosk.bank.reports()
        ),
        disk_free_bytes=shutil.disk_usage(data).free,
        journal_problem=kiosk.journal_problem,
        pause=pause,
        remote_settings=settings,
    )


def _power_status(kiosk: Kiosk) -> PowerStatus | None:
    if kiosk.power is None:
        return None
    power = kiosk.power()
    return PowerStatus(
        is_on_mains=power.is_on_mains,
        is_battery_low=power.is_battery_low,
        battery_percent=power.battery_percent,
        runtime_s=power.runtime_s,
    )


def _remote_help(writer: Writer) -> tuple[PauseStatus | None, dict[str, Any]]:
    paused = remote_help.paused(writer)
    settings = remote_help.settings(writer)
    if paused is None:
        return None, settings
    return PauseStatus.model_validate(asdict(paused)), settings


def send_all(
    store: Store, location: Location, identity: Identity, transport: Transport, clock: Clock
) -> None:
    """Send the server what it has not heard of, once, as far as it is reached."""
    status = Status(clock_ms=clock.now().wall_ms, is_clock_trusted=clock.now().is_trusted)
    rng = secrets.SystemRandom()
    with servers_of(transport, identity.url) as servers:
        client = SyncClient(store, location, identity, lambda: status, rng, servers=servers)
        for _ in servers.urls:
            try:
                while client.sync_once() == 0 and client.state.queue:
                    continue
            except (requests.RequestException, ValidationError) as error:
                LOG.warning("the server did not get everything: %s", error)
            else:
                return


def transport_of(site: Site, data: Path) -> Transport:
    """The line to the server, as the site file has it. Raises `EnrolError` for an address that is
    none."""
    line = site.server

    def placed(path: Path | None) -> Path | None:
        return None if path is None else data / path

    return Transport(
        line.allow_plain_http,
        placed(line.client_certificate),
        placed(line.client_key),
        placed(line.ca),
        _addresses(line.url),
    )


def _addresses(urls: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(server_url(each) for each in urls)
    except ValueError as error:
        raise EnrolError(f"[server] url of the site file: {error}") from error


def enrol_kiosk(
    site: Site, data: Path, url: str, token: str, *, at_older_server: bool = False
) -> None:
    """Make this kiosk known to a server.

    Also one that lost its disk, before it is restored: what is newer than its backup comes from the
    server, and all that is asked for is its key. Raises `EnrolError`, `LocationKeyError` or
    `StoreError`.
    """
    if (
        not fault_of(data / DATABASE)
        or (data / IDENTITY_FILE).exists()
        or not key_path(data).exists()
    ):
        clock, rng = SystemClock(), secrets.SystemRandom()
        open_store(data, (key_path(data),), clock, rng, threaded=False).close()
    key = location_key(key_path(data), may_make=False)
    transport = transport_of(site, data)
    enrol(data, location_of(site), key, url, token, transport, at_older_server=at_older_server)
