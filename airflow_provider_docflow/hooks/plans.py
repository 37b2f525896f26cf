"""What a source document becomes in the target: derived, split, with its key, content and line uses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.core.mapping import derive
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import (
    Apportionment,
    Document,
    DocumentRef,
    DocumentType,
    Line,
    PaymentTerms,
    apportion,
    content_hash,
    material_hash,
    split,
)
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.keys import IntentKey, LineUse, UseKind
from airflow_provider_docflow.ledger.requests import WriteRequest

WHOLE = "*"
"""Line id under which a document is used as a whole, by payments."""

BY_TERMS = "payment_terms"

_KINDS: dict[str, UseKind] = {
    DocumentType.SUPPLIER_INVOICE: "invoices",
    DocumentType.SALES_INVOICE: "invoices",
    DocumentType.PAYMENT_REQUEST: "pays",
    DocumentType.PAYMENT: "pays",
    DocumentType.CREDIT_NOTE: "reverses",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One document that is to be written, before anything was sent."""

    source: Reading
    part: str
    document: Document
    uses: tuple[LineUse, ...]

    def request(self, target_instance: str, *, generation: int = 0, actor: str = "") -> WriteRequest:
        """Return the write of this plan; its key comes from the business alone."""
        ref = self.source.ref
        key = IntentKey(
            target_instance=target_instance,
            target_type=str(self.document.document_type),
            source_instance=ref.instance,
            source_type=str(ref.document_type),
            source_number=ref.number or unnumbered(ref),
            company_code=ref.company_code or self.source.company_code,
            part=self.part,
            generation=generation,
        )
        return WriteRequest(
            key=key,
            content_hash=content_hash(self.document, instance=target_instance),
            document=self.document,
            about=ref,
            reference=ref.number or ref.internal_id,
            material_hash=material_hash(self.document),
            uses=self.uses,
            actor=actor,
        )


def unnumbered(ref: DocumentRef) -> str:
    """Return what stands for the number of a document that has none, and is nobody else's number."""
    return f"id:{ref.internal_id}"


def plans_for(
    source: Reading,
    document_type: str,
    *,
    mapping: Mapping[str, str] | None = None,
    split_by: str | None = None,
    names: Mapping[str, Any] | None = None,
    instance: str = "",
) -> list[Plan]:
    """Return what ``source`` becomes.

    :param split_by: a field of the lines, or ``payment_terms`` for one part per term.
    :param instance: of the target, whose tenant fields a mapping may fill.
    :raises InvalidDocument: the source lacks something, or contradicts itself; nothing was sent.
    """
    if source.document is None:
        raise source.problem or InvalidDocument(
            "its content could not be read.",
            system=source.ref.instance,
            document=source.ref.number,
            remedy="Complete the field map of the source system.",
        )
    target = derive(source.document, document_type, mapping, names=names, instance=instance)
    kind = _KINDS.get(document_type, "fulfils")
    if kind == "pays" and split_by == BY_TERMS:
        return [_payment_plan(source, *part) for part in by_payment_terms(target).items()]
    parts = split(target, split_by) if split_by else {"": target}
    if kind == "pays":
        return [_payment_plan(source, name, one_payment(part)) for name, part in parts.items()]
    return [
        _plan(source, name, part, [_use(source, line, kind) for line in part.lines])
        for name, part in parts.items()
    ]


def _payment_plan(source: Reading, part: str, document: Document) -> Plan:
    return _plan(source, part, document, [_whole(source, document)])


def _plan(source: Reading, part: str, document: Document, uses: list[LineUse]) -> Plan:
    return Plan(source=source, part=part, document=document, uses=tuple(uses))


def _use(source: Reading, line: Line, kind: UseKind) -> LineUse:
    return LineUse(
        source=source.ref,
        line_id=line.line_id,
        quantity=abs(line.quantity),
        amount=abs(line.line_extension_amount or Decimal(0)),
        kind=kind,
        target_line_id=line.line_id,
    )


def _whole(source: Reading, document: Document) -> LineUse:
    amount = abs(document.payable_amount or Decimal(0))
    return LineUse(source=source.ref, line_id=WHOLE, quantity=Decimal(0), amount=amount, kind="pays")


def by_payment_terms(document: Document) -> dict[str, Document]:
    """Divide a payment by its terms: one part per term, with the term's share of the total.

    What cannot be divided sits on one term, whose line says so. A document with one term or none is one
    part.

    :raises InvalidDocument: the percentages of the terms do not add up to 100.
    """
    terms = document.payment_terms
    if len(terms) < 2:
        return {"": one_payment(document)}
    shares = [term.percent for term in terms]
    if any(share is None for share in shares) or sum(share or 0 for share in shares) != 100:
        raise InvalidDocument(
            "the percentages of its payment terms do not add up to 100.",
            document=document.id,
            field="payment_terms",
            remedy="Correct the terms at the source.",
        )
    total = document.payable_amount or Decimal(0)
    found = apportion(total, [share or Decimal(0) for share in shares], document.document_currency_code)
    return {f"TERM-{number}": _term_part(document, number - 1, found) for number, _ in enumerate(terms, 1)}


def one_payment(document: Document) -> Document:
    """Return the payment of a whole document: one line over its total."""
    amount = document.payable_amount or Decimal(0)
    return _payment(document, amount, f"all of {document.id}", document.payment_terms)


def _term_part(document: Document, index: int, found: Apportionment) -> Document:
    note = f"payment term {index + 1} of {len(document.payment_terms)}"
    if index == found.remainder_index:
        note = f"{note}, with the remainder of {found.remainder} that could not be divided"
    term = document.payment_terms[index].model_copy(update={"percent": None})
    return _payment(document, found[index], note, (term,))


def _payment(document: Document, amount: Decimal, note: str, terms: tuple[PaymentTerms, ...]) -> Document:
    line = Line(
        line_id="1",
        description=note,
        quantity=Decimal(1),
        price_amount=amount,
        line_extension_amount=amount,
    )
    due = next((term.due_date for term in terms if term.due_date), document.due_date)
    changed = {
        "lines": (line,),
        "payment_terms": terms,
        "due_date": due,
        "allowance_charge": (),
        "payable_rounding_amount": None,
        "tax_amount": None,
        "payable_amount": amount,
    }
    return document.model_copy(update=changed).totalled()
