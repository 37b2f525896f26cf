"""Shadow at the door: a system that is read like any other, and to which nothing can be sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.shadow import check_step, refused, shadowed_site
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentState, document_from_json
from airflow_provider_docflow.hooks.gates import GatedStep, gates_for
from airflow_provider_docflow.hooks.system import System

if TYPE_CHECKING:
    import httpx2

    from airflow_provider_docflow.ledger.shadows import ShadowRow
    from airflow_provider_docflow.ledger.writer import Writer


class ShadowGate:
    """Lets nothing out that is not declared a read."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id

    def before(self, step: GatedStep) -> float:
        """Refuse what would write.

        :raises ShadowOnly: nothing was sent.
        """
        check_step(step, self.conn_id)
        return 0.0

    def after(self, step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Learn nothing."""


class ShadowSystem(System):
    """A system in shadow. It also reads what shadow runs would have written to it."""

    def __init__(self, site: Site, *, ledger: Any = None, **more: Any) -> None:
        super().__init__(
            shadowed_site(site),
            ledger=ledger,
            gates=lambda known: (ShadowGate(known.conn_id), *gates_for(ledger, known)),
            **more,
        )

    def read(self, refs: Sequence[DocumentRef]) -> list[Reading | exc.DocflowError]:
        """Read documents of one type, shadow ones from their reports; one entry per reference, in order."""
        real = [ref for ref in refs if not ref.is_shadow]
        found = iter(super().read(real))
        shadows = self.ledger.shadows.find(refs) if len(real) < len(refs) else {}
        return [
            reading_of(ref, shadows.get(ref.internal_id)) if ref.is_shadow else next(found) for ref in refs
        ]

    def writer(self) -> Writer:
        """Refuse.

        :raises ShadowOnly: always.
        """
        raise refused("a write", self.conn_id)


def reading_of(ref: DocumentRef, row: ShadowRow | None) -> Reading | exc.DocflowError:
    """Return the document as it would read now, had it been written."""
    if row is None or not row.body.get("document"):
        return exc.NotFound(
            "its shadow is not in the ledger any more.",
            document=ref.number,
            remedy="Clear the task that made it, so that it runs in shadow again.",
        )
    document = document_from_json({**row.body["document"], "id": ref.number})
    party = document.seller_supplier_party or document.buyer_customer_party
    return Reading(
        ref=ref,
        state=DocumentState.from_json({"lifecycle": "active", "read_at": datetime.now(UTC).isoformat()}),
        document=document,
        company_code=document.company_code,
        party=party.id if party else "",
        currency=document.document_currency_code,
        total=document.payable_amount,
    )
