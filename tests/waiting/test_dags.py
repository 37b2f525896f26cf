from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.rigs.locks import CHECKOUT

HEAVY = ("pandas", "duckdb", "zeep", "lxml", "sqlalchemy", "alembic")
_PARSE = """
import importlib.util, json, sys
import airflow.sdk
from airflow.sdk import DAG
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("example", sys.argv[1])
sys.modules["example"] = module = importlib.util.module_from_spec(spec)
from airflow.sdk.definitions._internal.contextmanager import DagContext
DagContext.current_autoregister_module_name = "example"
spec.loader.exec_module(module)
loaded = set(sys.modules) - before
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
found = list(DagContext.autoregistered_dags)
told = {}
for flow, _ in found:
    data = DagSerialization.to_dict(flow)
    told[flow.dag_id] = [SerializedDagModel.hash(data), sorted(DagSerialization.from_dict(data).task_dict)]
print(json.dumps({"dags": told, "loaded": sorted(loaded)}))
"""
_MORE = """
from datetime import datetime, timezone
from airflow.sdk import dag
from airflow_provider_docflow.assets import document_asset
from airflow_provider_docflow.operators.approval import ApprovalOperator
from airflow_provider_docflow.operators.intake import CollectDecisionsOperator
from airflow_provider_docflow.sensors.document import ApprovalSensor, DocumentStateSensor

POLICY = {"steps": [{"approvers": ["cfo"], "above": "100.00", "currency": "CNY"}], "separate_requester": BOOL}

@dag(schedule=None)
def waits():
    asset = document_asset("oa", "purchase_requisition", "approved")
    where = {"docflow_conn_id": "oa", "document_type": "purchase_requisition"}
    ApprovalOperator(task_id="approved", number="{{ params.number }}", policy=POLICY,
        mapping={field: "source.id" for field in {"notes", "delivery", "requester"}}, **where)
    ApprovalOperator.partial(task_id="each", policy=POLICY, **where).expand(number=["1", "2"])
    CollectDecisionsOperator(task_id="collect", policy=POLICY, outlets=[asset], **where)
    ApprovalSensor(task_id="decided", number="PR-1", policy=POLICY, **where)
    DocumentStateSensor(task_id="closed", number="PR-1", until={"lifecycle": "closed"}, **where)

waits()
"""


def parsed(path: Any, seed: int) -> dict[str, Any]:
    """Parse and serialise a DAG file in a process of its own, without any connection."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, str(path)],
        env={**plain, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(CHECKOUT)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("requisition_intake", ["advanced", "changed"]),
        ("requisition_to_payment", ["approved", "claimed", "orders", "payments", "written_back"]),
    ],
)
def test_an_example_parses_without_a_connection_and_the_same_everywhere(name: str, tasks: list[str]) -> None:
    one, two = (parsed(CHECKOUT / "dags" / f"{name}.py", seed) for seed in (1, 2))
    assert one["dags"][name][1] == tasks
    assert one["dags"] == two["dags"]
    assert not [heavy for heavy in HEAVY if heavy in one["loaded"]]


def test_every_waiting_operator_parses_light_and_serialises_the_same_everywhere(tmp_path: Any) -> None:
    path, other = tmp_path / "waits.py", tmp_path / "other.py"
    path.write_text(_MORE.replace("BOOL", "True"))
    other.write_text(_MORE.replace("BOOL", "False"))
    one, two, three = parsed(path, 1), parsed(path, 2), parsed(other, 1)
    assert one["dags"]["waits"][1] == ["approved", "closed", "collect", "decided", "each"]
    assert one["dags"] == two["dags"]
    assert one["dags"]["waits"][0] != three["dags"]["waits"][0]  # another policy is another version
    assert not [heavy for heavy in HEAVY if heavy in one["loaded"]]
