"""What every process of :mod:`tests.proof.child` works with: loaded once, where they are forked from.

Each of some three hundred would otherwise spend a second on it before it can be killed.
"""

from __future__ import annotations

import airflow.providers_manager
import airflow.sdk
import airflow.settings
import anyio._backends._asyncio
import h11
import httpcore2
import sqlalchemy.dialects.sqlite

import airflow_provider_docflow.get_provider_info
import tests.proof.child

__all__ = ["airflow", "airflow_provider_docflow", "anyio", "h11", "httpcore2", "sqlalchemy", "tests"]
