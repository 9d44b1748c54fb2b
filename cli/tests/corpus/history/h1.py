"""h1"""
import sqlalchemy as sa
from alembic import context, op

revision = "h1"
down_revision = None


def upgrade():
    op.create_table("first", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("first")
