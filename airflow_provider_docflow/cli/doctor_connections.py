"""What the doctor says of every docflow connection: does it let us in, and to the instance we know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.doctor_findings import Finding, fail, ok, tried, warn
from airflow_provider_docflow.cli.reaching import creates_at_first_use, looked_at

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.system import System

_VARIABLE = "AIRFLOW_CONN_"


def brief_findings(ledger_conn_id: str) -> Iterator[Finding]:
    """Yield one finding per docflow connection that can be found.

    A secrets backend does not list what it holds; connections in it are known once a flow has used them.
    """
    conn_ids = connection_ids(ledger_conn_id)
    if not conn_ids:
        yield warn("connections", "none", "Create a connection whose type begins with docflow:.")
    for conn_id in conn_ids:
        yield from tried(f"connection {conn_id}", partial(_brief, conn_id, ledger_conn_id))


def connection_ids(ledger_conn_id: str) -> list[str]:
    """Return the docflow connections of Airflow's database, the environment and the ledger's memory."""
    stored = {name.removeprefix(_VARIABLE).lower(): None for name in os.environ if name.startswith(_VARIABLE)}
    named = [conn_id for conn_id in stored if _is_ours(conn_id)]
    return sorted({*named, *_in_airflow(), *_in_ledger(ledger_conn_id)})


def _is_ours(conn_id: str) -> bool:
    from airflow.sdk import BaseHook

    from airflow_provider_docflow.hooks.connections import PREFIX

    try:
        return str(BaseHook.get_connection(conn_id).conn_type or "").startswith(PREFIX)
    except Exception:
        # Somebody else's variable may be malformed; that is not for docflow to judge.
        return False


def _in_airflow() -> list[str]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_docflow.hooks.connections import PREFIX

    try:
        with create_session(scoped=False) as session:
            query = select(Connection.conn_id).where(Connection.conn_type.startswith(PREFIX, autoescape=True))
            return [str(conn_id) for conn_id in session.scalars(query)]
    except SQLAlchemyError:
        return []


def _in_ledger(ledger_conn_id: str) -> list[str]:
    from sqlalchemy import select

    from airflow_provider_docflow.hooks.ledger import ledger_of
    from airflow_provider_docflow.ledger.models.writes import connection as bound

    try:
        ledger = ledger_of(ledger_conn_id)
        found = ledger.database.read(lambda c: list(c.scalars(select(bound.c.conn_id))))
    except exc.DocflowError:
        return []
    return [str(conn_id) for conn_id in found]


def _brief(conn_id: str, ledger_conn_id: str) -> Finding:
    with looked_at(conn_id) as system:
        return same_instance(f"connection {conn_id}", system, ledger_conn_id)


def same_instance(check: str, system: System, ledger_conn_id: str) -> Finding:
    """Hold the instance that answers against the one that the ledger has accepted."""
    conn_id, title = system.conn_id, system.address.profile.title
    try:
        instance = system.site.instance
    except exc.Misconfigured as error:
        if error.field != "ensure" or not creates_at_first_use(conn_id):
            raise
        return warn(
            check, "not prepared yet", "Nothing: the first flow creates docflow's own two tables there."
        )
    known = known_instance(conn_id, ledger_conn_id)
    if known and known != instance:
        return fail(
            check,
            f"answers as {instance}, but {known} was accepted",
            f"If this is intended: airflow docflow accept-instance {conn_id} --reason TEXT. Else correct the "
            "connection's address.",
        )
    return ok(check, f"{title} answers as {instance}" + ("" if known else ", not used by a flow yet"))


def known_instance(conn_id: str, ledger_conn_id: str) -> Any:
    """Return the instance that the ledger has accepted for a connection; None if none, or no ledger."""
    from airflow_provider_docflow.hooks.ledger import ledger_of

    try:
        return ledger_of(ledger_conn_id).instances.bound_to(conn_id)
    except exc.DocflowError:
        return None
