"""
Many open waits on one OA: the shared poll of docflow beside as many ``HttpSensorTrigger``.

Each lane is one event loop in a process of its own, as a triggerer runs it, without Airflow's database. The
requests are counted by the OA. Then a person decides: how long until the trigger of that document fires.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import Spent, elsewhere, peak_megabytes, tell

POLL, TURNS, DECIDED = 5.0, 3, 20
"""Seconds between polls, how many polls are measured, and how many decisions are taken."""


def _connect(oa: Any, folder: str) -> None:
    from airflow_provider_docflow import systems
    from tests.waiting import oa as oas

    systems._registered["waiting_oa"] = oas.profile()
    os.environ["AIRFLOW_CONN_OA"] = oa.connection()
    where = {"conn_type": "sqlite", "host": str(Path(folder) / "ledger.sqlite")}
    os.environ["AIRFLOW_CONN_DOCFLOW_LEDGER"] = json.dumps(where)
    os.environ["AIRFLOW_CONN_BARE"] = json.dumps({"conn_type": "http", "host": f"http://127.0.0.1:{oa.port}"})


async def _turns(oa: Any, ready: Any) -> dict[str, float]:
    """Measure some polls once all wait; CPU is that of the OA, too, which is in the same process."""
    async with asyncio.timeout(300):
        while not ready():  # noqa: ASYNC110 - it happens in the server's thread
            await asyncio.sleep(0.1)
    # What came before the waits began has been told by now: these polls are like all that follow.
    asked, cpu, started = len(oa.asked), time.process_time(), time.perf_counter()
    await asyncio.sleep(POLL * TURNS)
    seconds = time.perf_counter() - started
    return {
        "requests": (len(oa.asked) - asked) / seconds * POLL,
        "cpu": (time.process_time() - cpu) / seconds * POLL,
    }


async def docflow(oa: Any, count: int) -> dict[str, Any]:
    """Wait with DocumentTriggers behind Airflow's shared stream; then decide some."""
    from airflow_provider_docflow.hooks.ledger import ledger_of
    from tests.waiting.waits import trigger, triggerer

    ledger = ledger_of()
    refs = oa.enter(*[f"PR-{number}" for number in range(count)])
    async with triggerer() as running:
        waits = running.add(*(trigger(ledger, ref, poll_interval=POLL) for ref in refs))
        told = await _turns(oa, lambda: oa.count("feed") > count // 100 + 3)
        late = []
        for number in range(DECIDED):
            wait = waits[number * (count // DECIDED)]
            await asyncio.sleep(POLL / DECIDED * (number % 7))
            started = time.perf_counter()
            oa.decide(f"PR-{number * (count // DECIDED)}")
            await asyncio.wait_for(wait, 60)
            late.append(time.perf_counter() - started)
    ninety_five = statistics.quantiles(late, n=20)[-1]
    return {**told, "p50": statistics.median(late), "p95": ninety_five}


async def sensors(oa: Any, count: int) -> dict[str, Any]:
    """Wait with as many HttpSensorTriggers, each of which asks for its own document."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    async def follow(number: int) -> None:
        one = HttpSensorTrigger(endpoint=f"missing/{number}", http_conn_id="bare", poke_interval=POLL)
        async for _ in one.run():
            return

    # Begun over one interval, as waits do that began at their own times.
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(follow(number)))
        await asyncio.sleep(POLL / count)
    told = await _turns(oa, lambda: len(oa.asked) >= count)
    ended = sum(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {**told, "ended": ended}


def _lane(name: str, count: int) -> None:
    from tests.rigs import airflow_home

    airflow_home.settle()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    from tests.waiting.oa import Oa

    with tempfile.TemporaryDirectory() as folder:
        oa = Oa()
        _count_missing(oa)
        oa.start()
        _connect(oa, folder)
        before = peak_megabytes()
        told = asyncio.run({"docflow": docflow, "sensors": sensors}[name](oa, count))
        oa.stop()
    tell(Spent(0.0, told["cpu"], peak_megabytes() - before, told))


def _count_missing(oa: Any) -> None:
    """Let the OA count what it answers with 404."""
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def missing(request: Any) -> JSONResponse:
        oa.asked.append(("missing", ()))
        return JSONResponse({}, 404)

    oa._server.config.app.router.routes.append(Route("/missing/{number}", missing))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks waits", description=__doc__)
    parser.add_argument("--waits", type=int, default=10_000)
    parser.add_argument("--sensors", type=int, default=1_000)
    parser.add_argument("--lane", default="")
    parser.add_argument("--count", type=int, default=0)
    args = parser.parse_args(arguments)
    if args.lane:
        _lane(args.lane, args.count)
        return
    print(f"  polls every {POLL:.0f} s; the OA is in the same process, so CPU is of both")
    for name, count in (("docflow", args.waits), ("sensors", args.sensors)):
        spent = elsewhere(["benchmarks.waits", "--lane", name, "--count", str(count)])
        told = spent.told
        print(
            f"  {name:<10}{count:7} waits{told['requests']:10.1f} requests"
            f"{spent.cpu:8.2f} s CPU a poll{spent.peak:8.0f} MB more",
            flush=True,
        )
        if "p50" in told:
            print(f"  decided until the trigger fires: p50 {told['p50']:.2f} s, p95 {told['p95']:.2f} s")


if __name__ == "__main__":
    main()
