"""b1"""
import sqlalchemy as sa
from alembic import context, op

revision = "b1"
down_revision = 'a1'
branch_labels = ("shop",)


def upgrade():
    op.create_table("tb", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("tb")
