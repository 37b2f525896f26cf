"""What the pages may ask lists for: parameters of the addresses, checked, and the search that they mean."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import BaseModel

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document.money import exact_decimal

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.search import Search, TouchedBy

MOST = 200
FARTHEST = 1_000_000
Text = Annotated[str, Query(max_length=255)]
Offset = Annotated[int, Query(ge=0, le=FARTHEST)]
Limit = Annotated[int, Query(ge=1, le=MOST)]


class DocumentFilters(BaseModel):
    """Which documents, in which order, and which page of them; what is empty does not restrict.

    :param number: part of the number.
    :param party: part of the party's id or its name.
    :param amount_from: the least total, such as ``1234.50``; ``amount_to`` the largest.
    :param sort: a column of the list; with ``-`` before it the largest first.
    """

    dag_id: Text = ""
    run_id: Text = ""
    task_id: Text = ""
    map_index: int | None = None
    text: Text = ""
    number: Text = ""
    party: Text = ""
    amount_from: Text = ""
    amount_to: Text = ""
    issued_from: date | None = None
    issued_to: date | None = None
    currency: Text = ""
    document_type: Text = ""
    instance: Text = ""
    company_code: Text = ""
    lifecycle: Text = ""
    approval: Text = ""
    fulfilment: Text = ""
    invoicing: Text = ""
    payment: Text = ""
    sort: Text = "-updated_at"
    offset: Offset = 0
    limit: Limit = 50

    def search(self, dag_ids: Collection[str]) -> Search:
        """Return the search among what these DAGs touched.

        :raises InvalidDocument: an amount is none, or a run is named without its DAG.
        """
        from airflow_provider_docflow.ledger.search import Search

        axes = ("lifecycle", "approval", "fulfilment", "invoicing", "payment")
        return Search(
            text=self.text,
            number_part=self.number,
            party=self.party,
            amount_from=_amount("amount_from", self.amount_from),
            amount_to=_amount("amount_to", self.amount_to),
            issued_from=self.issued_from,
            issued_to=self.issued_to,
            currency=self.currency,
            document_type=self.document_type,
            instance=self.instance,
            company_code=self.company_code,
            state={axis: word for axis in axes if (word := getattr(self, axis))},
            dag_ids=sorted(dag_ids),
            touched_by=touched_by(self.dag_id, self.run_id, self.task_id, self.map_index),
        )


def touched_by(dag_id: str, run_id: str, task_id: str, map_index: int | None) -> TouchedBy | None:
    """Return the run or task that is meant.

    :raises InvalidDocument: it is named without its DAG.
    """
    from airflow_provider_docflow.ledger.search import TouchedBy

    if dag_id:
        return TouchedBy(dag_id, run_id, task_id, map_index)
    if run_id or task_id or map_index is not None:
        raise exc.InvalidDocument("a run or task is named together with its DAG", field="dag_id")
    return None


def _amount(name: str, text: str) -> Decimal | None:
    if not text:
        return None
    try:
        return exact_decimal(text, decimals=10)
    except ValueError:
        raise exc.InvalidDocument(
            f"{text!r} is no amount", field=name, remedy="Write it as 1234.50."
        ) from None
