"""Where a reconciliation is computed: DuckDB in the worker, PostgreSQL, or Spark."""

from __future__ import annotations
