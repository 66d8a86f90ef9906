"""Dead letters have a state, and know where they lie."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# As in 0001: a migration says what a column was when it was made, whatever it is today.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("state", sa.String(16), nullable=False, server_default="waiting"),
        sa.Column("replays", BIG, nullable=False, server_default="0"),
        sa.Column("letter_partition", BIG, nullable=True),
        sa.Column("letter_offset", BIG, nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_ends", sa.Text(), nullable=True),
        sa.Column("replayed_partition", BIG, nullable=True),
        sa.Column("replayed_offset", BIG, nullable=True),
    ):
        op.add_column("dead_letters", column)
    op.create_index("ix_dead_letters_state", "dead_letters", ["state"], unique=False)
