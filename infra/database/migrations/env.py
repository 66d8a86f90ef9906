"""Run by Alembic, on the connection that infra.database.migrate hands over."""

from alembic import context

from infra.database import backfill, doors, faults  # noqa: F401  (their tables as well)
from infra.database.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by writing it anew
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
