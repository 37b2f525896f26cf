from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from airflow_provider_docflow.operators.action import DocumentActionOperator, WriteBackOperator
from airflow_provider_docflow.operators.base import DocflowOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator, ListDocumentsOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator
from tests.rigs.locks import CHECKOUT

OPERATORS = [
    ReadDocumentOperator,
    ListDocumentsOperator,
    AdvanceCursorOperator,
    CreateDocumentOperator,
    DocumentActionOperator,
    WriteBackOperator,
]
_DAG = """
import json, sys
from datetime import datetime, timezone
from airflow.sdk import DAG
before = set(sys.modules)
from airflow_provider_docflow.operators.action import DocumentActionOperator, WriteBackOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator, ListDocumentsOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator

with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as flow:
    listed = ListDocumentsOperator(
        task_id="listed", docflow_conn_id="oa", document_type="purchase_requisition", cursor="c"
    )
    read = ReadDocumentOperator(
        task_id="read", docflow_conn_id="oa", document_type="purchase_requisition", number=listed.output
    )
    mapping = {field: "source.id" for field in sys.argv[1].split(",")}
    orders = CreateDocumentOperator(
        task_id="orders", docflow_conn_id="erp", document_type="purchase_order", source=read.output,
        mapping=mapping,
    )
    CreateDocumentOperator.partial(
        task_id="mapped", docflow_conn_id="erp", document_type="purchase_order", mapping=mapping
    ).expand(source=["1", "2"])
    sent = DocumentActionOperator(
        task_id="sent", action="submit", source=orders.output, arguments={"reason": "{{ ds }}", "by": "x"}
    )
    back = WriteBackOperator(task_id="back", document=read.output, links=[orders.output])
    [sent, back] >> AdvanceCursorOperator(task_id="advance", listed=listed.output)
loaded = set(sys.modules) - before
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import DagSerialization
data = DagSerialization.to_dict(flow)
back = DagSerialization.from_dict(data)
print(json.dumps({
    "hash": SerializedDagModel.hash(data),
    "loaded": sorted(name for name in loaded if "." not in name),
    "tables": "airflow_provider_docflow.ledger.models" in sys.modules,
    "orders": next(t["__var"] for t in data["dag"]["tasks"] if t["__var"]["task_id"] == "orders"),
    "tasks": sorted(back.task_dict),
}))
"""


def parsed(seed: int, fields: str = "notes,delivery,requester") -> dict[str, Any]:
    """Parse and serialise a DAG in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _DAG, fields],
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(CHECKOUT)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_parsing_a_dag_loads_nothing_heavy_and_serialises_the_same_everywhere() -> None:
    one, two, other = parsed(1), parsed(2), parsed(1, "notes,delivery")
    for heavy in ("pandas", "duckdb", "zeep", "lxml", "sqlalchemy", "alembic"):
        assert heavy not in one["loaded"]
    assert not one["tables"]
    assert one["tasks"] == ["advance", "back", "listed", "mapped", "orders", "read", "sent"]
    assert one["hash"] == two["hash"]
    assert one["hash"] != other["hash"]  # another mapping is another version of the DAG
    assert json.loads(one["orders"]["mapping_text"]) == dict.fromkeys(
        ("notes", "delivery", "requester"), "source.id"
    )


def test_every_text_is_a_template_and_what_is_compiled_is_none() -> None:
    never = {"mapping", "policy", "match", "compare", "where"}
    for operator in OPERATORS:
        assert issubclass(operator, DocflowOperator)
        own = {
            name
            for parent in operator.__mro__[: operator.__mro__.index(DocflowOperator) + 1]
            for name in _texts(parent)
        }
        assert own - never <= set(operator.template_fields), operator
        assert not never & set(operator.template_fields), operator


def _texts(operator: Any) -> set[str]:
    """Return the arguments of an operator that are text or hold text."""
    hints = operator.__init__.__wrapped__.__annotations__
    words = ("str", "Documents", "Mapping", "FailOn", "OnChange")
    return {name for name, hint in hints.items() if any(word in str(hint) for word in words)} - {"return"}


def test_the_constructor_only_assigns() -> None:
    given: dict[str, Any] = {
        "docflow_conn_id": "{{ x }}",
        "document_type": "{{ y }}",
        "source": {"batch": "{{ z }}"},
        "fail_on": "{{ f }}",
        "until": "{{ u }}",
        "mapping": {"a": "not ( compiled"},
    }
    task = CreateDocumentOperator(task_id="t", **given)
    assert {name: getattr(task, name) for name in given} == given
