"""a1"""
import sqlalchemy as sa
from alembic import context, op

revision = "a1"
down_revision = None


def upgrade():
    op.create_table("ta", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("ta")
