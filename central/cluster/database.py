"""What is done once to a new cluster's databases: passwords, the servers' own database."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg import sql

from central.cluster.plan import Plan
from central.errors import CannotServeError
from kiosk.model.urls import path

TIMEOUT_S = 20.0
PATRONIS_KEYS = "/service/"
"""Where Patroni keeps what it knows."""


def require_passwords(plan: Plan) -> None:
    """Have etcd listen to nobody without a password. Raises `CannotServeError`."""
    secrets = plan.secrets
    with httpx.Client(base_url=plan.etcd_urls[0], timeout=TIMEOUT_S, trust_env=False) as client:

        def ask(what: str, **values: object) -> None:
            answer = client.post(path("v3", "auth", *what.split()), json=values)
            if not answer.is_success:
                raise CannotServeError(f"etcd took no password ({what}): {answer.text}")

        root = {"name": "root", "password": secrets.etcd_root}
        if client.post("/v3/auth/authenticate", json=root).is_success:
            return
        keys, end = PATRONIS_KEYS.encode(), PATRONIS_KEYS[:-1].encode() + b"0"
        ask("role add", name="root")
        ask("role add", name="patroni")
        allowed = {"permType": "READWRITE", "key": _encoded(keys), "range_end": _encoded(end)}
        ask("role grant", name="patroni", perm=allowed)
        for name, password in (("root", secrets.etcd_root), ("patroni", secrets.etcd)):
            ask("user add", name=name, password=password)
            ask("user grant", user=name, role=name)
        ask("enable")


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def remove_half_made(data: Path) -> None:
    """Remove a PostgreSQL that was killed while it was copied: Patroni copies it again. What tells
    is written last."""
    if data.exists() and not (data / "global" / "pg_control").exists():
        shutil.rmtree(data)


def connect(plan: Plan, name: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
    """To a database at the primary, as who may do everything."""
    return psycopg.connect(
        host=",".join(each.address for each in plan.databases),
        port=",".join(str(each.port) for each in plan.databases),
        dbname=name,
        user="postgres",
        password=plan.secrets.superuser,
        target_session_attrs="read-write",
        connect_timeout=5,
        autocommit=True,
    )


def make(plan: Plan) -> None:
    """Make the servers' user and their database, where they are not."""
    with connect(plan) as connection:
        if not _has(connection, "SELECT 1 FROM pg_roles WHERE rolname = 'central'"):
            password = sql.Literal(plan.secrets.central)
            connection.execute(sql.SQL("CREATE ROLE central LOGIN PASSWORD {}").format(password))
        if not _has(connection, "SELECT 1 FROM pg_database WHERE datname = 'central'"):
            connection.execute("CREATE DATABASE central OWNER central")


def _has(connection: psycopg.Connection[tuple[Any, ...]], query: LiteralString) -> bool:
    return connection.execute(query).fetchone() is not None
