"""o1"""
import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "o1"
down_revision = None


def upgrade():
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime),
        sa.Column("share", sa.Numeric(4, 2)),
    )
    op.create_table(
        "posts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE", name="author")),
    )


def downgrade():
    op.drop_table("posts")
    op.drop_table("users")
