"""
From a decision in the OA to the order in the ERP, by webhook and by poll, through a whole Airflow.

A scheduler, a triggerer and an API server run; requisitions wait in DingTalk's stand-in, one DAG run for
each. A person approves one after the other. The OA's events go to ``airflow docflow webhooks serve``; in the
second lane the OA sends none. Told by the journal of the stand-ins when the triggerer read the document and
when the order was written, and by Airflow's own log when the waiting task began again.
``DOCFLOW_DB=postgresql://...`` puts Airflow's own data and the ledger there in place of SQLite, which is slow
and locks.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from airflow_provider_docflow.ledger import migrate
from airflow_provider_docflow.sandbox import SandboxClient
from airflow_provider_docflow.sandbox.example import CORP_ID, connections, fill, submission
from benchmarks.measuring import ROOT, aim, goals
from scripts.demo_airflow import AirflowClient, AirflowError
from scripts.demo_home import Home
from scripts.demo_servers import Servers

DAG = "decided_to_ordered"
PORTS = ("sandbox", "airflow", "worker_logs", "trigger_logs", "webhooks")
TOKEN, KEY = "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
GUARD_SECONDS, POLL_SECONDS = 15.0, 30.0
"""How long all wait before the first decision, longer than Airflow has to be given; and the poll interval."""

READS, ORDERS = "/dingtalk/v1.0/workflow/processInstances", "/erp/purchase_order"
_DONE = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Told:
    """Seconds from the decision on one requisition.

    :param read: other runs read all documents too; it counts where they keep apart.
    """

    read: float
    resumed: float
    ordered: float


class Machines(Servers):
    """The sandbox, Airflow with one DAG, and the addresses of the events."""

    def airflow_env(self) -> dict[str, str]:
        """Return the environment of Airflow's processes, with the connections in it."""
        oa, erp = (self._connections()[name] for name in ("oa", "erp"))
        callback = {"callback_token": TOKEN, "callback_aes_key": KEY, "callback_receive_id": CORP_ID}
        oa = {**oa, "extra": {**json.loads(oa["extra"]), **callback}}
        file = {"conn_type": "sqlite", "host": str(self.home.path / "ledger.sqlite")}
        ledger = self.database.replace("postgresql+psycopg", "postgres") or json.dumps(file)
        named = {"OA": json.dumps(oa), "ERP": json.dumps(erp), "DOCFLOW_LEDGER": ledger}
        return {
            **super().airflow_env(),
            **{f"AIRFLOW_CONN_{name}": value for name, value in named.items()},
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "benchmarks" / "dags"),
            "AIRFLOW__DOCFLOW__WEBHOOK_CONNECTIONS": "oa",
            "AIRFLOW__DOCFLOW__POLL_INTERVAL": str(POLL_SECONDS),
            "PYTHONPATH": str(ROOT),
        }

    def _connections(self) -> dict[str, dict[str, Any]]:
        client = SandboxClient(f"http://127.0.0.1:{self.ports['sandbox']}")
        return connections(client.base_url, self.home.path / "sandbox", self.home.choose("code", ""))

    def webhooks(self) -> str:
        """Serve the addresses; return the OA's."""
        port = str(self.ports["webhooks"])
        airflow = str(Path(sys.executable).with_name("airflow"))
        self.home.start(
            "webhooks", [airflow, "docflow", "webhooks", "serve", "--port", port], self.airflow_env()
        )
        url = f"http://127.0.0.1:{port}/webhooks/oa"

        def answers() -> bool:
            try:
                return httpx2.get(url).status_code == 404
            except httpx2.TransportError:
                return False

        self._wait("webhooks", answers, 60)
        return url

    def log_of(self, run_id: str, task_id: str) -> Iterator[float]:
        """Yield the moments of the lines of a task's log."""
        place = f"dag_id={DAG}/run_id={run_id}/task_id={task_id}/attempt=1.log"
        for line in (self.home.path / "airflow" / "logs" / place).read_text().splitlines():
            yield datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()

    def stop(self) -> list[str]:
        """End everything."""
        return [name for name in ("webhooks", "airflow", "sandbox") if self.home.stop(name)]


@contextmanager
def machines(folder: Path) -> Iterator[tuple[Machines, SandboxClient, AirflowClient]]:
    """Start everything and end it."""
    made = Machines(Home(folder, PORTS), os.environ.get("DOCFLOW_DB", ""))
    try:
        oa = made.sandbox()
        found = fill(oa, folder / "sandbox")
        forms = json.loads(json.loads(found["oa"]["extra"])["forms"])
        made.home.choose("code", forms["purchase_requisition"]["process_code"])
        migrate.upgrade(made.ledger_url)
        airflow = made.start_airflow()
        made.airflow_answers(airflow)
        airflow.unpause(DAG)
        yield made, oa, airflow
    finally:
        made.stop()


def wait_for_decisions(
    oa: SandboxClient, airflow: AirflowClient, code: str, numbers: Sequence[str]
) -> dict[str, str]:
    """Enter requisitions and let a run wait for each; return the form of each."""
    forms = oa.submit(submission(code, number, "SUP-1") for number in numbers)
    oa.settle()
    for number in numbers:
        body = {"logical_date": None, "dag_run_id": number, "conf": {"number": number}}
        _trigger(airflow, body)
    while True:
        states = [_state(airflow, number, "approved") for number in numbers]
        if states.count("deferred") == len(numbers):
            break
        if "failed" in states:
            raise SystemExit(f"a task failed before any decision; see {airflow.base_url}")
        time.sleep(2)
    time.sleep(GUARD_SECONDS)
    return dict(zip(numbers, forms, strict=True))


def _trigger(airflow: AirflowClient, body: dict[str, Any]) -> None:
    """Start a run; Airflow on SQLite answers 500 while somebody else writes."""
    for patience in (1.0, 2.0, 4.0, 0.0):
        try:
            airflow.call("POST", f"dags/{DAG}/dagRuns", body)
            return
        except AirflowError:
            if not patience:
                raise
            time.sleep(patience)


def _state(airflow: AirflowClient, run_id: str, task_id: str) -> str:
    return next(one["state"] or "" for one in airflow.tasks(DAG, run_id) if one["task_id"] == task_id)


def decide_all(
    made: Machines, oa: SandboxClient, airflow: AirflowClient, forms: dict[str, str], apart: float
) -> list[Told]:
    """Approve one after the other; return what became of each."""
    begun: dict[str, float] = {}
    for number, form in forms.items():
        begun[number] = time.time()
        oa.decide(form, "agree", userId="li.na", remark="ok")
        time.sleep(random.uniform(0.5, 1.5) * apart)
    for number in forms:
        while _state(airflow, number, "orders") not in _DONE:
            time.sleep(1)
    return [_told(made, oa, number, form, begun[number]) for number, form in forms.items()]


def _told(made: Machines, oa: SandboxClient, number: str, form: str, begun: float) -> Told:
    def asked(path: str, method: str, names: str) -> float:
        found = oa.requests(path, method=method)
        mine = (one["at"] / 1000 for one in found if names in f"{one['query']}{one['body']}")
        return next(at - begun for at in mine if at >= begun)

    return Told(
        read=asked(READS, "GET", form),
        resumed=next(at - begun for at in made.log_of(number, "approved") if at >= begun),
        ordered=asked(ORDERS, "POST", f'"{number} '),
    )


def show(lane: str, told: Sequence[Told], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Print a lane's figures; return p50 and p95 of each stage."""
    found = {}
    for name in names:
        values = sorted(getattr(one, name) for one in told)
        found[name] = statistics.median(values), statistics.quantiles(values, n=20, method="inclusive")[-1]
    stages = "".join(f"   {name} {p50:6.2f} {p95:6.2f}" for name, (p50, p95) in found.items())
    print(f"  {lane:<9}{len(told):4} decisions, p50 and p95 in s:{stages}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks events", description=__doc__)
    parser.add_argument("--documents", type=int, default=20, help="decisions in each lane")
    parser.add_argument("--apart", type=float, default=8.0, help="seconds between two decisions")
    parser.add_argument("--home", default="", help="keep the folder with its logs")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="docflow-events-") as temporary, goals() as missed:
        folder = Path(args.home or temporary)
        with machines(folder) as (made, oa, airflow):
            code = made.home.remembered["code"]

            def _lane(name: str) -> list[Told]:
                numbers = [f"{name}-{number}" for number in range(args.documents)]
                forms = wait_for_decisions(oa, airflow, code, numbers)
                return decide_all(made, oa, airflow, forms, args.apart)

            callback = {"url": made.webhooks(), "token": TOKEN, "aes_key": KEY, "receive_id": CORP_ID}
            oa.call("POST", "dingtalk/callback", callback)
            found = show("webhook", _lane("webhook"), ("read", "resumed", "ordered"))
            aim(missed, "event until its task is resumed, p95 in s", found["resumed"][1], most=3.0)
            oa.call("DELETE", "dingtalk/callback")
            show("poll", _lane("poll"), ("resumed", "ordered"))


if __name__ == "__main__":
    main()
