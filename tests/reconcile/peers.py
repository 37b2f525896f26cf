"""What datacompy tells of two sides; run by the Python that has it, see ``test_agreement``.

Reads a JSON list of pairs of sides and writes, for each library, what is told of each pair.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import datacompy
import pandas as pd
import polars as pl

KEYS, TOLERANCE = ["id", "supplier"], 0.5
COMPARED = ("amount", "currency", "day", "text")
COLUMNS = (*KEYS, *COMPARED)


def rows(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **{name: one[name] or None for name in COLUMNS},
            "amount": None if one["amount"] is None else float(one["amount"]),
        }
        for one in documents
    ]


def told(compared: Any, records: Callable[[Any], list[dict[str, Any]]]) -> list[tuple[str, str, str]]:
    found = [(row["id"], "only left", "") for row in records(compared.df1_unq_rows)]
    found += [(row["id"], "only right", "") for row in records(compared.df2_unq_rows)]
    for row in records(compared.intersect_rows):
        found += [(row["id"], "differs", name) for name in COMPARED if not row[f"{name}_match"]]
    return found


def on_pandas(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    frames = [pd.DataFrame(rows(side), columns=COLUMNS) for side in (left, right)]
    compare = getattr(datacompy, "PandasCompare", None) or datacompy.Compare
    compared = compare(*frames, join_columns=KEYS, abs_tol=TOLERANCE)
    return told(compared, lambda frame: frame.to_dict("records"))


def on_polars(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    schema = {name: pl.Float64 if name == "amount" else pl.String for name in COLUMNS}
    frames = [pl.DataFrame(rows(side), schema=schema) for side in (left, right)]
    compared = datacompy.PolarsCompare(*frames, join_columns=KEYS, abs_tol=TOLERANCE)
    return told(compared, lambda frame: frame.to_dicts())


if __name__ == "__main__":
    pairs = json.load(sys.stdin)
    found = {
        "pandas": [on_pandas(*pair) for pair in pairs],
        "polars": [on_polars(*pair) for pair in pairs],
    }
    json.dump(found, sys.stdout)
