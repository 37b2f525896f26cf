"""A wave that fails as a whole is accounted for as a whole: an outage must not cost a statement each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import DocumentProfile, Probe, SystemProfile, Write, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.writer import Writer
from tests.ledger.samples import ERP, Clock, key
from tests.ledger.test_batches_are_sets import statements

TYPE = "purchase_order"


def nothing(*_: Any) -> Exchange[Any]:
    return []
    yield


def writing(ledger: Ledger, clock: Clock, error: exc.DocflowError, *, batch_size: int) -> Writer:
    def run(site: Site, items: Sequence[WriteItem]) -> Exchange[Any]:
        if batch_size > 1:
            return [error for _ in items]
        raise error
        yield

    write = Write(run=run, probe=Probe(quality="native"), batch_size=batch_size)
    profile = SystemProfile(
        name="plain",
        title="Plain",
        docs_url="",
        checked_on=date(2026, 11, 22),
        documents={TYPE: DocumentProfile(read=nothing, create=write)},
        instance=nothing,
    )
    site = Site(profile=profile, conn_id="erp", instance=ERP)
    system = System(site, ledger=ledger, gates=lambda _: ())
    return Writer(ledger, site, system.run_many, owner="test", patience=0, clock=clock)


def written(writer: Writer, count: int) -> list[WriteOutcome]:
    requests = [WriteRequest(key=key(f"PR-{n}"), content_hash="c", reference=f"PR-{n}") for n in range(count)]
    return writer.write(requests)


@pytest.mark.parametrize("batch_size", [1, 50])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exc.Rejected("the period is closed.", code="FI-1"), "held"),
        (exc.Unreachable("no answer."), "reserved"),
        (exc.UnknownOutcome("cut off."), "unknown"),
    ],
    ids=["refused", "not sent", "unknown"],
)
def test_two_hundred_failures_take_few_statements(
    sqlite_ledger: Ledger, clock: Clock, error: exc.DocflowError, status: str, batch_size: int
) -> None:
    writer = writing(sqlite_ledger, clock, error, batch_size=batch_size)
    with statements(sqlite_ledger) as seen:
        outcomes = written(writer, 200)
    assert len(seen) <= 60, len(seen)
    assert {type(one.error) for one in outcomes} == {type(error)}
    assert {sqlite_ledger.intents.by_id(one.intent_id or 0).status for one in outcomes} == {status}


def test_each_refused_document_has_an_incident_of_its_own(sqlite_ledger: Ledger, clock: Clock) -> None:
    error = exc.Rejected("the supplier is blocked.", code="F5-100", field="seller_supplier_party")
    outcomes = written(writing(sqlite_ledger, clock, error, batch_size=50), 3)
    numbers = [one.error.incident for one in outcomes if one.error]
    assert len(set(numbers)) == 3 and None not in numbers
    assert [one.error.document for one in outcomes if one.error] == ["PR-0", "PR-1", "PR-2"]
    for one, number in zip(outcomes, numbers, strict=True):
        incident = sqlite_ledger.incidents.get(number or 0)
        assert (incident.intent_id, incident.document_number) == (one.intent_id, one.request.reference)
        assert sqlite_ledger.intents.by_id(one.intent_id or 0).incident == number
    again = replace(outcomes[0].request, content_hash="corrected")
    assert sqlite_ledger.intents.by_id(outcomes[0].intent_id or 0).hold == "refused"
    assert writing(sqlite_ledger, clock, error, batch_size=1).write([again])[0].status == "failed"
