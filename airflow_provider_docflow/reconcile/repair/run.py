"""Breaks put right through documents: judged, taken up, written once, and left for the next run to close."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.acting import name_of
from airflow_provider_docflow.hooks.handles import Handle, Outcome, error_of, failed
from airflow_provider_docflow.hooks.recovering import Recovery
from airflow_provider_docflow.ledger.breaks import Break
from airflow_provider_docflow.reconcile.repair.judging import Judging, Proposal
from airflow_provider_docflow.reconcile.repair.sides import OTHER, Naming, Standing
from airflow_provider_docflow.reconcile.repair.terms import SIDES, Terms
from airflow_provider_docflow.reconcile.repair.writing import Mender

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.flow import Flow

OPEN = ("open", "repairing")
"""What a person has explained is left alone."""

TAKEN_UP, REPAIRED, REFUSED = "repair", "repaired", "repair_refused"
VERBS = {"create": "created", "amend": "amended", "cancel": "cancelled"}


class Repairs:
    """One run over the breaks of one reconciliation.

    :param touched: told of documents before anything is written about them.
    :ivar counts: what became of how many breaks.
    """

    def __init__(
        self,
        flow: Flow,
        terms: Terms,
        *,
        touched: Callable[[Sequence[DocumentRef]], None] = lambda refs: None,
        log: logging.Logger | Any = None,
    ) -> None:
        terms.check()
        self.flow, self.terms, self.touched = flow, terms, touched
        self.log = log or logging.getLogger(__name__)
        self.breaks = flow.ledger.breaks
        self.sides = {
            side: Standing(source, flow.system_of(source.conn_id))
            for side, source in zip(SIDES, (terms.left, terms.right), strict=True)
        }
        self.judging = Judging(flow.ledger, terms, self.sides, actor=flow.actor)
        self.counts: Counter[str] = Counter()

    def proposals(self) -> list[Proposal]:
        """Look at both sides and judge every break that waits for something; writes nothing.

        :raises Misconfigured: the limit does not fit the currencies.
        :raises DocflowError: a side cannot be listed now.
        """
        chosen = list(self._chosen())
        wanted: dict[Naming, set[Any]] = {}
        for found in chosen:
            naming = Naming.of(found.body)
            rows = [row for side in SIDES for row in found.body[side]]
            wanted.setdefault(naming, set()).update(naming.key(row) for row in rows)
        for naming, keys in wanted.items():
            for side in self.sides.values():
                side.look(naming, keys)
        self._check_currencies(chosen)
        return [self.judging.judge(found) for found in chosen]

    def _check_currencies(self, chosen: Sequence[Break]) -> None:
        found: set[str] = set()
        for one in chosen:
            naming = Naming.of(one.body)
            for name, side in self.sides.items():
                readings = [reading for row in one.body[name] for reading in side.at(naming, row)]
                documents = [reading.document for reading in readings if reading.document is not None]
                found |= {document.document_currency_code for document in documents}
        self.terms.check_currencies(found)

    def _chosen(self) -> Iterator[Break]:
        after = 0
        while some := self.breaks.search(self.terms.name, status=OPEN, after_id=after):
            after = some[-1].id
            for found in some:
                if found.standing != "break" or found.kind not in self.terms.kinds:
                    continue
                if self._waits(found):
                    self.counts["waiting"] += 1
                else:
                    yield found

    def _waits(self, found: Break) -> bool:
        """Tell whether it was repaired and no reconciliation has looked since."""
        if found.status != "repairing" or found.reason_code != REPAIRED:
            return False
        last = [event.at for event in self.breaks.history(found.id) if event.event == "repairing"]
        return bool(last) and last[-1] >= found.last_seen

    def carry_out(self) -> list[Outcome]:
        """Repair what can be repaired; one outcome per break that was written or refused.

        :raises LedgerError: the ledger cannot be reached; nothing was sent that is not accounted for.
        """
        outcomes: list[Outcome] = []
        begun = 0
        for proposal in self.proposals():
            if proposal.since:
                outcomes += self._landed(proposal)
            elif proposal.error is not None:
                outcomes.append(self._refuse(proposal, proposal.error))
            elif begun >= self.terms.most:
                self.counts["left for another run"] += 1
            elif done := self._repair(proposal):
                begun += 1
                outcomes.append(done)
        return outcomes

    def _landed(self, proposal: Proposal) -> list[Outcome]:
        """Account for what a run wrote that was killed before it could say so; leave anything else alone."""
        target = self.judging.target
        if proposal.under_way:
            reading = Recovery(self.flow.ledger, actor=self.flow.actor, reason="repair")
            reading.read_back(target.system, proposal.under_way)
            keys = [row.key for row in proposal.under_way]
            rows = self.flow.ledger.intents.of_keys(keys)
            for receipt in (row.receipt for row in rows.values() if row.receipt is not None):
                handle = Handle(conn_id=target.source.conn_id, ref=receipt.ref)
                return [
                    self._done(proposal, Outcome(status="existing", source=proposal.document, handle=handle))
                ]
        self._skip(proposal, proposal.since)
        return []

    def _repair(self, proposal: Proposal) -> Outcome | None:
        try:
            why = self.judging.again(proposal)
        except exc.LedgerError:
            raise
        except exc.DocflowError as error:
            return self._failed(proposal, failed(proposal.document, error))
        if why:
            self._skip(proposal, why)
            return None
        known = [one.ref for one in (proposal.source, proposal.target) if one is not None]
        self.touched(known)
        if not self._take_up(proposal):
            return None
        outcome = self._write(proposal)
        return self._done(proposal, outcome) if outcome.good else self._failed(proposal, outcome)

    def _take_up(self, proposal: Proposal) -> bool:
        changes = "; ".join(str(change) for change in proposal.changes) or "looks for what was written"
        self.log.info("break %d: %s", proposal.found.id, changes)
        taken = self._note(proposal, f"taken up to {proposal.act}: {changes}", "repairing", TAKEN_UP)
        if not taken:
            self.counts["skipped"] += 1
        return taken

    def _write(self, proposal: Proposal) -> Outcome:
        source, target = proposal.source, proposal.target
        if proposal.act == "cancel":
            assert target is not None and target.document is not None
            at = self.sides[OTHER[OTHER[proposal.found.kind.rpartition("_")[2]]]]
            handle = Handle(conn_id=at.source.conn_id, ref=target.ref)
            needed = self.terms.needs_approval(target.document)
            return self.flow.act([handle], action="cancel", requires_approval=needed)[0]
        assert source is not None
        owner, other = self.sides[self.terms.owner], self.sides[OTHER[self.terms.owner]]
        at_stake = [target.document.payable_amount] if target and target.document else []
        mender = Mender(
            self.flow.ledger,
            self.flow.system_of,
            other.system,
            self.terms,
            amends=proposal.act == "amend",
            at_stake=at_stake,
            actor=self.flow.actor,
        )
        return mender.create([Handle(conn_id=owner.source.conn_id, ref=source.ref)])[0]

    def _done(self, proposal: Proposal, outcome: Outcome) -> Outcome:
        assert outcome.handle is not None
        ref = outcome.handle.ref
        self._note(
            proposal,
            f"{VERBS[proposal.act]}: {name_of(ref)} in {ref.instance}; the next reconciliation closes it",
            "repairing",
            REPAIRED,
        )
        self.counts["repaired"] += 1
        return outcome

    def _failed(self, proposal: Proposal, outcome: Outcome) -> Outcome:
        error = error_of(outcome)
        if isinstance(error, exc.PermanentError):
            return self._refuse(proposal, error)
        self.counts["failed"] += 1
        return outcome

    def _refuse(self, proposal: Proposal, error: exc.DocflowError) -> Outcome:
        self._note(proposal, f"not repaired: {error.message} {error.remedy}".strip(), "open", REFUSED)
        self.counts["refused"] += 1
        return failed(proposal.document, error)

    def _skip(self, proposal: Proposal, why: str) -> None:
        self._note(proposal, f"has changed since: {why}", "", "")
        self.log.info("break %d has changed since: %s", proposal.found.id, why)
        self.counts["skipped"] += 1

    def _note(self, proposal: Proposal, note: str, status: str, code: str) -> bool:
        """Say it in the break's history, once: a run that comes to the same says nothing new.

        :returns: False if a person or another run has taken the break out of our hands meanwhile.
        """
        with self.flow.ledger.transaction() as tx:
            now = self.breaks.get(proposal.found.id, tx=tx)
            if now.status not in OPEN:
                return False
            history = self.breaks.history(now.id, tx=tx)
            same = bool(history) and history[-1].note == note and code in ("", now.reason_code)
            # What a later reconciliation found again was not repaired by what was said before.
            if not same or (code == REPAIRED and history[-1].at < now.last_seen):
                self.breaks.change(
                    now.id, actor=self.flow.actor, note=note, status=status, reason_code=code, tx=tx
                )
            return True
