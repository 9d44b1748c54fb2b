"""x1"""
import sqlalchemy as sa
from alembic import context, op

revision = "x1"
down_revision = None
branch_labels = "audit"
depends_on = "b1"


def upgrade():
    op.create_table("tx", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO tb (id) VALUES (5)")


def downgrade():
    op.execute("DELETE FROM tb")
    op.drop_table("tx")
