from __future__ import annotations

import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Dialect, create_engine, inspect, text
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_docflow.exceptions import LedgerSchemaMismatch, LedgerUnavailable
from airflow_provider_docflow.ledger import Ledger, migrate
from airflow_provider_docflow.ledger.database import Database
from airflow_provider_docflow.ledger.models import metadata
from tests.ledger.samples import KEY

_INI = Path(migrate.__file__).with_name("alembic.ini")


def test_migrations_and_models_agree(database_url: str) -> None:
    migrate.upgrade(database_url)
    database = Database(database_url)
    with database.transaction() as connection:
        options = {"compare_type": True, "version_table": migrate.VERSION_TABLE}
        options["include_object"] = lambda _object, name, kind, *_: (
            kind != "table" or name.startswith("docflow_")
        )
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, migrate.VERSION_TABLE}
    database.close()


def test_migrated_columns_are_those_of_the_models(database_url: str, tmp_path: Path) -> None:
    """Alembic compares types loosely: here the migrated tables meet tables made from the models."""
    migrate.upgrade(database_url)
    database = Database(database_url)
    with database.transaction() as connection:
        migrated = {name: _shape(connection, name) for name in metadata.tables}
        for name in metadata.tables:
            connection.execute(text(f"DROP TABLE {name}"))
        metadata.create_all(connection)
        assert migrated == {name: _shape(connection, name) for name in metadata.tables}
    database.close()


def _shape(connection: object, name: str) -> object:
    found = inspect(connection)
    columns = [(one["name"], repr(one["type"]), one["nullable"]) for one in found.get_columns(name)]  # type: ignore[union-attr]
    indexes = sorted((one["name"], one["column_names"], one["unique"]) for one in found.get_indexes(name))  # type: ignore[union-attr]
    key = found.get_pk_constraint(name)["constrained_columns"]  # type: ignore[union-attr]
    return columns, indexes, key


def test_the_code_knows_every_version_and_works_with_the_last() -> None:
    scripts = ScriptDirectory.from_config(Config(str(_INI)))
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(revisions)) == migrate.VERSIONS
    assert scripts.get_current_head() == migrate.SCHEMA_VERSION


@pytest.mark.parametrize(
    "dialect", [sqlite.dialect(), postgresql.dialect(), mysql.dialect()], ids=lambda d: d.name
)
def test_every_table_compiles_and_its_names_fit(dialect: Dialect) -> None:
    for table in metadata.tables.values():
        CreateTable(table).compile(dialect=dialect)
        for index in table.indexes:
            CreateIndex(index).compile(dialect=dialect)
            assert len(str(index.name)) <= 63
            longest = sum(4 * (getattr(column.type, "length", None) or 8) for column in index.columns)
            assert longest <= 3072, f"{index.name} is too long for MySQL"


def test_upgrade_twice_changes_nothing(database_url: str) -> None:
    assert migrate.upgrade(database_url) == migrate.SCHEMA_VERSION
    first = Ledger.open(database_url, keys=[KEY]).ledger_id
    assert Ledger.upgrade(database_url) == migrate.SCHEMA_VERSION
    assert Ledger.open(database_url, keys=[KEY]).ledger_id == first


def test_sqlite_creates_itself_private_and_servers_refuse(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        assert Ledger.open(database_url, keys=[KEY]).schema_version == migrate.SCHEMA_VERSION
        mode = Path(database_url.removeprefix("sqlite:///")).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    else:
        with pytest.raises(LedgerSchemaMismatch, match="airflow docflow db upgrade"):
            Ledger.open(database_url, keys=[KEY])


def test_nothing_is_created_when_it_may_not_be(sqlite_url: str) -> None:
    with pytest.raises(LedgerSchemaMismatch, match="no tables yet"):
        Ledger.open(sqlite_url, keys=[KEY], create=False)
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_a_newer_schema_is_refused_by_open_and_by_upgrade(database_url: str) -> None:
    migrate.upgrade(database_url)
    _pretend(database_url, "9999")
    with pytest.raises(LedgerSchemaMismatch, match="newer"):
        Ledger.open(database_url, keys=[KEY], create=True)
    with pytest.raises(LedgerSchemaMismatch, match="newer"):
        migrate.upgrade(database_url)


def test_an_older_schema_is_refused_where_it_may_not_be_upgraded(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.upgrade(database_url)
    monkeypatch.setattr(migrate, "VERSIONS", (migrate.SCHEMA_VERSION, "9999"))
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", "9999")
    with pytest.raises(LedgerSchemaMismatch, match="airflow docflow db upgrade"):
        Ledger.open(database_url, keys=[KEY], create=False)


def test_tables_of_others_are_left_alone(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE somebody_elses (id INTEGER)"))
    migrate.upgrade(database_url)
    with database.transaction() as connection:
        assert inspect(connection).has_table("somebody_elses")
    database.close()


def test_a_half_made_sqlite_schema_is_undone(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = migrate._run

    def run_and_fail(connection: object) -> None:
        run(connection)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrate, "_run", run_and_fail)
    with pytest.raises(RuntimeError, match="power cut"):
        Ledger.open(sqlite_url, keys=[KEY])
    engine = create_engine(sqlite_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    monkeypatch.undo()
    Ledger.open(sqlite_url, keys=[KEY]).close()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="Create its folder"):
        Ledger.open(f"sqlite:///{tmp_path}/nowhere/ledger.db", keys=[KEY])


def _pretend(url: str, version: str) -> None:
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = :v"), {"v": version})
    database.close()
