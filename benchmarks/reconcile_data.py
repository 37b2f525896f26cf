"""Two sides of orders with planted breaks, as .parquet files, and what has to be found in them."""

from __future__ import annotations

from pathlib import Path

BREAKS, COMPARED, PART = 120, ("payable_amount", "currency", "status", "supplier", "issue_date"), 4
"""Planted breaks, the compared columns, and how many documents make up one batch."""

ORDER = """
    'PO-' || lpad(cast(i AS VARCHAR), 10, '0') AS order_id,
    'SUP-' || (i % 9973) AS supplier,
    ['CNY', 'EUR', 'USD'][1 + i % 3] AS currency,
    cast(cast(i * 7919 % 100000000 AS DECIMAL(12, 0)) * 0.01 AS DECIMAL(18, 2)) AS payable_amount,
    ['draft', 'submitted', 'active', 'closed'][1 + i % 4] AS status,
    DATE '2026-01-01' + cast(i % 365 AS INTEGER) AS issue_date
"""
CHANGED = {
    "payable_amount": "payable_amount + 0.50",
    "currency": "'GBP'",
    "status": "'cancelled'",
    "supplier": "supplier || 'X'",
    "issue_date": "issue_date + 3",
}


def planted(rows: int) -> dict[int, str]:
    """Return the numbers of the orders that do not agree, and how."""
    return {
        break_ * (rows // BREAKS) + 7: ("missing_right", "missing_left", COMPARED[break_ // 3 % 5])[
            break_ % 3
        ]
        for break_ in range(BREAKS)
    }


def order_id(number: int) -> str:
    return f"PO-{number:010d}"


def batch_id(number: int) -> str:
    return f"B-{number:010d}"


def expected(rows: int) -> set[tuple[str, str]]:
    """Return kind and order of every break."""
    return {
        (how if how.startswith("missing") else "value_difference", order_id(number))
        for number, how in planted(rows).items()
    }


def expected_batches(rows: int) -> set[tuple[str, str]]:
    """Return what a wrong total leaves over: the batch, and the documents that should have made it up."""
    wrong = [number // PART for number in planted(rows)]
    members = {("missing_right", order_id(batch * PART + part)) for batch in wrong for part in range(PART)}
    return members | {("missing_left", batch_id(batch)) for batch in wrong}


def write(folder: Path, rows: int) -> None:
    """Write the sides; the right one in another order."""
    import duckdb

    by_how: dict[str, list[int]] = {}
    for number, how in planted(rows).items():
        by_how.setdefault(how, []).append(number)
    columns = ", ".join(
        ["order_id"]
        + [
            f"CASE WHEN i IN {tuple(by_how[name])} THEN {CHANGED[name]} ELSE {name} END AS {name}"
            for name in COMPARED
        ]
    )
    source = f"(SELECT i, {ORDER} FROM range({rows}) t(i))"
    gone = {side: tuple(by_how[f"missing_{side}"]) for side in ("left", "right")}
    plain = f"order_id, {', '.join(COMPARED)}"
    wrong = tuple(number // PART for number in planted(rows))
    with duckdb.connect(config={"memory_limit": "3GB"}) as connection:
        for name, query in {
            "left": f"SELECT {plain} FROM {source} WHERE i NOT IN {gone['left']} ORDER BY i",
            "right": f"SELECT {columns} FROM {source} WHERE i NOT IN {gone['right']} ORDER BY hash(i)",
            "parts": f"SELECT {plain}, 'B-' || lpad(cast(i // {PART} AS VARCHAR), 10, '0') AS batch"
            f" FROM {source}",
            "batches": "SELECT batch, batch AS order_id, 'CNY' AS currency, total AS payable_amount FROM"
            f" (SELECT 'B-' || lpad(cast(i // {PART} AS VARCHAR), 10, '0') AS batch,"
            f" cast(sum(payable_amount) AS DECIMAL(18, 2)) + CASE WHEN i // {PART} IN {wrong}"
            f" THEN 1 ELSE 0 END AS total FROM {source} GROUP BY i // {PART})",
        }.items():
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)")
