"""Results keep their measures, their tile plan and their model's commit."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0003"

# As in 0001: a migration says what a column was when it was made, whatever it is today.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("consistency", sa.Double(), nullable=True),
        sa.Column("seam_step", sa.Double(), nullable=True),
        sa.Column("tile_side", BIG, nullable=True),
        sa.Column("halo", BIG, nullable=True),
        sa.Column("model_commit", sa.String(100), nullable=True),
    ):
        op.add_column("results", column)
