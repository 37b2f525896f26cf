"""
What is equal on both sides is put aside while it is joined: a count and sums are all that is kept of it.

No item holds such a pair and no later rule sees it. What is left is kept with its values, so that no later
step has to read the sides again.
"""

from __future__ import annotations

from airflow_provider_docflow.reconcile.plan.ground import SIDES, Ground, on


def put_aside(ground: Ground, table: str, joined: str) -> None:
    """Make a table of two sides joined: a row for what is equal, by currency, and one for each other row.

    Columns: ``packed``, the values of a row as texts, empty for what is equal; ``documents``, how many of
    each side it stands for; ``currency``; ``sum_l``, ``count_l`` and so on of the amounts.

    :param joined: the FROM clause, with the open documents as ``l`` and ``r``.
    """
    layout, dialect = ground.layout, ground.dialect
    values = [f"{side}.rid" for side in SIDES]
    values += [ground.col(side, name) for side in SIDES for name in layout.fields]
    packed = dialect.array([f"cast({value} AS {dialect.text_type})" for value in values])
    # What is equal has one currency. Where the two are not, it tells rows apart that are apart already.
    currency = ground.col("l", layout.currency) if layout.currency else "''"
    amounts = [(side, ground.col(side, layout.amount) if layout.amount else "0") for side in SIDES]
    shown = ", ".join(f"{amount} AS amount_{side}" for side, amount in amounts)
    sums = ", ".join(
        f"sum(amount_{side}) AS sum_{side}, count(amount_{side}) AS count_{side}" for side in SIDES
    )
    ground.engine.make(
        table,
        f"SELECT packed, currency, count(*) AS documents, {sums} FROM"
        f" (SELECT CASE WHEN {_equal(ground)} THEN NULL ELSE {packed} END AS packed, {currency} AS currency,"
        f" {shown} {joined}) j GROUP BY packed, currency",
    )


def rids(ground: Ground) -> tuple[str, str]:
    """Return as SQL the numbers of the documents that are packed."""
    return ground.dialect.element("packed", 1), ground.dialect.element("packed", 2)


def unpack(ground: Ground, name: str, table: str) -> None:
    """Make a table of what was not put aside.

    Columns: ``lid``, ``rid``, ``breach``, ``near``, and ``l_`` and ``r_`` with the column of a field.
    """
    layout, dialect = ground.layout, ground.dialect
    columns = [("lid", "BIGINT"), ("rid", "BIGINT")]
    for side in SIDES:
        types = ground.engine.columns(side)
        columns += [
            (f"{side}_{column}", types[column]) for column in (layout.column(one) for one in layout.fields)
        ]
    shown = ", ".join(
        f"cast({dialect.element('packed', at)} AS {kind}) AS {column}"
        for at, (column, kind) in enumerate(columns, 1)
    )
    compare = ground.comparisons.of("l_", "r_")
    ground.engine.make(
        name,
        f"SELECT u.*, {compare.breach(dialect)} AS breach, {compare.near(dialect)} AS near"
        f" FROM (SELECT {shown} FROM {table} WHERE packed IS NOT NULL) u",
    )


def _equal(ground: Ground) -> str:
    """Return the condition that a pair is equal in what is compared and in what is summed."""
    layout = ground.layout
    names = {*ground.comparisons.fields, *filter(None, (layout.amount, layout.currency))}
    same = [f"{ground.col('l', name)} IS NOT DISTINCT FROM {ground.col('r', name)}" for name in sorted(names)]
    return on(["l.rid IS NOT NULL", "r.rid IS NOT NULL", *same])
