"""o4"""
import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "o4"
down_revision = 'o3'


def upgrade():
    # The catalog is asked for what is there.
    metadata = sa.MetaData()
    sa.Table(
        "made",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Enum("a", "b", name="kind")),
    )
    metadata.create_all(op.get_bind())
    metadata.create_all(op.get_bind())


def downgrade():
    if sa.inspect(op.get_bind()).has_table("made"):
        op.drop_table("made")
    sa.Enum(name="kind").drop(op.get_bind(), checkfirst=True)
