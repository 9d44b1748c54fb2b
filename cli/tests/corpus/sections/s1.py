"""s1"""
import sqlalchemy as sa
from alembic import context, op

revision = "s1"
down_revision = None


def upgrade():
    op.create_table("plain", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("plain")
