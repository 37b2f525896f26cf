"""What the stands of approvals (OA) share: a form for a whole requisition, and the sandbox behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow_provider_docflow.core.profile import SystemProfile, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.contract.stands import RETRY_AFTER, Stand, plain_document

TYPE = "purchase_requisition"
SECRET, WRONG = "sandbox-secret", "wrong-secret-55d1"
FIELDS: dict[str, Any] = {
    "单号": "id",
    "公司": "company_code",
    "申请日期": "issue_date",
    "到期日": "due_date",
    "币种": "document_currency_code",
    "供应商": "seller_supplier_party.id",
    "供应商名称": "seller_supplier_party.name",
    "明细": {
        "path": "lines",
        "fields": {
            "行号": "line_id",
            "物料": "item_id",
            "名称": "description",
            "数量": "quantity",
            "单位": "unit_code",
            "单价": "price_amount",
        },
    },
    "合计金额": "payable_amount",
}
"""Controls of the form; the currency is a choice of CNY and EUR."""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "comment": {"text": "请尽快"},
    "write_back": {"links": [{"document_type": "purchase_order", "number": "PO-1", "system": "erp"}]},
    "transfer": {"user": "boss", "to_user": "deputy"},
    "approve": {"user": "deputy", "remark": "同意"},
    "reject": {"user": "boss", "remark": "超预算"},
}


@contextmanager
def sandbox_for(system: str) -> Iterator[Sandbox]:
    """Run a sandbox of its own."""
    with tempfile.TemporaryDirectory(prefix=f"docflow-{system}-") as home, Sandbox(home) as sandbox:
        yield sandbox


def site_of(profile: SystemProfile, username: str, settings: Mapping[str, Any]) -> Site:
    """Return a connection with the instance that the system says it is."""
    site = Site(
        profile=profile.configured(settings),
        conn_id=f"{profile.name}_conn",
        username=username,
        password=SECRET,
        settings=settings,
    )
    with Door(site) as door:
        return replace(site, instance=door.run(profile.instance(site)))


def requisition(number: str) -> Document:
    """Return the requisition of a requester of its own: how many others he has must not show in the log."""
    return plain_document(TYPE, number, requester={"id": f"requester-{number.encode().hex()[:50]}"})


def stand_on(
    sandbox: Sandbox,
    site: Site,
    *,
    missing: str,
    faults: Mapping[str, Callable[[], None]],
    secrets: Callable[[], tuple[str, ...]],
    logins: str,
    shown: Callable[[str], str] = str,
    **own: Any,
) -> Stand:
    """Return the stand of a product that the sandbox plays.

    :param missing: the id of no approval.
    :param secrets: what else no error, log or repr may show.
    :param logins: the path of the login.
    :param shown: a path as it is compared.
    """
    system = site.profile.name

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = (SECRET, WRONG, *secrets())
        sandbox.forget_requests()

    def bad() -> WriteItem:
        """Name a currency that the form does not offer."""
        item = stand.item()
        assert item.document is not None
        return replace(item, document=item.document.model_copy(update={"document_currency_code": "USD"}))

    def expire() -> None:
        sandbox.call("POST", f"{system}/tokens/expire", {})

    stand = Stand(
        site=site,
        document_type=TYPE,
        missing=DocumentRef(site.instance, "", TYPE, missing),
        faults=faults,
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=lambda: [f"{one['method']} {shown(one['path'])}" for one in sandbox.requests(f"/{system}*")],
        forget=forget,
        expire=expire,
        logins=lambda: sandbox.count(logins),
        refused=replace(site, password=WRONG),
        **{"document": requisition, **own},
    )
    return stand


def faults_of(sandbox: Sandbox, path: str, **too_fast: Any) -> dict[str, Callable[[], None]]:
    """Return the faults of the call that starts an approval.

    :param too_fast: the reply to a caller who is too fast.
    """

    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=path, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    plain = {fault: put(fault) for fault in ("cut", "reply_lost", "error_before", "error_after", "malformed")}
    return {
        **plain,
        "rate_limited": put("rate_limited", **too_fast),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, **too_fast),
        "late_commit": put("late_commit", seconds=40),
    }
