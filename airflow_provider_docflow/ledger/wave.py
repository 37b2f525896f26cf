"""
One wave of writes: reserved → probe → sending → receipt, or unknown.

It is one reservation, one probe per batch of the system, one mark of "sending", the sends side by side, one
read-back and one set of receipts. Whatever ends a process in the middle, the next one meets the same rows and
goes on from what the system shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import no_later_than
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Finding, Reading, Write, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.ledger import judge
from airflow_provider_docflow.ledger.asker import Asker, Runner, must_ask
from airflow_provider_docflow.ledger.failing import Failures
from airflow_provider_docflow.ledger.requests import (
    ENDING,
    Status,
    Work,
    WriteOutcome,
    WriteRequest,
    as_docflow,
    intent_request,
    receipt_of,
    replace_unknown,
    verb_of,
    write_item,
)
from airflow_provider_docflow.ledger.troubles import Troubles

UNANSWERED_SECONDS = 1.0
"""How long a system that did not answer a probe is left alone, at least."""


class Wave:
    """Writes requests of one kind once; it keeps nothing between two waves.

    :param run: performs exchanges, one entry per exchange: its value or the error that ended it.
    """

    def __init__(
        self,
        ledger: Any,
        site: Site,
        write: Write,
        run: Runner,
        *,
        owner: str,
        lease_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self.ledger, self.site, self.kind, self.run = ledger, site, write, run
        self.owner, self.lease_seconds, self.clock = owner, lease_seconds, clock
        self.asker, self.troubles = Asker(site, run), Troubles(ledger, site)

    def write(self, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        """Write once; one outcome per request, in order."""
        return self.finish(self.reserve(requests))

    def reserve(self, requests: Sequence[WriteRequest]) -> list[Work]:
        """Ask the ledger for the right to write."""
        reservations = self.ledger.intents.reserve(
            [intent_request(request) for request in requests],
            owner=self.owner,
            lease_seconds=self.lease_seconds,
        )
        works = []
        for request, reservation in zip(requests, reservations, strict=True):
            work = Work(request, write_item(self.kind, request, reservation), reservation)
            self._early_end(work)
            works.append(work)
        return works

    def finish(self, works: Sequence[Work]) -> list[WriteOutcome]:
        """Write what was reserved; one outcome per work, in order."""
        todo = [work for work in works if work.outcome is None]
        self._probe(todo)
        self._send([work for work in todo if work.verdict and work.verdict.action == "send"])
        self._verify_existing(works)
        ended = [work.outcome for work in works]
        if any(outcome is None for outcome in ended):
            raise AssertionError("a write ended without an outcome")
        return [outcome for outcome in ended if outcome is not None]

    def _early_end(self, work: Work) -> None:
        status, reservation = work.reservation.status, work.reservation
        if status == "changed":
            work.end("changed", reservation.receipt, None)
        elif status == "busy":
            work.fail(self.troubles.busy(work.request, reservation, self.clock()))
        elif status == "held":
            work.fail(self.troubles.held(work.request, reservation))

    def _probe(self, works: Sequence[Work]) -> None:
        """Ask the system what is there already and give every work its verdict."""
        works = [work for work in works if work.reservation.status != "done"]
        ask = [work for work in works if must_ask(self.kind, work)]
        findings = self.asker.findings(self.kind, ask)
        failures = Failures(self.ledger, self.troubles)
        for work in works:
            found = findings.get(id(work), Finding())
            if isinstance(found, exc.DocflowError):
                self._probe_failed(work, found, failures)
                continue
            work.verdict = self._verdict(work, found)
            self._carry_out(work, failures)
        failures.account(self.kind.probe.settle_seconds)
        self._receive([work for work in works if work.verdict and work.verdict.action == "found"], "found")

    def _probe_failed(self, work: Work, error: exc.DocflowError, failures: Failures) -> None:
        """An unanswered probe decides nothing: the intent stays as it was."""
        for_good = isinstance(error, exc.PermanentError) and not isinstance(error, exc.Authentication)
        before = work.reservation.sent_before
        if for_good and before:
            work.fail(self.troubles.incident(work.request, work.pair, judge.unanswerable(error)))
        elif for_good:
            failures.refuse(work, error)
        else:
            lost = before and isinstance(error, exc.TransientError)
            failures.free(work, replace_unknown(error, UNANSWERED_SECONDS) if lost else error)

    def _verdict(self, work: Work, found: Finding) -> judge.Verdict:
        reservation = work.reservation
        if not reservation.sent_before:
            return judge.judge_first(found, work.item)
        may_send = reservation.send_not_before is None or self.clock() >= reservation.send_not_before
        absences = reservation.absent_count
        if may_send and not found.marked:
            absences = self.ledger.intents.note_absent([work.pair])[0][0]
        return judge.judge_again(found, work.item, self.kind.probe, absences=absences, may_send=may_send)

    def _carry_out(self, work: Work, failures: Failures) -> None:
        verdict = work.verdict
        assert verdict is not None
        if verdict.action == "incident":
            work.fail(self.troubles.incident(work.request, work.pair, verdict))
        elif verdict.action == "wait":
            wait = judge.wait_seconds(
                work.reservation.send_not_before, self.clock(), self.kind.probe.settle_seconds
            )
            failures.free(work, self.troubles.unsettled(work.request, wait))

    def _send(self, works: Sequence[Work]) -> None:
        if not works:
            return
        not_after = time.monotonic() + self.lease_seconds / 2
        won = self.ledger.intents.begin_sending(
            [work.pair for work in works],
            deadline_seconds=self.lease_seconds / 2,
            settle_seconds=self.kind.probe.settle_seconds,
        )
        for work in works:
            if work.reservation.intent_id not in won:
                work.fail(self.troubles.busy(work.request, work.reservation, self.clock()))
        sending = [work for work in works if work.outcome is None]
        batches = list(chunks(sending, self.kind.batch_size))
        answers = self.run(
            [no_later_than(self.kind.run(self.site, [w.item for w in batch]), not_after) for batch in batches]
        )
        landed: list[tuple[Work, Written]] = []
        failures = Failures(self.ledger, self.troubles)
        for batch, answer in zip(batches, answers, strict=True):
            results = [answer] * len(batch) if isinstance(answer, Exception) else answer
            for work, result in zip(batch, results, strict=True):
                if isinstance(result, Written):
                    landed.append((work, result))
                else:
                    self._sent_badly(work, as_docflow(result, self.site), failures)
        failures.account(self.kind.probe.settle_seconds)
        self._read_back(landed)

    def _sent_badly(self, work: Work, error: exc.DocflowError, failures: Failures) -> None:
        """Account for a send that brought no receipt."""
        if error.landed == "unknown":
            failures.lose(work, error.message, replace_unknown(error, self.kind.probe.settle_seconds))
        elif isinstance(error, exc.PermanentError) and not isinstance(error, exc.Authentication):
            failures.refuse(work, error)
        else:
            failures.free(work, error)

    def _read_back(self, landed: Sequence[tuple[Work, Written]]) -> None:
        """A reply means nothing: what counts is the document as it stands afterwards."""
        readings = self.asker.after(self.kind, [written.ref for _, written in landed])
        good: list[Work] = []
        failures = Failures(self.ledger, self.troubles)
        for (work, written), reading in zip(landed, readings, strict=True):
            if isinstance(reading, exc.DocflowError):
                lost = replace_unknown(reading, self.kind.probe.settle_seconds)
                failures.lose(work, "written, but it cannot be read back", lost)
                continue
            verdict = self._judge_written(work, reading)
            work.verdict = replace(verdict, reading=reading)
            if verdict.action == "found":
                work.item = replace(work.item, arguments={**work.item.arguments, "detail": written.detail})
                good.append(work)
            else:
                work.fail(self.troubles.incident(work.request, work.pair, work.verdict))
        failures.account(self.kind.probe.settle_seconds)
        self._receive(good, "written")

    def _judge_written(self, work: Work, reading: Reading) -> judge.Verdict:
        if self.kind.landed is not None:
            if self.kind.landed(reading, work.item):
                return judge.Verdict("found")
            return judge.Verdict(
                "incident",
                code="write.no_effect",
                reason=f"the system took {work.request.key.purpose} without an error, and nothing changed.",
            )
        return judge.judge_written(reading, work.item)

    def _receive(self, works: Sequence[Work], status: Status) -> None:
        if not works:
            return
        triples = []
        for work in works:
            assert work.verdict is not None and work.verdict.reading is not None
            reading = work.verdict.reading
            receipt = receipt_of(work, reading, self.clock())
            triples.append((*work.pair, receipt))
            work.end(status, receipt, reading)
        kept = self.ledger.intents.set_receipts(triples)
        for work in works:
            if work.reservation.intent_id not in kept:
                self._too_late(work)

    def _too_late(self, work: Work) -> None:
        """Another process has taken over meanwhile; that it found this very document is no trouble."""
        assert work.outcome is not None and work.outcome.receipt is not None
        receipt, reading = work.outcome.receipt, work.outcome.reading
        theirs = self.ledger.intents.by_id(work.reservation.intent_id).receipt
        if theirs is not None and theirs.ref.identity == receipt.ref.identity:
            work.end("existing", theirs, reading)
        else:
            work.fail(self.troubles.late(work.request, work.pair, receipt))

    def _verify_existing(self, works: Sequence[Work]) -> None:
        """Read back what an earlier run wrote: alive it is the answer, else a person decides."""
        done = [work for work in works if work.outcome is None and work.reservation.status == "done"]
        receipts = [work.reservation.receipt for work in done]
        readings = self.asker.after(self.kind, [receipt.ref for receipt in receipts if receipt])
        for work, receipt, reading in zip(done, receipts, readings, strict=True):
            if isinstance(reading, exc.NotFound):
                work.fail(self.troubles.gone(work.request, work.pair, receipt, "deleted"))
            elif isinstance(reading, exc.DocflowError):
                work.fail(as_docflow(reading, self.site))
            elif judge.liveness(reading) != "alive" and verb_of(work.request.key.purpose) not in ENDING:
                word = str(reading.state.lifecycle)
                work.fail(self.troubles.gone(work.request, work.pair, receipt, word))
            elif (
                self.kind.landed
                and not self.kind.landed(reading, work.item)
                and judge.undone(receipt, reading)
            ):
                work.fail(self.troubles.undone(work.request, work.pair, receipt, reading))
            else:
                work.end("existing", receipt, reading)
