"""The cross-system memory: what was written where, under which key, by whose decision.

An ordinary database (SQLite, PostgreSQL, MySQL or MariaDB) behind small stores. It imports neither Airflow
nor, before the first store is used, SQLAlchemy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, LineUse, Receipt, Reservation
    from airflow_provider_docflow.ledger.store import Ledger

__all__ = ["IntentKey", "IntentRequest", "Ledger", "LineUse", "Receipt", "Reservation"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'store' if name == 'Ledger' else 'keys'}"), name)
