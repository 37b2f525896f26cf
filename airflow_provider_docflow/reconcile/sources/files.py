"""Files: .csv, .parquet and .xlsx, wherever an ObjectStoragePath leads."""

from __future__ import annotations

import codecs
import csv
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.sources.base import Reading, Source, chosen, load_rows

FORMATS = (".csv", ".parquet", ".xlsx")
DELIMITERS = (",", ";", "\t", "|")


@dataclass
class FileSource(Source):
    """A file.

    :param path: as :class:`airflow.sdk.ObjectStoragePath` takes it, or a local path.
    :param conn_id: connection of the object storage, where it needs one.
    :param sheet: of a workbook; the first one if empty.
    :param delimiter: of a .csv; found out by its headings if empty.
    :param encoding: of a .csv, as Python calls it: ``utf-8``, ``gbk``.
    """

    path: str
    conn_id: str = ""
    sheet: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"

    template_fields: ClassVar[Sequence[str]] = (*Source.template_fields, "path", "conn_id", "sheet")

    def title(self) -> str:
        """Return what people call it."""
        return self.name or self.path.rpartition("/")[2]

    def dataset(self) -> tuple[str, str]:
        """Return namespace and name by which lineage knows it, as OpenLineage names files."""
        scheme, found, rest = self.path.partition("://")
        if not found or scheme == "file":
            return "file", rest or scheme
        bucket, _, key = rest.rpartition("@")[2].partition("/")
        return f"{scheme}://{bucket}", key

    def load(self, engine: Engine, table: str, reading: Reading) -> None:
        """Make a table of the engine out of the file.

        :raises Misconfigured: the file's format is not known.
        :raises NotFound: there is no such file.
        :raises InvalidDocument: the file cannot be read.
        """
        suffix = Path(self.path).suffix.lower()
        if suffix not in FORMATS:
            raise exc.Misconfigured(
                f"{self.path} is none of {', '.join(FORMATS)}.",
                field="path",
                remedy="Convert it to one of them.",
            )
        with self._local(engine, suffix) as path:
            if suffix == ".xlsx":
                self._load_workbook(engine, table, path, reading)
                return
            try:
                if suffix == ".csv":
                    delimiter, names = self._headings(path)
                    chosen(names, reading)
                    engine.load_csv(table, str(path), names, delimiter=delimiter, encoding=self.encoding)
                else:
                    engine.load_parquet(table, str(path))
            except exc.DocflowError:
                raise
            except Exception as error:
                raise self._unreadable(error) from error

    @contextmanager
    def _local(self, engine: Engine, suffix: str) -> Iterator[Path]:
        if "://" not in self.path or self.path.startswith("file://"):
            path = Path(self.path.removeprefix("file://"))
            if not path.is_file():
                raise self._missing()
            yield path
            return
        from airflow.sdk import ObjectStoragePath

        remote = ObjectStoragePath(self.path, conn_id=self.conn_id or None)
        # An engine may read a file again as long as it lives; a workbook is read once.
        folder = None if suffix == ".xlsx" else engine.folder
        with tempfile.NamedTemporaryFile(
            prefix="docflow-", suffix=suffix, dir=folder, delete=folder is None
        ) as copy:
            try:
                with remote.open("rb") as file:  # type: ignore[no-untyped-call]
                    shutil.copyfileobj(file, copy)
            except FileNotFoundError:
                raise self._missing() from None
            copy.flush()
            yield Path(copy.name)

    def _missing(self) -> exc.NotFound:
        return exc.NotFound(f"there is no file {self.path}.", system=self.title(), field="path")

    def _headings(self, path: Path) -> tuple[str, list[str]]:
        """Return the delimiter of a .csv and its headings, each of them once.

        Nothing is guessed from the rows: a guess that does not fit would leave rows out.

        :raises Misconfigured: the encoding is none.
        """
        encoding = self._codec()
        found: dict[str, list[str]] = {}
        for delimiter in [self.delimiter] if self.delimiter else DELIMITERS:
            with path.open(encoding=encoding, newline="") as file:
                found[delimiter] = next(csv.reader(file, delimiter=delimiter), [])
        delimiter = max(found, key=lambda one: len(found[one]))
        return delimiter, [name.strip() for name in found[delimiter]]

    def _codec(self) -> str:
        try:
            name = codecs.lookup(self.encoding).name
        except LookupError as error:
            raise exc.Misconfigured(
                f"{self.encoding!r} is no encoding.", field="encoding", remedy="Such as utf-8 or gbk."
            ) from error
        return "utf-8-sig" if name == "utf-8" else name

    def _unreadable(self, error: Exception) -> exc.InvalidDocument:
        # What comes after it is the line itself, and advice to be less strict.
        words = str(error).partition("Original Line")[0].strip()
        return exc.InvalidDocument(
            f"{self.path} cannot be read as {self.encoding}: {words}",
            system=self.title(),
            field="path",
            remedy="Nothing was reconciled. Correct the file, or name its delimiter, encoding or sheet.",
        )

    def _load_workbook(self, engine: Engine, table: str, path: Path, reading: Reading) -> None:
        from openpyxl import load_workbook

        try:
            book = load_workbook(path, read_only=True, data_only=True)
            sheet = book[self.sheet] if self.sheet else book.worksheets[0]
        except Exception as error:
            raise self._unreadable(error) from error
        with closing(book):
            rows = sheet.iter_rows(values_only=True)
            head = {at: str(name).strip() for at, name in enumerate(next(rows, ())) if name is not None}
            filled: Iterator[Sequence[Any]] = (
                [row[at] if at < len(row) else None for at in head]
                for row in rows
                if any(cell is not None for cell in row)
            )
            load_rows(engine, table, list(head.values()), filled, reading)
