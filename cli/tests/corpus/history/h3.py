"""h3"""
import sqlalchemy as sa
from alembic import context, op

revision = "h3"
down_revision = 'h2'


def upgrade():
    op.rename_table("first", "renamed")


def downgrade():
    op.rename_table("renamed", "first")
