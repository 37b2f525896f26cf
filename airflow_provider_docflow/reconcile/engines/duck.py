"""DuckDB inside the worker, which spills to disk when its memory is used up."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_docflow.reconcile.dialect import DUCKDB, literal, quoted


class DuckEngine:
    """One database of its own, in a folder that goes when it is closed.

    :param memory_limit: such as ``4GB``; beyond it DuckDB writes to disk. None leaves it to DuckDB.
    :param threads: how many; None takes the machine's.
    :param folder: where it spills to.
    """

    dialect = DUCKDB

    def __init__(
        self, *, memory_limit: str | None = None, threads: int | None = None, folder: str | None = None
    ) -> None:
        import duckdb

        self._folder = tempfile.TemporaryDirectory(prefix="docflow-reconcile-", dir=folder)
        config: dict[str, Any] = {
            "temp_directory": str(Path(self._folder.name, "spill")),
            "preserve_insertion_order": False,
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        if threads:
            config["threads"] = threads
        self.connection = duckdb.connect(":memory:", config=config)

    def make(self, name: str, query: str) -> int:
        """Keep the rows of a query as a table, in place of one of this name; return how many there are."""
        self.connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS {query}")
        counted = self.connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()
        return int(counted[0]) if counted else 0

    def take_in(self, name: str, query: str) -> int:
        """Keep the rows of a query with a number ``rid`` for each, from 0; return how many there are."""
        rows = self.make(f"{name}_rows", query)
        self.view(name, f"SELECT rowid AS rid, * FROM {quoted(f'{name}_rows')}")
        return rows

    def view(self, name: str, query: str) -> None:
        """Give a query a name, in place of one of this name, without keeping its rows."""
        self.connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {query}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which are few."""
        return self.connection.execute(query).fetchall()

    def stream(self, query: str, size: int = 10_000) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Return the rows of a query, part by part."""
        cursor = self.connection.cursor().execute(query)
        while some := cursor.fetchmany(size):
            yield some

    def load(
        self, name: str, columns: Sequence[str], parts: Iterable[Sequence[Sequence[str | None]]]
    ) -> None:
        """Keep rows of texts as a table, in place of one of this name."""
        import pandas as pd

        shown = ", ".join(f"{quoted(column)} VARCHAR" for column in columns)
        self.connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} ({shown})")
        for part in parts:
            # Object columns: pandas' own texts would make of None what is no NULL.
            frame = pd.DataFrame(list(part), columns=[f"c{n}" for n in range(len(columns))], dtype=object)
            self.connection.register("part", frame)
            self.connection.execute(f"INSERT INTO {quoted(name)} SELECT * FROM part")
            self.connection.unregister("part")

    def load_file(self, name: str, path: str, kind: str, *, delimiter: str = "", encoding: str = "") -> None:
        """Give a .csv (all texts) or .parquet file a name."""
        if kind == "parquet":
            self.view(name, f"SELECT file_row_number AS rid, * FROM read_parquet({literal(path)})")
            return
        more = f", delim = {literal(delimiter)}" if delimiter else ""
        reader = (
            f"read_csv({literal(path)}, all_varchar = true, header = true, encoding = {literal(encoding)}"
        )
        self.make(name, f"SELECT * FROM {reader}{more})")

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a table and their types, in the engine's words."""
        found = self.connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
        return {str(row[0]): str(row[1]) for row in found}

    def close(self) -> None:
        """Drop what was kept."""
        self.connection.close()
        self._folder.cleanup()
