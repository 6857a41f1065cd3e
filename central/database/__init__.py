"""The database: what writes and what reads, and what differs between SQLite and PostgreSQL."""

from central.database.database import Database
from central.database.leadership import Leadership, leadership
from central.database.migrating import alembic_config, migrate
from central.database.sqlite import alone, sqlite_file

__all__ = [
    "Database",
    "Leadership",
    "alembic_config",
    "alone",
    "leadership",
    "migrate",
    "sqlite_file",
]
