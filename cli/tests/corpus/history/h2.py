"""h2"""
import sqlalchemy as sa
from alembic import context, op

revision = "h2"
down_revision = 'h1'


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX first_id ON first (id)")


def downgrade():
    op.drop_index("first_id", table_name="first")
