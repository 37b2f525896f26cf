"""What would be written of a source, and what that changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import Difference, Document, differences
from airflow_provider_docflow.hooks.overriding import with_overrides
from airflow_provider_docflow.hooks.plans import Plan, plans_for, unnumbered
from airflow_provider_docflow.hooks.recovering import UNDER_WAY
from airflow_provider_docflow.hooks.shadow_flow import fields_of
from airflow_provider_docflow.ledger.keys import Receipt
from airflow_provider_docflow.reconcile.repair.sides import Standing
from airflow_provider_docflow.reconcile.repair.terms import Terms

AMOUNTS = frozenset({"payable_amount", "tax_amount", "allowance_charge", "payable_rounding_amount"})
"""What makes up a total: who owns the total owns these, and the lines."""


class Foreseeing:
    """Plans without writing, not even what reading usually leaves in the ledger."""

    def __init__(self, ledger: Any, terms: Terms, target: Standing, *, actor: str) -> None:
        self.ledger, self.terms, self.target, self.actor = ledger, terms, target, actor
        self.coverage = Coverage(ledger, records=False)

    def plan(self, source: Reading) -> tuple[Plan, Receipt | None, list[Any]]:
        """Return what a source becomes, the receipt of what docflow wrote of it before, and what it began to.

        :raises InvalidDocument: the source lacks something.
        """
        (shown,) = with_overrides(self.ledger, [source], actor=self.actor, records=False)
        if isinstance(shown, exc.DocflowError):
            raise shown
        kind = self.target.source.document_type
        instance = self.target.system.site.instance
        (plan,) = plans_for(shown, kind, mapping=self.terms.mapping, instance=instance)
        key = plan.request(instance).key
        # A source that had no number when it was written is known by its id.
        keys = [key, replace(key, source_number=unnumbered(source.ref))]
        generations = self.ledger.intents.latest_generation(keys)
        current = [one.with_generation(number) for one, number in zip(keys, generations, strict=True)]
        rows = self.ledger.intents.of_keys(current)
        known = [rows[one.digest] for one in current if one.digest in rows]
        under_way = [row for row in known if row.receipt is None and row.status in UNDER_WAY]
        return plan, next((row.receipt for row in known if row.receipt is not None), None), under_way

    def cover(self, source: Reading, *more: Decimal | None) -> None:
        """Refuse what has to be approved and is not.

        :raises NotApproved: it is above the limit, and no valid decision covers it.
        """
        if source.document is None or self.terms.needs_approval(source.document, *more):
            self.coverage.require(source)


def changes_of(there: Document, wanted: Document) -> list[Difference]:
    """Return what a document says otherwise than it should; what one of the two does not tell is left out."""

    def counts(one: Difference) -> bool:
        whole_line = bool(one.line_id) and "." not in one.field
        return whole_line or (one.old is not None and one.new is not None)

    return [one for one in differences(there, wanted) if counts(one)]


def unowned(changes: Sequence[Difference], owned: set[str]) -> list[Difference]:
    """Return the changes of fields of which nobody said whose value counts."""
    if "payable_amount" in owned:
        owned = owned | AMOUNTS | {"lines"}
    return [one for one in changes if one.field.partition(".")[0].partition("[")[0] not in owned]


def creation_of(plan: Plan) -> list[Difference]:
    """Return every field of a document that is not there yet."""
    return [Difference(path, None, value) for path, value in fields_of(plan.document).items()]
