"""The kiosk's end of the sync: a thread that sends the journal and fetches the commands.

What waits is everything in the journal behind the last event that the server holds; how far that
is, is kept in the database, so nothing is marked as sent that was not, and nothing is dropped. The
thread is woken by each commit; with the server out of reach it tries again later and later. The
kiosk needs none of it to work.
"""

from __future__ import annotations

import gzip
import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType, TracebackType
from typing import Final, Protocol

import requests
from pydantic import JsonValue, ValidationError

from kiosk.model.clock import Instant
from kiosk.model.commands import Open, TrustKey
from kiosk.model.events import Event
from kiosk.model.location import Location
from kiosk.model.urls import path
from kiosk.store import addressees, commands, holds, journal, remote_help, staff
from kiosk.store.errors import ForbiddenError, InPlayError, RefusedError, StoreError
from kiosk.store.store import Store
from kiosk.store.writer import Writer
from kiosk.sync.bodies import how_many_fit
from kiosk.sync.contract import (
    ADDRESSEES_MAX,
    EVENTS_MAX,
    Layout,
    LayoutSize,
    LayoutSlot,
    Place,
    Status,
    SyncAnswer,
    SyncRequest,
    WireAddressee,
    read_message,
    wire_event,
)
from kiosk.sync.deadline import BoundedSession
from kiosk.sync.directory import HouseDirectory
from kiosk.sync.opening import require_signed
from kiosk.sync.reaching import answer_text, is_out_of_reach
from kiosk.sync.receiving import last_number, receive
from kiosk.sync.remote_help import Helper, carry_out, require_possible
from kiosk.sync.servers import TIMEOUT_S, Servers
from kiosk.sync.signing import proven_by, too_old, unproven
from kiosk.sync.staff_list import StaffListError, StaffPause, fetch, is_wanted
from kiosk.sync.status import SyncStatus
from kiosk.sync.waiting import Waiting

LOG = logging.getLogger("kiosk.sync")
OBSERVER = "centre"
GZIP_FROM = 1024
COMMANDS_MAX = 200
"""How many commands of one answer are looked at; a server sends at most 50."""
BACK_OFF_S = 1.0
BACK_OFF_MAX_S = 120.0
JITTER = (0.7, 0.95)
"""A kiosk comes a little sooner than the server wants it, never later, and not with all others."""
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
NEXT_SYNC_S = (1.0, 3600.0)
"""How soon and how late a server may want the next exchange; what it says beyond is not heeded."""


class Doors(Protocol):
    """What opens a door of this kiosk remotely."""

    def is_free(self) -> bool:
        """Whether nobody is busy at the machine now."""

    def open(self, slot: str, command_id: str) -> None:
        """Have it opened by this command, or have journaled that it was not; returns at once."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an enrolled kiosk keeps."""

    url: str
    location: str
    token: str
    public_key: str
    former_key: str = ""
    """The server's key before, which counts until the new one was first used."""
    signs_commands: bool = False
    """Whether the server signs its commands: then none without a signature counts."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    events: list[Event]
    head: Place
    cursor: int
    wants_people: bool
    staff: staff.ServerList
    holds_stand_still: bool
    addressees: list[tuple[str, str]]


def layout_of(location: Location) -> Layout:
    """What the server is sent of what the location is made of."""
    return Layout(
        name=location.name,
        address=location.address,
        time_zone=location.time_zone,
        languages=location.languages,
        help_phone=location.help_phone,
        country=location.country,
        sizes=tuple(
            LayoutSize(
                name=size.name,
                width_mm=size.width_mm,
                height_mm=size.height_mm,
                depth_mm=size.depth_mm,
                max_weight_kg=size.max_weight_kg,
            )
            for size in location.sizes
        ),
        slots=tuple(
            LayoutSlot(
                label=slot.label,
                locker=slot.locker,
                size=slot.size,
                is_low=slot.is_low,
                left_mm=slot.door.left_mm,
                bottom_mm=slot.door.bottom_mm,
                width_mm=slot.door.width_mm,
                height_mm=slot.door.height_mm,
            )
            for slot in location.slots
        ),
    )


def _keep_nothing(_identity: Identity) -> None:
    """Where nothing is kept beside the database."""


class SyncClient:
    """Sends and fetches in a thread of its own while the `with` block lasts."""

    def __init__(
        self,
        store: Store,
        location: Location,
        identity: Identity,
        status: Callable[[], Status],
        rng: random.Random,
        doors: Doors | None = None,
        keep: Callable[[Identity], None] = _keep_nothing,
        servers: Servers | None = None,
        helper: Helper | None = None,
    ) -> None:
        """`status` tells how the machine is; it is called on the sync's thread, and so is
        `doors`, which opens remotely; None: this kiosk opens nothing so. `keep` writes down,
        durably, what changes of the identity; `servers` are where the server is, the address of
        the identity where nothing is said; `helper` helps remotely, None: nothing does."""
        self._store, self._location, self._identity = store, location, identity
        self._machine, self._rng, self._doors, self._keep = status, rng, doors, keep
        self._layout = layout_of(location)
        self._layout_hash = sha256(self._layout.model_dump_json().encode()).hexdigest()
        self._is_layout_wanted = True
        self._is_going_back = False
        self._servers = Servers((identity.url,)) if servers is None else servers
        self._staff_pause, self._helper = StaffPause(), helper
        self._directory = HouseDirectory(store, identity.location, rng)
        self._takes_addressees = False
        self._woken, self._is_ending = threading.Event(), False
        self._waiting = Waiting(self._wait_line, identity.token, rng, self._woken)
        self.wake = self._waiting.wake
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self.state = SyncStatus()

    def __enter__(self) -> SyncClient:
        self._end_listening = self._store.listen(self._waiting.wake)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._end_listening()
        self._is_ending = True
        self._waiting.wake()
        self._thread.join(TIMEOUT_S[0])
        self._servers.close()

    def _run(self) -> None:
        failures = 0
        while not self._is_ending:
            self._woken.clear()
            try:
                wait_s = self.sync_once()
                failures = 0
            except (requests.RequestException, ValidationError, StoreError) as error:
                failures += 1
                self._tell(str(error))
                rounds = (failures - 1) // len(self._servers.urls)
                wait_s = min(BACK_OFF_MAX_S, BACK_OFF_S * 2.0**rounds)
            except Exception as error:
                failures += 1
                LOG.exception("the sync failed in a way it should not")
                self._tell(f"{type(error).__name__}: {error}")
                wait_s = BACK_OFF_MAX_S
            if self._is_ending:
                break
            wait_s *= self._rng.uniform(*JITTER)
            if failures:
                self._back_off(wait_s)
            elif wait_s:
                self._waiting.wait(wait_s)

    def _back_off(self, wait_s: float) -> None:
        """A commit does not hurry it much: the other side has its own trouble."""
        self._woken.wait(wait_s)
        if self._woken.is_set() and not self._is_ending:
            self._woken.clear()
            self._woken.wait(min(wait_s, BACK_OFF_S))

    def _tell(self, message: str) -> None:
        if message != self.state.message:
            LOG.warning("the server is not reached: %s", message)
        self.state = replace(self.state, is_reached=False, message=message)

    def sync_once(self) -> float:
        """One exchange; in how many seconds the next is due, 0 when more waits already.

        Raises `requests.RequestException` or `ValidationError` when there was no proper answer,
        `StoreError` when the database failed.
        """
        waiting = self._store.submit(_waiting, EVENTS_MAX).result()
        answer = self._exchange(waiting)
        more = self._note(waiting, answer)
        wait_s = _next_sync_s(answer)
        seen = last_number(answer.commands, waiting.cursor)
        self._waiting.synced(
            seen,
            wait_s,
            has_brought=bool(answer.commands),
            staff_version=answer.staff_version,
        )
        for command in answer.commands[:COMMANDS_MAX]:
            if not self._apply(command):
                break
        self._take_staff(answer.staff_version)
        keys = [key for key in (self._identity.public_key, self._identity.former_key) if key]
        self._directory.follow(answer.directory_version, self._ask_directory, keys)
        return 0.0 if more else wait_s

    def _exchange(self, waiting: _Waiting) -> SyncAnswer:
        sent = waiting.events[-1].seq if waiting.events else waiting.head.seq
        status = self._machine().model_copy(
            update={
                "queue": waiting.head.seq - sent,
                "parked": self.state.parked,
                "layout_hash": self._layout_hash,
                "server_key": self._identity.public_key,
                "staff_version": waiting.staff.version,
                "holds_stand_still": waiting.holds_stand_still,
            }
        )
        self.state = replace(self.state, queue=waiting.head.seq - sent + len(waiting.events))
        message = SyncRequest(
            epoch=waiting.head.epoch,
            events=tuple(wire_event(event) for event in waiting.events),
            head=waiting.head,
            cursor=waiting.cursor,
            wants_people=waiting.wants_people,
            status=status,
            layout=self._layout if self._is_layout_wanted else None,
            is_idle=sent == waiting.head.seq,
            waits=self._waiting.works,
            addressees=self._addressees(waiting) if sent == waiting.head.seq else (),
        )
        headers = {"content-type": "application/json"}
        body = message.model_dump_json(exclude_none=True).encode()
        if len(body) >= GZIP_FROM:
            body = gzip.compress(body, 5)
            headers["content-encoding"] = "gzip"
        self._servers.begin()
        while True:
            try:
                text = self._ask("POST", "sync", data=body, headers=headers)
                answer = read_message(SyncAnswer, text)
            except (requests.RequestException, ValidationError):
                if not self._servers.failed():
                    raise
            else:
                self._servers.answered()
                return answer

    def _addressees(self, waiting: _Waiting) -> tuple[WireAddressee, ...]:
        """Whom packages are for, for a server that takes it: no other is given a number."""
        if not self._takes_addressees:
            return ()
        return tuple(WireAddressee(package=name, said=said) for name, said in waiting.addressees)

    def _ask(
        self,
        method: str,
        what: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """Ask the server for something of this location; the text of its answer. Raises
        `requests.RequestException`."""
        session = self._servers.session
        asked = requests.Request(method, self._url(what), dict(headers), data=data, params=params)
        made = session.connections
        try:
            return self._send(asked)
        except requests.ConnectionError as error:
            if is_out_of_reach(error) or session.connections > made:
                raise
            # The line of the last exchange was over before this one, as kept lines are sometimes.
            # Events and commands go by their numbers: it does no harm to send them once more.
            return self._send(asked)

    def _send(self, asked: requests.Request) -> bytes:
        session = self._servers.session
        with (
            session.exchange(),
            session.request(
                str(asked.method),
                str(asked.url),
                params=asked.params,
                data=asked.data,
                headers={"authorization": f"Bearer {self._identity.token}", **asked.headers},
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            text = answer_text(answer)
        if answer.status_code != 200:
            said = text[:200].decode(errors="replace")
            raise requests.HTTPError(f"it answered {answer.status_code}: {said}")
        return text

    def _url(self, last: str) -> str:
        return f"{self._servers.url}{path('v1', 'locations', self._identity.location, last)}"

    def _wait_line(self) -> tuple[BoundedSession, str]:
        return self._servers.session, self._url("wait")

    def _note(self, waiting: _Waiting, answer: SyncAnswer) -> bool:
        """Write down how far the server is; whether more is to be sent at once."""
        machine = self._machine()
        clock_ms = machine.clock_ms
        # What was sent just now and is wanted again comes with the next exchange, not at once: a
        # server that never has enough is not asked without a pause.
        is_layout_new = answer.want_layout and not self._is_layout_wanted
        is_going_back_new = not self._is_going_back
        self._is_layout_wanted = answer.want_layout
        self._is_going_back = answer.want_after is not None
        parked = self.state.parked + len(answer.parked)
        for each in answer.parked:
            LOG.error("the server keeps event %s in quarantine: %s", each.seq, each.reason)
        if answer.want_after is not None:
            behind = self._store.submit(_go_back, answer.want_after).result()
            self.state = replace(self.state, queue=waiting.head.seq - behind)
            return is_going_back_new and behind < waiting.head.seq
        sent = waiting.events[-1] if waiting.events else None
        if sent is not None:
            if (answer.acked.epoch, answer.acked.seq) != (sent.epoch, sent.seq):
                raise requests.RequestException(
                    f"it acknowledged event {answer.acked.seq} where {sent.seq} was sent"
                )
            self._store.submit(journal.set_observer_seq, OBSERVER, sent.seq).result()
        if answer.addressees:
            self._store.submit(addressees.heard, answer.addressees).result()
        had_taken, self._takes_addressees = self._takes_addressees, answer.addressees is not None
        are_new = bool(waiting.addressees) and self._takes_addressees and not had_taken
        left = waiting.head.seq - (sent.seq if sent is not None else waiting.head.seq)
        if waiting.wants_people and left == 0:
            self._store.submit(commands.want_people, are_wanted=False).result()
        if not self.state.is_reached:
            LOG.info("the server is reached")
        self.state = SyncStatus(
            is_reached=True,
            last_ms=clock_ms,
            last_monotonic_ms=machine.monotonic_ms,
            queue=left,
            parked=parked,
            clock_offset_ms=clock_ms - answer.now_ms,
            silent_after_s=answer.silent_after_s,
            public_url=answer.public_url,
            next_sync_s=_next_sync_s(answer),
            url=self._servers.url if len(self._servers.urls) > 1 else "",
        )
        return left > 0 or is_layout_new or are_new

    def _apply(self, sent: JsonValue) -> bool:
        """Carry out a command; False when it is to be tried again later, and those behind it.

        Whatever else is wrong with it, it is answered, and the next one goes on.
        """
        received = self._proven(receive(sent), sent)
        try:
            self._carry_out(received)
        except InPlayError:
            return False
        except (RefusedError, ForbiddenError) as error:
            self._refuse(received, str(error))
        except StoreError:
            raise
        except Exception as error:
            LOG.exception("a command failed in a way it should not")
            self._refuse(received, f"the kiosk failed at it: {type(error).__name__}")
        return True

    def _take_staff(self, counts: int | None) -> None:
        """Fetch the list of staff where another version counts. What goes wrong with it holds up
        nothing else; it is tried again with a later exchange."""
        here, now = self._store.submit(_staff_and_now).result()
        if not is_wanted(here, counts, now) or self._staff_pause.holds(counts, now):
            return
        keys = [key for key in (self._identity.public_key, self._identity.former_key) if key]
        try:
            fetched = fetch(self._ask_staff, here, self._identity.location, keys, self._rng, now)
            _, is_strict = self._store.submit(_now_and_only_signed).result()
            self._note_signed(fetched.key, is_strict=is_strict)
            count = staff.take_server_list(fetched.change, self._store.submit)
        except requests.RequestException as error:
            LOG.warning("the list of staff is not fetched: %s", error)
        except (StaffListError, ForbiddenError) as error:
            if self._store.submit(commands.refuse_staff_list, str(error)).result():
                LOG.error("the list of staff is not taken: %s", error)
        else:
            LOG.info("the list of staff is version %s, %s changed", fetched.change.version, count)
            return
        self._staff_pause = StaffPause(counts, now.monotonic_ms)

    def _ask_directory(self, after: str, question: str) -> bytes:
        return self._ask("GET", "directory", params={"after": after, "question": question})

    def _ask_staff(self, since: int, question: str) -> bytes:
        asked = {"since": str(since), "question": question, "knows_carriers": "true"}
        return self._ask("GET", "staff", params=asked)

    def _refuse(self, received: commands.Received, why: str) -> None:
        is_new = self._store.submit(commands.refuse, received, why).result()
        if is_new:
            LOG.warning("command %s of the server is refused: %s", received.n, why)

    def _proven(self, received: commands.Received, sent: JsonValue) -> commands.Received:
        """A command with whether it is the server's; one that is not is only answered."""
        here = self._identity
        keys = [key for key in (here.public_key, here.former_key) if key]
        key = proven_by(sent, here.location, keys)
        now, is_strict = self._store.submit(_now_and_only_signed).result()
        if key is None and not (is_strict or here.signs_commands):
            return received
        if not key:
            return unproven(received, sent, _why_not_proven(received))
        if problem := too_old(sent, now):
            return unproven(received, sent, problem)
        self._note_signed(key, is_strict=is_strict)
        return replace(received, is_proven=True)

    def _note_signed(self, key: str, *, is_strict: bool) -> None:
        """From the first signed command on all must be, and from the first one of a new key on no
        older key counts; both are durable before the command is carried out."""
        here = self._identity
        former = "" if key == here.public_key else here.former_key
        if not here.signs_commands or former != here.former_key:
            self._remember(replace(here, signs_commands=True, former_key=former))
        if not is_strict:
            self._store.submit(commands.take_only_signed).result()

    def _remember(self, identity: Identity) -> None:
        self._keep(identity)
        self._identity = identity

    def _carry_out(self, received: commands.Received) -> None:
        if isinstance(received.command, TrustKey) and received.is_proven:
            is_new = received.n > self._store.submit(commands.cursor).result()
            if is_new:  # one that comes again names a key from before
                self._trust(received.command.public_key)
        opening = received.command if isinstance(received.command, Open) else None
        if opening is not None:
            self._require_may_open(received, opening)
            received = replace(received, is_signed=True)
        if received.command is not None:
            kept = self._store.submit(remote_help.settings).result()
            require_possible(self._helper, received.command, kept)
        is_new = self._store.submit(commands.apply, received, self._location.time_zone).result()
        if is_new and opening is not None and self._doors is not None:
            self._doors.open(opening.slot, received.id)
        if is_new and self._helper is not None:
            carry_out(self._helper, self._store, received, self._send_file)

    def _send_file(self, command: str, content: bytes, media_type: str) -> None:
        headers = {"content-type": media_type}
        self._ask("PUT", "files", data=content, headers=headers, params={"command": command})

    def _trust(self, public_key: str) -> None:
        """The server says, signed, which key it signs with from now on."""
        here = self._identity
        if public_key != here.public_key:
            former = here.former_key or here.public_key
            self._remember(replace(here, public_key=public_key, former_key=former))

    def _require_may_open(self, received: commands.Received, opening: Open) -> None:
        """Refuse an opening without a good signature, or while somebody is busy at the machine."""
        here, now = self._identity, self._store.submit(_now).result()
        keys = [key for key in (here.public_key, here.former_key) if key]
        require_signed(opening, received.id, received.signature, here.location, keys, now)
        if self._doors is None:
            raise RefusedError("this kiosk opens nothing remotely")
        if not self._doors.is_free():
            raise RefusedError("somebody is busy at the machine; try again")


def _next_sync_s(answer: SyncAnswer) -> float:
    """When the server wants the next exchange, within reason. What is no number is the soonest."""
    soonest_s, latest_s = NEXT_SYNC_S
    wanted_s = answer.next_sync_s
    return min(latest_s, wanted_s) if wanted_s > soonest_s else soonest_s


def _why_not_proven(received: commands.Received) -> str:
    why, command = "it is not signed by this kiosk's server", received.command
    if received.problem:
        return f"{why}; {received.problem}"
    if isinstance(command, Open) and command.signed_ms is None:
        return f"{why}; the opening does not say when it was signed"
    return why


def _now(writer: Writer) -> Instant:
    return writer.now


def _staff_and_now(writer: Writer) -> tuple[staff.ServerList, Instant]:
    return staff.server_list(writer), writer.now


def _now_and_only_signed(writer: Writer) -> tuple[Instant, bool]:
    return writer.now, commands.only_signed(writer)


def _waiting(writer: Writer, limit: int) -> _Waiting:
    """What the server does not hold yet, and what it is sent beside it."""
    head = writer.head
    events = journal.after(writer, journal.observer_seq(writer, OBSERVER), limit)
    return _Waiting(
        events[: how_many_fit(event.body for event in events)],
        Place(epoch=head.epoch, seq=head.seq, hash=head.hash.hex() if head.seq else ""),
        commands.cursor(writer),
        commands.are_people_wanted(writer),
        staff.server_list(writer),
        holds.stand_still(writer),
        addressees.unheard(writer, ADDRESSEES_MAX),
    )


def _go_back(writer: Writer, wanted: Place) -> int:
    """The server misses events: send again from where it says, or all where it knows nothing of
    this journal."""
    seq = wanted.seq if journal.epoch_of(writer, wanted.seq) == wanted.epoch else 0
    journal.set_observer_seq(writer, OBSERVER, seq)
    return seq
