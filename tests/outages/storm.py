"""An ERP is off while documents arrive: workers, each a process that takes batch after batch."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from airflow.sdk import conf

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.operators.parking import outage_behind
from airflow_provider_docflow.operators.settling import failure_of, outage_of
from airflow_provider_docflow.systems import sql
from airflow_provider_docflow.systems.rest import example
from airflow_provider_docflow.systems.sql import ddl

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
API_KEY = "erp-sandbox-key"
INSTANCE = "erp-1"
FIRST_DAY = date(2026, 1, 1)
TABLES: dict[str, Any] = {
    "purchase_requisition": {
        "header": "requisition",
        "id": {"column": "id", "type": "integer"},
        "mark": "mark",
        "columns": {
            "number": "id",
            "company_code": "company_code",
            "party": "seller_supplier_party.id",
            "currency": "document_currency_code",
            "amount": "payable_amount",
            "issue_date": "issue_date",
        },
        "lines": {
            "table": "requisition_line",
            "parent": {"requisition_id": "id"},
            "columns": {
                "line_no": "line_id",
                "item": "item_id",
                "quantity": "quantity",
                "unit_code": "unit_code",
                "price": "price_amount",
                "amount": "line_extension_amount",
            },
        },
        "states": {"lifecycle": {"column": "state", "words": {"confirmed": "active"}}},
    }
}
CONFIGURED = conf
"""Loaded here, once, so that the workers that are forked from this module need not load Airflow again."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.outages.storm"])


@dataclass(frozen=True)
class Place:
    """Where everything is; JSON primitives only."""

    home: str
    erp: str

    @property
    def oa_path(self) -> Path:
        return Path(self.home) / "oa.sqlite"

    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.home}/ledger.sqlite", keys=[KEY])

    def oa(self, ledger: Ledger) -> System:
        site = Site(
            profile=sql.PROFILE.configured({"tables": TABLES}),
            conn_id="oa",
            settings={"sql_conn_id": f"sqlite:///{self.oa_path}", "tables": TABLES, "ensure": True},
        )
        return System(site, ledger=ledger, sql=SqlUnits(f"sqlite:///{self.oa_path}"))

    def target(self, ledger: Ledger) -> System:
        # Certificates, which nothing here needs, would be loaded anew for every wave.
        settings = {"api_key": API_KEY, "instance": INSTANCE, "verify_tls": False}
        site = Site(profile=example.PROFILE, conn_id="erp", base_url=self.erp, settings=settings)
        return System(site, ledger=ledger, tokens=LedgerTokens(ledger))


def enter(place: Place, count: int) -> None:
    """Enter requisitions as people at the OA do; the later ones are older, so that order shows."""
    place.oa_path.unlink(missing_ok=True)
    with closing(sqlite3.connect(place.oa_path)) as connection:
        for statement in ddl("sqlite", TABLES):
            connection.execute(statement)
        heads, lines = [], []
        for n in range(1, count + 1):
            day = FIRST_DAY + timedelta(days=(count - n) % 300)
            heads.append((n, f"PR-{n:05d}", f"PR-{n:05d}", day.isoformat()))
            lines.append((n,))
        connection.executemany(
            "INSERT INTO requisition (id, number, mark, company_code, party, currency, amount, issue_date,"
            " state) VALUES (?, ?, ?, 'C1', 'SUP-1', 'CNY', '7.00', ?, 'confirmed')",
            heads,
        )
        connection.executemany(
            "INSERT INTO requisition_line (requisition_id, line_no, item, quantity, unit_code, price, amount)"
            " VALUES (?, '1', 'P-1', '1', 'EA', '7.00', '7.00')",
            lines,
        )
        connection.commit()


def _try(flow: Flow, oa: str, batch: tuple[int, int], systems: dict[str, System]) -> exc.DocflowError | None:
    """Do what one try of a creating task does for a batch; return what ends it, as the operators see it."""
    refs = [DocumentRef(oa, "C1", "purchase_requisition", str(n), f"PR-{n:05d}") for n in range(*batch)]
    flow.in_hand = refs
    sources = [Handle(conn_id="oa", ref=ref) for ref in refs]
    try:
        outcomes = flow.create(
            sources, target_conn_id="erp", document_type="purchase_order", requires_approval=False
        )
    except exc.SystemDown as error:
        return error
    error = outage_of(outcomes) or failure_of(outcomes, "any")
    if isinstance(error, exc.TransientError):
        return outage_behind(error, systems.values()) or error
    return error


def work(place: Place, actor: str, batches: list[tuple[int, int]]) -> dict[str, int]:
    """Do batch after batch until all are done; what is parked comes back when it may, as a task does."""
    ledger = place.ledger()
    systems = {"oa": place.oa(ledger), "erp": place.target(ledger)}
    oa = systems["oa"].site.instance
    ahead = [(0.0, batch) for batch in batches]
    told = {"parked": 0, "retried": 0}
    while ahead:
        ahead.sort()
        at, batch = ahead.pop(0)
        time.sleep(max(0.0, at - time.time()))
        flow = Flow(ledger, systems.__getitem__, actor=f"{actor} {batch[0]}")
        error = _try(flow, oa, batch, systems)
        if error is not None:
            down = isinstance(error, exc.HeldError)
            told["parked" if down else "retried"] += 1
            ahead.append((_back_at(ledger, flow, error), batch))
    for system in systems.values():
        system.close()
    ledger.close()
    return told


def _back_at(ledger: Ledger, flow: Flow, error: exc.DocflowError) -> float:
    """Park as the operators do, without the ten seconds that only Airflow needs."""
    earliest = ledger.now() + timedelta(seconds=max(0.2, error.retry_after or 0.0))
    due = ledger.parking.oldest_due(flow.in_hand)
    place = ledger.parking.park(INSTANCE, flow.actor, due=due, not_before=earliest, per_second=20.0)
    return place.back_at.timestamp()


def _main(
    place: dict[str, str], actor: str, batches: list[tuple[int, int]], out: str, env: dict[str, str]
) -> None:
    os.environ.update(env)
    told = work(Place(**place), actor, batches)
    told["cpu_ms"] = int(time.process_time() * 1000)
    scratch = Path(f"{out}.part")
    scratch.write_text(json.dumps(told))
    scratch.rename(out)


class Worker:
    """One worker process."""

    def __init__(self, place: Place, name: str, batches: list[tuple[int, int]], env: dict[str, str]) -> None:
        self._out = Path(place.home) / f"{name}.json"
        given = (asdict(place), name, batches, str(self._out), env)
        self.process: BaseProcess = _CONTEXT.Process(target=_main, args=given)
        self.process.start()

    def told(self) -> dict[str, int]:
        """Wait for its end and return what it counted."""
        self.process.join(300)
        assert self.process.exitcode == 0, f"ended with {self.process.exitcode}"
        found: dict[str, int] = json.loads(self._out.read_text())
        return found
