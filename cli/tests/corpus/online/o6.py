"""o6"""
import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "o6"
down_revision = 'o5'


def upgrade():
    if context.is_offline_mode():
        raise RuntimeError("not offline")
    op.create_index("by_name", "users", ["name"])


def downgrade():
    if context.is_offline_mode():
        return
    op.drop_index("by_name", table_name="users")
