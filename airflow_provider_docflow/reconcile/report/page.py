"""The page that a manager reads: what is open, since when, and how the totals come about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_docflow.locale import text
from airflow_provider_docflow.reconcile.items import Value
from airflow_provider_docflow.reconcile.report.tables import AGES, age_group, figure

LISTED = 200
STANDINGS = ("timing", "expected", "suggested", "tolerated", "written_off", "matched")
_TEMPLATE = Path(__file__).with_name("page.html")
_BAR = 320


class Page:
    """Collects what the page shows while the rows go by."""

    def __init__(self, columns: Sequence[str], language: str) -> None:
        self.columns, self.language = columns, language
        self._ages: Counter[str] = Counter()
        self._listed: list[Sequence[Value]] = []
        self._breaks = 0

    def add(self, row: Sequence[Value]) -> None:
        """Count a row, and list it if it is one of the first breaks."""
        if row[0] != "break":
            return
        self._breaks += 1
        self._ages[age_group(row[6] if isinstance(row[6], int) else None)] += 1
        if len(self._listed) < LISTED:
            self._listed.append(row)

    def save(self, path: Path, told: Mapping[str, Any]) -> None:
        """Write the page; it needs nothing but itself.

        :param told: the figures, masked where they have to be.
        """
        from jinja2 import Environment, StrictUndefined

        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        environment.filters["figure"] = figure
        template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
        page = template.render(
            language=self.language,
            told=told,
            t=self._text,
            ages=self._bars({code: self._ages[code] for code in self._age_codes()}),
            kinds=self._counted(told["counts"], breaks=True),
            others=self._counted(told["counts"], breaks=False),
            as_of=told["as_of"][:16].replace("T", " "),
            columns=[self._heading(column) for column in self.columns],
            rows=[[_shown(value) for value in row] for row in self._listed],
            more=self._breaks - len(self._listed),
        )
        path.write_text(page, encoding="utf-8")

    def _counted(self, counts: Mapping[str, int], *, breaks: bool) -> list[dict[str, Any]]:
        """Return the kinds of breaks, or what is none."""
        shown = {
            f"break.{kind}": count
            for kind, count in counts.items()
            if count and kind != "breaks" and (kind in STANDINGS) is not breaks
        }
        return self._bars(shown)

    def _age_codes(self) -> list[str]:
        codes = [*(f"age.{limit}" for limit in AGES), "age.older"]
        return [*codes, "age.unknown"] if self._ages["age.unknown"] else codes

    def _bars(self, counts: Mapping[str, int]) -> list[dict[str, Any]]:
        most = max(counts.values(), default=0) or 1
        return [
            {"label": self._text(code), "count": count, "width": round(_BAR * count / most)}
            for code, count in counts.items()
        ]

    def _heading(self, column: str) -> str:
        side, dot, name = column.partition(".")
        return f"{self._text(f'reconcile.{side}')} {name}" if dot else self._text(f"reconcile.{column}")

    def _text(self, code: str, **names: Any) -> str:
        return text(code, self.language, **names)


def _shown(value: Value) -> str:
    return "" if value is None else format(value, "f") if hasattr(value, "as_tuple") else str(value)
