"""o3"""
import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "o3"
down_revision = 'o2'


def upgrade():
    # SQLite's tables are made anew: the posts stay.
    with op.batch_alter_table("users") as batch:
        batch.alter_column("name", type_=sa.String(80), existing_type=sa.String(20), nullable=True)
        batch.add_column(sa.Column("age", sa.Integer, server_default="3"))


def downgrade():
    with op.batch_alter_table("users") as batch:
        batch.drop_column("age")
        batch.alter_column("name", type_=sa.String(20), existing_type=sa.String(80), nullable=False)
