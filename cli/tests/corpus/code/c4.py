"""c4"""
import sqlalchemy as sa
from alembic import context, op

revision = "c4"
down_revision = 'c3'


def upgrade():
    # A type that SQLAlchemy writes no literal of.
    op.bulk_insert(sa.table("people", sa.column("id"), sa.column("name", sa.JSON)), [{"id": 3, "name": {"a": 1}}])


def downgrade():
    op.execute("DELETE FROM people WHERE id = 3")
