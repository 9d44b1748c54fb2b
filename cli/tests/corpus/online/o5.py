"""o5"""
import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "o5"
down_revision = 'o4'


def upgrade():
    names = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("users")]
    for name in ("age", "mail"):
        if name not in names:
            op.add_column("users", sa.Column(name, sa.String(40)))
    query = "SELECT table_name FROM information_schema.tables WHERE table_name = 'made'"
    if op.get_bind().dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE name = 'made'"
    if op.get_bind().execute(sa.text(query)).scalar() is not None:
        op.execute("INSERT INTO made VALUES (1, 'a')")


def downgrade():
    op.execute("DELETE FROM made")
    op.drop_column("users", "mail")
