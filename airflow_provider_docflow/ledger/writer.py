"""
The write-once protocol: reserved → probe → sending → receipt, or unknown.

One batch is one reservation, one probe per batch of the system, one mark of "sending", the sends side
by side, one read-back and one set of receipts. A single document is a batch of one. Whatever ends a
process in the middle, the next one meets the same rows and goes on from what the system shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import no_later_than
from airflow_provider_docflow.core.paging import chunks, turns
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
    refuse_shadows,
    replace_unknown,
    verb_of,
    write_item,
)
from airflow_provider_docflow.ledger.rounds import Rounds, oldest_first
from airflow_provider_docflow.ledger.troubles import Troubles

UNANSWERED_SECONDS = 1.0
"""How long a system that did not answer a probe is left alone, at least."""


class Writer:
    """Writes batches to one instance.

    :param run: performs exchanges, one entry per exchange: its value or the error that ended it.
    :param owner: who holds the leases; for people who look at the ledger.
    :param lease_seconds: longer than the system's time-out plus the time to send; the bytes of a write
        go out in the first half of it or not at all.
    :param patience: seconds that the writer itself waits for an unknown outcome to settle; beyond
        that it raises and Airflow's retry goes on.
    """

    def __init__(
        self,
        ledger: Any,
        site: Site,
        run: Runner,
        *,
        owner: str,
        lease_seconds: float = 120.0,
        patience: float = 15.0,
        wave: int = 200,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.ledger, self.site, self.run, self.owner = ledger, site, run, owner
        self.lease_seconds, self.patience, self.wave = lease_seconds, patience, wave
        self.sleep, self.clock = sleep, clock
        self.asker = Asker(site, run)
        self.troubles = Troubles(ledger, site)

    def write(self, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        """Write every request once.

        :param requests: of one document type and purpose.
        :returns: one outcome per request, in order; errors are outcomes, never raised, except that
            the ledger itself fails.
        :raises LedgerError: the ledger cannot be reached; nothing was sent for what is not accounted for.
        :raises InstanceChanged: writing to this instance is blocked.
        :raises ShadowReference: one is about a document that only a shadow run knows.
        """
        if not requests:
            return []
        refuse_shadows(requests)
        self.ledger.instances.writable(self.site.instance)
        first = requests[0].key
        write = self.site.profile.write(first.target_type, verb_of(first.purpose))
        rounds = Rounds(lambda some: self._wave(write, some), self.sleep, self.patience)
        outcomes: dict[int, WriteOutcome] = {}
        # The same key twice in a batch: the second request meets what the first has written.
        for turn in turns(requests, lambda request: request.key.digest):
            for wave in chunks(oldest_first(turn, requests), max(self.wave, write.batch_size)):
                outcomes.update(zip(wave, rounds.run([requests[n] for n in wave]), strict=True))
        return [outcomes[n] for n in range(len(requests))]

    def _wave(self, write: Write, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        works = self._reserve(write, requests)
        todo = [work for work in works if work.outcome is None]
        self._probe(write, todo)
        self._send(write, [work for work in todo if work.verdict and work.verdict.action == "send"])
        self._verify_existing(write, works)
        ended = [work.outcome for work in works]
        if any(outcome is None for outcome in ended):
            raise AssertionError("a write ended without an outcome")
        return [outcome for outcome in ended if outcome is not None]

    def _reserve(self, write: Write, requests: Sequence[WriteRequest]) -> list[Work]:
        reservations = self.ledger.intents.reserve(
            [intent_request(request) for request in requests],
            owner=self.owner,
            lease_seconds=self.lease_seconds,
        )
        works = []
        for request, reservation in zip(requests, reservations, strict=True):
            work = Work(request, write_item(write, request, reservation), reservation)
            self._early_end(work)
            works.append(work)
        return works

    def _early_end(self, work: Work) -> None:
        status, reservation = work.reservation.status, work.reservation
        if status == "changed":
            work.end("changed", reservation.receipt, None)
        elif status == "busy":
            work.fail(self.troubles.busy(work.request, reservation, self.clock()))
        elif status == "held":
            work.fail(self.troubles.held(work.request, reservation))

    def _probe(self, write: Write, works: Sequence[Work]) -> None:
        """Ask the system what is there already and give every work its verdict."""
        works = [work for work in works if work.reservation.status != "done"]
        ask = [work for work in works if must_ask(write, work)]
        findings = self.asker.findings(write, ask)
        failures = Failures(self.ledger, self.troubles)
        for work in works:
            found = findings.get(id(work), Finding())
            if isinstance(found, exc.DocflowError):
                self._probe_failed(work, found, failures)
                continue
            work.verdict = self._verdict(write, work, found)
            self._carry_out(write, work, failures)
        failures.account(write.probe.settle_seconds)
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

    def _verdict(self, write: Write, work: Work, found: Finding) -> judge.Verdict:
        reservation = work.reservation
        if not reservation.sent_before:
            return judge.judge_first(found, work.item)
        may_send = reservation.send_not_before is None or self.clock() >= reservation.send_not_before
        absences = reservation.absent_count
        if may_send and not found.marked:
            absences = self.ledger.intents.note_absent([work.pair])[0][0]
        return judge.judge_again(found, work.item, write.probe, absences=absences, may_send=may_send)

    def _carry_out(self, write: Write, work: Work, failures: Failures) -> None:
        verdict = work.verdict
        assert verdict is not None
        if verdict.action == "incident":
            work.fail(self.troubles.incident(work.request, work.pair, verdict))
        elif verdict.action == "wait":
            wait = judge.wait_seconds(
                work.reservation.send_not_before, self.clock(), write.probe.settle_seconds
            )
            failures.free(work, self.troubles.unsettled(work.request, wait))

    def _send(self, write: Write, works: Sequence[Work]) -> None:
        if not works:
            return
        not_after = time.monotonic() + self.lease_seconds / 2
        won = self.ledger.intents.begin_sending(
            [work.pair for work in works],
            deadline_seconds=self.lease_seconds / 2,
            settle_seconds=write.probe.settle_seconds,
        )
        for work in works:
            if work.reservation.intent_id not in won:
                work.fail(self.troubles.busy(work.request, work.reservation, self.clock()))
        sending = [work for work in works if work.outcome is None]
        batches = list(chunks(sending, write.batch_size))
        answers = self.run(
            [no_later_than(write.run(self.site, [w.item for w in batch]), not_after) for batch in batches]
        )
        landed: list[tuple[Work, Written]] = []
        failures = Failures(self.ledger, self.troubles)
        for batch, answer in zip(batches, answers, strict=True):
            results = [answer] * len(batch) if isinstance(answer, Exception) else answer
            for work, result in zip(batch, results, strict=True):
                if isinstance(result, Written):
                    landed.append((work, result))
                else:
                    self._sent_badly(write, work, as_docflow(result, self.site), failures)
        failures.account(write.probe.settle_seconds)
        self._read_back(write, landed)

    def _sent_badly(self, write: Write, work: Work, error: exc.DocflowError, failures: Failures) -> None:
        """Account for a send that brought no receipt."""
        if error.landed == "unknown":
            failures.lose(work, error.message, replace_unknown(error, write.probe.settle_seconds))
        elif isinstance(error, exc.PermanentError) and not isinstance(error, exc.Authentication):
            failures.refuse(work, error)
        else:
            failures.free(work, error)

    def _read_back(self, write: Write, landed: Sequence[tuple[Work, Written]]) -> None:
        """A reply means nothing: what counts is the document as it stands afterwards."""
        readings = self.asker.after(write, [written.ref for _, written in landed])
        good: list[Work] = []
        failures = Failures(self.ledger, self.troubles)
        for (work, written), reading in zip(landed, readings, strict=True):
            if isinstance(reading, exc.DocflowError):
                lost = replace_unknown(reading, write.probe.settle_seconds)
                failures.lose(work, "written, but it cannot be read back", lost)
                continue
            verdict = self._judge_written(write, work, reading)
            work.verdict = replace(verdict, reading=reading)
            if verdict.action == "found":
                work.item = replace(work.item, arguments={**work.item.arguments, "detail": written.detail})
                good.append(work)
            else:
                work.fail(self.troubles.incident(work.request, work.pair, work.verdict))
        failures.account(write.probe.settle_seconds)
        self._receive(good, "written")

    def _judge_written(self, write: Write, work: Work, reading: Reading) -> judge.Verdict:
        if write.landed is not None:
            if write.landed(reading, work.item):
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

    def _verify_existing(self, write: Write, works: Sequence[Work]) -> None:
        """Read back what an earlier run wrote: alive it is the answer, else a person decides."""
        done = [work for work in works if work.outcome is None and work.reservation.status == "done"]
        receipts = [work.reservation.receipt for work in done]
        readings = self.asker.after(write, [receipt.ref for receipt in receipts if receipt])
        for work, receipt, reading in zip(done, receipts, readings, strict=True):
            if isinstance(reading, exc.NotFound):
                work.fail(self.troubles.gone(work.request, work.pair, receipt, "deleted"))
            elif isinstance(reading, exc.DocflowError):
                work.fail(as_docflow(reading, self.site))
            elif judge.liveness(reading) != "alive" and verb_of(work.request.key.purpose) not in ENDING:
                word = str(reading.state.lifecycle)
                work.fail(self.troubles.gone(work.request, work.pair, receipt, word))
            elif write.landed and not write.landed(reading, work.item) and judge.undone(receipt, reading):
                work.fail(self.troubles.undone(work.request, work.pair, receipt, reading))
            else:
                work.end("existing", receipt, reading)
