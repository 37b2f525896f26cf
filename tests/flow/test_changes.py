"""A source whose content changes after it was written: the use of its lines stays accounted for."""

from __future__ import annotations

from decimal import Decimal

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.changing import more_than
from airflow_provider_docflow.ledger.keys import LineUse

SOURCE = DocumentRef("oa", "", "purchase_requisition", "1", "PR-1")  # type: ignore[arg-type]


def use(line: str, quantity: str, amount: str) -> LineUse:
    return LineUse(SOURCE, line, Decimal(quantity), Decimal(amount), "fulfils")


def test_only_what_exceeds_the_present_use_is_reserved() -> None:
    used = {
        (SOURCE.identity, "1", "fulfils"): (Decimal(2), Decimal(100)),
        (SOURCE.identity, "2", "fulfils"): (Decimal(5), Decimal(50)),
    }

    more = more_than(used, [use("1", "3", "150"), use("2", "4", "40"), use("3", "1", "10")])

    assert [(one.line_id, one.quantity, one.amount) for one in more] == [
        ("1", Decimal(1), Decimal(50)),
        ("3", Decimal(1), Decimal(10)),
    ]
