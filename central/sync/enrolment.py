"""How a location's kiosk becomes known: a one-time token, exchanged for its own.

The token can be rolled and revoked; a kiosk's own token is kept as a hash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import phonenumbers
from sqlalchemy import Connection, bindparam, delete, select, update

from central import schema
from central.context import Central, audit, change_known
from central.database import wake
from central.database.bulk import insert_once
from central.database.locks import lock_name, locked, note_locked
from central.errors import RequestError, require_plain
from central.feed import writing as feeding
from central.feed.document import Change
from central.residents.tables import directory_version
from central.settings import Settings
from central.sync import signing
from central.sync.projection import configure
from central.sync.room import note_room
from central.tokens import KEY_BYTES, new_token, same, token_hash
from kiosk.model.wrapping import NotWrappedError, bare, pin
from kiosk.sync.contract import EnrolAnswer, EnrolRequest, ServerKeys

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ENROL_VALID_MS = 7 * 24 * 3_600_000
DENIED = RequestError(401, "unauthorised", "this token is not known, or it was revoked")

_STAFF_COUNTS = select(schema.staff_list.c.version).scalar_subquery().label("staff_counts")
_NEWEST_KEY = (
    select(schema.signing_key.c.public_key)
    .order_by(schema.signing_key.c.number.desc())
    .limit(1)
    .scalar_subquery()
    .label("newest_key")
)
_DIRECTORY_COUNTS = (
    select(directory_version.c.version)
    .where(directory_version.c.location == schema.location.c.id)
    .scalar_subquery()
    .label("directory_counts")
)
_LOCATION = select(schema.location, _STAFF_COUNTS).where(schema.location.c.id == bindparam("id"))
_LOCKED = locked(_LOCATION, schema.location)
_ARRIVING = locked(
    select(
        schema.location,
        _STAFF_COUNTS,
        _NEWEST_KEY,
        _DIRECTORY_COUNTS,
        schema.location_epoch.c.seq.label("known_seq"),
        schema.location_epoch.c.head_hash.label("known_hash"),
    )
    .outerjoin(
        schema.location_epoch,
        (schema.location_epoch.c.location == schema.location.c.id)
        & (schema.location_epoch.c.epoch == bindparam("epoch")),
    )
    .where(schema.location.c.id == bindparam("id")),
    schema.location,
)

UNKNOWN_TOKEN = "this enrolment token is not known, was used, or is too old"


def kiosk_of(connection: Connection, location: str, token: str, *, locks: bool = False) -> Any:
    """The location whose kiosk this is, locked where something of it is changed, and which version
    of the list of staff counts; raises when the token is not its own."""
    row = connection.execute(_LOCKED if locks else _LOCATION, {"id": location}).first()
    if locks:
        note_locked(connection, schema.location, location)
    return _require_kiosk(row, token)


def arriving(connection: Connection, location: str, token: str, epoch: str) -> Any:
    """The location whose kiosk this is, locked, how far its journal of this epoch is known
    (`known_seq`, `known_hash`; None where it is not), and the newest key that commands are signed
    with. Raises when the token is not its own.

    Where this had to wait for another sync of the same kiosk, what is known may be as it was before
    that one: then it says less, and the next sync says the rest.
    """
    row = connection.execute(_ARRIVING, {"id": location, "epoch": epoch}).first()
    note_locked(connection, schema.location, location)
    return _require_kiosk(row, token)


def _require_kiosk(row: Any, token: str) -> Any:
    if row is None or row.revoked_ms is not None or not row.token_hash:
        raise DENIED
    if not same(row.token_hash, token_hash(token)):
        raise DENIED
    return row


def add_location(
    connection: Connection, location: str, name: str, by: str, now_ms: int, **values: Any
) -> str:
    """Make a location known; return the one-time token with which its kiosk enrols.

    Raises `RequestError`.
    """
    if not ID.fullmatch(location):
        raise RequestError(
            422,
            "invalid",
            f"location {location!r}: letters, digits, points, dashes, at most 64, as berlin-01",
        )
    require_plain(name=name, address=str(values.get("address", "")))
    token = new_token("enrol")
    row = {
        "id": location,
        "name": name,
        "enrol_token_hash": token_hash(token),
        "enrol_until_ms": now_ms + ENROL_VALID_MS,
        "created_ms": now_ms,
        "feeds": feeding.readers(connection),
        **values,
    }
    if not insert_once(connection, schema.location, row):
        raise RequestError(409, "exists", f"there is a location {location!r} already")
    feeding.location(connection, location, now_ms)
    audit(connection, now_ms, by, "location.add", location, place=location, name=name)
    return token


def change(
    connection: Connection,
    location: str,
    by: str,
    now_ms: int,
    *,
    name: str,
    address: str,
    latitude: float | None,
    longitude: float | None,
    country: str,
    channels: Sequence[str],
) -> None:
    """Write down what people read of a location, where it is, and by which ways its people are
    notified; no ways: those of the server. Raises `RequestError`."""
    if (latitude is None) != (longitude is None):
        raise RequestError(422, "invalid", "latitude and longitude: both, or neither")
    if not (-90 <= (latitude or 0) <= 90 and -180 <= (longitude or 0) <= 180):
        raise RequestError(
            422, "invalid", f"{latitude}, {longitude}: -90 to 90, and -180 to 180 degrees"
        )
    require_plain(name=name, address=address)
    require_country(country)
    values: dict[str, Any] = {"name": name, "address": address, "country": country}
    values |= {"latitude": latitude, "longitude": longitude}
    table = schema.location
    change_known(
        connection,
        update(table)
        .where(table.c.id == location)
        .values(channels=json.dumps(list(channels)), **values),
        "location",
        location,
    )
    note_room(connection, location)
    feeding.location(connection, location, now_ms)
    values["channels"] = channels
    audit(connection, now_ms, by, "location.change", location, place=location, **values)


def require_country(code: str) -> None:
    """Refuse what is no country. Raises `RequestError`."""
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise RequestError(
            422, "invalid", f"country {code!r}: two capital letters of ISO 3166, like DE"
        )


def roll(connection: Connection, location: str, by: str, now_ms: int) -> str:
    """A new one-time token for a location; its kiosk goes on with the old one until it enrols."""
    token = new_token("enrol")
    change_known(
        connection,
        update(schema.location)
        .where(schema.location.c.id == location)
        .values(enrol_token_hash=token_hash(token), enrol_until_ms=now_ms + ENROL_VALID_MS),
        "location",
        location,
    )
    audit(connection, now_ms, by, "location.roll", location, place=location)
    return token


def revoke(connection: Connection, location: str, by: str, now_ms: int) -> None:
    """A location's kiosk is not listened to any more, until it enrols again."""
    wake(connection, location)
    change_known(
        connection,
        update(schema.location)
        .where(schema.location.c.id == location)
        .values(revoked_ms=now_ms, token_hash="", enrol_token_hash=""),
        "location",
        location,
    )
    feeding.location(connection, location, now_ms, Change.REVOKED)
    audit(connection, now_ms, by, "location.revoke", location, place=location)


def printed(connection: Connection, central: Central, token: str) -> str:
    """An enrolment token as people are given it: its text pins the server's keys."""
    keys = _keys(connection, central)
    return f"{token}.{pin(keys.public_key, keys.wrapping_key)}"


def server_keys(connection: Connection, central: Central, token: str) -> ServerKeys:
    """The server's public keys, for who has an enrolment token. Raises `RequestError`."""
    _enrolling(connection, central, token)
    return _keys(connection, central)


def location_of_token(connection: Connection, central: Central, token: str) -> str:
    """Whose enrolment token this is. Raises `RequestError` when it is not good."""
    return str(_enrolling(connection, central, token).id)


def _keys(connection: Connection, central: Central) -> ServerKeys:
    public_key = signing.current(connection, central.secrets).public_key
    return ServerKeys(public_key=public_key, wrapping_key=central.secrets.wrapping_key)


def _enrolling(connection: Connection, central: Central, token: str, *, locks: bool = False) -> Any:
    """The location of a one-time token, locked where that is used. Raises `RequestError` when it is
    not good."""
    table = schema.location
    query = select(table).where(table.c.enrol_token_hash == token_hash(bare(token)))
    row = connection.execute(locked(query) if locks else query).first()
    if row is None or (row.enrol_until_ms or 0) < central.clock.now_ms():
        raise RequestError(401, "unauthorised", UNKNOWN_TOKEN + _elsewhere(central.settings))
    return row


def _elsewhere(settings: Settings) -> str:
    """Where else a token may be good."""
    named = ", ".join(f"{name} at {region.url}" for name, region in settings.regions.items())
    return f"; or it is of another region: {named}" if named else ""


def _location_key(central: Central, request: EnrolRequest) -> bytes:
    """The location's key, as it came. Raises `RequestError`."""
    if request.wrapped_key:
        try:
            key = central.secrets.unwrap(request.wrapped_key, request.location, request.token)
        except NotWrappedError as error:
            raise RequestError(422, "invalid", f"wrapped_key: {error}") from error
        if len(key) == KEY_BYTES:
            return key
    elif request.key and central.settings.allow_older_kiosks:
        return bytes.fromhex(request.key)
    elif request.key:
        raise RequestError(
            422, "older_kiosk", "this kiosk sends its key as it is: bring it to version 0.3 first"
        )
    raise RequestError(422, "invalid", f"wrapped_key: a location key has {KEY_BYTES} bytes")


def enrol(connection: Connection, central: Central, request: EnrolRequest) -> EnrolAnswer:
    """Exchange a one-time token for a kiosk's own. Raises `RequestError` when it is not good."""
    now_ms = central.clock.now_ms()
    table = schema.location
    # Whoever makes another key just now tells all that are enrolled: this one is, or comes later.
    lock_name(connection, signing.KEYS, shared=True)
    row = _enrolling(connection, central, request.token, locks=True)
    note_locked(connection, table, row.id)
    if row.id != request.location:
        raise RequestError(
            409,
            "other_location",
            f"this token is for location {row.id!r}, and this kiosk is {request.location!r}",
        )
    key = _location_key(central, request)
    token = new_token("kiosk")
    public_key = signing.current(connection, central.secrets).public_key
    connection.execute(
        update(table)
        .where(table.c.id == row.id)
        .values(
            token_hash=token_hash(token),
            key_sealed=central.secrets.seal(key),
            enrol_token_hash="",
            enrol_until_ms=None,
            revoked_ms=None,
            retired_ms=None,
            may_begin=True,
            signing_key=public_key,
            announced_key=public_key,
            staff_version=0,
        )
    )
    # What was not believed before may be what this kiosk goes on with: it is sent once more.
    epochs = schema.location_epoch
    doubted = delete(epochs).where(epochs.c.location == row.id, epochs.c.is_doubted)
    if connection.execute(doubted).rowcount:
        place = {"epoch": "", "seq": 0, "head_hash": ""}
        connection.execute(update(table).where(table.c.id == row.id).values(**place))
    if request.layout is not None:
        configure(connection, row.id, request.layout, "")
    feeding.location(connection, row.id, now_ms, Change.ENROLLED)
    how = "wrapped" if request.wrapped_key else "as it is"
    by = f"kiosk {row.id}"
    audit(connection, now_ms, by, "location.enrol", row.id, place=row.id, key_came=how)
    return EnrolAnswer(
        location=row.id,
        token=token,
        public_key=public_key,
        now_ms=now_ms,
        signs_commands=True,
    )
