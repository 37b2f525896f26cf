"""``make distributed``: the demo's main job on CeleryExecutor, one of two workers killed in the middle.

Starts Redis, PostgreSQL (one database for Airflow, one for the ledger), every part of Airflow as a process of
its own with two Celery workers, the sandbox and a real Tryton; runs both lanes over N documents; kills the
worker that is writing the orders, and everything it runs, with ``kill -9``; lets the other one finish; reads
back from the systems; and ends what it has started. Logs and ``report.json`` stay in ``.distributed/``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
if str(CHECKOUT) not in sys.path:
    sys.path.insert(0, str(CHECKOUT))

from airflow_provider_docflow.ledger import Ledger  # noqa: E402
from scripts import demo  # noqa: E402
from scripts.demo_airflow import AirflowClient  # noqa: E402
from scripts.demo_home import Home  # noqa: E402
from scripts.demo_job import VALUE, VOLUME  # noqa: E402
from scripts.demo_progress import Progress  # noqa: E402
from scripts.demo_servers import USER  # noqa: E402
from scripts.distributed_servers import ALL_PORTS, MIGRATED, WORKERS, Cluster  # noqa: E402

STAGE = "orders"
WRITER = f"{VOLUME}.{STAGE} in "
"""How the ledger names who writes them."""


class Blow(threading.Thread):
    """Kills the worker that writes the orders, as soon as the ledger has the first receipt of one.

    :ivar told: what was killed, or why nothing was.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(name="blow", daemon=True)
        self.cluster = cluster
        self.told: dict[str, Any] = {"error": f"{STAGE} wrote nothing"}
        self.over = threading.Event()

    def run(self) -> None:
        """Wait for the moment, and strike."""
        try:
            while not self._has_written():
                if self.over.wait(0.05):
                    return
            self.told = self._strike()
        except Exception as error:
            self.told = {"error": f"{type(error).__name__}: {error}"}

    def _has_written(self) -> bool:
        return self.cluster.home.has_done(MIGRATED) and "done" in self.standing()

    def standing(self) -> dict[str, int]:
        """Return how many of the stage's writes, each step of each order, stand where."""
        from sqlalchemy import func, select

        from airflow_provider_docflow.ledger.models.writes import intent

        mine = intent.c.actor.startswith(WRITER)
        query = select(intent.c.status, func.count()).where(mine).group_by(intent.c.status)
        return dict(
            self.ledger.database.read(lambda connection: [tuple(r) for r in connection.execute(query)])
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, to look into it."""
        return Ledger.open(self.cluster.ledger_url, keys=[self.cluster.fernet_key])

    def _strike(self) -> dict[str, Any]:
        # Who writes is still writing when Airflow has told, however long it takes to tell.
        with contextlib.ExitStack() as held:
            for name in WORKERS:
                held.enter_context(self.cluster.home.held(name))
            return self._killed()

    def _killed(self) -> dict[str, Any]:
        airflow = AirflowClient(self.cluster.ui, USER, self.cluster.password)
        airflow.log_in()
        path = "dags/~/dagRuns/~/taskInstances"
        under_way = airflow.call("GET", path, state="running", limit=100)["task_instances"]
        leaders = {process.pid: name for name in WORKERS if (process := self.cluster.home.running(name))}
        at = {f"{one['dag_id']}.{one['task_id']}": leaders.get(_session(one["pid"])) for one in under_way}
        worker = at[f"{VOLUME}.{STAGE}"]
        tasks = sorted(task for task, name in at.items() if name == worker)
        killed = self.cluster.home.kill(str(worker))
        return {"worker": worker, "processes": killed, "tasks": tasks, "writes": self.standing()}


def _session(pid: int | None) -> int:
    with contextlib.suppress(OSError, TypeError):
        return os.getsid(pid)  # type: ignore[arg-type]
    return -1


def run(cluster: Cluster, documents: int) -> dict[str, Any]:
    """Run the job with the blow in its middle, and return the report."""
    blow = Blow(cluster)
    blow.start()
    try:
        report = demo.run(cluster, documents)
    finally:
        blow.over.set()
        blow.join()
    report["killed"] = blow.told
    report["tasks"] = {name: _taken(cluster.home.path / f"{name}.log") for name in WORKERS}
    report["retried"] = _retried(cluster)
    report["writes"] = blow.standing()
    report["wrong"] += complaints(cluster, report)
    cluster.home.keep_report(report)
    return report


def _taken(log: Path) -> int:
    return log.read_text(errors="replace").count("Executing workload in Celery")


def _retried(cluster: Cluster) -> list[str]:
    airflow = AirflowClient(cluster.ui, USER, cluster.password)
    airflow.log_in()
    found = [
        f"{one['dag_id']}.{one['task_id']}"
        for dag_id in (VOLUME, VALUE)
        for run in airflow.runs(dag_id)
        for one in airflow.tasks(dag_id, run["dag_run_id"])
        if one["try_number"] > 1
    ]
    return sorted(found)


def complaints(cluster: Cluster, report: dict[str, Any]) -> list[str]:
    """Say why this run proves nothing, or what it has given away."""
    told = []
    if "error" in report["killed"]:
        told.append(f"no worker was killed: {report['killed']['error']}")
    idle = [name for name, count in report["tasks"].items() if not count]
    told += [f"{name} had nothing to do" for name in idle]
    return told + [f"{log} shows the secret {name}" for name, log in leaks(cluster)]


def leaks(cluster: Cluster) -> Iterator[tuple[str, Path]]:
    """Yield the secrets that a log shows."""
    for log in cluster.home.path.rglob("*.log"):
        content = log.read_text(errors="replace")
        for name, secret in cluster.secrets.items():
            if secret in content:
                yield name, log


def show(report: dict[str, Any], cluster: Cluster) -> None:
    """Print the report."""
    demo.show(report, cluster)
    killed, progress = report["killed"], Progress()
    if "worker" in killed:
        tasks = ", ".join(killed["tasks"])
        then, now = (_counts(found["writes"]) for found in (killed, report))
        progress.say(f"killed {killed['worker']}: {killed['processes']} processes, at work on {tasks}")
        progress.say(f"writes of {STAGE} at that moment: {then}; in the end: {now}")
    taken = ", ".join(f"{name} {count}" for name, count in report["tasks"].items())
    progress.say(f"tasks taken: {taken}; tried again: {', '.join(report['retried']) or 'none'}")


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(found.items()))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=60, help="how many requisitions, 40 or more")
    parser.add_argument("--home", type=Path, default=CHECKOUT / ".distributed", help="emptied at the start")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    parser.add_argument("--stop", action="store_true", help="end what an earlier start has left")
    chosen = parser.parse_args()
    cluster = Cluster(Home(chosen.home, ALL_PORTS))
    if chosen.stop:
        print(f"stopped {', '.join(cluster.stop()) or 'nothing'}")
        return 0
    with cluster.home.alone():
        cluster.stop()
        cluster = Cluster(cluster.home.emptied())
        try:
            report = run(cluster, chosen.documents)
        finally:
            if not chosen.keep:
                cluster.stop()
    show(report, cluster)
    if chosen.keep:
        demo.show_pages(report, cluster)
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
