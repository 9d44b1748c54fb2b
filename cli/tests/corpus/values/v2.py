"""v2"""
import sqlalchemy as sa
from alembic import context, op
import datetime
from decimal import Decimal

revision = "v2"
down_revision = 'v1'

items = sa.table(
    "items", sa.column("id", sa.Integer), sa.column("name", sa.String), sa.column("price", sa.Numeric(10, 2)),
    sa.column("made", sa.DateTime), sa.column("day", sa.Date), sa.column("ok", sa.Boolean),
    sa.column("state", sa.String),
)


def upgrade():
    op.bulk_insert(items, [
        {"id": 1, "name": "100% wool", "price": Decimal("9.90"), "made": datetime.datetime(2024, 2, 29, 12, 30, 5),
         "day": datetime.date(2024, 2, 29), "ok": True, "state": "new"},
        {"id": 2, "name": "it's; -- new", "price": None, "made": datetime.datetime(1999, 12, 31), "day": None, "ok": False,
         "state": None},
        {"id": 3, "name": "gone ünïcode 😀", "price": Decimal("0.00"), "made": datetime.datetime(2000, 1, 1), "day": None,
         "ok": False, "state": "x"},
    ])


def downgrade():
    op.execute("DELETE FROM items")
