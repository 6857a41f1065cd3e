"""What a kiosk is to know of couriers who are on no list, and of the carriers' shares of its doors:
sent with the list of staff."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from central import schema, simulated
from central.areas import tree
from central.areas.visible import around
from central.carriers import shares
from central.carriers.carriers import disabled
from central.carriers.places import absent
from kiosk.sync.contract import (
    CARRIER_KEYS_MAX,
    REGIONS_MAX,
    REVOKED_BADGES_MAX,
    CarrierKey,
    CarrierKeys,
    RevokedBadge,
)


def of_location(connection: Connection, location: str, region: str, now_ms: int) -> CarrierKeys:
    """All of it, for one location. `region`: that of this server, where it has a name."""
    away = absent(connection, location, around(connection, location))
    ended = disabled(connection) | away | simulated.carriers(connection)
    key, revoked, codes = schema.carrier_key, schema.revoked_badge, schema.site_code_carrier
    keys = connection.execute(
        select(key.c.carrier, key.c.public_key, key.c.until_ms)
        .where(or_(key.c.until_ms.is_(None), key.c.until_ms > now_ms))
        .order_by(key.c.carrier, key.c.public_key)
        .limit(CARRIER_KEYS_MAX)
    )
    entries = connection.execute(
        select(revoked.c.carrier, revoked.c.badge, revoked.c.pseudonym, revoked.c.until_ms)
        .where(revoked.c.until_ms > now_ms, revoked.c.carrier.not_in(sorted(ended)))
        .order_by(revoked.c.carrier, revoked.c.id)
        .limit(REVOKED_BADGES_MAX)
    )
    by_code = connection.execute(select(codes.c.carrier).order_by(codes.c.carrier)).scalars()
    return CarrierKeys(
        regions=regions_of(connection, location, region),
        keys=tuple(CarrierKey(**each) for each in keys.mappings() if each["carrier"] not in ended),
        revoked=tuple(RevokedBadge(**each) for each in entries.mappings()),
        site_codes=tuple(each for each in by_code if each not in ended)[:CARRIER_KEYS_MAX],
        shares=shares.said_to_kiosk(connection, location),
    )


def regions_of(connection: Connection, location: str, region: str) -> tuple[str, ...]:
    """The regions that a badge may name for this location to be one of its places: that of this
    server, and each area that the location lies in."""
    place = schema.location
    area = connection.execute(select(place.c.area).where(place.c.id == location)).scalar_one()
    found = dict.fromkeys((region, *tree.above(connection, area)))
    return tuple(each for each in found if each)[:REGIONS_MAX]
