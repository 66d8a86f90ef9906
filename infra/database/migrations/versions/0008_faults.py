"""Faults of the parts, who cleared an alert, and which version of a model was chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# As in 0001: a migration says what a column was when it was made, whatever it is today.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "faults",
        sa.Column("id", BIG, nullable=False),
        sa.Column("part", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_as", sa.String(16), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_faults_part_ended", "faults", ["part", "ended_at"], unique=False)
    op.add_column(
        "alerts",
        sa.Column("acknowledged", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "model_choices",
        sa.Column("id", BIG, nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_model_choices_model", "model_choices", ["model"], unique=False)
