"""o2"""
import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "o2"
down_revision = 'o1'


def upgrade():
    # Values that are given when the statement is run.
    bind = op.get_bind()
    users = sa.table(
        "users", sa.column("id", sa.Integer), sa.column("name", sa.String), sa.column("at", sa.DateTime), sa.column("share")
    )
    bind.execute(users.insert().values(id=1, name="a'b"))
    rows = [{"id": 2, "name": "50%", "at": None}, {"id": 3, "name": "a\\t\ttab", "at": datetime.datetime(2024, 1, 2, 3, 4, 5)}]
    bind.execute(users.insert(), rows)
    bind.execute(users.insert(), {"id": 4, "name": "d", "share": 1.5})
    bind.execute(sa.text("UPDATE users SET name = :n WHERE id = :i"), {"n": "x?:y; -- z", "i": 4})
    bind.execute(users.update().where(users.c.id == 2).values(name=users.c.name + "!"))
    bind.exec_driver_sql("INSERT INTO posts VALUES (7, 1)")
    with bind.begin_nested():
        op.execute("INSERT INTO posts VALUES (8, 3)")


def downgrade():
    op.get_bind().execute(sa.text("DELETE FROM users WHERE id IN :ids").bindparams(sa.bindparam("ids", expanding=True)), {"ids": [1, 2, 3, 4]})
    op.execute("DELETE FROM posts")
