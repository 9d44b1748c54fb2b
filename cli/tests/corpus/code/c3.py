"""c3"""
import sqlalchemy as sa
from alembic import context, op

revision = "c3"
down_revision = 'c2'


def upgrade():
    for row in op.get_bind().execute(sa.text("SELECT id, name FROM people")).all():
        op.execute(sa.text("UPDATE people SET name = :n WHERE id = :i").bindparams(n=f"<{row.name}>", i=row.id))


def downgrade():
    pass
