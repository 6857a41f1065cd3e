"""Lists of packages: a sender's own number, the moment of the last change, and what they are read
along."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.database.columns import WHOLE

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

OPERATORS, OTHERS = "carrier = 'operator'", "carrier <> 'operator'"
ORDERS = (
    ("known", "known_ms", ""),
    ("changed", "changed_ms", ""),
    ("due", "hold_until_ms", " AND status IN ('STORED', 'EXPIRED')"),
)


def upgrade() -> None:
    """Add the columns and the indexes. Of what is there already nobody wrote down when it came and
    changed last: it counts as before everything else."""
    op.add_column("package", sa.Column("reference", sa.Text()))
    for name in ("known_ms", "changed_ms"):
        column = sa.Column(name, WHOLE, nullable=False, server_default="0")
        op.add_column("package", column)
    op.drop_index("ix_package_sender", "package")
    for whose, of in (("sender", OPERATORS), ("carrier", OTHERS)):
        for name, order, more in ORDERS:
            behind = ["status", order, "id"]
            _partial(f"ix_package_{whose}_{name}", [whose, *behind], of + more)
            _partial(f"ix_package_{whose}_{name}_at", [whose, "location", *behind], of + more)
        has_one = f"{of} AND reference IS NOT NULL"
        _partial(f"ix_package_{whose}_reference", [whose, "reference"], has_one)


def _partial(name: str, columns: list[str], where: str) -> None:
    some = sa.text(where)
    op.create_index(name, "package", columns, sqlite_where=some, postgresql_where=some)
