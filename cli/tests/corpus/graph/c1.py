"""c1"""
import sqlalchemy as sa
from alembic import context, op

revision = "c1"
down_revision = 'a1'


def upgrade():
    op.create_table("tc", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO ta VALUES (1)")


def downgrade():
    op.execute("DELETE FROM ta")
    op.drop_table("tc")
