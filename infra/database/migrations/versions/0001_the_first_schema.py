"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite numbers rows by itself only where the key is a plain INTEGER.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "apod_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("credit", sa.Text(), nullable=True),
        sa.Column("copyright", sa.Text(), nullable=True),
        sa.Column("media_type", sa.String(length=16), nullable=True),
        sa.Column("permalink", sa.Text(), nullable=True),
        sa.Column("picture_url", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=200), nullable=True),
        sa.Column("event_id", sa.String(length=200), nullable=True),
        sa.Column("tries", BIG, nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_index(
        "ix_apod_days_state_next_try", "apod_days", ["state", "next_try_at"], unique=False
    )

    op.create_table(
        "images",
        sa.Column("id", BIG, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("bytes", BIG, nullable=True),
        sa.Column("media_type", sa.String(length=100), nullable=True),
        sa.Column("width", BIG, nullable=True),
        sa.Column("height", BIG, nullable=True),
        sa.Column("credit", sa.Text(), nullable=True),
        sa.Column("copyright", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "event_id"),
    )
    op.create_index("ix_images_received", "images", ["received_at"], unique=False)
    op.create_index("ix_images_sha256", "images", ["sha256"], unique=False)
    op.create_index("ix_images_state_received", "images", ["state", "received_at"], unique=False)

    op.create_table(
        "lag_samples",
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", BIG, nullable=False),
        sa.Column("end_offset", BIG, nullable=False),
        sa.Column("committed_offset", BIG, nullable=False),
        sa.Column("seconds_behind", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("taken_at", "topic", "partition"),
    )
    op.create_table(
        "parts",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=50), nullable=False),
        sa.Column("pid", BIG, nullable=True),
        sa.Column("restarts", BIG, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", BIG, nullable=False),
        sa.Column("image_id", BIG, nullable=True),
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", BIG, nullable=False),
        sa.Column("offset", BIG, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("topic", "partition", "offset"),
    )
    op.create_index("ix_dead_letters_image_id", "dead_letters", ["image_id"], unique=False)
    op.create_index("ix_dead_letters_reason", "dead_letters", ["reason"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("topic", sa.String(length=249), nullable=False),
        sa.Column("partition", BIG, nullable=False),
        sa.Column("offset", BIG, nullable=False),
        sa.Column("image_id", BIG, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("topic", "partition", "offset"),
    )
    op.create_index("ix_deliveries_image_id", "deliveries", ["image_id"], unique=False)
    op.create_index(
        "ix_deliveries_outcome", "deliveries", ["topic", "partition", "outcome"], unique=False
    )

    op.create_table(
        "results",
        sa.Column("id", BIG, nullable=False),
        sa.Column("image_id", BIG, nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("width", BIG, nullable=False),
        sa.Column("height", BIG, nullable=False),
        sa.Column("spread_sha256", sa.String(length=64), nullable=True),
        sa.Column("mean_spread", sa.Double(), nullable=True),
        sa.Column("tiles", BIG, nullable=False),
        sa.Column("queue_s", sa.Double(), nullable=False),
        sa.Column("decode_s", sa.Double(), nullable=False),
        sa.Column("tile_s", sa.Double(), nullable=False),
        sa.Column("model_s", sa.Double(), nullable=False),
        sa.Column("join_s", sa.Double(), nullable=False),
        sa.Column("store_s", sa.Double(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("image_id", "model", "version"),
    )
    op.create_index("ix_results_stored", "results", ["stored_at"], unique=False)
