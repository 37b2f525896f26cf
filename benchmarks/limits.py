"""
What the gate of the limits costs per call, on SQLite and PostgreSQL: calls taken one by one, in handfuls, and
the same in several processes at once. Nothing is called; the limit is so high that nobody waits.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Limit, SystemProfile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks import budgets
from airflow_provider_docflow.hooks.budgets import BudgetGate
from airflow_provider_docflow.ledger import Ledger

THREADS, PROCESSES = 8, 4
LIMITS = (
    Limit(name="fast", count=1_000_000, seconds=1.0),
    Limit(name="monthly", count=10**9, seconds=30 * 86_400.0),
)
_KEY = Fernet.generate_key()


def _nobody(site: Site) -> Exchange[str]:
    yield from ()
    return "bench"


def gate(url: str, *, limits: tuple[Limit, ...]) -> tuple[Ledger, BudgetGate, Site]:
    known = SystemProfile(
        name="bench",
        title="Bench",
        docs_url="https://example.com",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=_nobody,
        limits=limits,
    )
    ledger = Ledger.open(url, keys=[_KEY], create=True)
    site = Site(profile=known, conn_id="bench", base_url="http://127.0.0.1", instance="bench")
    return ledger, BudgetGate(ledger, site), site


def calls(passing: BudgetGate, site: Site, count: int) -> None:
    request = site.request("GET", "/")
    for _ in range(count):
        passing.before(request)


def in_threads(passing: BudgetGate, site: Site, count: int) -> None:
    each = count // THREADS
    threads = [threading.Thread(target=calls, args=(passing, site, each)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_processes(url: str, count: int) -> None:
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if child == 0:
            ledger, passing, site = gate(url, limits=LIMITS[:1])
            calls(passing, site, count // PROCESSES)
            ledger.close()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def microseconds(work: Callable[[], Any], count: int) -> tuple[float, float]:
    """Return wall and CPU microseconds per call, those of child processes included."""
    started, before = time.perf_counter(), os.times()
    work()
    wall, after = time.perf_counter() - started, os.times()
    return wall / count * 1e6, (sum(after[:4]) - sum(before[:4])) / count * 1e6


def measured(url: str, count: int) -> list[tuple[str, float, float]]:
    rows = []
    handful = budgets.MOST_AT_ONCE
    for name, limits, at_once in (
        ("no limit: only whether it wants to be left alone", (), handful),
        ("one by one, a limit", LIMITS[:1], 1),
        ("in handfuls, a limit", LIMITS[:1], handful),
        ("in handfuls, a limit and a quota", LIMITS, handful),
    ):
        budgets.MOST_AT_ONCE = at_once
        ledger, passing, site = gate(url, limits=limits)
        some = count if at_once > 1 else count // 10
        rows.append((name, *microseconds(lambda p=passing, s=site, n=some: calls(p, s, n), some)))  # type: ignore[misc]
        passing.close()
        ledger.close()
    budgets.MOST_AT_ONCE = handful
    ledger, passing, site = gate(url, limits=LIMITS[:1])
    threaded = microseconds(lambda: in_threads(passing, site, count), count)
    rows.append((f"in handfuls, {THREADS} threads", *threaded))
    ledger.close()
    rows.append(
        (f"in handfuls, {PROCESSES} processes", *microseconds(lambda: in_processes(url, count), count))
    )
    return rows


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    from tests.rigs.databases import PostgresServer, postgres_programs

    with tempfile.TemporaryDirectory() as home:
        programs = postgres_programs()
        server = PostgresServer(programs) if programs else None
        try:
            urls = {"SQLite": f"sqlite:///{Path(home) / 'limits.db'}"}
            yield urls | ({"PostgreSQL": server.create("limits")} if server else {})
        finally:
            if server:
                server.server.stop()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits")
    parser.add_argument("--calls", type=int, default=4000)
    count = parser.parse_args(arguments).calls
    print(f"{'microseconds per call':<62}{'wall':>10}{'CPU':>10}")
    with databases() as urls:
        for database, url in urls.items():
            for name, wall, cpu in measured(url, count):
                print(f"{database + ': ' + name:<62}{wall:10.1f}{cpu:10.1f}")


if __name__ == "__main__":
    main()
