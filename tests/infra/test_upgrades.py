"""Databases of earlier versions are brought forward, and keep all that they held."""

import pytest
from sqlalchemy import select

from infra.books import read_books
from infra.database.engine import Database
from infra.database.migrate import revision, upgrade
from infra.database.models import Base, Image, ImageState
from infra.eventlog.offsets import PartitionOffsets
from infra.eventlog.topics import UPLOADS
from tests.fixtures.released_schemas import SCHEMAS, at_schema, read_rows


@pytest.fixture
def empty(database_url: str) -> Database:
    return Database(database_url)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_an_earlier_version_wrote_is_there_after_the_upgrade(
    schema: str, empty: Database
) -> None:
    written = at_schema(empty, schema)
    assert upgrade(empty) == SCHEMAS[-1] == revision(empty)
    assert read_rows(empty, written) == written
    with empty.reading() as session:
        for mapper in Base.registry.mappers:
            read = session.scalars(select(mapper.class_)).all()
            assert read or mapper.local_table.description not in written
        assert session.scalars(select(Image.state)).one() is ImageState.DONE
        # Behind the picture that was done, retention deleted one where gaps were known already.
        end = 2 if "gaps" in written else 1
        account = read_books(session, [PartitionOffsets(UPLOADS, 0, 0, end, end)]).total
    assert (account.done, account.deleted, account.difference) == (1, end - 1, 0)
    empty.close()
