"""h4"""
import sqlalchemy as sa
from alembic import context, op

revision = "h4"
down_revision = 'h3'


def upgrade():
    op.create_table("last", sa.Column("id", sa.Integer, primary_key=True))
