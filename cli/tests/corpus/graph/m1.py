"""m1"""
import sqlalchemy as sa
from alembic import context, op

revision = "m1"
down_revision = ('b1', 'c1')


def upgrade():
    pass


def downgrade():
    pass
