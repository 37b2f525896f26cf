"""DuckDB inside the worker, which spills to disk when its memory is used up."""

from __future__ import annotations

import codecs
import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_docflow.reconcile.dialect import DUCKDB, literal, quoted

#: Encodings that DuckDB reads, as Python calls them; the others are recoded first.
_CODECS = {"utf-8": "utf-8", "utf-8-sig": "utf-8", "iso8859-1": "latin-1", "utf-16": "utf-16"}


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

    @property
    def folder(self) -> str:
        """Return a folder of its own that goes when it is closed."""
        return self._folder.name

    def make(self, name: str, query: str) -> int:
        """Keep the rows of a query as a table, in place of one of this name; return how many there are."""
        made = self.connection.execute(f"CREATE OR REPLACE TABLE {quoted(name)} AS {query}").fetchone()
        return int(made[0]) if made else 0

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

    def load_csv(
        self, name: str, path: str, columns: Sequence[str], *, delimiter: str, encoding: str
    ) -> None:
        """Give a .csv file a name, all of it as texts; a row that is not like its headings fails."""
        codec = codecs.lookup(encoding).name
        with contextlib.ExitStack() as stack:
            if codec not in _CODECS:
                path = str(stack.enter_context(self._recoded(path, codec)))
            # Names of their own: a heading may be empty, or come up twice where nobody needs it.
            names = [f"c{n}" for n in range(len(columns))] or ["c0"]
            types = ", ".join(f"{literal(one)}: 'VARCHAR'" for one in names)
            shown = {
                one.casefold(): f"{at} AS {quoted(one)}"
                for at, one in reversed(list(zip(names, columns, strict=False)))
                if one and one.casefold() != "rid"
            }
            self.make(
                name,
                f"SELECT {', '.join(shown.values()) or '*'} FROM read_csv({literal(path)},"
                f" columns = {{{types}}}, auto_detect = false, header = true, delim = {literal(delimiter)},"
                f" quote = '\"', escape = '\"', strict_mode = true, null_padding = false,"
                f" encoding = {literal(_CODECS.get(codec, 'utf-8'))})",
            )

    @contextlib.contextmanager
    def _recoded(self, path: str, codec: str) -> Iterator[Path]:
        """Give a copy in UTF-8 of a file in an encoding that DuckDB does not read."""
        copy = Path(self._folder.name, "recoded.csv")
        with (
            open(path, encoding=codec, newline="") as source,
            copy.open("w", encoding="utf-8", newline="") as sink,
        ):
            shutil.copyfileobj(source, sink)
        try:
            yield copy
        finally:
            copy.unlink()

    def load_parquet(self, name: str, path: str) -> None:
        """Give a .parquet file a name; it is read where it lies."""
        file = f"read_parquet({literal(path)})"
        columns = self.connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()
        own = [quoted(str(row[0])) for row in columns if str(row[0]).casefold() == "rid"]
        others = f"* EXCLUDE ({own[0]})" if own else "*"
        self.view(name, f"SELECT file_row_number AS rid, {others} FROM {file}")

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a table and their types, in the engine's words."""
        found = self.connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
        return {str(row[0]): str(row[1]) for row in found}

    def close(self) -> None:
        """Drop what was kept."""
        self.connection.close()
        self._folder.cleanup()
