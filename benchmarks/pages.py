"""
The pages' questions to a ledger of 100 000 documents, on SQLite and PostgreSQL: p50 and p95 of each in ms.

Three DAGs touch each document, twice each; of 300 DAGs the user may read half. ``--scattered`` lets any three
of them touch it, so that hardly two documents have the same readers: the worst case for the index.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.search import Search, TouchedBy
from airflow_provider_docflow.ledger.search_chain import Chains
from airflow_provider_docflow.ledger.search_events import Histories
from airflow_provider_docflow.ledger.search_incidents import SeenIncidents, Sight

DAGS, TYPES, AXES = 300, list(DocumentType), ("draft", "submitted", "active", "active", "active", "closed")
PARTIES = (
    "Müller & Söhne",
    "上海钢铁有限公司",
    "Ångström AB",
    "Northern Supplies",
    "Übersee Handel",
    "中国电信",
)
BATCH = 1000
HIGHEST_P95 = 300.0


def ref(number: int) -> DocumentRef:
    kind = TYPES[number % len(TYPES)]
    return DocumentRef(
        f"erp:db-{number % 4}", f"C{number % 7}", kind, f"id-{number}", f"DOC-2026-{number:06d}"
    )


def entry(number: int) -> DocumentEntry:
    known = {
        "lifecycle": AXES[number % len(AXES)],
        "approval": "pending" if number % 5000 == 0 else "approved",
    }
    return DocumentEntry(
        ref(number),
        party_id=f"SUP-{number % 997}",
        party_name=f"{PARTIES[number % len(PARTIES)]} {number % 997}",
        amount=Decimal(number * 37 % 1_000_000) / 100,
        currency=("EUR", "CNY", "USD")[number % 3],
        issue_date=date(2026, 1, 1) + timedelta(days=number % 365),
        state={**known, "raw": {"state": "posted"}, "read_at": "2026-03-31T08:00:00+00:00"},
    )


def fill(ledger: Ledger, count: int, *, scattered: bool) -> None:
    chance = random.Random(7)
    for start in range(0, count, BATCH):
        ledger.documents.upsert([entry(number) for number in range(start, min(start + BATCH, count))])
    touched: dict[int, list[int]] = {dag: [] for dag in range(DAGS)}
    for number in range(count):
        flow = number % (DAGS // 3) * 3
        for dag in chance.sample(range(DAGS), 3) if scattered else (flow, flow + 1, flow + 2):
            touched[dag].append(number)
    for dag, numbers in touched.items():
        for run, start in enumerate(range(0, len(numbers), BATCH)):
            refs = [ref(number) for number in numbers[start : start + BATCH]]
            for task in ("read", "write"):
                ledger.documents.touch(refs, dag_id=f"dag_{dag}", run_id=f"run_{run}", task_id=task)
    about = [
        NewIncident("data", "missing_field", "a field is missing", ref=ref(n)) for n in range(0, count, 50)
    ]
    for start in range(0, len(about), BATCH):
        ledger.incidents.open_many(about[start : start + BATCH])


def settle(ledger: Ledger) -> None:
    """Do now what PostgreSQL does by itself some minutes after so much was written."""
    if ledger.database.dialect == "postgresql":
        with ledger.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def questions(ledger: Ledger, count: int) -> dict[str, Callable[[], Any]]:
    mine = [f"dag_{dag}" for dag in range(DAGS // 2)]
    few = ["dag_4"]

    def page(offset: int = 0, sort: Any = "-updated_at", **wanted: Any) -> Callable[[], Any]:
        search = Search(**{"dag_ids": mine, **wanted})
        return lambda: ledger.documents.page(search, offset=offset, limit=50, sort=sort).documents[0]

    ledger_key = ledger.documents.page(Search(dag_ids=mine), limit=1).documents[0].key
    incidents, sight = SeenIncidents(ledger), Sight(mine, systems=True)
    rare = f"{count // 2:06d}"
    return {
        "list, first page": page(),
        "list, a page in the middle": page(offset=count // 4),
        "list, by amount": page(sort="-amount"),
        "list, by amount, in the middle": page(sort="-amount", offset=count // 4),
        "list of one DAG's reader": page(dag_ids=few),
        "a run": page(touched_by=TouchedBy("dag_4", "run_0")),
        "part of a number, one match": page(text=rare),
        "part of a number, many": page(number_part="026-00"),
        "part of a party, Chinese": page(party="钢铁"),
        "part of a party, accented": page(text="müller & söhne 99"),
        "amount range": page(amount_from=Decimal("100.00"), amount_to=Decimal("100.40")),
        "amount range, wide": page(amount_from=Decimal(100), amount_to=Decimal(9000)),
        "state, rare": page(state={"approval": "pending"}),
        "state, common, in the middle": page(state={"lifecycle": "active"}, offset=count // 8),
        "type and state": page(document_type="payment", state={"lifecycle": "closed"}),
        "one document with its chain": lambda: Histories(ledger).events(
            Chains(ledger).around(ledger_key, mine).documents
        ),
        "incidents, first page": lambda: incidents.page(sight, status="open")[0][0],
        "incidents, by number": lambda: incidents.page(sight, status="open", text="000100")[0][0],
        "root causes": lambda: incidents.groups(sight)[0],
    }


def measure(ledger: Ledger, count: int, times: int) -> dict[str, tuple[float, float]]:
    found = {}
    for name, ask in questions(ledger, count).items():
        ask()
        taken = []
        for _ in range(times):
            started = time.perf_counter()
            ask()
            taken.append((time.perf_counter() - started) * 1000)
        found[name] = (statistics.median(taken), statistics.quantiles(taken, n=20)[-1])
    return found


@contextmanager
def databases(names: list[str]) -> Iterator[dict[str, str]]:
    from tests.rigs.databases import PostgresServer, postgres_programs

    with tempfile.TemporaryDirectory() as home:
        urls = {"SQLite": f"sqlite:///{Path(home) / 'ledger.sqlite'}"} if "sqlite" in names else {}
        programs = postgres_programs() if "postgresql" in names else None
        if "postgresql" in names and programs is None:
            raise SystemExit("no PostgreSQL here: install Debian's package postgresql")
        server = PostgresServer(programs) if programs else None
        try:
            yield urls | ({"PostgreSQL": server.create("pages")} if server else {})
        finally:
            if server:
                server.server.stop()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks pages", description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--scattered", action="store_true")
    parser.add_argument("--on", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    args = parser.parse_args(arguments)
    slow = []
    with databases(args.on) as urls:
        for database, url in urls.items():
            ledger = Ledger.open(url, keys=[Fernet.generate_key()], create=True)
            started = time.perf_counter()
            fill(ledger, args.documents, scattered=args.scattered)
            settle(ledger)
            print(f"{database}: {args.documents} documents filled in {time.perf_counter() - started:.0f} s")
            for name, (p50, p95) in measure(ledger, args.documents, args.times).items():
                print(f"  {name:<34} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms", flush=True)
                slow += [f"{database}: {name}"] if p95 > HIGHEST_P95 else []
            ledger.close()
    if slow:
        raise SystemExit(f"slower than {HIGHEST_P95:.0f} ms: {'; '.join(slow)}")


if __name__ == "__main__":
    main()
