"""The books' counts are carried forward, and pictures are found by their lane."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# As in 0001: a migration says what a column was when it was made, whatever it is today.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    counts = ("upto", "done", "duplicate", "skipped", "dead")
    op.create_table(
        "carried_forward",
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", BIG, nullable=False),
        *(sa.Column(name, BIG, nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("topic", "partition"),
    )
    op.execute(
        "INSERT INTO carried_forward "
        "SELECT DISTINCT topic, partition, 0, 0, 0, 0, 0 FROM deliveries"
    )
    op.drop_index("ix_deliveries_outcome", "deliveries")
    op.create_index(
        "ix_deliveries_outcome", "deliveries", ["topic", "partition", "outcome", "offset"]
    )
    op.create_index("ix_images_lane_received", "images", ["lane", "received_at"])
    op.create_index("ix_images_lane_state_received", "images", ["lane", "state", "received_at"])
    op.drop_index("ix_dead_letters_state", "dead_letters")
    op.create_index("ix_dead_letters_state_reason", "dead_letters", ["state", "reason"])
