"""Which country a location's national phone numbers belong to; the numbers there are in E.164."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kiosk.model.phone import PhoneNumberError, phone_number

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and write the numbers that say their country as all are written now."""
    op.add_column("location", sa.Column("country", sa.Text(), server_default="", nullable=False))
    table = sa.table("recipient", sa.column("id"), sa.column("phone"))
    connection = op.get_bind()
    known = connection.execute(sa.select(table.c.id, table.c.phone).where(table.c.phone != ""))
    changed = [
        {"person": row.id, "number": number}
        for row in known
        if (number := _in_e164(row.phone)) != row.phone
    ]
    if changed:
        change = table.update().where(table.c.id == sa.bindparam("person"))
        connection.execute(change.values(phone=sa.bindparam("number")), changed)


def _in_e164(text: str) -> str:
    """A number of no known country stays as it was written."""
    try:
        return phone_number(text, None)
    except PhoneNumberError:
        return text
