from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Changes, Query, Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.sandbox.finance import create_finance
from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, PROFILE, ensure
from tests.systems.sql.conftest import Finance, document, item


def test_read_names_each_missing_document(finance: Finance) -> None:
    (ref,) = finance.written([item(1)])
    missing, strange = replace(ref, internal_id="4711", number=""), replace(ref, internal_id="no number")
    found = finance.read([missing, ref, strange])
    assert [type(entry) for entry in found] == [exc.NotFound, Reading, exc.NotFound]
    assert "4711" in found[0].document and found[0].system == "finance"


def test_read_a_page_and_more(finance: Finance) -> None:
    refs = finance.written([item(n, lines=2) for n in range(200)]) + finance.written(
        [item(n) for n in range(200, 260)]
    )
    found = finance.read(refs)
    assert [reading.ref for reading in found] == refs
    assert [len(reading.document.lines) for reading in (found[0], found[-1])] == [2, 1]


def test_lines_come_in_their_order(finance: Finance) -> None:
    (ref,) = finance.written([item(1, lines=12)])
    found = finance.read_one(ref).document
    assert found is not None and [line.line_id for line in found.lines] == [str(n) for n in range(1, 13)]


def test_reading_says_what_probes_compare(finance: Finance) -> None:
    (ref,) = finance.written([item(1)])
    reading = finance.read_one(ref)
    assert (reading.company_code, reading.party, reading.currency) == ("C1", "SUP-1", "CNY")
    assert reading.total == Decimal("10.50")
    assert reading.document == item(1).document
    assert (reading.state.lifecycle, reading.state.payment) == ("draft", "none")
    assert reading.raw["state"] == "draft"
    finance.truth("UPDATE payment SET state = 'frozen'")
    again = finance.read_one(ref)
    assert again.state.lifecycle == "unknown" and again.state.raw["lifecycle"] == "frozen"


def test_rows_that_make_no_document_do_not_stop_the_others(finance: Finance) -> None:
    refs = finance.written([item(n) for n in range(3)])
    finance.truth("UPDATE payment SET currency = 'yuan' WHERE number = 'N-1'")
    found = finance.read(refs)
    assert [type(entry) for entry in found] == [Reading, exc.InvalidDocument, Reading]
    assert (
        found[1].field == "document_currency_code"
        and found[1].system == "finance"
        and "N-1" in found[1].document
    )
    readings = finance.run(search_all(finance.site, finance.site.profile.of("payment"), Query()))
    assert [reading.document is None for reading in readings] == [False, True, False]
    assert readings[1].currency == "yuan"


def test_async_door_gives_the_same(finance: Finance) -> None:
    items = [item(n) for n in range(10)]
    refs = finance.written(items[:5])
    profile, site = finance.site.profile, finance.site

    async def both() -> tuple[list[Any], list[Any]]:
        async with AsyncDoor(site, sql=finance.units) as door:
            written = await door.run_all(
                [profile.write("payment", "create").run(site, [each]) for each in items]
            )
            return [one for (one,) in written], await door.run(profile.of("payment").read(site, refs))

    written, readings = asyncio.run(both())
    assert [one.ref for one in written[:5]] == refs
    assert finance.count("payment") == 10
    assert [reading.document for reading in readings] == [reading.document for reading in finance.read(refs)]


def listed(there: Finance, **query: Any) -> list[str]:
    kind = there.site.profile.of("payment")
    return [reading.ref.number for reading in there.run(search_all(there.site, kind, Query(**query)))]


def test_search(finance: Finance) -> None:
    finance.written([item(n) for n in range(5)])
    finance.written(
        [WriteItem(mark="OTHER", document=document("X-1", company_code="C2", issue_date=date(2026, 5, 1)))]
    )
    assert listed(finance, company_code="C2") == ["X-1"]
    assert listed(finance, numbers=("N-1", "N-3", "none")) == ["N-1", "N-3"]
    assert listed(finance, issued_from=date(2026, 4, 1)) == ["X-1"]
    assert len(listed(finance, issued_to=date(2026, 3, 31), party="SUP-1")) == 5
    assert listed(finance, raw={"source_number": "PO-2"}) == ["N-2"]
    assert listed(finance, changed_since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(listed(finance, changed_since=datetime.now(UTC) - timedelta(hours=1))) == 6


def test_search_refuses_what_it_cannot_restrict(local: Finance) -> None:
    kind = local.site.profile.of("payment_request")
    with pytest.raises(exc.Unsupported, match="issue_date"):
        local.run(search_all(local.site, kind, Query(issued_from=date(2026, 1, 1))))
    with pytest.raises(exc.Unsupported, match="no column password"):
        local.run(search_all(local.site, kind, Query(raw={"password": "x"})))


def test_search_pages_end_and_neither_repeat_nor_skip(finance: Finance) -> None:
    for start in range(0, 450, 150):
        finance.written([item(n) for n in range(start, start + 150)])
    numbers = listed(finance)
    assert numbers == [f"N-{n}" for n in range(450)]


def follow(there: Finance, cursor: str, kind: str = "payment") -> tuple[list[str], str]:
    numbers: list[str] = []
    run = there.site.profile.of(kind).changes
    assert run is not None
    while True:
        found: Changes = there.run(run(there.site, cursor))
        numbers += [ref.number for ref in found.refs]
        cursor = found.cursor
        if not found.more:
            return numbers, cursor


def test_changes_miss_nothing(finance: Finance) -> None:
    finance.written([item(n) for n in range(200)])
    finance.written([item(n) for n in range(200, 250)])
    numbers, cursor = follow(finance, "")
    assert sorted(numbers) == sorted(f"N-{n}" for n in range(250))
    (ref,) = finance.written([item(7)])
    finance.written([WriteItem(mark="SUBMIT", ref=ref)], purpose="submit")
    finance.written([item(999)])
    numbers, cursor = follow(finance, cursor)
    assert {"N-7", "N-999"} <= set(numbers)
    late = datetime.now(UTC) - timedelta(seconds=30)
    # A transaction that took its time of change half a minute ago and is committed only now.
    text = late.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    finance.truth("UPDATE payment SET changed_at = :at WHERE number = 'N-3'", at=text)
    assert "N-3" in follow(finance, cursor)[0]


def test_changes_of_an_empty_table(finance: Finance) -> None:
    numbers, cursor = follow(finance, "")
    assert numbers == []
    finance.written([item(1)])
    assert follow(finance, cursor)[0] == ["N-1"]


def test_changes_by_a_growing_number(sqlite_url: str, opened: Callable[..., Finance]) -> None:
    tables = {
        "payment": {
            **DEFAULT_TABLES["payment"],
            "changed": {"column": "version", "type": "integer", "overlap": 2},
        }
    }
    there = opened(sqlite_url, tables)
    there.written([item(n) for n in range(5)])
    there.truth("UPDATE payment SET version = id * 10")
    numbers, cursor = follow(there, "")
    assert len(numbers) == 5
    there.truth("UPDATE payment SET version = 51 WHERE number = 'N-2'")
    assert follow(there, cursor)[0] == ["N-4", "N-2"]


def test_float_columns_are_refused(sqlite_url: str, opened: Callable[..., Finance]) -> None:
    there = opened(sqlite_url)
    there.truth("DROP TABLE payment_line")
    there.truth("ALTER TABLE payment DROP COLUMN amount")
    there.truth("ALTER TABLE payment ADD COLUMN amount NUMERIC")
    there.truth(
        "INSERT INTO payment (id, business_key, state, company_code, amount)"
        " VALUES (1, 'M', 'draft', 'C1', '0.1')"
    )
    ref = document_ref(there)
    with pytest.raises(exc.Misconfigured, match=r"payment\.amount.*0\.1 is no exact"):
        there.run(there.site.profile.of("payment").read(there.site, [ref]))


def document_ref(there: Finance) -> Any:
    from airflow_provider_docflow.document import DocumentRef

    return DocumentRef(there.site.instance, "C1", "payment", "1")


def test_the_sandbox_finance_database_is_the_default(tmp_path: Path) -> None:
    url = f"sqlite:///{create_finance(tmp_path)}"
    units = SqlUnits(url)
    site = Site(profile=PROFILE.configured({}), conn_id="finance", settings={"ensure": True})
    door = Door(site, sql=units)
    site = replace(site, instance=door.run(PROFILE.instance(site)))
    kind = site.profile.of("payment_request")
    assert kind.create is not None
    items = [
        WriteItem(
            mark=f"M{n}", reference="PO-1", document=document(f"N-{n}", kind="payment_request", lines=2)
        )
        for n in range(3)
    ]
    written = door.run(kind.create.run(site, items))
    readings = door.run(kind.read(site, [one.ref for one in written]))
    assert [str(reading.total) for reading in readings] == ["21.00"] * 3
    assert (readings[0].state.lifecycle, readings[0].state.approval) == ("active", "pending")
    cancelled = door.run(kind.actions["cancel"].run(site, [WriteItem(mark="C1", ref=written[0].ref)]))
    assert cancelled[0].ref == written[0].ref
    assert str(door.run(kind.read(site, [written[0].ref]))[0].state.lifecycle) == "cancelled"
    assert kind.changes is not None
    assert len(door.run(kind.changes(site, "")).refs) == 3
    door.close()
    units.close()


def test_instance_is_the_databases_own(finance: Finance, sqlite_url: str) -> None:
    profile, site = finance.site.profile, finance.site
    assert finance.run(profile.instance(site)) == site.instance
    assert finance.run(ensure(site)) == site.instance
    finance.truth("DELETE FROM docflow_instance")
    with pytest.raises(exc.Misconfigured, match="docflow_instance"):
        finance.run(profile.instance(site))
    finance.truth("DROP TABLE docflow_instance")
    with pytest.raises(exc.Misconfigured, match="docflow_instance") as caught:
        finance.run(profile.instance(site))
    assert caught.value.field == "ensure" and caught.value.system == "finance"


def test_reading_without_a_known_instance_is_refused(local: Finance) -> None:
    (ref,) = local.written([item(1)])
    nameless = replace(local.site, instance="")
    with pytest.raises(exc.Misconfigured, match="instance"):
        local.run(nameless.profile.of("payment").read(nameless, [ref]))
