"""s2"""
import sqlalchemy as sa
from alembic import context, op

revision = "s2"
down_revision = 's1'


def upgrade():
    if context.is_offline_mode():
        print("not offline")
        return
    op.execute("INSERT INTO plain VALUES (1)")


def downgrade():
    op.execute("DELETE FROM plain")
