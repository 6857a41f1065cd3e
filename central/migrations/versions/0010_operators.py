"""Operators' sessions, second factors, links and tries; e-mail addresses compared without case.

Of several accounts whose addresses differ by case only, one goes on: the one that may most, and of
those the one that signed in last. The others are disabled, with an alarm that names both; an
administrator may enable one again after the other is disabled.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

from central.addresses import folded as as_compared

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LOG = logging.getLogger("central.database")
WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
RANK = {"viewer": 0, "operator": 1, "admin": 2}


def upgrade() -> None:
    """Add the columns and tables, fold the addresses."""
    for column in (
        sa.Column("email_folded", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_subject", sa.Text()),
        sa.Column("totp_sealed", sa.LargeBinary()),
        sa.Column("totp_step", WHOLE),
    ):
        op.add_column("user_account", column)
    _fold(op.get_bind())
    op.create_index(
        "uq_user_account_email_folded",
        "user_account",
        ["email_folded"],
        unique=True,
        sqlite_where=sa.text("disabled_ms IS NULL"),
        postgresql_where=sa.text("disabled_ms IS NULL"),
    )
    op.create_index(
        "uq_user_account_provider_subject", "user_account", ["provider_subject"], unique=True
    )
    _table("operator_session", "id", "name way address device", "created_ms seen_ms proved_ms")
    op.add_column("operator_session", sa.Column("factor_ms", WHOLE))
    op.add_column("operator_session", sa.Column("offers", sa.LargeBinary()))
    _table("recovery_code", "code_hash", "", "created_ms")
    op.add_column("recovery_code", sa.Column("used_ms", WHOLE))
    _table("account_link", "token_hash", "", "created_ms until_ms")
    _passkeys()
    op.create_table(
        "sign_in_try",
        sa.Column("bucket", sa.Text(), nullable=False),
        *(_number(name) for name in ("tries", "last_ms", "free_ms")),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_sign_in_try")),
        sqlite_strict=True,
    )
    op.create_index("ix_sign_in_try_last", "sign_in_try", ["last_ms"])


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, WHOLE, server_default="0", nullable=False)


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _of_account(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    name = op.f(f"fk_{table}_account")
    return (
        sa.Column("account", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["user_account.id"], name=name),
    )


def _table(name: str, key: str, texts: str, numbers: str) -> None:
    op.create_table(
        name,
        sa.Column(key, sa.Text(), nullable=False),
        *_of_account(name),
        *map(_text, texts.split()),
        *map(_number, numbers.split()),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{name}")),
        sqlite_strict=True,
    )
    op.create_index(f"ix_{name}_account", name, ["account"])


def _passkeys() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.Text(), nullable=False),
        *_of_account("passkey"),
        _text("name"),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        _number("sign_count"),
        _text("transports", "[]"),
        _number("created_ms"),
        sa.Column("used_ms", WHOLE),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sqlite_strict=True,
    )
    op.create_index("ix_passkey_account", "passkey", ["account"])


def _fold(connection: sa.Connection) -> None:
    user = sa.table(
        "user_account",
        *map(sa.column, ("id", "email", "email_folded", "role", "created_ms", "disabled_ms")),
    )
    audit = sa.table("audit", *map(sa.column, ("id", "at_ms", "by", "action", "subject", "detail")))
    last = connection.execute(
        sa.select(audit.c.subject, sa.func.max(audit.c.at_ms))
        .where(audit.c.action == "sign-in")
        .group_by(audit.c.subject)
    )
    signed_in = {row[0]: row[1] for row in last}
    active: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(sa.select(user)).all():
        folded = as_compared(row.email)
        change = sa.update(user).where(user.c.id == row.id)
        connection.execute(change.values(email_folded=folded))
        if row.disabled_ms is None:
            active[folded].append(row)
    for rows in active.values():
        rows.sort(
            key=lambda row: (
                *(RANK.get(row.role, 0), signed_in.get(row.email, 0)),
                *(-row.created_ms, row.id),
            ),
            reverse=True,
        )
        for other in rows[1:]:
            _disable(connection, user, audit, other, rows[0])


def _disable(
    connection: sa.Connection, user: sa.TableClause, audit: sa.TableClause, other: Any, kept: Any
) -> None:
    now_ms = connection.execute(sa.select(sa.func.max(audit.c.at_ms))).scalar() or kept.created_ms
    connection.execute(
        sa.update(user).where(user.c.id == other.id).values(disabled_ms=max(now_ms, 1))
    )
    LOG.warning(
        "the account %s is disabled: its address is that of %s, which goes on", *_both(other, kept)
    )
    detail = {"kept": kept.email, "why": "the addresses differ by capital letters only"}
    connection.execute(
        sa.insert(audit).values(
            id=str(uuid5(NAMESPACE_URL, f"account.duplicate {other.id}")),
            at_ms=now_ms,
            by="server",
            action="alarm:account.duplicate",
            subject=other.email,
            detail=json.dumps(detail, sort_keys=True),
        )
    )


def _both(other: Any, kept: Any) -> tuple[str, str]:
    return f"{other.email} ({other.role})", f"{kept.email} ({kept.role})"
