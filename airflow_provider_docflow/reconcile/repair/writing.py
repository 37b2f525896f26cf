"""Writes what a repair calls for: created once, amended where docflow wrote it, under the usual keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.hooks.creating import Creation, Creator, Part
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.reconcile.repair.plans import changes_of, unowned
from airflow_provider_docflow.reconcile.repair.terms import Terms


class Mender(Creator):
    """Creates like every creator; the amount of the source decides whether it has to be approved.

    Where it amends, it also puts right what somebody has changed at the target: the document is the one that
    docflow wrote, and the field is its owner's to say.

    :param at_stake: further amounts that the limit looks at.
    """

    def __init__(
        self,
        ledger: Any,
        system_of: Callable[[str], System],
        target: System,
        terms: Terms,
        *,
        amends: bool,
        at_stake: Sequence[Decimal | None] = (),
        actor: str,
    ) -> None:
        creation = Creation(
            document_type=(terms.right if terms.owner == "left" else terms.left).document_type,
            mapping=terms.mapping,
            on_change="amend" if amends else "incident",
            requires_approval=terms.requires_approval,
        )
        super().__init__(ledger, system_of, target, creation, actor=actor)
        self.terms, self.amends, self.at_stake = terms, amends, at_stake

    def _cover(self, reading: Reading) -> None:
        if reading.document is None or self.terms.needs_approval(reading.document, *self.at_stake):
            self.coverage.require(reading)

    def _write(self, parts: Sequence[Part]) -> None:
        super()._write(parts)
        for part in parts:
            if self.amends and part.error is None:
                self._put_right(part)

    def _put_right(self, part: Part) -> None:
        """Amend a document that reads otherwise than docflow wrote it."""
        if part.status == "existing" and self._differs(part):
            assert part.result is not None
            part.result, part.status = self.changer.amend(part.request, part.result), "amended"
            part.error = part.result.error
        if part.error is None and self._differs(part):
            part.error = exc.Rejected(
                "it was amended, and reads otherwise all the same.",
                system=self.target.conn_id,
                field="document",
                code="repair.no_effect",
                remedy="Look at the document there; the next run tries again.",
            )

    def _differs(self, part: Part) -> bool:
        reading = part.result.reading if part.result is not None else None
        if reading is None or reading.document is None:
            return False
        changes = changes_of(reading.document, part.plan.document)
        foreign = unowned(changes, self.terms.owned_paths())
        return len(changes) > len(foreign)
