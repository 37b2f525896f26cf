"""
Creating documents in bulk against a stand-in that answers in 20 ms: written once, beside the bare calls.

Prints documents per second and ratios; the ratios hold on other machines, the rates do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, content_hash, document_from_json
from airflow_provider_docflow.hooks.doors import AsyncDoor
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteRequest
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.systems.rest.example import PROFILE
from benchmarks.limits import databases
from benchmarks.measuring import Spent, aim, clocked, goals

TYPE, CONCURRENCY, ANSWER_SECONDS, API_KEY = "purchase_order", 16, 0.02, "erp-sandbox-key"
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


def exchange(site: Site, number: str) -> Exchange[object]:
    item = WriteItem(mark=f"M{number.rjust(15, '0')}", reference=number, document=order())
    return site.profile.write(TYPE, "create").run(site, [item])


def http_hook_loop(requests: list[Any]) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(method="POST", http_conn_id="bench_erp")
    for request in requests:
        headers = {name: request.headers[name] for name in SENT}
        hook.run(request.url.path, data=request.content, headers=headers)


def bare(site: Site, count: int, prefix: str) -> None:
    """Make the same calls with the same client, as many at once, and keep no account of them."""

    async def run() -> None:
        async with AsyncDoor(site, concurrency=CONCURRENCY) as door:
            await door.run_all([exchange(site, f"{prefix}{number}") for number in range(count)])

    asyncio.run(run())


def written_once(site: Site, count: int, url: str) -> Spent:
    ledger = Ledger.open(url, keys=[Fernet.generate_key()], create=True)
    system = System(replace(site, instance=""), ledger=ledger, concurrency=CONCURRENCY)
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
    ledger.close()
    if failed:
        raise SystemExit(f"{len(failed)} of {count} failed: {failed[0]}")
    return spent


def hook_lane(site: Site, count: int) -> Spent:
    """Send what the profile sends for as many orders, with Airflow's hook, one after the other."""
    requests = [next(exchange(site, f"H-{number}")) for number in range(count)]
    connection = {"conn_type": "http", "host": site.base_url}
    os.environ["AIRFLOW_CONN_BENCH_ERP"] = json.dumps(connection)
    return clocked(lambda: http_hook_loop(requests))


def each(count: int, name: str, spent: Spent) -> None:
    rate, cpu = count / spent.wall, spent.cpu / count * 1000
    print(f"  {name:<44}{rate:8.1f}/s{cpu:8.2f} ms CPU each", flush=True)


def measure(site: Site, sandbox: Sandbox, count: int) -> None:
    few = max(50, count // 4)
    hook = hook_lane(site, few)
    each(few, "HttpHook, one after the other", hook)
    loop = hook.wall / few
    calls = clocked(lambda: bare(site, count, "B-"))
    each(count, f"the same client, {CONCURRENCY} at once, no ledger", calls)
    with databases() as urls, goals() as missed:
        for database, url in urls.items():
            before = sandbox.count("/erp/*")
            spent = written_once(site, count, url)
            asked = (sandbox.count("/erp/*") - before) / count
            each(count, f"{CONCURRENCY} at once, written once, {database}", spent)
            more = (spent.cpu - calls.cpu) / count * 1000
            print(f"  {more:.2f} ms CPU more for each document, which takes {asked:.2f} requests")
            aim(missed, f"{database}: over the HttpHook loop", loop * count / spent.wall, least=15)
            aim(missed, f"{database}: of the bare calls", calls.wall / spent.wall, least=0.6)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks create", description=__doc__)
    parser.add_argument("--documents", type=int, default=400)
    count = parser.parse_args(arguments).documents
    with tempfile.TemporaryDirectory() as home, Sandbox(Path(home) / "sandbox", own_process=True) as sandbox:
        site = Site(
            profile=PROFILE,
            conn_id="erp",
            base_url=sandbox.base_url,
            settings={"api_key": API_KEY, "instance": "bench-erp"},
            instance="bench-erp",
        )
        sandbox.fault(FaultRule("slow", path="/erp/*", seconds=ANSWER_SECONDS, times=10_000_000))
        print(f"{count} documents, answers in {ANSWER_SECONDS * 1000:.0f} ms")
        measure(site, sandbox, count)


if __name__ == "__main__":
    main()
