"""A thousand documents take few statements: whatever grows with the batch would ruin the volume lane."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import Clock, pairs, receipt, reserve, send, use, wanted


@contextmanager
def statements(ledger: Ledger) -> Iterator[list[str]]:
    seen: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement.split("\n")[0])

    event.listen(ledger.database.engine, "before_cursor_execute", count)
    yield seen
    event.remove(ledger.database.engine, "before_cursor_execute", count)


@pytest.mark.parametrize("size", [1000])
def test_a_thousand_intents_take_few_statements(ledger: Ledger, clock: Clock, size: int) -> None:
    requests = [wanted(f"PR-{n}", uses=(use("1", source=f"PR-{n}"),)) for n in range(size)]
    with statements(ledger) as reserving:
        reserved = reserve(ledger, *requests)
    with statements(ledger) as sending:
        assert len(send(ledger, *reserved)) == size
    made = [(*pair, receipt(clock, f"PO-{n}")) for n, pair in enumerate(pairs(*reserved))]
    with statements(ledger) as receiving:
        assert len(ledger.intents.set_receipts(made)) == size
    with statements(ledger) as asking:
        assert {one.status for one in reserve(ledger, *requests)} == {"done"}
    counts = [len(seen) for seen in (reserving, sending, receiving, asking)]
    assert counts[0] <= 40 and counts[1] <= 25 and counts[2] <= 40 and counts[3] <= 25, counts


def test_a_thousand_unknown_outcomes_take_few_statements(ledger: Ledger, clock: Clock) -> None:
    reserved = reserve(ledger, *(wanted(f"PR-{n}") for n in range(1000)))
    send(ledger, *reserved, settle=0)
    with statements(ledger) as unknown:
        assert len(ledger.intents.set_unknown(pairs(*reserved), "cut off")) == 1000
    clock.forward(100)
    again = reserve(ledger, *(wanted(f"PR-{n}") for n in range(1000)))
    with statements(ledger) as absent:
        assert {count for count, _ in ledger.intents.note_absent(pairs(*again))} == {1}
    with statements(ledger) as released:
        assert len(ledger.intents.release(pairs(*again))) == 1000
    assert max(len(seen) for seen in (unknown, absent, released)) <= 25
