"""APOD's days have a backfill, a budget of requests, and stand-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"

# As in 0001: a migration says what a column was when it was made, whatever it is today.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("backfill", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("stand_in", sa.String(16), nullable=True),
        sa.Column("faults", BIG, nullable=False, server_default="0"),
        sa.Column("sending", sa.Text(), nullable=True),
        sa.Column("absent_at", MOMENT, nullable=True),
        sa.Column("present_at", MOMENT, nullable=True),
    ):
        op.add_column("apod_days", column)
    op.add_column("images", sa.Column("remark", sa.Text(), nullable=True))
    op.create_table(
        "backfill",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("paused_at", MOMENT, nullable=True),
        sa.Column("failures", BIG, nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("rests_until", MOMENT, nullable=True),
    )
    op.create_table(
        "request_budgets",
        sa.Column("service", sa.String(255), primary_key=True),
        sa.Column("used", BIG, nullable=False),
        sa.Column("remaining", BIG, nullable=True),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("closed_until", MOMENT, nullable=True),
    )
