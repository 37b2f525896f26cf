"""Airflow's own API server in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.rigs import airflow_home


@contextmanager
def api_server(apps: str = "all") -> Iterator[Any]:
    """Make a server over a new database, and give back afterwards who let users in before.

    Airflow knows one such manager in a process; that of another folder's server may live for longer.

    :param apps: which parts of it.
    """
    from airflow.api_fastapi import app

    before = app._AuthManagerState.instance
    app.purge_cached_app()
    airflow_home.install_database()
    try:
        yield app.create_app(apps=apps)
    finally:
        app.purge_cached_app()
        app._AuthManagerState.instance = before
        airflow_home.close_database()
