"""
Creating documents in bulk against a stand-in that answers in 20 ms: written once, beside the bare calls.

Prints documents per second and ratios; the ratios hold on other machines, the rates do not. The loop of
``HttpHook`` and the bare calls believe the answer to each write; docflow reads every document back. What the
bare calls come to when they read back as well, as many documents per request, is printed beside.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    content_hash,
    document_from_json,
    material_hash,
)
from airflow_provider_docflow.hooks import loops
from airflow_provider_docflow.hooks.doors import AsyncDoor
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.decisions import NewDecision
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteRequest
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.systems.rest.example import PROFILE
from benchmarks.limits import databases
from benchmarks.measuring import Spent, aim, clocked, goals

TYPE, INVOICE, ANSWER_SECONDS, API_KEY = "purchase_order", "supplier_invoice", 0.02, "erp-sandbox-key"
SENT = ("authorization", "content-type", "idempotency-key")


def order() -> Document:
    lines = [{"line_id": "1", "item_id": "A", "quantity": "2", "price_amount": "50.25"}]
    return document_from_json(
        {
            "document_type": TYPE,
            "id": "",
            "issue_date": "2026-03-31",
            "company_code": "C1",
            "document_currency_code": "EUR",
            "seller_supplier_party": {"id": "SUP-1"},
            "lines": lines,
            "notes": [],
        }
    ).totalled()


def exchange(site: Site, number: str) -> Exchange[Any]:
    item = WriteItem(mark=f"M{number.rjust(15, '0')}", reference=number, document=order())
    return site.profile.write(TYPE, "create").run(site, [item])


def http_hook_loop(requests: list[Any]) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="POST", http_conn_id="bench_erp")
    for request in requests:
        headers = {name: request.headers[name] for name in SENT}
        hook.run(request.url.path, data=request.content, headers=headers)


def bare(site: Site, orders: list[Exchange[Any]], *, at_once: int, read: bool = False) -> list[DocumentRef]:
    """Make the same calls with the same client, as many at once, and keep no account of them.

    :param read: read every document back too, as many per request as docflow does.
    """

    async def run() -> list[DocumentRef]:
        kind = site.profile.of(TYPE)
        async with AsyncDoor(site, concurrency=at_once) as door:
            answers = await door.run_all(orders)
            refs = [written.ref for (written,) in answers]  # type: ignore[misc]
            if read:
                await door.run_all([kind.read(site, some) for some in chunks(refs, kind.page_size)])
        return refs

    return loops.run(run())


def exchanges(site: Site, prefix: str, count: int) -> list[Exchange[Any]]:
    return [exchange(site, f"{prefix}{number}") for number in range(count)]


def opened(url: str) -> Ledger:
    return Ledger.open(url, keys=[Fernet.generate_key()], create=True)


def written_once(site: Site, count: int, ledger: Ledger, *, at_once: int) -> Spent:
    system = System(replace(site, instance=""), ledger=ledger, concurrency=at_once)
    instance = system.site.instance
    requests = []
    for number in range(count):
        document = order()
        key = IntentKey(instance, TYPE, "bench", "purchase_requisition", f"W-{number}", company_code="C1")
        requests.append(
            WriteRequest(
                key=key, content_hash=content_hash(document), document=document, reference=f"W-{number}"
            )
        )
    spent = clocked(lambda: system.writer().write(requests))
    failed = [outcome.error for outcome in spent.told if outcome.error]
    if failed:
        raise SystemExit(f"{len(failed)} of {count} failed: {failed[0]}")
    return spent


def whole(site: Site, count: int, ledger: Ledger, *, at_once: int) -> Spent:
    """Create invoices from approved orders of another instance: all that the operator does."""
    settings = {**site.settings, "instance": "bench-oa"}
    there = replace(site, conn_id="oa", instance="bench-oa", settings=settings)
    systems = {
        "oa": System(replace(there, instance=""), ledger=ledger, concurrency=at_once),
        "erp": System(replace(site, instance=""), ledger=ledger, concurrency=at_once),
    }
    sources = systems["oa"].read(bare(there, exchanges(there, "S-", count), at_once=at_once))
    decided = []
    for one in sources:
        assert not isinstance(one, Exception) and one.document is not None
        decided.append(NewDecision(one.ref, "approved", material_hash(one.document), datetime.now(UTC)))
    ledger.decisions.append_many(decided)
    handles = [Handle(conn_id="oa", ref=one.ref) for one in decided]
    flow = Flow(ledger, lambda conn_id: systems[conn_id], actor="bench")
    spent = clocked(lambda: flow.create(handles, target_conn_id="erp", document_type=INVOICE))
    failed = [outcome.error for outcome in spent.told if not outcome.good]
    if failed:
        raise SystemExit(f"{len(failed)} of {count} failed: {failed[0]}")
    return spent


def hook_lane(site: Site, count: int) -> Spent:
    """Send what the profile sends for as many orders, with Airflow's hook, one after the other."""
    requests = [next(exchange(site, f"H-{number}")) for number in range(count + 1)]
    connection = {"conn_type": "http", "host": site.base_url}
    os.environ["AIRFLOW_CONN_BENCH_ERP"] = json.dumps(connection)
    # The first call imports what the others use.
    http_hook_loop(requests[:1])
    return clocked(lambda: http_hook_loop(requests[1:]))


def each(count: int, name: str, spent: Spent) -> None:
    rate, cpu = count / spent.wall, spent.cpu / count * 1000
    print(f"  {name:<52}{rate:8.1f}/s{cpu:8.2f} ms CPU each", flush=True)


def measure(site: Site, sandbox: Sandbox, count: int, at_once: int) -> None:
    few = max(50, count // 4)
    hook = hook_lane(site, few)
    each(few, "HttpHook, one after the other", hook)
    loop = hook.wall / few
    orders = exchanges(site, "B-", count)
    calls = clocked(lambda: bare(site, orders, at_once=at_once))
    each(count, f"the same client, {at_once} at once, no ledger", calls)
    others = exchanges(site, "R-", count)
    reading = clocked(lambda: bare(site, others, at_once=at_once, read=True))
    each(count, "the same, and read back", reading)
    with databases() as urls, goals() as missed:
        for database, url in urls.items():
            ledger = opened(url)
            before = sandbox.count("/erp/*")
            spent = written_once(site, count, ledger, at_once=at_once)
            asked = (sandbox.count("/erp/*") - before) / count
            each(count, f"{at_once} at once, written once, {database}", spent)
            more = (spent.cpu - calls.cpu) / count * 1000
            print(f"  {more:.2f} ms CPU more for each document, which takes {asked:.2f} requests")
            aim(missed, f"{database}: over the HttpHook loop", loop * count / spent.wall, least=15)
            aim(missed, f"{database}: of the bare calls", calls.wall / spent.wall, least=0.6)
            print(f"  {database}: of the bare calls that read back {reading.wall / spent.wall:15.2f}")
            spent = whole(site, count, ledger, at_once=at_once)
            each(count, f"sources read, approvals checked, lines limited, {database}", spent)
            ledger.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks create", description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=24)
    given = parser.parse_args(arguments)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as home, Sandbox(Path(home) / "sandbox", own_process=True) as sandbox:
        site = Site(
            profile=PROFILE,
            conn_id="erp",
            base_url=sandbox.base_url,
            settings={"api_key": API_KEY, "instance": "bench-erp"},
            instance="bench-erp",
        )
        sandbox.fault(FaultRule("slow", path="/erp/*", seconds=ANSWER_SECONDS, times=10_000_000))
        print(f"{given.documents} documents, answers in {ANSWER_SECONDS * 1000:.0f} ms")
        measure(site, sandbox, given.documents, given.at_once)


if __name__ == "__main__":
    main()
