"""A requisition that becomes an order and a payment, touched by two DAGs; and what stands beside it.

``flow_1`` touched the requisition and the order, ``flow_2`` the order, the payment and what is secret. What
is far was touched by ``flow_1`` and is linked to the order only through what is secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.ledger import IntentKey, IntentRequest, Ledger, LineUse, Receipt
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.decisions import NewDecision
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.incidents import NewIncident

OA, ERP, BANK = "dingtalk:corp-1", "tryton:db-1", "rest:bank-1"
SECRET = "SECRET-77"
READ_AT = datetime(2026, 3, 31, 8, tzinfo=UTC)


def ref(number: str, kind: str, instance: str) -> DocumentRef:
    return DocumentRef(instance, "1000", DocumentType(kind), f"id-{number}", number)


@dataclass
class Stories:
    """The documents by name, and the incidents by what they are about."""

    refs: dict[str, DocumentRef] = field(default_factory=dict)
    incidents: dict[str, int] = field(default_factory=dict)

    def key(self, name: str) -> str:
        """Return a document's key."""
        return ref_key(self.refs[name])


def tell(ledger: Ledger) -> Stories:
    """Write the stories into an empty ledger."""
    told = Stories()
    told.refs = {
        "requisition": ref("PR-2026-001", "purchase_requisition", OA),
        "order": ref("PO-4711", "purchase_order", ERP),
        "payment": ref("PAY-9", "payment", BANK),
        "secret": ref(SECRET, "supplier_invoice", ERP),
        "behind": ref("BEHIND-1", "credit_note", ERP),
        "far": ref("FAR-1", "purchase_requisition", OA),
        "untouched": ref("UNTOUCHED-1", "contract", ERP),
    }
    _index(ledger, told)
    _touches(ledger, told)
    _links(ledger, told)
    _order(ledger, told)
    _decisions(ledger, told)
    _incidents(ledger, told)
    return told


def _index(ledger: Ledger, told: Stories) -> None:
    for conn_id, instance, system in (("oa", OA, "dingtalk"), ("erp", ERP, "tryton"), ("bank", BANK, "rest")):
        ledger.instances.bind(conn_id, instance, system)
    state = {"lifecycle": "active", "approval": "approved", "raw": {"state": "open"}}
    state |= {"read_at": READ_AT.isoformat()}
    parties = {"secret": ("SUP-SECRET", "Hidden Partners"), "requisition": ("SUP-1", "上海钢铁有限公司")}
    for name, one in told.refs.items():
        party, title = parties.get(name, ("SUP-2", "Müller & Söhne"))
        amount = Decimal("99999999999999.99") if name == "order" else Decimal("10.10")
        entry = DocumentEntry(one, party, title, amount, "EUR", date(2026, 3, 1), state)
        ledger.documents.upsert([entry])


def _touches(ledger: Ledger, told: Stories) -> None:
    touched = {"flow_1": ("requisition", "order", "far"), "flow_2": ("order", "payment", "secret", "behind")}
    for dag_id, names in touched.items():
        refs = [told.refs[name] for name in names]
        ledger.documents.touch(refs, dag_id=dag_id, run_id=f"run of {dag_id}", task_id="write")
    ledger.documents.touch(
        [told.refs["payment"]], dag_id="flow_2", run_id="run of flow_2", task_id="pay", map_index=3
    )


def _use(source: DocumentRef, kind: str) -> LineUse:
    return LineUse(source, "1", Decimal("2.5"), Decimal("10.10"), kind, target_line_id="1")


def _links(ledger: Ledger, told: Stories) -> None:
    """Link the order to the payment and to the secret, and the secret to what lies behind it."""
    ledger.links.add(told.refs["payment"], [_use(told.refs["order"], "pays")])
    ledger.links.add(told.refs["secret"], [_use(told.refs["order"], "invoices")])
    ledger.links.add(told.refs["behind"], [_use(told.refs["secret"], "reverses")])
    ledger.links.add(told.refs["far"], [_use(told.refs["secret"], "replaces")])


def _order(ledger: Ledger, told: Stories) -> None:
    """Write the order through the ledger, as a flow does, from the requisition; and hold another intent."""
    requisition = told.refs["requisition"]
    key = IntentKey(ERP, "purchase_order", OA, "purchase_requisition", requisition.number, "1000")
    use = _use(requisition, "fulfils")
    (one,) = ledger.intents.reserve(
        [IntentRequest(key, "c1", {}, "m1", (use,), actor="flow_1.write in run of flow_1")],
        owner="flow_1.write in run of flow_1",
        lease_seconds=60,
    )
    pair = (one.intent_id, one.lease_token)
    ledger.intents.begin_sending([pair], deadline_seconds=5, settle_seconds=5)
    state = {"lifecycle": "active", "read_at": READ_AT.isoformat()}
    written = Receipt(told.refs["order"], state, "c1", READ_AT, {})
    ledger.intents.set_receipts([(*pair, written)])
    paying = IntentKey(BANK, "payment", ERP, "purchase_order", "PO-4711", "1000")
    (two,) = ledger.intents.reserve(
        [IntentRequest(paying, "c1", {}, "m1", (), actor="flow_2.pay in run of flow_2")],
        owner="flow_2.pay in run of flow_2",
        lease_seconds=60,
    )
    number = ledger.incidents.open(
        NewIncident("business rule", "period_closed", "the period is closed", two.intent_id, instance_id=BANK)
    )
    ledger.intents.hold([(two.intent_id, two.lease_token, number)])
    told.incidents["held order"] = number


def _decisions(ledger: Ledger, told: Stories) -> None:
    ledger.decisions.append(
        NewDecision(
            told.refs["requisition"],
            "approved",
            "m1",
            datetime(2026, 3, 30, 9, tzinfo=UTC),
            approver="Wang Wei",
            comment="go on",
            approval_system=OA,
        )
    )


def _incidents(ledger: Ledger, told: Stories) -> None:
    for name in ("requisition", "payment", "secret", "untouched"):
        new = NewIncident("data", f"missing_{name}", f"a field of {name} is missing", ref=told.refs[name])
        told.incidents[name] = ledger.incidents.open(new)
    system = NewIncident("technical", "system_down", "no answer", instance_id=BANK)
    told.incidents["system"] = ledger.incidents.open(system)
    ledger.incidents.open(
        NewIncident(
            "data",
            "missing_payment",
            "again",
            ref=told.refs["payment"],
            actor="flow_2.pay[3] in run of flow_2",
        )
    )
