"""
Push (下推): a document becomes another form's by a rule of the tenant.

The answer has two statuses: what became of the conversion, and what became of saving its result. A
conversion that failed made nothing; one that succeeded may still not have been saved. Whether a document
was pushed shows in its entries' joined quantity (``joined_field`` of its form).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.errors import refusal, status_of
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.wire import number_of, post


def push(site: Site, item: WriteItem) -> Exchange[Written]:
    """Push a document (arguments ``rule_id``, or ``target_form_id`` for the tenant's default rule).

    :raises Rejected: the rule refuses it, or its result could not be saved.
    :raises UnknownOutcome: the answer does not say what was made.
    """
    ref, arguments = item.ref, item.arguments
    if ref is None or not (arguments.get("rule_id") or arguments.get("target_form_id")):
        raise exc.Misconfigured(
            "a push needs a document and a rule.",
            system=site.conn_id,
            field="rule_id",
            remedy="Give rule_id, such as PUR_PurchaseOrder-PUR_ReceiveBill, or target_form_id.",
        )
    name = ref.number or ref.internal_id
    form = form_of(site, ref.document_type)
    data = {
        "Ids": ref.internal_id,
        "RuleId": str(arguments.get("rule_id") or ""),
        "TargetFormId": str(arguments.get("target_form_id") or ""),
        "TargetBillTypeId": str(arguments.get("target_bill_type_id") or ""),
        "TargetOrgId": int(arguments.get("target_org_id") or 0),
        "IsEnableDefaultRule": not arguments.get("rule_id"),
        "IsDraftWhenSaveFail": False,
        "CustomParams": {},
    }
    answer = yield from post(site, "Push", {"formid": form.form_id, "data": data}, writes=True)
    _check(site, answer, name)
    made = dig(answer, "Result.ResponseStatus.SuccessEntitys")
    if not made:
        raise exc.UnknownOutcome("the push made nothing that it names.", system=site.conn_id, document=name)
    targets = [{"id": number_of(one.get("Id")), "number": str(one.get("Number") or "")} for one in made]
    return Written(ref=ref, detail={"pushed": targets})


def _check(site: Site, answer: Any, name: str) -> None:
    conversion = dig(answer, "Result.ConvertResponseStatus")
    # One status, or one for every row that was converted.
    told = conversion if isinstance(conversion, list) else [conversion]
    for status in (*told, status_of(answer)):
        if isinstance(status, Mapping) and not status.get("IsSuccess"):
            raise refusal(site, status, status.get("Errors") or (), name)


def is_pushed(form: Form) -> Callable[[Reading, WriteItem], bool]:
    """Return the test whether anything of a document was pushed on."""

    def landed(reading: Reading, item: WriteItem) -> bool:
        return any(_quantity(line.get(form.joined_field)) > 0 for line in reading.raw.get("lines") or ())

    return landed


def _quantity(shown: Any) -> Decimal:
    try:
        return Decimal(str(shown or 0))
    except InvalidOperation:
        return Decimal(0)
