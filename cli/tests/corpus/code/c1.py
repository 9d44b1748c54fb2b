"""c1"""
import sqlalchemy as sa
from alembic import context, op

revision = "c1"
down_revision = None


def upgrade():
    op.create_table("people", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))
    op.execute("INSERT INTO people VALUES (1, 'Ann'), (2, NULL)")


def downgrade():
    op.drop_table("people")
