"""What the plan asks of an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from airflow_provider_docflow.reconcile.dialect import Dialect


class Engine(Protocol):
    """Runs the statements of the plan and keeps its tables until it is closed."""

    @property
    def dialect(self) -> Dialect:
        """Return its way to say it."""

    @property
    def folder(self) -> str | None:
        """Return a folder of its own that goes when it is closed; None where it reads no files."""

    def make(self, name: str, query: str) -> int:
        """Keep the rows of a query as a table, in place of one of this name; return how many there are."""

    def take_in(self, name: str, query: str) -> int:
        """Keep the rows of a query with a number ``rid`` for each, from 0; return how many there are."""

    def view(self, name: str, query: str) -> None:
        """Give a query a name, in place of one of this name, without keeping its rows."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which are few."""

    def stream(self, query: str, size: int = 10_000) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Return the rows of a query, part by part."""

    def load(
        self, name: str, columns: Sequence[str], parts: Iterable[Sequence[Sequence[str | None]]]
    ) -> None:
        """Keep rows of texts as a table, in place of one of this name."""

    def load_csv(
        self, name: str, path: str, columns: Sequence[str], *, delimiter: str, encoding: str
    ) -> None:
        """Give a .csv file a name, all of it as texts; a row that is not like its headings fails."""

    def load_parquet(self, name: str, path: str) -> None:
        """Give a .parquet file a name."""

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a table and their types, in the engine's words."""

    def close(self) -> None:
        """Drop what was kept."""
