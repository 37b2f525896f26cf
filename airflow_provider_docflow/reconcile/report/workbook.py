"""The workbook: a summary, and one sheet per kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow_provider_docflow.core.redact import MASK
from airflow_provider_docflow.locale import text
from airflow_provider_docflow.reconcile.items import Value
from airflow_provider_docflow.reconcile.outcome import Outcome
from airflow_provider_docflow.reconcile.report.tables import figure

#: A workbook's number has this many digits; what has more stands there as text, exactly.
DIGITS = 15
_ROWS = 1_048_000


class Workbook:
    """Writes rows to sheets as they come."""

    def __init__(self, columns: Sequence[str], language: str) -> None:
        from openpyxl import Workbook as Book

        self.columns, self.language = columns, language
        self._book = Book(write_only=True)
        self._summary = self._book.create_sheet(self._text("reconcile.summary"))
        self._sheets: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        """Add rows, each to the sheet of its standing and kind."""
        for row in rows:
            kind = str(row[1]) if row[0] == "break" else str(row[0])
            self._sheet(kind).append([self._cell(value) for value in row])

    def summarise(self, outcome: Outcome, told: Mapping[str, Any]) -> None:
        """Fill the summary.

        :param told: the figures, masked where they have to be.
        """
        self._line(self._text("reconcile.title", name=outcome.name))
        self._line(self._text("reconcile.as_of"), told["as_of"])
        self._line(self._text("reconcile.cut_off"), told["cut_off"] or "")
        for side in ("left", "right"):
            self._line(self._text(f"reconcile.documents_{side}"), told["documents"][side])
        self._line()
        for kind, count in told["counts"].items():
            self._line(self._text(f"break.{kind}"), count)
        self._line()
        names = ("currency", "left", "right", "difference")
        self._line(*(self._text(f"reconcile.{name}") for name in names), self._text("reconcile.explained_by"))
        for total in told["totals"]:
            amounts = [one if (one := total[name]) == MASK else Decimal(one) for name in names[1:]]
            effects = total["explained_by"].items()
            parts = [f"{self._text(f'break.{word}')} {figure(value)}" for word, value in effects]
            self._line(total["currency"], *amounts, "; ".join(parts))

    def save(self, path: Path) -> None:
        """Write the file."""
        self._book.save(path)

    def _sheet(self, kind: str) -> Any:
        number = self._counts.get(kind, 0)
        self._counts[kind] = number + 1
        part = number // _ROWS
        name = f"{kind} {part + 1}" if part else kind
        if name not in self._sheets:
            sheet = self._book.create_sheet(_title(self._text(f"break.{kind}"), part))
            sheet.freeze_panes = "A2"
            sheet.append([self._cell(self._heading(column)) for column in self.columns])
            self._sheets[name] = sheet
        return self._sheets[name]

    def _heading(self, column: str) -> str:
        side, dot, name = column.partition(".")
        return f"{self._text(f'reconcile.{side}')} {name}" if dot else self._text(f"reconcile.{column}")

    def _line(self, *values: Any) -> None:
        self._summary.append([self._cell(value) for value in values])

    def _cell(self, value: Any) -> Any:
        from openpyxl.cell import WriteOnlyCell

        if isinstance(value, Decimal) and len(value.as_tuple().digits) > DIGITS:
            value = format(value, "f")
        cell = WriteOnlyCell(self._summary, value=_printable(value))
        if isinstance(value, str):
            # A text that begins with "=" is a text: nobody's remittance line becomes a formula.
            cell.data_type = "s"
        return cell

    def _text(self, code: str, **names: Any) -> str:
        return text(code, self.language, **names)


def _title(name: str, part: int) -> str:
    plain = "".join(letter for letter in name if letter not in "[]:*?/\\\\")
    return f"{plain[:26]} {part + 1}" if part else plain[:31]


def _printable(value: Any) -> Any:
    """Return a text without the control characters that a workbook cannot hold."""
    if not isinstance(value, str):
        return value
    return "".join(letter for letter in value if letter >= " " or letter in "\t\n\r")[:32_767]
