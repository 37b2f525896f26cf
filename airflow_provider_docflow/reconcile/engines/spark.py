"""Spark, for sides that outgrow one machine: Spark Connect, or a master of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.reconcile.dialect import SPARK

_SETTINGS = {
    # A decimal that does not fit fails instead of losing digits or becoming NULL.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.session.timeZone": "UTC",
    # With it Spark 4.3 fails where a table is united with itself after a checkpoint.
    "spark.sql.constraintPropagation.enabled": "false",
}


class SparkEngine:
    """A session of Spark; its tables are views of what it has computed and keeps.

    :param address: ``sc://host:15002`` for Spark Connect, else a master such as ``local[2]``.
    :param settings: further settings of the session.
    :raises Misconfigured: pyspark is not installed, or there is no address.
    """

    dialect = SPARK

    def __init__(self, address: str, **settings: str) -> None:
        if not address:
            raise exc.Misconfigured(
                "there is no Spark.", field="spark", remedy="Give its address, such as sc://spark:15002."
            )
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise exc.Misconfigured(
                "pyspark is not installed.",
                field="engine",
                remedy="pip install 'airflow-provider-docflow[spark]'",
            ) from error
        builder: Any = SparkSession.builder
        self._local = not address.startswith("sc://")
        builder = builder.master(address) if self._local else builder.remote(address)
        self._folder = tempfile.TemporaryDirectory(prefix="docflow-spark-")
        if self._local:
            builder = builder.appName("docflow reconcile").config("spark.ui.enabled", "false")
            builder = builder.config("spark.sql.warehouse.dir", self._folder.name)
        for name, value in {**_SETTINGS, **settings}.items():
            builder = builder.config(name, value)
        self.session: Any = builder.getOrCreate()
        for name, value in _SETTINGS.items():
            self.session.conf.set(name, value)

    @property
    def folder(self) -> str:
        """Return a folder of its own that goes when it is closed."""
        return self._folder.name

    def make(self, name: str, query: str) -> int:
        """Keep the rows of a query as a table, in place of one of this name; return how many there are."""
        # Cut off from what it was made of: a plan of fifty steps would be planned anew at each.
        frame = self.session.sql(query).localCheckpoint(eager=True)
        frame.createOrReplaceTempView(name)
        return int(frame.count())

    def take_in(self, name: str, query: str) -> int:
        """Keep the rows of a query with a number ``rid`` for each; return how many there are."""
        return self.make(name, f"SELECT monotonically_increasing_id() AS rid, q.* FROM ({query}) q")

    def view(self, name: str, query: str) -> None:
        """Give a query a name, in place of one of this name, without keeping its rows."""
        self.session.sql(query).createOrReplaceTempView(name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which are few."""
        return [tuple(row) for row in self.session.sql(query).collect()]

    def stream(self, query: str, size: int = 10_000) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Return the rows of a query, part by part."""
        some: list[tuple[Any, ...]] = []
        for row in self.session.sql(query).toLocalIterator():
            some.append(tuple(row))
            if len(some) == size:
                yield some
                some = []
        if some:
            yield some

    def load(
        self, name: str, columns: Sequence[str], parts: Iterable[Sequence[Sequence[str | None]]]
    ) -> None:
        """Keep rows of texts as a table, in place of one of this name."""
        from pyspark.sql.types import StringType, StructField, StructType

        shape = StructType([StructField(column, StringType()) for column in columns])
        frame = self.session.createDataFrame([], shape)
        for part in parts:
            frame = frame.unionAll(self.session.createDataFrame([tuple(row) for row in part], shape))
        frame.localCheckpoint(eager=True).createOrReplaceTempView(name)

    def load_csv(
        self, name: str, path: str, columns: Sequence[str], *, delimiter: str, encoding: str
    ) -> None:
        """Give a .csv file a name, all of it as texts; every worker of Spark has to reach it."""
        options = {
            "header": "true",
            "encoding": encoding,
            "sep": delimiter,
            "escape": '"',
            "mode": "FAILFAST",
        }
        frame = self.session.read.options(**options).csv(path)
        frame.drop("rid").createOrReplaceTempView(name)

    def load_parquet(self, name: str, path: str) -> None:
        """Give a .parquet file a name; every worker of Spark has to reach it."""
        self.session.read.parquet(path).drop("rid").createOrReplaceTempView(name)

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a table and their types, in the engine's words."""
        return {column: kind.upper() for column, kind in self.session.table(name).dtypes}

    def close(self) -> None:
        """Drop what was kept; a session of one's own ends."""
        if self._local:
            self.session.stop()
        self._folder.cleanup()
