"""The tables of carriers' keys and of what is revoked. Of couriers there is none."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text

from central.database.columns import metadata, number_column, text_column, time_column


def _carrier(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "carrier", Text, ForeignKey("carrier.id"), nullable=False, primary_key=primary_key
    )


carrier_key = Table(
    "carrier_key",
    metadata,
    Column("public_key", Text, primary_key=True),
    _carrier(),
    Column("key_sealed", LargeBinary),
    number_column("created_ms"),
    time_column("until_ms"),
    Index("ix_carrier_key_carrier", "carrier", "created_ms"),
    sqlite_strict=True,
)
"""The keys that carriers sign badges with. `key_sealed` is the private part, where the server keeps
it and signs; empty where the carrier does. From `until_ms` on it counts no more."""

revoked_badge = Table(
    "revoked_badge",
    metadata,
    Column("id", Text, primary_key=True),
    _carrier(),
    text_column("badge"),
    text_column("pseudonym"),
    number_column("created_ms"),
    number_column("until_ms"),
    Index("uq_revoked_badge", "carrier", "badge", "pseudonym", unique=True),
    Index("ix_revoked_badge_until", "until_ms"),
    CheckConstraint("(badge = '') <> (pseudonym = '')", name="one"),
    sqlite_strict=True,
)
"""One badge, or all of a courier's; until the last of them has ended by itself."""

site_code_carrier = Table(
    "site_code_carrier",
    metadata,
    _carrier(primary_key=True),
    number_column("since_ms"),
    sqlite_strict=True,
)
"""The carriers whose couriers may type the site's code of the day."""
