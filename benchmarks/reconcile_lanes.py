"""One way to reconcile two files, in a process of its own: ``LANE FOLDER [memory limit]``.

Each compares five columns by ``order_id``, amounts up to 0.01, writes what does not agree, and reads it back
after the clock has stopped. Some run where docflow is not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.measuring import Spent, clocked, tell
from benchmarks.reconcile_data import COMPARED

AMOUNTS = ("payable_amount",)
Breaks = set[tuple[str, str]]
Lane = Callable[[Path, str], tuple[Spent, Breaks]]


def _differ(left: str, right: str) -> str:
    return " OR ".join(
        f"coalesce(abs({left}.{name} - {right}.{name}) > 0.01, {left}.{name} IS DISTINCT FROM {right}.{name})"
        if name in AMOUNTS
        else f"{left}.{name} IS DISTINCT FROM {right}.{name}"
        for name in COMPARED
    )


def duckdb(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """One full outer join, written by DuckDB itself."""
    import duckdb

    out = folder / "duckdb-breaks.parquet"
    shown = ", ".join(f"l.{name} AS l_{name}, r.{name} AS r_{name}" for name in ("order_id", *COMPARED))
    query = (
        f"SELECT {shown} FROM '{folder}/left.parquet' l FULL OUTER JOIN '{folder}/right.parquet' r"
        f" ON l.order_id = r.order_id WHERE l.order_id IS NULL OR r.order_id IS NULL OR {_differ('l', 'r')}"
    )
    config = {"preserve_insertion_order": False, "temp_directory": str(folder / "spill")}

    def work() -> None:
        with duckdb.connect(config=config | ({"memory_limit": memory} if memory else {})) as connection:
            connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")

    spent = clocked(work)
    return spent, told(duckdb.sql(f"SELECT l_order_id, r_order_id FROM '{out}'").fetchall())


def duckdb_groups(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """The documents of the batches whose total is not theirs, and those batches."""
    import duckdb

    out = folder / "duckdb-groups.parquet"
    query = (
        f"WITH s AS (SELECT batch, sum(payable_amount) AS total FROM '{folder}/parts.parquet'"
        " GROUP BY batch),"
        f" w AS (SELECT s.batch FROM s JOIN '{folder}/batches.parquet' b ON b.batch = s.batch"
        " WHERE abs(s.total - b.payable_amount) > 0.01)"
        f" SELECT p.order_id AS l, NULL AS r FROM '{folder}/parts.parquet' p JOIN w ON w.batch = p.batch"
        " UNION ALL SELECT NULL, batch FROM w"
    )
    spent = clocked(lambda: duckdb.sql(f"COPY ({query}) TO '{out}' (FORMAT parquet)"))
    return spent, told(duckdb.sql(f"SELECT l, r FROM '{out}'").fetchall())


def told(rows: Iterable[tuple[Any, Any]]) -> Breaks:
    """Return what pairs of order ids say."""
    return {
        ("missing_right", left)
        if right is None
        else ("missing_left", right)
        if left is None
        else ("value_difference", left)
        for left, right in rows
    }


def polars(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """Polars, streaming, out of files into a file."""
    import polars as pl

    out = folder / "polars-breaks.parquet"

    def work() -> None:
        left = pl.scan_parquet(folder / "left.parquet")
        right = pl.scan_parquet(folder / "right.parquet")
        joined = left.join(right, on="order_id", how="full", suffix="_r")
        off = [
            (pl.col(name) - pl.col(f"{name}_r")).abs() > pl.lit("0.01").cast(pl.Decimal(18, 2))
            if name in AMOUNTS
            else pl.col(name).ne_missing(pl.col(f"{name}_r"))
            for name in COMPARED
        ]
        alone = pl.col("order_id").is_null() | pl.col("order_id_r").is_null()
        joined.filter(pl.any_horizontal(alone, *off)).sink_parquet(out, engine="streaming")

    spent = clocked(work)
    return spent, told(pl.read_parquet(out).select("order_id", "order_id_r").rows())


def datacompy_polars(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """datacompy on polars frames."""
    import datacompy
    import polars as pl

    def work() -> None:
        sides = [pl.read_parquet(folder / f"{side}.parquet") for side in ("left", "right")]
        compared = datacompy.PolarsCompare(*sides, join_columns="order_id", abs_tol=0.01)
        for name, frame in _parts(compared):
            frame.write_parquet(folder / f"datacompy-{name}.parquet")

    return clocked(work), _read_back(folder)


def datacompy_pandas(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """datacompy on pandas frames."""
    import datacompy
    import pandas as pd

    def work() -> None:
        sides = [pd.read_parquet(folder / f"{side}.parquet") for side in ("left", "right")]
        compared = datacompy.PandasCompare(*sides, join_columns="order_id", abs_tol=0.01)
        for name, frame in _parts(compared):
            frame.to_parquet(folder / f"datacompy-{name}.parquet")

    return clocked(work), _read_back(folder)


def _parts(compared: Any) -> list[tuple[str, Any]]:
    return [
        ("l", compared.df1_unq_rows),
        ("r", compared.df2_unq_rows),
        ("both", compared.all_mismatch(ignore_matching_cols=True)),
    ]


def _read_back(folder: Path) -> Breaks:
    import polars as pl

    found: Breaks = set()
    for name, kind in (("l", "missing_right"), ("r", "missing_left"), ("both", "value_difference")):
        found |= {(kind, one) for one in pl.read_parquet(folder / f"datacompy-{name}.parquet")["order_id"]}
    return found


def pandas(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """A merge, as it is written by hand."""
    import pandas as pd

    out = folder / "pandas-breaks.parquet"

    def work() -> None:
        sides = [pd.read_parquet(folder / f"{side}.parquet") for side in ("left", "right")]
        merged = sides[0].merge(sides[1], on="order_id", how="outer", suffixes=("", "_r"), indicator=True)
        off = merged["_merge"] != "both"
        for name in COMPARED:
            one, other = merged[name], merged[f"{name}_r"]
            if name in AMOUNTS:
                off |= (one.astype(float) - other.astype(float)).abs() > 0.011
            else:
                off |= one != other
        merged[off].to_parquet(out)

    spent = clocked(work)
    merged = pd.read_parquet(out)
    kinds = {"left_only": "missing_right", "right_only": "missing_left", "both": "value_difference"}
    return spent, {
        (kinds[str(how)], str(one)) for one, how in zip(merged["order_id"], merged["_merge"], strict=True)
    }


def docflow(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """What ReconcileOperator does, into a ledger on SQLite."""
    from benchmarks.reconcile_docflow import orders

    return orders(folder, memory)


def docflow_groups(folder: Path, memory: str) -> tuple[Spent, Breaks]:
    """Many documents for one batch."""
    from benchmarks.reconcile_docflow import groups

    return groups(folder, memory)


LANES: dict[str, Lane] = {
    lane.__name__: lane
    for lane in (
        docflow,
        duckdb,
        polars,
        datacompy_polars,
        datacompy_pandas,
        pandas,
        docflow_groups,
        duckdb_groups,
    )
}


def main() -> None:
    lane, folder, memory = sys.argv[1], Path(sys.argv[2]), (sys.argv[3:] or [""])[0]
    spent, found = LANES[lane](folder, memory)
    tell(Spent(spent.wall, spent.cpu, spent.peak, sorted(found)))


if __name__ == "__main__":
    main()
