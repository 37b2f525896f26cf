"""A pandas DataFrame, for authors who have one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.sources.base import Reading, Source, load_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class FrameSource(Source):
    """A DataFrame.

    Keep amounts as ``Decimal`` or text: a column of floats holds what floats hold.

    :param frame: one row per document.
    """

    frame: pd.DataFrame

    def load(self, engine: Engine, table: str, reading: Reading) -> None:
        """Make a table of the engine out of the frame."""
        frame = self.frame
        columns = [str(name) for name in frame.columns]
        missing = frame.isna()
        rows = (
            [None if gone else _native(value) for value, gone in zip(values, empty, strict=True)]
            for values, empty in zip(
                frame.itertuples(index=False, name=None),
                missing.itertuples(index=False, name=None),
                strict=True,
            )
        )
        load_rows(engine, table, columns, rows, reading)


def _native(value: Any) -> Any:
    """Return numpy's scalars as Python's own."""
    return value.item() if hasattr(value, "item") and not hasattr(value, "isoformat") else value
