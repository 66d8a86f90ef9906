"""The HTTP door's keys and pictures, and watched folders."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# SQLite numbers rows by itself only where the key is a plain INTEGER.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("per_day", BIG, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_table(
        "api_pictures",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key_id", BIG, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=True),
        sa.Column("event_id", sa.String(length=200), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("length", BIG, nullable=True),
        sa.Column("topic", sa.String(length=249), nullable=True),
        sa.Column("partition", BIG, nullable=True),
        sa.Column("offset", BIG, nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_api_pictures_key_created", "api_pictures", ["key_id", "created_at"], unique=False
    )
    op.create_table(
        "watched_files",
        sa.Column("path", sa.String(length=600), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("modified_ns", BIG, nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("dealt_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
