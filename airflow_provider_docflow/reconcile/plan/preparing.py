"""The two sides as typed tables: amounts exact, dates as dates, nothing guessed and nothing dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.redact import MASK
from airflow_provider_docflow.document.money import MINOR_UNITS
from airflow_provider_docflow.reconcile.comparisons import Kind
from airflow_provider_docflow.reconcile.dialect import Dialect, literal
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.plan.converting import convert, prepare_rates
from airflow_provider_docflow.reconcile.rates import Rates
from airflow_provider_docflow.reconcile.sides import Layout, Side

_EXACT = ("DECIMAL", "NUMERIC", "INT", "BIGINT", "HUGEINT", "SMALLINT", "TINYINT", "INTEGER", "UBIGINT")
_LISTED = 5


@dataclass(frozen=True)
class Counted:
    """How much of a source belongs to the reconciliation.

    :param rows: documents that take part.
    :param after_cut_off: documents that are later than the cut-off and do not.
    """

    rows: int
    after_cut_off: int


def prepare(
    engine: Engine, layout: Layout, sides: Mapping[str, Side], rates: Rates | None = None
) -> dict[str, Counted]:
    """Make ``l`` and ``r`` out of ``raw_l`` and ``raw_r``.

    :param rates: what ``raw_rates`` holds, if amounts are converted.
    :raises InvalidDocument: a column is missing, a value cannot be read, or a side is empty that may not be.
    """
    types = {key: engine.columns(f"raw_{key}") for key in sides}
    for key, side in sides.items():
        _check_columns(layout, side, types[key])
    if rates:
        prepare_rates(engine, rates)
    counted = {}
    for key, side in sides.items():
        columns = _columns(engine.dialect, layout, sides, types, key)
        rows = _prepare(engine, layout, side, key, columns, "rid" in types[key])
        _check_currencies(engine, layout, side, _uncut(side, key))
        counted[key] = _cut_off(engine, layout, side, key, rows)
        if rates:
            engine.view(key, f"SELECT * FROM {convert(engine, layout, side, rates, key)}")
    return counted


def _uncut(side: Side, key: str) -> str:
    """Return the table of a side with what is later than its cut-off, where it has one."""
    return f"all_{key}" if side.cut_off and side.date else key


def _check_columns(layout: Layout, side: Side, types: Mapping[str, str]) -> None:
    missing = sorted({side.column(name) for name in layout.read} - types.keys())
    if missing:
        known = ", ".join(sorted(name for name in types if name != "rid"))
        raise exc.InvalidDocument(
            f"{side.name} has no column {', '.join(missing)}.",
            system=side.name,
            field=missing[0],
            remedy=f"Its columns are {known}. Name the right one in columns=.",
        )


@dataclass(frozen=True)
class _Column:
    """A field: its expression, and the text that could not be read where there was one."""

    name: str
    value: str
    bad: str


def _columns(
    dialect: Dialect,
    layout: Layout,
    sides: Mapping[str, Side],
    types: Mapping[str, Mapping[str, str]],
    key: str,
) -> list[_Column]:
    columns = []
    for name in layout.read:
        kinds = {types[one][side.column(name)].upper() for one, side in sides.items()}
        side = sides[key]
        raw = dialect.name_of(side.column(name))
        value = _value(dialect, layout.kinds[name], raw, types[key][side.column(name)].upper(), side, kinds)
        text = dialect.text(raw)
        bad = f"CASE WHEN {text} IS NOT NULL AND {value} IS NULL THEN {text} END" if value != raw else "NULL"
        columns.append(_Column(name, value, bad if layout.kinds[name] != "text" else "NULL"))
    return columns


def _value(dialect: Dialect, kind: Kind, raw: str, raw_type: str, side: Side, both: set[str]) -> str:
    if kind == "amount":
        return raw if raw_type.startswith(_EXACT) else dialect.amount(dialect.text(raw))
    if kind == "date":
        return _day(dialect, raw, raw_type, side.zone)
    # Numbers of one type on both sides are joined as such; anything else meets as text.
    return raw if len(both) == 1 and raw_type.startswith(_EXACT[2:]) else dialect.text(raw)


def _day(dialect: Dialect, raw: str, raw_type: str, zone: str) -> str:
    if raw_type == "DATE":
        return raw
    if raw_type.startswith("TIMESTAMP") and ("ZONE" in raw_type or "TZ" in raw_type):
        return dialect.local_day(raw, zone)
    if raw_type.startswith("TIMESTAMP"):
        return f"cast({raw} AS DATE)"
    return dialect.text_day(dialect.text(raw), zone)


def _prepare(
    engine: Engine, layout: Layout, side: Side, key: str, columns: list[_Column], numbered: bool
) -> int:
    shown = ", ".join(
        [f"{column.value} AS {layout.column(column.name)}" for column in columns]
        + [f"{column.bad} AS x{layout.column(column.name)}" for column in columns if column.bad != "NULL"]
    )
    name = _uncut(side, key)
    if numbered and all(column.bad == "NULL" for column in columns):
        # It can be read again as often as need be, and nothing has to be parsed: no copy.
        engine.view(name, f"SELECT rid, {shown} FROM raw_{key}")
        rows = int(engine.rows(f"SELECT count(*) FROM {name}")[0][0])
    else:
        rows = engine.take_in(name, f"SELECT {shown} FROM raw_{key}")
    for column in columns:
        if column.bad != "NULL":
            _refuse(engine, layout, side, name, column)
    if not rows and not side.may_be_empty:
        raise exc.InvalidDocument(
            f"{side.name} has no documents at all.",
            system=side.name,
            remedy="Look at its query. If it may really be empty, say may_be_empty=True.",
        )
    return rows


def _check_currencies(engine: Engine, layout: Layout, side: Side, table: str) -> None:
    """Refuse a currency that is none: what is added up and compared by it would say nothing."""
    if not layout.currency:
        return
    column = layout.column(layout.currency)
    # More than there are in the world: one that is unknown is among them.
    found = engine.rows(f"SELECT {column} FROM {table} GROUP BY {column} LIMIT {2 * len(MINOR_UNITS)}")
    unknown = sorted(str(code) for (code,) in found if code is not None and str(code) not in MINOR_UNITS)
    if not unknown:
        return
    ((first,),) = engine.rows(f"SELECT min(rid) FROM {table} WHERE {column} = {literal(unknown[0])}")
    name = side.column(layout.currency)
    raise exc.InvalidDocument(
        f"{side.name}, row {int(first) + 1}: {_shown(layout, layout.currency, unknown[0])} in {name} is no"
        " currency of ISO 4217.",
        system=side.name,
        document=f"row {int(first) + 1}",
        field=name,
        remedy="Write the code in three capitals, such as CNY, or set currency='' if all is in one currency.",
    )


def _shown(layout: Layout, name: str, text: object) -> str:
    return MASK if name in layout.sensitive else repr(text)


def _cut_off(engine: Engine, layout: Layout, side: Side, key: str, rows: int) -> Counted:
    name = _uncut(side, key)
    if name == key:
        return Counted(rows, 0)
    day, last = layout.column(side.date), side.cut_off
    within = f"{day} IS NULL OR {day} <= DATE {literal(str(last))}"
    kept = engine.make(f"kept_{key}", f"SELECT * FROM {name} WHERE {within}")
    engine.view(key, f"SELECT * FROM kept_{key}")
    return Counted(kept, rows - kept)


def _refuse(engine: Engine, layout: Layout, side: Side, table: str, column: _Column) -> None:
    bad = f"x{layout.column(column.name)}"
    found = engine.rows(
        f"SELECT rid, {bad} FROM {table} WHERE {bad} IS NOT NULL ORDER BY rid LIMIT {_LISTED}"
    )
    if not found:
        return
    first, text = found[0]
    kind = layout.kinds[column.name]
    what = "an amount with at most ten decimals" if kind == "amount" else "a date"
    others = f" and {len(found) - 1} more rows" if len(found) > 1 else ""
    raise exc.InvalidDocument(
        f"{side.name}, row {int(first) + 1}{others}: {_shown(layout, column.name, text)} in"
        f" {side.column(column.name)} is not {what}.",
        system=side.name,
        document=f"row {int(first) + 1}",
        field=side.column(column.name),
        remedy="Correct the source; an amount is written as 1234.50, a date as 2026-11-22.",
    )
