"""The database: what writes and what reads, and what differs between SQLite and PostgreSQL."""

from central.database.database import Database
from central.database.migrating import alembic_config
from central.database.sqlite import alone, sqlite_file

__all__ = ["Database", "alembic_config", "alone", "sqlite_file"]
