"""The ledgers that a process has open, put aside for a test that opens its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_docflow.hooks import ledger as ledgers


@contextmanager
def own_ledgers() -> Iterator[None]:
    """Begin with no ledger open, close what is opened inside, and give back what was open before.

    Other tests of the same process hold ledgers for longer than one test; they must not lose them.
    """
    before = dict(ledgers._opened)
    ledgers._opened.clear()
    try:
        yield
    finally:
        for known in ledgers._opened.values():
            known.close()
        ledgers._opened.clear()
        ledgers._opened.update(before)
