"""What the writer asks of a system before and after it writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Finding, Reading, Write, gone
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.requests import Work, as_docflow

Runner = Callable[[Sequence[Exchange[Any]]], list[Any]]


class Asker:
    """Reads and probes in batches; a failed request is the answer of every document in it.

    :param run: performs exchanges, one entry per exchange: its value or the error that ended it.
    """

    def __init__(self, site: Site, run: Runner) -> None:
        self.site, self.run = site, run

    def read(self, refs: Sequence[DocumentRef]) -> list[Reading | exc.DocflowError]:
        """Read documents of one type; one entry per reference, in order."""
        if not refs:
            return []
        kind = self.site.profile.of(refs[0].document_type)
        batches = list(chunks(refs, kind.page_size))
        answers = self.run([kind.read(self.site, batch) for batch in batches])
        readings: list[Reading | exc.DocflowError] = []
        for batch, answer in zip(batches, answers, strict=True):
            if isinstance(answer, Exception):
                readings.extend([as_docflow(answer, self.site)] * len(batch))
            else:
                readings.extend(answer)
        return readings

    def after(self, write: Write, refs: Sequence[DocumentRef]) -> list[Reading | exc.DocflowError]:
        """Read documents as they stand after a write; one that the write removes is found gone."""
        readings = self.read(refs)
        if not write.removes:
            return readings
        now = datetime.now(UTC)
        return [
            gone(ref, now) if isinstance(reading, exc.NotFound) else reading
            for ref, reading in zip(refs, readings, strict=True)
        ]

    def findings(self, write: Write, works: Sequence[Work]) -> dict[int, Finding | exc.DocflowError]:
        """Probe for every work; keyed by ``id(work)``."""
        if not works:
            return {}
        if write.landed is not None:
            return self._landed(write, works)
        find = write.find
        assert find is not None
        batches = list(chunks(works, max(write.batch_size, 50)))
        answers = self.run([find(self.site, [work.item for work in batch]) for batch in batches])
        found: dict[int, Finding | exc.DocflowError] = {}
        for batch, answer in zip(batches, answers, strict=True):
            for position, work in enumerate(batch):
                failed = isinstance(answer, Exception)
                found[id(work)] = as_docflow(answer, self.site) if failed else answer[position]
        return found

    def _landed(self, write: Write, works: Sequence[Work]) -> dict[int, Finding | exc.DocflowError]:
        assert write.landed is not None
        found: dict[int, Finding | exc.DocflowError] = {}
        refs = [work.item.ref for work in works if work.item.ref]
        for work, reading in zip(works, self.after(write, refs), strict=True):
            if isinstance(reading, exc.DocflowError):
                found[id(work)] = reading
            else:
                done = write.landed(reading, work.item)
                found[id(work)] = Finding(marked=(reading,) if done else ())
        return found


def must_ask(write: Write, work: Work) -> bool:
    """Tell whether this write needs a probe first; a vendor that refuses a second needs none."""
    if write.find is None and write.landed is None:
        return False
    return write.probe.quality != "native" or work.reservation.sent_before
