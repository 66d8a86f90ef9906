"""A database comes back from its copy as it was, on both databases."""

import uuid
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from infra.backup.backup import back_up, restore
from infra.backup.databases import CannotBackUp, bring_back, snapshot
from infra.blobs import Blob, open_blob_store
from infra.database.engine import Database
from infra.settings import Settings
from tests.fixtures.released_schemas import SCHEMAS, at_schema, read_rows


@pytest.fixture
def another_url(database_url: str, tmp_path: Path) -> str:
    """Of an empty database of the same kind."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/other/doublet.sqlite"
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(database_url).set(database=name).render_as_string(hide_password=False)


def test_a_database_comes_back_as_it_was_while_others_wrote(
    database_url: str, another_url: str, tmp_path: Path
) -> None:
    with closing(Database(database_url)) as database:
        written = at_schema(database, SCHEMAS[-1])
        with database.transaction() as session:
            session.execute(text("UPDATE images SET name = 'not committed yet'"))
            snapshot(database_url, tmp_path)
    bring_back(another_url, tmp_path)
    with closing(Database(another_url)) as restored:
        assert read_rows(restored, written) == written
    with pytest.raises(CannotBackUp, match=r"restore into an empty"):
        bring_back(another_url, tmp_path)


def test_a_folder_that_is_no_backup_is_refused(another_url: str, tmp_path: Path) -> None:
    with pytest.raises(CannotBackUp, match=r"holds no database\."):
        bring_back(another_url, tmp_path)


@pytest.mark.postgres
def test_postgres_without_its_tools_is_one_line(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBackUp, match="apt install postgresql-client"):
        snapshot(postgres_database, tmp_path)


def settings_in(home: Path) -> Settings:
    return Settings(_env_file=None, doublet_home=home)


def test_a_second_backup_copies_only_new_blobs(tmp_path: Path) -> None:
    home, copy = settings_in(tmp_path / "home"), tmp_path / "copy"
    at_schema(Database(home.database), SCHEMAS[-1])
    blobs = open_blob_store(home)
    blobs.put(b"one")
    assert back_up(home, copy).blobs == 1
    two = blobs.put(b"two")
    assert back_up(home, copy).blobs == 1
    away = settings_in(tmp_path / "away")
    assert restore(away, copy).blobs == 2
    assert open_blob_store(away).get(two) == b"two"


def test_a_damaged_blob_is_named_and_not_brought_back(tmp_path: Path) -> None:
    home, copy = settings_in(tmp_path / "home"), tmp_path / "copy"
    at_schema(Database(home.database), SCHEMAS[-1])
    blob = open_blob_store(home).put(b"one")
    back_up(home, copy)
    (copy / "blobs" / blob.path).write_bytes(b"two")
    away = settings_in(tmp_path / "away")
    with pytest.raises(CannotBackUp, match=f"{blob.reference} is damaged"):
        restore(away, copy)
    assert Blob(blob.sha256) not in {it.blob for it in open_blob_store(away).stored()}


def test_a_database_that_is_not_there_or_no_database_is_one_line(tmp_path: Path) -> None:
    home = settings_in(tmp_path / "home")
    with pytest.raises(CannotBackUp, match="there is no database"):
        back_up(home, tmp_path / "copy")
    file = Path(make_url(home.database).database or "")
    file.parent.mkdir()
    file.write_bytes(b"nonsense" * 1000)
    with pytest.raises(CannotBackUp, match="cannot copy"):
        back_up(home, tmp_path / "copy")
