"""v4"""
import sqlalchemy as sa
from alembic import context, op

revision = "v4"
down_revision = 'v3'


def upgrade():
    op.add_column("items", sa.Column("note", sa.Text, nullable=False, server_default="none: 5%"))
    op.create_index("ix_cheap", "items", ["price", "name"], unique=False)
    op.execute("CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 10 AND name NOT LIKE '%z%'")
    op.execute("""
        INSERT INTO "Odd Name" VALUES ('first; second', 1.5);
    """)


def downgrade():
    op.execute("DELETE FROM \"Odd Name\"")
    op.execute("DROP VIEW cheap")
    op.drop_index("ix_cheap", table_name="items")
    op.drop_column("items", "note")
