"""v1"""
import sqlalchemy as sa
from alembic import context, op

revision = "v1"
down_revision = None


def upgrade():
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, server_default="a;b '%' :x"),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("made", sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP")),
        sa.Column("day", sa.Date),
        sa.Column("ok", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("data", sa.JSON),
        sa.Column("state", sa.String(10)),
        sa.CheckConstraint("price >= 0 AND name NOT LIKE '%;;%%'", name="price_positive"),
        sa.UniqueConstraint("name", "day", name="uq_name"),
    )
    op.create_index("ix_lower", "items", [sa.text("lower(name)")])
    op.create_table("Odd Name", sa.Column("a b", sa.Text, sa.CheckConstraint("\"a b\" <> ''")), sa.Column("größe", sa.Float))


def downgrade():
    op.drop_table("Odd Name")
    op.drop_index("ix_lower", table_name="items")
    op.drop_table("items")
