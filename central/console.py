"""What the server's commands have in common: one operation, beside a running server or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from central.building import build
from central.context import Central
from central.settings import Settings

T = TypeVar("T")
BY = "command line"


def write(settings: Settings, operation: Callable[[Connection, Central], T]) -> T:
    """Run one operation on the database, beside a running server or without one."""
    central = build(settings, may_be_beside=True, may_be_new=False)
    try:
        return central.database.submit(operation, central).result()
    finally:
        central.database.close()
