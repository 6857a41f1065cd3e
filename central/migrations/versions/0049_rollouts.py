"""Rollouts of releases: their rings and locations, what is held, and what is known against each
release; the fleet found by what its keepers say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.INTEGER(), "sqlite")


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=False, server_default="0")


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, WHOLE)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, FLAG, nullable=False, server_default=sa.false())


def upgrade() -> None:
    """Make the tables and the indexes."""
    _make_rollouts()
    _make_advisories()
    for name, columns, where in (
        ("ix_location_release_state", ["release_state", "id"], None),
        ("ix_location_went_back", ["id"], "went_back <> ''"),
        ("ix_location_silent", ["id"], "silent_told_ms IS NOT NULL"),
    ):
        some = None if where is None else sa.text(where)
        op.create_index(name, "location", columns, sqlite_where=some, postgresql_where=some)


def _make_rollouts() -> None:
    states = "state IN ('RUNNING', 'PAUSED', 'HALTED', 'DONE', 'ENDED')"
    op.create_table(
        "rollout",
        sa.Column("id", sa.Text(), primary_key=True),
        *(_text("release"), _text("area"), _text("state", "RUNNING")),
        *map(_number, ("jitter_s", "soak_s", "deadline_s", "enough_percent")),
        *(_text("goes_back_from"), _text("halted_why")),
        *map(_number, ("created_ms", "changed_ms", "looked_ms")),
        sa.CheckConstraint(states, name="ck_rollout_state"),
        sqlite_strict=True,
    )
    op.create_index("ix_rollout_created", "rollout", ["created_ms", "id"])
    op.create_index("ix_rollout_state", "rollout", ["state"])
    op.create_table(
        "rollout_ring",
        sa.Column("rollout", sa.Text(), sa.ForeignKey("rollout.id"), primary_key=True),
        sa.Column("ring", WHOLE, primary_key=True, autoincrement=False),
        *(_number("percent"), _number("failures_per_mille")),
        *map(_time, ("opened_ms", "enough_ms", "passed_ms")),
        sqlite_strict=True,
    )
    op.create_table(
        "rollout_location",
        sa.Column("rollout", sa.Text(), sa.ForeignKey("rollout.id"), primary_key=True),
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), primary_key=True),
        *(_number("ring"), _number("spread"), _time("asked_ms"), _text("command")),
        *(_time("until_ms"), _text("why_not"), _time("looked_ms")),
        *(_flag("was_seen"), _flag("is_accepted"), _text("settled")),
        sqlite_strict=True,
    )
    ring = ["rollout", "ring", "asked_ms"]
    op.create_index("ix_rollout_location_ring", "rollout_location", ring)
    op.create_index("ix_rollout_location_location", "rollout_location", ["location"])
    op.create_table(
        "rollout_hold",
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), primary_key=True),
        *(_text("why"), _number("since_ms")),
        sqlite_strict=True,
    )


def _make_advisories() -> None:
    op.create_table(
        "release_advisory",
        *(
            sa.Column(name, sa.Text(), primary_key=True)
            for name in ("release", "advisory", "package")
        ),
        *map(_text, ("version", "summary", "fixed_in")),
        sqlite_strict=True,
    )
    op.create_table(
        "release_checked",
        sa.Column("release", sa.Text(), primary_key=True),
        *(_number("packages"), _text("dump_newest"), _number("checked_ms")),
        sqlite_strict=True,
    )
