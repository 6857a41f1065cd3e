"""One key for every spelling of a package's barcode."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kiosk.model.barcode import kept_key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index, and give the packages that are known their keys."""
    op.add_column("package", sa.Column("barcode_key", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_package_barcode_key", "package", ["barcode_key"])
    package = sa.table("package", sa.column("id"), sa.column("barcode"), sa.column("barcode_key"))
    connection = op.get_bind()
    keys = [
        {"package": row.id, "key": kept_key(row.barcode)}
        for row in connection.execute(sa.select(package.c.id, package.c.barcode))
    ]
    if keys:
        change = package.update().where(package.c.id == sa.bindparam("package"))
        connection.execute(change.values(barcode_key=sa.bindparam("key")), keys)
