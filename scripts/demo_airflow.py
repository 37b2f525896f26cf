"""What the demo asks of Airflow, over its REST interface."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

ENDED = frozenset({"success", "failed"})
OVER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class AirflowError(RuntimeError):
    """Airflow refused something; the message is its own."""


class AirflowClient:
    """One user of Airflow's REST interface."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self.base_url, self.user, self.password = base_url, user, password
        # The server closes a connection that was idle for a while, perhaps just when it is used again.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self.client = httpx2.Client(base_url=base_url, timeout=60, limits=limits, trust_env=False)

    def is_healthy(self) -> bool:
        """Tell whether every part answers and is well."""
        try:
            answer = self.client.get("/api/v2/monitor/health")
            parts = answer.json() if answer.status_code == 200 else {}
        except (httpx2.HTTPError, ValueError):
            return False
        names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((parts.get(name) or {}).get("status") == "healthy" for name in names)

    def log_in(self) -> None:
        """Get a token for a day."""
        answer = self.client.post("/auth/token", json={"username": self.user, "password": self.password})
        if answer.status_code != 201:
            raise AirflowError(f"Airflow refuses {self.user}: {answer.text}")
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None, *, missing: Any = None, **query: Any) -> Any:
        """Call ``/api/v2/path``; what is not there is ``missing``.

        :raises AirflowError: the answer is another error.
        """
        answer = self.client.request(method, f"/api/v2/{path}", json=body, params=query or None)
        if answer.status_code == 404:
            return missing
        if answer.status_code >= 400:
            raise AirflowError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else {}

    def connect(self, connection: Mapping[str, Any]) -> None:
        """Create a connection, or bring it up to date."""
        body = {**connection, "extra": json.dumps(connection.get("extra") or {}, ensure_ascii=False)}
        name = body["connection_id"]
        if self.call("GET", f"connections/{name}") is None:
            self.call("POST", "connections", body)
        else:
            self.call("PATCH", f"connections/{name}", body)

    def unpause(self, dag_id: str, seconds: float = 180) -> None:
        """Switch a DAG on, as soon as it is known.

        :raises AirflowError: it cannot be parsed, or does not turn up.
        """
        deadline = time.monotonic() + seconds
        while self.call("PATCH", f"dags/{dag_id}", {"is_paused": False}) is None:
            errors = self.call("GET", "importErrors")["import_errors"]
            mine = [one["stack_trace"] for one in errors if dag_id in (one.get("filename") or "")]
            if mine or time.monotonic() > deadline:
                raise AirflowError(f"there is no DAG {dag_id}: {mine or 'it was not found in time'}")
            time.sleep(0.5)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return all runs of a DAG, the oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"dags/{dag_id}/dagRuns", order_by="id", limit=100, offset=len(found))[
                "dag_runs"
            ]
            found += page
            if len(page) < 100:
                return found

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        run_id = f"demo-{len(self.runs(dag_id)) + 1}-{int(time.time())}"
        body = {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf or {})}
        self.call("POST", f"dags/{dag_id}/dagRuns", body)
        return run_id

    def wait(self, dag_id: str, run_id: str, tell: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Wait for the end of a run and return it; what failed in it is cleared once.

        :raises AirflowError: it failed again.
        """
        run = self._ended(dag_id, run_id, tell)
        if run["state"] == "failed":
            self.clear_failed(dag_id, run_id)
            run = self._ended(dag_id, run_id, tell)
        tell()
        if run["state"] == "failed":
            failed = [one["task_id"] for one in self.tasks(dag_id, run_id) if one["state"] == "failed"]
            raise AirflowError(
                f"the run {run_id} of {dag_id} failed at {', '.join(failed)}; see {self.base_url}"
            )
        return dict(run)

    def _ended(self, dag_id: str, run_id: str, tell: Callable[[], None]) -> dict[str, Any]:
        while (run := self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}"))["state"] not in ENDED:
            tell()
            time.sleep(1)
        return dict(run)

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Let the failed tasks of a run, and those that waited for them, run again."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/clear"
        self.call("POST", path, {"dry_run": False, "only_failed": True})

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self.call("GET", path, limit=100)["task_instances"])

    def count(self, dag_id: str, run_id: str, task_id: str) -> int:
        """Return how many documents a finished task handed on."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path, missing={}).get("value")
        told = json.loads(value) if isinstance(value, str) else value
        return int((told or {}).get("count", 0))
