"""The demo's systems with Airflow spread over processes: CeleryExecutor, two workers, PostgreSQL, Redis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from scripts.demo_airflow import AirflowClient
from scripts.demo_home import PORTS, Home, wait_for
from scripts.demo_servers import USER, Servers
from scripts.distributed_stores import LEDGER, METADATA, Stores

WORKERS = ("worker_1", "worker_2")
PARTS = ("api_server", "scheduler", "dag_processor", "triggerer", *WORKERS)
ALL_PORTS = (*PORTS, "postgres", "redis", "scheduler_health", *WORKERS)
MIGRATED = "databases migrated"
AT_ONCE = 4
"""Tasks at a time; each worker takes as many, so that the one that is left can carry all of them."""


class Cluster(Servers):
    """Airflow in seven processes, as ``docker-compose.yaml`` describes it, on this machine.

    :param home: made with the ports of :data:`ALL_PORTS`.
    """

    def __init__(self, home: Home) -> None:
        self.stores = Stores(home)
        super().__init__(home, self.stores.url(METADATA))

    @property
    def ledger_url(self) -> str:
        """The ledger's SQLAlchemy URL: a database of its own."""
        return self.stores.url(LEDGER)

    @property
    def secrets(self) -> dict[str, str]:
        """What no log may show."""
        own = ("ui_password", "jwt_secret", "secret_key", "fernet_key", "robot_secret")
        return self.stores.secrets | {name: str(self.home.remembered[name]) for name in own}

    def start_airflow(self) -> AirflowClient:
        """Start the stores, migrate both databases, and start every part of Airflow."""
        self.stores.start()
        (self.home.path / "airflow").mkdir(exist_ok=True)
        self._write_password()
        with self.home.once(MIGRATED) as again:
            for arguments in (("db", "migrate"), ("docflow", "db", "upgrade")) if again else ():
                self._run(*arguments)
        for name in PARTS:
            if self.home.running(name) is None:
                self._start(name)
        return AirflowClient(self.ui, USER, self.password)

    def airflow_answers(self, client: AirflowClient) -> None:
        """Wait until every part of Airflow is healthy, by the checks that ``docker-compose.yaml`` makes."""
        self._wait_all(client.is_healthy, "api_server")
        client.log_in()
        self._wait_all(self._scheduler_is_healthy, "scheduler")
        for name in WORKERS:
            self._wait_all(lambda name=name: f"celery@{name}" in self._workers(), name)
        for job in ("DagProcessorJob", "TriggererJob"):
            self._run("jobs", "check", "--job-type", job, "--local")

    def airflow_env(self) -> dict[str, str]:
        """Return the environment in which Airflow, and its command line, run."""
        settings = {
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__PARALLELISM": str(AT_ONCE),
            # A task whose worker died comes back soon; this is also how long Airflow waits before it retries.
            "CORE__DEFAULT_TASK_RETRY_DELAY": "10",
            "API__SECRET_KEY": self.home.secret("secret_key", 32),
            "CELERY__BROKER_URL": self.stores.broker,
            "CELERY__RESULT_BACKEND": f"db+{self.database}",
            "CELERY__WORKER_CONCURRENCY": str(AT_ONCE),
            "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # What a worker took from Redis and did not begin before it died is handed out again.
            "SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
            "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
            "SCHEDULER__ENABLE_HEALTH_CHECK": "True",
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler_health"]),
            "SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
        }
        env = {f"AIRFLOW__{name}": value for name, value in settings.items()}
        return super().airflow_env() | env | {"AIRFLOW_CONN_DOCFLOW_LEDGER": self.stores.connection}

    def stop(self) -> list[str]:
        """End everything, the databases last; return what was running."""
        ended = [name for name in reversed(PARTS) if self.home.stop(name)]
        return ended + super().stop() + self.stores.stop()

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [_airflow(), *arguments], env=self.airflow_env(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)}: {(done.stdout + done.stderr)[-3000:]}")

    def _start(self, name: str) -> None:
        env, arguments = self.airflow_env(), name.replace("_", "-").split()
        if name in WORKERS:
            env["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"] = str(self.ports[name])
            arguments = ["celery", "worker", "--celery-hostname", name]
        self.home.start(name, [_airflow(), *arguments], env)

    def _scheduler_is_healthy(self) -> bool:
        with httpx2.Client(trust_env=False) as client:
            try:
                answer = client.get(f"http://127.0.0.1:{self.ports['scheduler_health']}/health")
            except httpx2.HTTPError:
                return False
        return answer.status_code == 200

    def _workers(self) -> set[str]:
        from celery import Celery

        with Celery(broker=self.stores.broker, set_as_current=False) as app:
            return {name for answer in app.control.ping(timeout=2) for name in answer}

    def _wait_all(self, ready: Any, name: str) -> None:
        wait_for(
            ready,
            what=name,
            seconds=400,
            log=self.home.path / f"{name}.log",
            alive=lambda: all(self.home.running(part) is not None for part in PARTS),
        )


def _airflow() -> str:
    return str(Path(sys.executable).with_name("airflow"))
