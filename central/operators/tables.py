"""The tables of operators: their accounts, and how they prove who they are."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, text

from central.database.columns import metadata
from central.database.columns import number_column as _number
from central.database.columns import sealed_column as _sealed
from central.database.columns import text_column as _text
from central.database.columns import time_column as _time
from central.sealing import Sealed

user = Table(
    "user_account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Sealed("user_account.email", "email_folded"), nullable=False, unique=True),
    _sealed("user_account.name"),
    _sealed("user_account.password_hash"),
    _text("role", "viewer"),
    _number("created_ms"),
    _time("disabled_ms"),
    _text("email_folded"),
    Column("provider_subject", Text),
    Column("totp_sealed", LargeBinary),
    _time("totp_step"),
    CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
    Index(
        "uq_user_account_email_folded",
        "email_folded",
        unique=True,
        sqlite_where=text("disabled_ms IS NULL"),
        postgresql_where=text("disabled_ms IS NULL"),
    ),
    Index("uq_user_account_provider_subject", "provider_subject", unique=True),
)
"""Operators. `email_folded` is the blind index of their address, in which case makes no difference;
`totp_step` is the number of the last half minute whose code was used."""


def _account() -> Column[str]:
    return Column("account", Text, ForeignKey("user_account.id"), nullable=False)


operator_session = Table(
    "operator_session",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    _account(),
    _text("way"),
    _sealed("operator_session.address"),
    _sealed("operator_session.device"),
    _number("created_ms"),
    _number("seen_ms"),
    _number("proved_ms"),
    _time("factor_ms"),
    Column("offers", LargeBinary),
    Index("ix_operator_session_account", "account"),
    sqlite_strict=True,
)
"""`id` is the hash of the browser's token; `name` is what a page calls the session by."""

passkey = Table(
    "passkey",
    metadata,
    Column("id", Text, primary_key=True),
    _account(),
    _text("name"),
    Column("public_key", LargeBinary, nullable=False),
    _number("sign_count"),
    _text("transports", "[]"),
    _number("created_ms"),
    _time("used_ms"),
    Index("ix_passkey_account", "account"),
    sqlite_strict=True,
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("code_hash", Text, primary_key=True),
    _account(),
    _number("created_ms"),
    _time("used_ms"),
    Index("ix_recovery_code_account", "account"),
    sqlite_strict=True,
)

account_link = Table(
    "account_link",
    metadata,
    Column("token_hash", Text, primary_key=True),
    _account(),
    _number("created_ms"),
    _number("until_ms"),
    Index("ix_account_link_account", "account"),
    sqlite_strict=True,
)

sign_in_try = Table(
    "sign_in_try",
    metadata,
    Column("bucket", Text, primary_key=True),
    _number("tries"),
    _number("last_ms"),
    _number("free_ms"),
    Index("ix_sign_in_try_last", "last_ms"),
    sqlite_strict=True,
)
