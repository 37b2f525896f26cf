"""An OA that decides, an ERP over the wire, and the ledger between them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from airflow.sdk import DAG

from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Outcome
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.operators.approval import ApprovalOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.sandbox import Sandbox
from tests.rigs.runner import dag
from tests.waiting.oa import TYPE, Oa

EXAMPLE = "airflow_provider_docflow.systems.rest.example:PROFILE"
ORDERS = "/erp/purchase_order"


@dataclass
class World:
    """What the tests see of all of them."""

    oa: Oa
    sandbox: Sandbox
    ledger: Ledger

    def orders(self) -> list[dict[str, Any]]:
        """The orders that the ERP holds."""
        found: list[dict[str, Any]] = self.sandbox.call("GET", "erp/purchase_order")["documents"]
        return found

    def sends(self) -> int:
        """How many orders were sent to be created."""
        return self.sandbox.count(ORDERS, method="POST")

    def outcomes(self, result: Any) -> list[Outcome]:
        """What a task has left in XCom, one outcome per document."""
        if "batch" in result:
            return Flow(self.ledger, lambda conn_id: None, actor="test").unpack(result["batch"])  # type: ignore[arg-type, return-value]
        return [Outcome.from_json(result)]


def erp_connection(sandbox: Sandbox) -> str:
    """The Airflow connection of the ERP."""
    extra = {"profile": EXAMPLE, "api_key": "erp-sandbox-key", "instance": "plain-erp-1"}
    return json.dumps({"conn_type": "docflow_rest", "host": sandbox.base_url, "extra": extra})


def approval(flow: DAG | None = None, **more: Any) -> ApprovalOperator:
    """A task that waits for the approval of requisitions."""
    arguments: dict[str, Any] = {"task_id": "approved", "docflow_conn_id": "oa", "document_type": TYPE}
    return ApprovalOperator(**(arguments | more), dag=flow or dag())


def chain(number: Any, flow: DAG | None = None, **more: Any) -> tuple[Any, Any]:
    """Approval, then orders from what was approved."""
    made = flow or dag()
    approved = approval(made, number=number, **more)
    orders = CreateDocumentOperator(
        task_id="orders",
        dag=made,
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=approved.output,
        mapping={"company_code": "'C1'"},
    )
    approved >> orders
    return approved, orders
