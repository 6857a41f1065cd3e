"""A locker that is not there: it says over the sync what a kiosk would say, in the same words.

Its doors and packages are what the server knows of them. Each round takes the commands that wait,
carries them out, and sends its events as a kiosk does, so that whatever follows from an event at
the server follows here, too, but for messages to people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select, update

from central import schema
from central.adapters import new_id
from central.context import Central
from central.errors import RequestError
from central.sync import service
from kiosk.model.clock import Instant, days_later_ms, hold_until_ms
from kiosk.model.commands import (
    Announce,
    Cancel,
    Contact,
    Extend,
    Reissue,
    SlotService,
    UnfitCommandError,
    WireCommand,
    read_command,
)
from kiosk.model.events import GENESIS, EventKind, canonical_json, chain_hash
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.sync.contract import (
    Layout,
    LayoutSize,
    LayoutSlot,
    Place,
    Status,
    SyncRequest,
    WireEvent,
)

SIZES: Final = (
    LayoutSize(name="S", width_mm=360, height_mm=100, depth_mm=600, max_weight_kg=10),
    LayoutSize(name="M", width_mm=360, height_mm=220, depth_mm=600, max_weight_kg=20),
    LayoutSize(name="L", width_mm=360, height_mm=460, depth_mm=600, max_weight_kg=30),
)
DOORS: Final = 12
HOLD_DAYS: Final = 5
COURIER: Final = "staff:sandbox"
ROUNDS: Final = 3
"""What a command makes the server ask for is answered in the next round."""
Rows = Sequence[tuple[str, Mapping[str, Any]]]


def layout() -> Layout:
    """What every simulated locker is made of: four doors of each size."""
    slots = [
        LayoutSlot(
            label=str(number + 1),
            locker="A",
            size=SIZES[number % 3].name,
            is_low=number < 3,
            left_mm=0,
            bottom_mm=240 * number,
            width_mm=360,
            height_mm=230,
        )
        for number in range(DOORS)
    ]
    return Layout(name="", time_zone="UTC", sizes=SIZES, slots=tuple(slots))


class Locker:
    """One simulated locker, inside one transaction that has its location locked."""

    def __init__(self, connection: Connection, central: Central, location: str) -> None:
        self._connection, self._central, self._location = connection, central, location
        table = schema.location
        self._row = connection.execute(select(table).where(table.c.id == location)).one()
        self.now_ms = central.clock.now_ms()
        self._epoch = self._row.epoch or new_id()
        self._seq = int(self._row.seq)
        self._hash = bytes.fromhex(self._row.head_hash or GENESIS.hex())
        self._cursor = int(self._row.command_cursor)
        self._events: list[WireEvent] = []

    # --- what a programmer has it do -------------------------------------------------------

    def begin(self) -> None:
        """It is set up: its doors are there, and empty."""
        self._say(EventKind.KIOSK_STARTED, {}, actor="kiosk")
        for position, slot in enumerate(layout().slots):
            image = {"label": slot.label, "position": position, "size": slot.size}
            image |= {"is_low": int(slot.is_low), "status": "EMPTY"}
            self._say(EventKind.SLOT_CONFIGURED, {}, ("slot", image), actor="kiosk")
        self._sync(layout())

    def catch_up(self) -> None:
        """Carry out the commands that wait."""
        for _ in range(ROUNDS):
            if not self._sync():
                break

    def deposit(self, package: Any) -> None:
        """A courier puts a package that is expected in. Raises `RequestError`."""
        self._require(package, PackageStatus.STORED)
        slot = self._free_slot(package.size)
        begun = Instant(self.now_ms, 0, "", True)
        counter = package.code_counter + 1
        values = {
            "id": package.id,
            "status": PackageStatus.STORED.value,
            "slot": slot,
            "last_slot": slot,
            "locator": f"{int(slot):03}",
            "code_counter": counter,
            "stored_ms": self.now_ms,
            "hold_until_ms": hold_until_ms(begun, HOLD_DAYS, "UTC"),
        }
        occupied = {"label": slot, "status": "OCCUPIED"}
        held = {"label": slot, "status": "RESERVED"}
        self._say(EventKind.SLOT_RESERVED, {}, ("slot", held), actor=COURIER)
        rows: Rows = [("slot", occupied), ("package", values)]
        self._say(EventKind.PACKAGE_STORED, {}, *rows, actor=COURIER)

    def undo(self, package: Any) -> None:
        """The courier takes it out again. Raises `RequestError`."""
        self._require(package, PackageStatus.PENDING)
        values = {"id": package.id, "status": PackageStatus.PENDING.value, "slot": None}
        values |= {"locator": None, "stored_ms": None, "hold_until_ms": None}
        empty = {"label": package.slot, "status": "EMPTY"}
        rows: Rows = [("package", values), ("slot", empty)]
        self._say(EventKind.DEPOSIT_UNDONE, {}, *rows, actor=COURIER)

    def pick_up(self, package: Any) -> None:
        """Its recipient fetches it. Raises `RequestError`."""
        self._leave(package, PackageStatus.RETRIEVED, EventKind.PACKAGE_RETRIEVED, "customer")

    def collect(self, package: Any) -> None:
        """A courier takes it back. Raises `RequestError`."""
        self._leave(package, PackageStatus.COLLECTED, EventKind.PACKAGE_COLLECTED, COURIER)

    def lose(self, package: Any) -> None:
        """Somebody looked, and it is not there. Raises `RequestError`."""
        self._leave(package, PackageStatus.MISSING, EventKind.PACKAGE_MISSING, COURIER)

    def expire(self, package: Any) -> None:
        """Its last day is over. Raises `RequestError`."""
        self._require(package, PackageStatus.EXPIRED)
        values = {"id": package.id, "status": PackageStatus.EXPIRED.value}
        values |= {"hold_until_ms": min(package.hold_until_ms, self.now_ms)}
        self._say(EventKind.PACKAGE_EXPIRED, {}, ("package", values), actor="kiosk")

    def fail(self, what: str) -> None:
        """Something of the machine breaks, or is whole again."""
        door = {"slot": "1"}
        match what:
            case "door_jammed":
                intent = new_id()
                opening = {"id": intent, "slot": "1", "purpose": "PICKUP", "actor": "customer"}
                opening |= {"state": "FAILED", "outcome": "JAMMED"}
                self._say(EventKind.DOOR_OUTCOME, door, ("intent", opening), actor="customer")
            case "opened_by_itself":
                said = {**door, "found_at_start": False}
                self._say(EventKind.DOOR_MOVED_UNASKED, said, actor="kiosk")
            case "board_away" | "board_back":
                is_back = what == "board_back"
                said = {"board": "A", "reachable": is_back}
                said |= {} if is_back else {"reason": "it does not answer"}
                self._say(EventKind.BOARD_CHANGED, said, actor="kiosk")
            case _:
                self._serve(is_full=what == "full")

    def send(self) -> None:
        """Send what happened, and carry out what waits."""
        self.catch_up()

    # --- how it is said --------------------------------------------------------------------

    def _serve(self, *, is_full: bool) -> None:
        """Every free door goes out of service, so that nothing fits; or all are back."""
        table = schema.slot
        for row in self._connection.execute(
            select(table).where(table.c.location == self._location).order_by(table.c.position)
        ):
            if (row.service == "IN_SERVICE") is not is_full:
                continue
            image = {"label": row.label, "service": "NO_DEPOSITS" if is_full else "IN_SERVICE"}
            image |= {"service_reason": "broken" if is_full else "", "service_by": "sandbox"}
            image |= {"service_since_ms": self.now_ms if is_full else None}
            self._say(EventKind.SLOT_SERVICE_CHANGED, {}, ("slot", image), actor="kiosk")

    def _leave(self, package: Any, status: PackageStatus, kind: EventKind, actor: str) -> None:
        self._require(package, status)
        if package.slot is None:
            raise _not_so(package, status)
        values = {"id": package.id, "status": status.value, "slot": None}
        values |= {"finished_ms": self.now_ms}
        empty = {"label": package.slot, "status": "EMPTY"}
        self._say(kind, {}, ("package", values), ("slot", empty), actor=actor)

    def _require(self, package: Any, after: PackageStatus) -> None:
        if (PackageStatus(package.status), after) not in LEGAL_CHANGES:
            raise _not_so(package, after)

    def _free_slot(self, size: str | None) -> str:
        names = [each.name for each in SIZES]
        fitting = names[names.index(size) :] if size in names else names
        table = schema.slot
        rows = self._connection.execute(
            select(table.c.label, table.c.size).where(
                table.c.location == self._location,
                table.c.status == "EMPTY",
                table.c.service == "IN_SERVICE",
            )
        ).all()
        free = sorted((fitting.index(row.size), row.label) for row in rows if row.size in fitting)
        if not free:
            raise RequestError(409, "full", "no door of the sandbox takes this package now")
        return str(free[0][1])

    def _say(
        self, kind: EventKind, said: dict[str, Any], *rows: tuple[str, Any], actor: str
    ) -> None:
        """Write an event behind those before."""
        body = {**said, "actor": actor}
        if rows:
            body["rows"] = [[name, image] for name, image in rows]
        text = canonical_json(body)
        self._seq += 1
        at = Instant(self.now_ms, self.now_ms, "sandbox", True)
        self._hash = chain_hash(self._hash, self._epoch, self._seq, kind, text, at)
        self._events.append(
            WireEvent(
                epoch=self._epoch,
                seq=self._seq,
                kind=kind.value,
                body=text,
                wall_ms=self.now_ms,
                monotonic_ms=self.now_ms,
                boot_id="sandbox",
                is_trusted=True,
                hash=self._hash.hex(),
            )
        )

    def _sync(self, made_of: Layout | None = None) -> bool:
        """One sync; whether there is more to say."""
        status = Status(
            version="sandbox",
            clock_ms=self.now_ms,
            staff_version=int(self._row.staff_version),
            server_key=self._row.signing_key,
        )
        request = SyncRequest(
            epoch=self._epoch,
            events=tuple(self._events),
            head=Place(epoch=self._epoch, seq=self._seq, hash=self._hash.hex()),
            cursor=self._cursor,
            status=status,
            layout=made_of,
        )
        self._events = []
        token = self._central.secrets.mark("sandbox", self._location)
        answer = service.sync(self._connection, self._central, self._location, token, request)
        for each in answer.commands:
            self._obey(WireCommand.model_validate(each))
        # Nobody misses a machine that is none.
        table = schema.location
        silent = update(table).where(table.c.id == self._location).values(last_sync_ms=None)
        self._connection.execute(silent)
        return bool(self._events)

    # --- commands --------------------------------------------------------------------------

    def _obey(self, wire: WireCommand) -> None:
        try:
            done = self._carry_out(read_command(wire.type, wire.body))
            said: dict[str, Any] = {"outcome": "APPLIED"} | done
        except (RequestError, UnfitCommandError) as error:
            said = {"outcome": "REFUSED", "detail": str(error)[:400]}
        said = said | {"id": wire.id, "n": wire.n, "type": wire.type}
        self._say(EventKind.COMMAND_APPLIED, said, actor="server")
        self._cursor = max(self._cursor, wire.n)

    def _carry_out(self, command: Any) -> dict[str, Any]:
        match command:
            case Announce(package=package):
                image = {
                    "id": package,
                    "barcode": command.barcode,
                    "status": PackageStatus.PENDING.value,
                    "size": command.size,
                    "is_announced": 1,
                    "is_alone": int(command.is_alone),
                    "needs_low": int(command.needs_low),
                    "announced_ms": self.now_ms,
                }
                self._say(EventKind.PACKAGE_ANNOUNCED, {}, ("package", image), actor="server")
                return {"package": package}
            case Cancel(package=package):
                row = self._package(package)
                self._require(row, PackageStatus.CANCELLED)
                image = {"id": row.id, "status": PackageStatus.CANCELLED.value}
                image |= {"finished_ms": None if row.slot else self.now_ms}
                why = {"why": command.why}
                self._say(EventKind.PACKAGE_CANCELLED, why, ("package", image), actor="server")
            case Extend(package=package, days=days):
                row = self._package(package)
                until_ms = days_later_ms(row.hold_until_ms or self.now_ms, days, "UTC")
                status = PackageStatus.STORED if until_ms > self.now_ms else row.status
                image = {"id": row.id, "hold_until_ms": until_ms, "status": status}
                said = {"days": days}
                self._say(EventKind.HOLD_EXTENDED, said, ("package", image), actor="server")
            case Reissue(package=package, counter=counter):
                image = {"id": self._package(package).id, "code_counter": counter}
                self._say(EventKind.CODE_REISSUED, {}, ("package", image), actor="server")
            case Contact(package=package):
                image = {"id": self._package(package).id}
                self._say(EventKind.CONTACT_CHANGED, {}, ("package", image), actor="server")
            case SlotService(slot=slot, service=serves):
                out = serves != "IN_SERVICE"
                image = {"label": slot, "service": serves, "service_reason": command.reason}
                image |= {"service_by": "server", "service_since_ms": self.now_ms if out else None}
                self._say(EventKind.SLOT_SERVICE_CHANGED, {}, ("slot", image), actor="server")
            case _:
                pass  # what a simulated locker has nothing to do for
        return {}

    def _package(self, package: str) -> Any:
        table = schema.package
        found = self._connection.execute(select(table).where(table.c.id == package)).first()
        if found is None:
            raise UnfitCommandError(f"there is no package {package}")
        return found


def _not_so(package: Any, after: PackageStatus) -> RequestError:
    return RequestError(
        409, "too_late", f"the package is {package.status}: it cannot become {after.value}"
    )
