"""The main job of the demo, step by step; every step may be killed and done again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_provider_docflow.ledger import Ledger
from scripts.demo_airflow import OVER, AirflowClient, AirflowError
from scripts.demo_cases import Form
from scripts.demo_erp import Erp
from scripts.demo_oa import Entered, Oa
from scripts.demo_progress import Progress
from scripts.demo_servers import Servers

VOLUME, VALUE, INTAKE = "requisitions_in_volume", "requisition_to_payment", "requisition_intake"
ROBOT = "docflow-demo-robot"
STAGES = {
    "listed": "requisitions listed",
    "approved": "decisions recorded",
    "told": "messages sent",
    "orders": "orders in Tryton",
    "invoices": "supplier invoices in Tryton",
    "payments_in_advance": "payments in advance",
    "payments": "payments of invoices",
    "written_back": "numbers on the OA's forms",
}


class Job:
    """One demo: its forms, its systems, and what is done with them.

    :param forms: what is to be entered, in order.
    :param left_undecided: how many of the slow forms nobody ever decides.
    """

    def __init__(
        self, servers: Servers, forms: list[Form], progress: Progress, *, left_undecided: int
    ) -> None:
        self.servers, self.home, self.forms, self.progress = servers, servers.home, forms, progress
        self.left_undecided = left_undecided
        rpc, self.keys = servers.erp()
        self.erp = Erp(rpc, self.keys)
        self.sandbox = servers.sandbox()
        self.oa = Oa(self.sandbox, self.erp.companies())
        self.codes = self.oa.prepare()
        self.entered: list[Entered] = []

    def prepare(self) -> None:
        """Let people fill in forms, order by hand, and withdraw what was approved."""
        assert self.ledger.ledger_id  # its tables are there before anybody needs them
        self.erp.number_by_kind()
        with self.progress.stage("forms filled in", len(self.forms)) as tell:
            for lane, code in self.codes.items():
                before = len(self.entered)
                self.entered += self.oa.enter(self.forms, lane, code, lambda n, b=before: tell(b + n))
        with self.home.once("orders by hand") as again:
            by_hand = [form for form in self.forms if form.by_hand]
            with self.progress.stage("orders by hand", len(by_hand)) as tell:
                if again:
                    self.erp.order_by_hand(by_hand, tell)
        self.oa.withdraw(self._of("withdrawn_after_approval"))

    def _of(self, case: str) -> list[Entered]:
        return [one for one in self.entered if one.form.case == case]

    def connect(self, airflow: AirflowClient) -> None:
        """Create the connections, register the robot, and switch the DAGs on."""
        robot = {"token": ROBOT, "secret": self.home.secret("robot_secret"), "per_minute": 60_000}
        self.sandbox.call("POST", "dingtalk/robots", robot)
        for connection in self._connections():
            airflow.connect(connection)
        for dag_id in (VOLUME, VALUE, INTAKE):
            airflow.unpause(dag_id)

    def _connections(self) -> list[dict[str, Any]]:
        user = self.keys["users"]["admin"]
        erp = {
            "connection_id": "erp",
            "conn_type": "docflow_tryton",
            "host": self.keys["base_url"],
            "schema": self.keys["db"],
            "login": "admin",
            "password": user["password"],
            "extra": {"api_key": user["key"]},
        }
        finance = {"connection_id": "finance_db", "conn_type": "sqlite", "host": str(self.servers.finance)}
        own = {"sql_conn_id": "finance_db", "ensure": True}
        return [
            erp,
            finance,
            {"connection_id": "finance", "conn_type": "docflow_sql", "extra": own},
            self._oa("oa", "value"),
            self._oa("oa_volume", "volume"),
            self._ledger(),
        ]

    def _oa(self, name: str, lane: str) -> dict[str, Any]:
        base = self.sandbox.base_url
        form = {"process_code": self.codes[lane], "mark_control": "docflow"}
        extra = {
            "corp_id": "dingsandboxcorp",
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "forms": json.dumps({"purchase_requisition": form}, ensure_ascii=False),
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
            "robot_token": ROBOT,
            "robot_secret": self.home.secret("robot_secret"),
            "robot_per_minute": 60_000,
        }
        return {
            "connection_id": name,
            "conn_type": "docflow_dingtalk",
            "login": "dingsandbox",
            "password": "sandbox-secret",
            "extra": extra,
        }

    def _ledger(self) -> dict[str, Any]:
        from sqlalchemy.engine import make_url

        url = make_url(self.servers.ledger_url)
        if url.get_backend_name() == "sqlite":
            return {"connection_id": "docflow_ledger", "conn_type": "sqlite", "host": url.database}
        return {
            "connection_id": "docflow_ledger",
            "conn_type": "postgres",
            "host": url.host,
            "port": url.port,
            "login": url.username,
            "password": url.password,
            "schema": url.database,
        }

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, to look into it."""
        return Ledger.open(self.servers.ledger_url, keys=[self.servers.fernet_key], create=True)

    def adopt(self) -> None:
        """Register the orders made by hand, then let somebody delete some of them."""
        mine = [form for form in self.forms if form.by_hand]
        with self.home.once("adopted") as again, self.progress.stage("orders adopted", len(mine)) as tell:
            missing = [form for form in mine if not self._is_adopted(form)] if again else []
            if missing:
                self._command("adopt", *_ROUTE, "--sources", ",".join(f.number for f in missing), "--yes")
            tell(len(mine))
        with self.home.once("orders deleted") as again:
            if again:
                self.erp.delete([one.form for one in self._of("order_deleted")])

    def _is_adopted(self, form: Form) -> bool:
        found = self.ledger.intents.find(source_number=form.number, target_type="purchase_order")
        return any(row.receipt is not None for row in found)

    def _command(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("airflow")), "docflow", *arguments]
        env = {**os.environ, **self.servers.airflow_env()}
        answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise RuntimeError(
                f"airflow docflow {arguments[0]}: {answer.stdout[-2000:]}{answer.stderr[-1000:]}"
            )

    def incidents(self) -> list[dict[str, str]]:
        """Return the open incidents."""
        found: list[Any] = []
        while page := self.ledger.incidents.search(after_id=found[-1].id if found else 0):
            found += page
        return [{"document": one.document_number, "field": one.field, "reason": one.reason} for one in found]

    def run_lanes(self, airflow: AirflowClient, conf: dict[str, Any] | None = None) -> None:
        """Run the volume lane twice, with people deciding and changing in between; finish the value lane.

        :param conf: of the second run.
        """
        if not self.home.has_done("first run"):
            airflow.trigger(INTAKE)
        with self.home.once("first run") as again:
            if again:
                self.run_volume(airflow)
        self._people()
        self.run_volume(airflow, "second run: ", conf)
        self._value(airflow)

    def _people(self) -> None:
        changed = {one.form.number: _more(one.form) for one in self._of("changed_after_approval")}
        self.oa.raise_quantity(self._of("changed_after_approval"), changed)
        slow = [one for one in self.entered if one.form.decision == "slow" and one.form.lane == "volume"]
        self.oa.decide_late(slow[self.left_undecided :])

    def run_volume(self, airflow: AirflowClient, title: str = "", conf: dict[str, Any] | None = None) -> str:
        """Run the volume lane once, or wait for the run that is under way."""
        begun = [run["dag_run_id"] for run in airflow.runs(VOLUME) if run["state"] != "success"]
        run_id = begun[-1] if begun else airflow.trigger(VOLUME, conf)
        counts = _Counts(airflow, run_id, self.ledger)
        names = {name: f"{title}{text}" for name, text in STAGES.items()}
        expected = {} if title else self._expected()
        with self.progress.stages(names, expected) as tell:
            airflow.wait(
                VOLUME, run_id, lambda: tell(tasks := airflow.tasks(VOLUME, run_id), counts.of(tasks))
            )
        return run_id

    def _expected(self) -> dict[str, int]:
        """Return of how many documents the first run's stages consist, before anything goes wrong."""
        volume = [one for one in self.forms if one.lane == "volume"]
        decided = [one for one in volume if one.decision != "slow"]
        parts = sum(len(one.suppliers) for one in decided if one.decision == "agree")
        whole = {"listed": len(volume), "approved": len(decided), "told": len(decided)}
        return {**whole, "orders": parts, "invoices": parts}

    def _value(self, airflow: AirflowClient) -> None:
        wanted = [f for f in self.forms if f.lane == "value" and f.decision == "agree"]
        deadline = time.monotonic() + 600
        with self.progress.stage("value lane: runs finished", len(wanted)) as tell:
            while (finished := self._finished(airflow)) < len(wanted):
                if time.monotonic() > deadline:
                    raise AirflowError(f"{finished} of {len(wanted)} runs of {VALUE} have finished in time")
                tell(finished)
                time.sleep(1)
            tell(finished)

    def _finished(self, airflow: AirflowClient) -> int:
        runs = airflow.runs(VALUE)
        for run in runs:
            if run["state"] == "failed":
                airflow.clear_failed(VALUE, run["dag_run_id"])
        return sum(run["state"] == "success" for run in runs)


class _Counts:
    """How many documents the tasks of a run have in hand: as its ledger says, and at the end their XCom."""

    def __init__(self, airflow: AirflowClient, run_id: str, ledger: Ledger) -> None:
        self.airflow, self.run_id, self.ledger = airflow, run_id, ledger
        self.ended: dict[str, int] = {}

    def of(self, tasks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Return the count of every task."""
        for task in tasks:
            if task["state"] in OVER and task["task_id"] not in self.ended:
                self.ended[task["task_id"]] = self.airflow.count(VOLUME, self.run_id, task["task_id"])
        return {**self._under_way(), **self.ended}

    def _under_way(self) -> dict[str, int]:
        from sqlalchemy import func, select

        from airflow_provider_docflow.ledger.models.writes import intent

        written = (
            intent.c.status == "done",
            intent.c.purpose.in_(("create", "write_back")) | (intent.c.purpose.startswith("notify:")),
        )
        query = select(intent.c.actor, func.count()).where(*written).group_by(intent.c.actor)
        rows = self.ledger.database.read(lambda connection: list(connection.execute(query)))
        prefix, suffix = f"{VOLUME}.", f" in {self.run_id}"
        return {
            actor.removeprefix(prefix).removesuffix(suffix): count
            for actor, count in rows
            if actor.startswith(prefix) and actor.endswith(suffix)
        }


_ROUTE = (
    *("--source-conn", "oa_volume", "--source-type", "purchase_requisition"),
    *("--target-conn", "erp", "--target-type", "purchase_order", "--split-by", "seller_supplier_party"),
)


def _more(form: Form) -> Form:
    first = form.items[0]
    return replace(form, items=(replace(first, quantity=first.quantity + 5), *form.items[1:]))
