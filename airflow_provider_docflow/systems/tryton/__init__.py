"""
Tryton (tested with 8.2), over the JSON-RPC of its own clients and, for small reads, its REST interface.

One transport per operation, each for a reason that was measured on 8.2.1 with SQLite:

- *Writes and probes*: JSON-RPC. It creates, writes and presses buttons for a list of records in one
  transaction (an order costs 3 ms in a batch of 50 and 90 ms alone) and says in words of its own whether
  the user, a warning or a concurrent change stands in the way. REST takes one record per request and gives
  all of these as one 400; a probe for 50 marks is longer than a URL may be.
- *Small reads* (documents by id, change feed, master data): REST, if the connection has an ``api_key``.
  A bearer key needs no login, and a request under a session writes the session's time into the database
  (12.6 ms against 7.4 ms, and one writer fewer on SQLite). Without a key, or where the question does not fit
  a URL, the same question goes as JSON-RPC ``search_read``; both give the same rows.

*Instance*: Tryton holds no id of a database. Its name and the stamp of the first record that its making
wrote, exact to the microsecond, stand in: ``west-5d0f3a…``. They survive restarts, upgrades and another
host, and differ between two databases. A copy under the same name on another server cannot be told apart:
give copies another name, as Tryton itself needs on the same server.

*Mark*: ``reference`` is ``<source number> [<mark>]``, ``description`` is ``[<mark>]``; requisitions have only
``description``, payments only ``reference``. Copying in Tryton keeps the description, so a copy counts as a
second marked document.

*Refusals*: Tryton names no reason by code; every refusal is a ``UserError``. A closed period is found by
looking at the periods. Warnings are never answered: a person does that, in Tryton.

*Figures*: a price has as many decimals as Tryton's ``price_decimal`` (default 4), quantities
are binary floats there and refused where they would not read back; Tryton rounds a half to the even cent,
which is checked before anything is sent.
"""

from __future__ import annotations

import hashlib
from datetime import date

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.conn_fields import number, text
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.tryton import invoices, orders, payments, requisitions, wire
from airflow_provider_docflow.systems.tryton.acting import check_user
from airflow_provider_docflow.systems.tryton.masters import LOOKUPS


def _instance(site: Site) -> Exchange[str]:
    """Return the database's name and the stamp of its making."""
    found = yield from wire.rows(site, "ir.module", [["name", "=", "ir"]], ("create_date",), limit=1)
    if not found:
        raise exc.Authentication(
            "the user of the connection may not read the list of modules, by which a database is told apart.",
            system=site.conn_id,
            remedy="Give the user read access to ir.module in Tryton.",
        )
    yield from check_user(site)
    made = hashlib.sha256(found[0]["create_date"].isoformat().encode()).hexdigest()
    return f"{site.database}-{made[:12]}"


PROFILE = SystemProfile(
    name="tryton",
    title="Tryton",
    docs_url="https://docs.tryton.org/latest/server/",
    checked_on=date(2026, 11, 22),
    documents={
        str(kind.KIND.document_type): kind.DOCUMENT for kind in (requisitions, orders, invoices, payments)
    },
    instance=_instance,
    login=wire.log_in,
    sign=wire.sign,
    error=wire.read_error,
    errors=wire.ERRORS,
    lookups=LOOKUPS,
    conn_fields={
        "api_key": text(
            "API key (REST)",
            "Validated user application key for REST; small reads then need no session.",
            format="password",
        ),
        "web_client_url": text(
            "Web client URL", "Where people open Tryton in a browser; empty: links open the desktop client."
        ),
        "time_zone": text(
            "Time zone", "IANA zone in which the day of a document without a date is taken.", default="UTC"
        ),
        "overlap_seconds": number(
            "Longest transaction (s)",
            "How far the change feed looks back for records that were committed late.",
            default=120,
        ),
    },
    ui_field_behaviour={
        "relabeling": {"schema": "Database"},
        "placeholders": {"host": "https://tryton.example.com", "schema": "production", "login": "docflow"},
    },
    timeout_seconds=60.0,
    max_connections=2,
)
