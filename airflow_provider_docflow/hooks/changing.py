"""When the content of what was written has changed: amend the document, or cancel it and write another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.keys import LineUse, Receipt
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest, intent_request
from airflow_provider_docflow.ledger.writer import Writer

NOTHING = (Decimal(0), Decimal(0))
Used = Mapping[tuple[Any, ...], tuple[Decimal, Decimal]]


class Changer:
    """Carries a change into a document that is written already, each change once."""

    def __init__(self, ledger: Any, writer: Writer, *, actor: str) -> None:
        self.ledger, self.writer, self.actor = ledger, writer, actor

    def amend(self, request: WriteRequest, result: WriteOutcome) -> WriteOutcome:
        """Change the document that was written; what it uses more of its source is reserved before that."""
        receipt = result.receipt
        assert receipt is not None and result.intent_id is not None
        done = int(receipt.detail.get("amendments", 0))
        amendment = replace(
            request,
            key=replace(request.key, purpose=f"amend-{done + 1}"),
            ref=receipt.ref,
            uses=more_than(self._used_by(receipt.ref), request.uses),
        )
        amended = self.writer.write([amendment])[0]
        if amended.error is None and amended.receipt is not None:
            detail = {**receipt.detail, **amended.receipt.detail, "amendments": done + 1}
            kept = replace(receipt, content_hash=request.content_hash, detail=detail)
            self._record(result.intent_id, amended, request, kept)
        return amended

    def _record(self, intent_id: int, amended: WriteOutcome, request: WriteRequest, kept: Receipt) -> None:
        """Let the first write account for everything that the document uses now."""
        payload = intent_request(request).payload
        with self.ledger.transaction() as tx:
            if amended.intent_id is not None:
                self.ledger.links.release([amended.intent_id], tx=tx)
            self.ledger.intents.amend(
                intent_id, kept, uses=request.uses, payload=payload, actor=self.actor, tx=tx
            )

    def _used_by(self, ref: DocumentRef) -> Used:
        used: dict[tuple[Any, ...], tuple[Decimal, Decimal]] = {}
        for link in self.ledger.links.of(ref):
            if link.target is not None and link.target.identity == ref.identity:
                key = (link.source.identity, link.source_line, link.kind)
                quantity, amount = used.get(key, NOTHING)
                used[key] = (quantity + link.quantity, amount + link.amount)
        return used

    def supersede(self, request: WriteRequest, result: WriteOutcome) -> tuple[WriteRequest, WriteOutcome]:
        """Cancel the document that was written and write another under the next generation."""
        receipt = result.receipt
        assert receipt is not None and result.intent_id is not None
        why = "superseded by changed content"
        cancelled = self.writer.write([action_on(request, receipt.ref, "cancel")])[0]
        if cancelled.error is not None:
            return request, cancelled
        self.ledger.intents.void(result.intent_id, why, actor=self.actor)
        key = self.ledger.intents.raise_generation(request.key, actor=self.actor, reason=why)
        raised = replace(request, key=key)
        return raised, self.writer.write([raised])[0]


def more_than(used: Used, wanted: Sequence[LineUse]) -> tuple[LineUse, ...]:
    """Return by how much ``wanted`` exceeds what is used already, line by line."""
    more = []
    for use in wanted:
        quantity, amount = used.get((use.source.identity, use.line_id, use.kind), NOTHING)
        left = (max(use.quantity - quantity, Decimal(0)), max(use.amount - amount, Decimal(0)))
        if any(left):
            more.append(replace(use, quantity=left[0], amount=left[1]))
    return tuple(more)


def action_on(request: WriteRequest, ref: DocumentRef, action: str) -> WriteRequest:
    """Return the write that takes the created document through ``action``, once per generation.

    The generation stands in the purpose: nobody raised one for the action itself.
    """
    generation = request.key.generation
    purpose = f"{action}:{generation}" if generation else action
    return WriteRequest(
        key=replace(request.key, purpose=purpose, generation=0),
        content_hash=action,
        ref=ref,
        about=request.about,
        reference=request.reference,
        actor=request.actor,
    )
