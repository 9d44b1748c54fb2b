"""v3"""
import sqlalchemy as sa
from alembic import context, op

revision = "v3"
down_revision = 'v2'

items = sa.table(
    "items", sa.column("id", sa.Integer), sa.column("name", sa.String), sa.column("price", sa.Numeric(10, 2)),
    sa.column("made", sa.DateTime), sa.column("day", sa.Date), sa.column("ok", sa.Boolean),
    sa.column("state", sa.String),
)


def upgrade():
    op.execute(items.update().where(items.c.name.like("100%")).values(name="50% \\ off: it's", ok=sa.not_(items.c.ok)))
    op.execute(sa.text("UPDATE items SET state = :s WHERE id = :i").bindparams(s="a:b %s", i=2))
    op.execute("UPDATE items SET state = 'at 12:30' WHERE name LIKE '%ünï%'")
    op.execute("UPDATE items SET state = 'tab\there' WHERE id = 1")
    op.execute(sa.delete(items).where(items.c.id.in_([7, 8])))
    op.execute(items.insert().from_select(["id", "name", "ok", "made"], sa.select(items.c.id + 10, sa.func.upper(items.c.state), sa.true(), items.c.made).where(items.c.state.is_not(None))))


def downgrade():
    op.execute(items.delete().where(items.c.id > 10))
    op.execute("UPDATE items SET state = NULL, name = 'back ' || id")
