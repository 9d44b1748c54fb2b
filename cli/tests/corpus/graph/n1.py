"""n1"""
import sqlalchemy as sa
from alembic import context, op

revision = "n1"
down_revision = 'm1'


def upgrade():
    op.add_column("tb", sa.Column("total", sa.Integer, server_default="0"))


def downgrade():
    op.drop_column("tb", "total")
