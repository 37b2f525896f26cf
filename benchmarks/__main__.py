"""
Creating documents in bulk against a stand-in that answers in 20 ms: written once, beside the bare calls.

``python -m benchmarks pages`` asks what the pages ask instead, ``python -m benchmarks growth`` how a ledger
grows.

Prints documents per second and the ratio to the sequential loop; the ratios hold on other machines, the rates
do not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, content_hash, document_from_json
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteRequest
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.systems.rest.example import PROFILE
from benchmarks import growth, pages

TYPE, CONCURRENCY, ANSWER_SECONDS = "purchase_order", 16, 0.02


def order(number: str) -> Document:
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


def item(number: str) -> WriteItem:
    return WriteItem(mark=f"M{number.rjust(15, chr(48))}", reference=number, document=order(number))


def exchange(site: Site, number: str) -> Exchange[object]:
    return site.profile.write(TYPE, "create").run(site, [item(number)])


def sequential(site: Site, count: int) -> None:
    with Door(site) as door:
        for number in range(count):
            door.run(exchange(site, f"S-{number}"))


def bare(site: Site, count: int) -> None:
    async def run() -> None:
        async with AsyncDoor(site, concurrency=CONCURRENCY) as door:
            await door.run_all([exchange(site, f"B-{number}") for number in range(count)])

    asyncio.run(run())


def written_once(site: Site, count: int, home: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{home}/ledger.sqlite", keys=[Fernet.generate_key()])
    system = System(replace(site, instance=""), ledger=ledger, concurrency=CONCURRENCY)
    instance = system.site.instance
    requests = []
    for number in range(count):
        document = order(str(number))
        key = IntentKey(instance, TYPE, "bench", "purchase_requisition", f"W-{number}", company_code="C1")
        requests.append(
            WriteRequest(
                key=key, content_hash=content_hash(document), document=document, reference=f"W-{number}"
            )
        )
    outcomes = system.writer().write(requests)
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        raise SystemExit(f"{len(failed)} of {count} failed: {failed[0]}")
    ledger.close()


def timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    asked = {"pages": pages.main, "growth": growth.main}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if asked:
        asked(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--documents", type=int, default=400)
    count = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as home, Sandbox(Path(home) / "sandbox", own_process=True) as sandbox:
        site = Site(
            profile=PROFILE,
            conn_id="erp",
            base_url=sandbox.base_url,
            settings={"api_key": "erp-sandbox-key", "instance": "bench-erp"},
            instance="bench-erp",
        )
        sandbox.fault(FaultRule("slow", path="/erp/*", seconds=ANSWER_SECONDS, times=10_000_000))
        lanes = {
            "one after the other, no ledger": timed(lambda: sequential(site, count)),
            f"{CONCURRENCY} at once, no ledger": timed(lambda: bare(site, count)),
            f"{CONCURRENCY} at once, written once and read back": timed(
                lambda: written_once(site, count, Path(home))
            ),
        }
    slowest = lanes["one after the other, no ledger"]
    print(f"{count} documents, answers in {ANSWER_SECONDS * 1000:.0f} ms")
    for name, seconds in lanes.items():
        print(f"{name:<48} {count / seconds:8.1f}/s   {slowest / seconds:5.1f} x")


if __name__ == "__main__":
    main()
