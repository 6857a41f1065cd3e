"""The database: what writes and what reads, and what differs between SQLite and PostgreSQL."""

from central.database.database import Database, alone, migrate_shared
from central.database.leadership import Leadership, leadership
from central.database.migrating import alembic_config, migrate
from central.database.postgresql import is_postgresql
from central.database.sqlite import sqlite_file
from central.database.wakes import wake, wake_all

__all__ = [
    "Database",
    "Leadership",
    "alembic_config",
    "alone",
    "is_postgresql",
    "leadership",
    "migrate",
    "migrate_shared",
    "sqlite_file",
    "wake",
    "wake_all",
]
