"""Airflow's API server as users reach it, with its own metadata database, and a browser that is logged in."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from tests.operators.test_scheduler import scheduled_run
from tests.rigs import airflow_home
from tests.rigs.locks import missing
from tests.rigs.processes import Server, free_port

TASKS = ("claimed", "approved", "orders", "payments", "written_back")
USERS = {"admin": "admin", "viewer": "viewer"}


def runs(dag_ids: tuple[str, ...]) -> None:
    """Put DAGs and one finished run of each into Airflow's database."""
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState

    with create_session() as session:
        for dag_id in dag_ids:
            flow = DAG(dag_id)
            for task_id in TASKS:
                EmptyOperator(task_id=task_id, dag=flow)
            run = scheduled_run(flow, session)
            run.state = DagRunState.SUCCESS
            for ti in run.get_task_instances(session=session):
                ti.state = TaskInstanceState.SUCCESS
        session.commit()


@dataclass
class Site:
    """A running API server."""

    base_url: str
    passwords: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, user: str) -> str:
        """Log a user in and return the token."""
        if user not in self.tokens:
            body = {"username": user, "password": self.passwords[user]}
            answer = httpx2.post(f"{self.base_url}/auth/token", json=body, trust_env=False, timeout=60)
            self.tokens[user] = str(answer.json()["access_token"])
        return self.tokens[user]

    def get(self, user: str, path: str, **query: str) -> Any:
        """Ask the pages' API."""
        head = {"Authorization": f"Bearer {self.token(user)}"}
        where = f"{self.base_url}/docflow/api/v1/{path}"
        answer = httpx2.get(where, headers=head, params=query, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def serving(folder: Path, extra: Mapping[str, str]) -> Iterator[Site]:
    """Run the API server over this process's Airflow home.

    :param extra: further variables of the server.
    """
    port = free_port()
    passwords = {user: f"{user}-password" for user in USERS}
    kept = folder / "passwords.json"
    kept.write_text(json.dumps(passwords))
    environment = {
        **os.environ,
        **extra,
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{name}:{role}" for name, role in USERS.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(kept),
        "PYTHONPATH": str(airflow_home.CHECKOUT),
    }
    command = [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1", "--port", str(port)]
    home = folder / "server"
    home.mkdir()
    server = Server([*command, "--apps", "core", "--workers", "1"], folder=home, env=environment)
    site = Site(f"http://127.0.0.1:{port}", passwords)

    def answers() -> None:
        httpx2.get(f"{site.base_url}/api/v2/version", trust_env=False).raise_for_status()

    try:
        server.wait_until(answers, seconds=400)
        yield site
    finally:
        server.stop()


def chromium() -> str:
    """Return the program of Debian's browser; where there is none, say so."""
    import shutil

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing("no Chromium here: install Debian's package chromium")
    return str(found)
