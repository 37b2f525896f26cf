"""Converted amounts: a column beside each, or a refusal that names the document without a rate."""

from __future__ import annotations

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.redact import MASK
from airflow_provider_docflow.reconcile.dialect import AMOUNT, literal
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.rates import Rates
from airflow_provider_docflow.reconcile.sides import Layout, Side

RATE = "DECIMAL(18, 8)"
RAW = "raw_rates"


def prepare_rates(engine: Engine, rates: Rates) -> None:
    """Make ``rate`` out of ``raw_rates``: currency, rate, and the days for which it holds.

    :raises InvalidDocument: a column is missing, a value cannot be read, or two rates hold at once.
    """
    name, types = rates.source.title(), engine.columns(RAW)
    missing = sorted(set(rates.columns.values()) - types.keys())
    if missing:
        raise _wrong(name, missing[0], f"has no column {missing[0]}")
    dialect, columns = engine.dialect, rates.columns
    text = {one: dialect.text(dialect.name_of(column)) for one, column in columns.items()}
    since = dialect.text_day(text["valid_from"], rates.source.zone) if rates.date else "cast(NULL AS DATE)"
    shown = text.get("valid_from", "cast(NULL AS VARCHAR(10))")
    engine.take_in(
        "said_rate",
        f"SELECT {text['currency']} AS currency, {dialect.amount(text['rate'])} AS rate, {since} AS since,"
        f" {text['rate']} AS said, {shown} AS day FROM {RAW}",
    )
    _refuse_unreadable(engine, rates, name)
    twice = engine.rows("SELECT currency, since FROM said_rate GROUP BY currency, since HAVING count(*) > 1")
    if twice:
        currency, day = twice[0]
        dated = f" for {day}" if day else ""
        raise _wrong(name, columns["rate"], f"has several rates of {currency}{dated}")
    engine.make(
        "rate",
        f"SELECT currency, cast(rate AS {RATE}) AS rate, since,"
        " lead(since) OVER (PARTITION BY currency ORDER BY since) AS until FROM said_rate",
    )


def _refuse_unreadable(engine: Engine, rates: Rates, name: str) -> None:
    dated = " OR since IS NULL" if rates.date else ""
    exact = f"rate = cast(round(rate, 8) AS {AMOUNT})"
    found = engine.rows(
        "SELECT rid, currency, said, day FROM said_rate WHERE currency IS NULL OR rate IS NULL OR rate <= 0"
        f" OR NOT ({exact}){dated} ORDER BY rid LIMIT 1"
    )
    if found:
        row, currency, said, day = found[0]
        words = ", ".join(repr(word) for word in (currency, said, *([day] if rates.date else [])))
        raise _wrong(name, rates.columns["rate"], f"cannot be read in row {int(row) + 1}: {words}")


def _wrong(name: str, field: str, what: str) -> exc.InvalidDocument:
    return exc.InvalidDocument(
        f"the table of rates {name} {what}.",
        system=name,
        field=field,
        remedy="It needs currency, rate (above zero, at most eight decimals) and valid_from (2026-11-22),"
        " with one rate for a currency and day.",
    )


def convert(engine: Engine, layout: Layout, side: Side, rates: Rates, key: str) -> str:
    """Return a table of a side with its converted amounts.

    :raises InvalidDocument: a document's currency has no rate on its day.
    """
    currency = f"a.{layout.column(rates.currency)}"
    day = f"a.{layout.column(rates.date)}" if rates.date else ""
    valid = f" AND q.since <= {day} AND (q.until IS NULL OR {day} < q.until)" if day else ""
    rate = f"CASE WHEN {currency} = {literal(rates.to)} THEN cast(1 AS {RATE}) ELSE q.rate END"
    plain = [layout.column(name) for name in layout.read]
    made = [
        f"cast(round(a.{layout.column(field)} * ({rate}), {rates.decimals}) AS {AMOUNT})"
        f" AS {layout.column(name)}"
        for name, field in rates.names().items()
    ]
    shown = ", ".join([f"a.{column} AS {column}" for column in plain] + made)
    engine.make(
        f"converted_{key}",
        f"SELECT a.rid AS rid, {shown} FROM {key} a LEFT JOIN rate q ON q.currency = {currency}{valid}",
    )
    for name, field in rates.names().items():
        _refuse_without_rate(engine, layout, side, rates, f"converted_{key}", name, field)
    return f"converted_{key}"


def _refuse_without_rate(
    engine: Engine, layout: Layout, side: Side, rates: Rates, table: str, name: str, field: str
) -> None:
    known = ", ".join(layout.column(one) for one in layout.identity)
    day = layout.column(rates.date) if rates.date else "cast(NULL AS DATE)"
    found = engine.rows(
        f"SELECT {layout.column(rates.currency)}, {day}, {known} FROM {table}"
        f" WHERE {layout.column(field)} IS NOT NULL AND {layout.column(name)} IS NULL ORDER BY rid LIMIT 1"
    )
    if not found:
        return
    currency, on, *identity = found[0]
    parts = zip(layout.identity, identity, strict=True)
    document = "/".join(MASK if name in layout.sensitive else str(part) for name, part in parts)
    hidden = {rates.currency, rates.date} & layout.sensitive
    currency, on = (MASK if hidden and value else value for value in (currency, on))
    said = f"on {on}" if on else "without a date" if rates.date else "at all"
    what = f"there is no rate of {currency} {said}" if currency else "it has no currency"
    raise exc.InvalidDocument(
        f"{side.name}, {document}: {field} cannot be converted to {rates.to}: {what}.",
        system=side.name,
        document=document,
        field=side.column(rates.currency),
        remedy=f"Add the rate to {rates.source.title()}, or correct the document's currency or date.",
    )
