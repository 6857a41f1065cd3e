"""What a kiosk's event changes in the server's tables: the after-images it carries, as they are.

The kiosk is the only writer of its slots, and of its packages once they are inside. Where the
server believed something else the fact is taken all the same and marked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from central import kept, limits, schema
from central.carriers import carriers
from central.database.bulk import update_many, upsert, upsert_many
from central.delegates import following
from central.notify import outbox
from central.notify.outbox import Kind
from central.plain_texts import all_plain
from central.settings import Limits, Notifications
from central.sync import claims, commands, own
from central.sync.room import note_room
from kiosk.model.actor import actor_of
from kiosk.model.barcode import kept_key
from kiosk.model.carriers import OPERATOR
from kiosk.model.commands import STAFF_LIST, OpeningOutcome
from kiosk.model.events import EventKind
from kiosk.model.images import known_images
from kiosk.model.invariants import require
from kiosk.model.package import LEGAL_CHANGES, PackageStatus
from kiosk.sync.contract import Layout, WireEvent

LOG = logging.getLogger("central.sync")
SLOT_COLUMNS = frozenset(
    {
        "position",
        "size",
        "is_low",
        "status",
        "suspect",
        "service",
        "service_reason",
        "service_by",
        "service_since_ms",
        "service_until_ms",
        "is_reachable",
    }
)
PACKAGE_COLUMNS = frozenset(
    {
        "barcode",
        "status",
        "size",
        "slot",
        "last_slot",
        "is_announced",
        "is_alone",
        "needs_low",
        "carrier",
        "replaces",
        "locator",
        "announced_ms",
        "stored_ms",
        "hold_until_ms",
        "finished_ms",
    }
)
FLAGS = frozenset({"is_low", "is_reachable", "is_announced", "is_alone", "needs_low"})


@dataclass(slots=True)
class Remark:
    """What the server thinks of an event, beside taking it in."""

    package: str = ""
    carrier: str = OPERATOR
    """Whose that package is."""
    is_forced: bool = False
    text: str = ""

    def disagree(self, text: str) -> None:
        """The server knew it otherwise."""
        self.is_forced = True
        self.text = f"{self.text}; {text}" if self.text else text


class Projection:
    """What the events of one batch change, gathered row by row and written at once."""

    def __init__(
        self,
        connection: Connection,
        location: str,
        rules: Notifications,
        ceilings: Limits,
        now_ms: int,
        *,
        notifies: bool = True,
    ) -> None:
        self._connection, self._location, self._notifies = connection, location, notifies
        self._rules, self._ceilings, self._now_ms = rules, ceilings, now_ms
        self._slots: dict[str, dict[str, Any]] = {}
        self._known: dict[str, Mapping[str, Any]] = {}
        self._packages: dict[str, dict[str, Any]] = {}
        self.changes_promises = False
        """Whether a package that was announced has come or gone, or one is announced."""

    @property
    def changes_slots(self) -> bool:
        """Whether a slot is another than before."""
        return bool(self._slots)

    def project(
        self, events: Sequence[WireEvent], bodies: Sequence[Mapping[str, Any]]
    ) -> list[Remark]:
        """Take events, with the bodies that were read of them, into the tables. Raises for what the
        database does not hold."""
        images = [known_images(body) for body in bodies]
        self._known = _packages(
            self._connection,
            {row["id"] for some in images for table, row in some if table == "package"},
        )
        remarks = [self._gather(*each) for each in zip(events, bodies, images, strict=True)]
        self._write()
        for remark in remarks:
            remark.carrier = self._carrier_of(remark.package)
        self._tell(events, bodies, remarks)
        return remarks

    def _gather(
        self, event: WireEvent, body: Mapping[str, Any], images: Iterable[tuple[str, Any]]
    ) -> Remark:
        remark = Remark()
        for table, values in images:
            if table == "slot":
                slot = all_plain(values)
                self._slots.setdefault(slot["label"], {}).update(_typed(slot, SLOT_COLUMNS))
            elif table == "package":
                self._package(event, values, remark)
        if not remark.package and isinstance(body.get("package"), str):
            remark.package = body["package"]
        return remark

    def _package(self, event: WireEvent, values: Mapping[str, Any], remark: Remark) -> None:
        package_id = values["id"]
        remark.package = package_id
        before = {**self._known.get(package_id, {}), **self._packages.get(package_id, {})}
        changes = _typed(values, PACKAGE_COLUMNS)
        if "barcode" in values:
            changes["barcode_key"] = kept_key(str(values["barcode"]))
            is_same = before.get("barcode_key") in (None, "", changes["barcode_key"])
            require(is_same, "a package keeps its barcode")
        if "code_counter" in values:
            changes["code_counter"] = max(before.get("code_counter", 0), values["code_counter"])
        if values.get("status") == PackageStatus.STORED and event.kind == EventKind.PACKAGE_STORED:
            changes["acknowledged_ms"] = self._now_ms
        if not before:
            changes["location"] = self._location
        require(before.get("location", self._location) == self._location, own.NOT_OWN)
        if PackageStatus.PENDING in (before.get("status"), values.get("status")):
            self.changes_promises = True
        if before:
            changes.pop("carrier", None)  # whose it is stands since it was first heard of
            _judge(remark, before.get("status", "PENDING"), values.get("status"))
        self._packages.setdefault(package_id, {}).update(changes)

    def _write(self) -> None:
        slots = [
            {"location": self._location, "label": label, **values}
            for label, values in self._slots.items()
        ]
        upsert_many(self._connection, schema.slot, ("location", "label"), slots)
        rows = [{"id": package_id, **changes} for package_id, changes in self._packages.items()]
        new = [row for row in rows if row["id"] not in self._known]
        self._see_carriers(new)
        upsert_many(self._connection, schema.package, ("id",), new)
        old = [row for row in rows if row["id"] in self._known]
        update_many(self._connection, schema.package, "id", old)

    def _carrier_of(self, package: str) -> str:
        rows = (self._known.get(package, {}), self._packages.get(package, {}))
        return str({**rows[0], **rows[1]}.get("carrier", OPERATOR))

    def _see_carriers(self, rows: Sequence[dict[str, Any]]) -> None:
        """What a kiosk says of whose a new package is counts where that carrier is known here."""
        named = [row for row in rows if row.get("carrier", OPERATOR) != OPERATOR]
        if named:
            counts = carriers.known_or_operator(self._connection, {row["carrier"] for row in named})
            for row in named:
                row["carrier"] = counts[row["carrier"]]

    def _tell(
        self,
        events: Sequence[WireEvent],
        bodies: Sequence[Mapping[str, Any]],
        remarks: Sequence[Remark],
    ) -> None:
        """What else follows from the events, in their order: answers to commands, messages."""
        connection = self._connection
        keys = self._keys_stored(events, remarks)
        if keys:
            claims.look(connection, self._rules, self._location, keys, self._now_ms)
        addressed = {
            package_id for package_id, row in self._known.items() if row["recipient"] is not None
        }
        for event, body, remark in zip(events, bodies, remarks, strict=True):
            if event.kind == EventKind.COMMAND_APPLIED:
                joined = self._command_applied(body)
                if joined and self._notifies:
                    addressed.add(joined)
                    outbox.stored(connection, self._rules, joined, self._now_ms)
            elif event.kind in (EventKind.OPENING_ENDED, EventKind.OPENING_MISSED):
                outcome = str(body.get("outcome", OpeningOutcome.MISSED.value))
                commands.opening_ended(
                    connection, self._location, str(body["id"]), outcome, self._now_ms
                )
            elif event.kind == EventKind.HELP_ENDED:
                commands.help_ended(
                    connection,
                    self._location,
                    str(body["id"]),
                    str(body["outcome"]),
                    _with_whoever(str(body.get("detail", "")), actor_of(body)),
                    self._now_ms,
                )
            elif event.kind == EventKind.RELEASE_REPORTED:
                commands.release_reported(
                    connection,
                    self._location,
                    str(body["id"]),
                    str(body["outcome"]),
                    str(body.get("detail", "")),
                    self._now_ms,
                )
            elif event.kind == EventKind.GUESSING_NOTICED:
                said = {name: body[name] for name in ("times", "tried") if name in body}
                whose = f" {body['number']}" if body.get("number") else ""
                self._alarm("guessing", self._location + whose, **said)
            if event.kind in following.FOLLOWED:
                is_good = following.follow(
                    connection, event.kind, body, remark.package, self._now_ms
                )
                if is_good and self._notifies:
                    outbox.tell(
                        connection, self._rules, Kind.DELEGATE, remark.package, self._now_ms
                    )
            if not self._notifies:
                continue
            # Most packages are of nobody who could be notified: for those nothing is asked.
            if event.kind not in outbox.OF_PACKAGES or remark.package in addressed:
                outbox.on_event(
                    connection,
                    self._rules,
                    self._location,
                    event,
                    body,
                    remark.package,
                    self._now_ms,
                )

    def _command_applied(self, body: Mapping[str, Any]) -> str:
        """A kiosk answers a command; the package that lies there and is somebody's since, or ""."""
        if body.get("n") == 0 and body["outcome"] == "REFUSED":
            # It came from somebody else, or this server's key is not the one its kiosk trusts.
            subject, why = f"{self._location} {body['id']}".strip(), str(body.get("detail", ""))
            is_list = body.get("type") == STAFF_LIST
            self._alarm("staff-list-refused" if is_list else "command-not-proven", subject, why=why)
        commands.answered(
            self._connection,
            self._location,
            str(body["id"]),
            str(body["outcome"]),
            str(body.get("detail", "")),
            self._now_ms,
        )
        announced, lying = str(body.get("joined") or ""), str(body.get("package") or "")
        if not announced or not lying or announced == lying:
            return ""
        joined = claims.join(
            self._connection, self._rules, self._location, announced, lying, self._now_ms
        )
        return lying if joined and self._is_stored(lying) else ""

    def _alarm(self, what: str, subject: str, **detail: Any) -> None:
        limits.alarm_of_kiosk(
            self._connection,
            self._ceilings,
            self._now_ms,
            what,
            self._location,
            subject,
            **detail,
        )

    def _is_stored(self, package: str) -> bool:
        found = _packages(self._connection, {package}).get(package)
        return found is not None and found["status"] == PackageStatus.STORED

    def _keys_stored(self, events: Sequence[WireEvent], remarks: Sequence[Remark]) -> set[str]:
        """The barcodes, by their keys, of what was put in."""
        stored = [
            remark.package
            for event, remark in zip(events, remarks, strict=True)
            if event.kind == EventKind.PACKAGE_STORED
        ]
        rows = [{**self._known.get(name, {}), **self._packages.get(name, {})} for name in stored]
        return {str(row.get("barcode_key", "")) for row in rows}


_PACKAGES = select(schema.package).where(schema.package.c.id.in_(bindparam("ids", expanding=True)))


def _packages(connection: Connection, ids: set[str]) -> dict[str, Mapping[str, Any]]:
    if not ids:
        return {}
    rows = connection.execute(_PACKAGES, {"ids": sorted(ids)}).mappings()
    return {row["id"]: dict(row) for row in rows}


def _typed(values: Mapping[str, Any], columns: frozenset[str]) -> dict[str, Any]:
    return {
        name: bool(value) if name in FLAGS else value
        for name, value in values.items()
        if name in columns
    }


def _with_whoever(detail: str, actor: str) -> str:
    """What came of remote help, with who it was where somebody at the panel ended it."""
    return f"{detail} by {actor}" if actor.startswith("staff:") else detail


def _judge(remark: Remark, before: str, after: str | None) -> None:
    if after is None or before == after:
        return
    try:
        change = (PackageStatus(before), PackageStatus(after))
    except ValueError:
        remark.disagree(f"{after} is no status that is known here")
        return
    if change not in LEGAL_CHANGES:
        remark.disagree(f"the package was {before} here")


def configure(connection: Connection, location: str, layout: Layout, layout_hash: str) -> None:
    """A kiosk tells what its location is made of; no control character of it gets further."""
    layout = Layout.model_validate(all_plain(layout.model_dump()))
    values: dict[str, Any] = {
        "layout": layout.model_dump_json(),
        "layout_hash": layout_hash,
        "time_zone": kept.zone_of(layout.time_zone),
        "languages": json.dumps(list(layout.languages)),
        "help_phone": layout.help_phone,
    }
    known = connection.execute(
        select(schema.location).where(schema.location.c.id == location)
    ).one()
    # What an operator wrote stays; what nobody wrote is taken from the site's own config.
    for name in ("name", "address", "country"):
        if not getattr(known, name):
            values[name] = getattr(layout, name)
    if known.latitude is None and layout.latitude is not None:
        values |= {"latitude": layout.latitude, "longitude": layout.longitude}
    connection.execute(
        update(schema.location).where(schema.location.c.id == location).values(**values)
    )
    names = [size.name for size in layout.sizes]
    table = schema.location_size
    connection.execute(
        delete(table).where(table.c.location == location, table.c.size.not_in(names))
    )
    for rank, size in enumerate(layout.sizes):
        upsert(
            connection,
            table,
            {"location": location, "size": size.name},
            {"rank": rank, **size.model_dump(exclude={"name"})},
        )
    note_room(connection, location)
