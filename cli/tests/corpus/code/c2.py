"""c2"""
import sqlalchemy as sa
from alembic import context, op

revision = "c2"
down_revision = 'c1'


def upgrade():
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("people")]
    if "mail" not in columns:
        op.add_column("people", sa.Column("mail", sa.String(40)))


def downgrade():
    op.drop_column("people", "mail")
