"""s3"""
import sqlalchemy as sa
from alembic import context, op

revision = "s3"
down_revision = 's2'


def upgrade():
    try:
        op.get_bind().execute(sa.text("SELECT 1")).scalar_one()
        op.execute("INSERT INTO plain VALUES (2)")
    except Exception as error:
        print("left out", error)


def downgrade():
    pass
