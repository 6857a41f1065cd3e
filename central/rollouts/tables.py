"""The tables of rollouts: which release goes where, in which rings, and what was asked of whom.

How far a location is stands in none of them: that is what its kiosk reports (`standing`).
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from central.database.columns import (
    WHOLE,
    flag_column,
    metadata,
    number_column,
    text_column,
    time_column,
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("release"),
    text_column("area"),
    text_column("state", "RUNNING"),
    number_column("jitter_s"),
    number_column("soak_s"),
    number_column("deadline_s"),
    number_column("enough_percent"),
    text_column("goes_back_from"),
    text_column("halted_why"),
    number_column("created_ms"),
    number_column("changed_ms"),
    number_column("looked_ms"),
    CheckConstraint("state IN ('RUNNING', 'PAUSED', 'HALTED', 'DONE', 'ENDED')", name="state"),
    Index("ix_rollout_created", "created_ms", "id"),
    Index("ix_rollout_state", "state"),
    sqlite_strict=True,
)
"""`area`: where its locations lie; empty: in the whole network. `goes_back_from` is the rollout
whose release is left, `looked_ms` when the keeper last looked after it."""

rollout_ring = Table(
    "rollout_ring",
    metadata,
    Column("rollout", Text, ForeignKey("rollout.id"), primary_key=True),
    Column("ring", WHOLE, primary_key=True, autoincrement=False),
    number_column("percent"),
    number_column("failures_per_mille"),
    time_column("opened_ms"),
    time_column("enough_ms"),
    time_column("passed_ms"),
    sqlite_strict=True,
)
"""`percent` of the locations have been asked once this ring is open, those of the rings before
among them; 0: those that were chosen by hand. `enough_ms`: since when enough of it is confirmed."""

rollout_location = Table(
    "rollout_location",
    metadata,
    Column("rollout", Text, ForeignKey("rollout.id"), primary_key=True),
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    number_column("ring"),
    number_column("spread"),
    time_column("asked_ms"),
    text_column("command"),
    time_column("until_ms"),
    text_column("why_not"),
    time_column("looked_ms"),
    flag_column("was_seen"),
    flag_column("is_accepted"),
    text_column("settled"),
    Index("ix_rollout_location_ring", "rollout", "ring", "asked_ms"),
    Index("ix_rollout_location_location", "location"),
    sqlite_strict=True,
)
"""`spread` is when within its ring's jitter a location is asked, in millionths. `until_ms` is by
when it is to have come to an end, `why_not` why it is not asked, as of `looked_ms`; where it
`was_seen`, it was asked before, and then to stay with what runs. A failure that `is_accepted` halts
nothing any more. `settled` is how it was when the rollout ended."""

rollout_hold = Table(
    "rollout_hold",
    metadata,
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    text_column("why"),
    number_column("since_ms"),
    sqlite_strict=True,
)
"""Locations that no rollout changes."""

release_advisory = Table(
    "release_advisory",
    metadata,
    Column("release", Text, primary_key=True),
    Column("advisory", Text, primary_key=True),
    Column("package", Text, primary_key=True),
    text_column("version"),
    text_column("summary"),
    text_column("fixed_in"),
    sqlite_strict=True,
)
"""Known vulnerabilities of what a release is made of, as of the dump that was read last."""

release_checked = Table(
    "release_checked",
    metadata,
    Column("release", Text, primary_key=True),
    number_column("packages"),
    text_column("dump_newest"),
    number_column("checked_ms"),
    sqlite_strict=True,
)
"""That a release was held against a dump at all, and how old that was: no row is no all-clear."""
