"""Planning many sources: few questions to the ledger, and a source that cannot be planned stays alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import event

from airflow_provider_docflow.hooks.creating import Creation, Creator, Part
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from tests.flow.conftest import House, form, row

CREATION = Creation(document_type="payment_request", split_by="seller_supplier_party")


@contextmanager
def asked(house: House) -> Iterator[list[str]]:
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(house.ledger.database.engine, "before_cursor_execute", count)
    yield seen
    event.remove(house.ledger.database.engine, "before_cursor_execute", count)


def planned(house: House, sources: list[Handle]) -> tuple[list[Outcome], list[Part]]:
    target = house.system_of("finance")
    return Creator(house.ledger, house.system_of, target, CREATION, actor="test")._planned(sources)


def test_twelve_sources_ask_the_ledger_no_more_than_two(house: House) -> None:
    sources = house.approved(*(form(f"PR-{n}") for n in range(14)))
    planned(house, sources[:1])
    with asked(house) as few:
        planned(house, sources[:2])
    with asked(house) as many:
        refused, parts = planned(house, sources[2:])
    assert not refused and len(parts) == 12
    # Apart from the shared limits of the OA, whose calls are counted now and then.
    assert len(many) <= len(few) + 8 < 3 * len(parts), (len(few), len(many))


def test_each_source_is_limited_to_what_it_says_now(house: House) -> None:
    sources = house.approved(form("PR-1", [row(quantity="2"), row(2, quantity="3")]), form("PR-2"))
    refused, parts = planned(house, [*sources, sources[0]])
    assert not refused and [part.plan.source.ref.number for part in parts] == ["PR-1", "PR-2", "PR-1"]
    assert [outcome.status for outcome in house.pay(sources)] == ["written", "written"]
    for source, total in zip(sources, ("251.25", "100.50"), strict=True):
        used = house.ledger.links.consumed(source.ref)
        assert [amount for _, amount in used.values()] == [Decimal(total)]


def test_a_source_of_which_the_ledger_cannot_keep_the_limit_is_refused_alone(house: House) -> None:
    sources = house.approved(*(form(f"PR-{n}") for n in range(5)))
    target = house.system_of("finance")
    creator = Creator(house.ledger, house.system_of, target, CREATION, actor="test")
    limits, bad = creator.coverage.limits, sources[3].ref.internal_id

    def too_large(reading: Any) -> Any:
        found = limits(reading)
        if reading.ref.internal_id != bad:
            return found
        return [(ref, [replace(one, amount=Decimal(10) ** 30) for one in lines]) for ref, lines in found]

    creator.coverage.limits = too_large  # type: ignore[method-assign]
    outcomes = creator.create(sources)

    assert sorted(one.source for one in outcomes if one.good) == ["PR-0", "PR-1", "PR-2", "PR-4"]
    (refused,) = [one for one in outcomes if not one.good]
    assert (refused.source, refused.error["type"]) == ("PR-3", "InvalidDocument")
    assert len(house.payments()) == 4
