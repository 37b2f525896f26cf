from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, insert, select

from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger import Ledger, migrate, search
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.database import Database
from airflow_provider_docflow.ledger.documents import DocumentEntry, Search
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.migrate import upgrade
from airflow_provider_docflow.ledger.models.memory import audience, document
from airflow_provider_docflow.ledger.models.memory import touch as touched_by
from airflow_provider_docflow.ledger.search import TouchedBy, folded
from airflow_provider_docflow.ledger.search_incidents import SeenIncidents, Sight
from tests.ledger.samples import ERP, KEY, OA, Clock, ref, reserve, wanted


def numbers(ledger: Ledger, **what: Any) -> list[str]:
    page = ledger.documents.page(Search(**what), sort="number")
    assert (page.total, page.total_is_exact, page.more) == (len(page.documents), True, False)
    assert ledger.documents.count(Search(**what)) == page.total
    return [one.entry.ref.number for one in page.documents]


@pytest.fixture
def shelf(ledger: Ledger) -> Ledger:
    entries = [
        DocumentEntry(ref("PO-2026/0815"), "SUP-1", "Müller & Söhne GmbH", Decimal("9.99"), "EUR"),
        DocumentEntry(ref("ＰＯ－４７１１"), "SUP-2", "STRASSE straße", Decimal(10), "EUR"),
        DocumentEntry(ref("采购-2026-001"), "供应商-7", "上海 钢铁有限公司", None, "", date(2026, 1, 2)),
        DocumentEntry(ref("100%_A"), "SUP-a\u0301", "Ångström I\u0307zmir", Decimal(-1), "CNY"),
    ]
    for one in entries:
        ledger.documents.upsert([one])
    return ledger


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ({"text": "0815"}, ["PO-2026/0815"]),
        ({"text": "po-"}, ["PO-2026/0815", "ＰＯ－４７１１"]),
        ({"text": "PO-4711"}, ["ＰＯ－４７１１"]),
        ({"text": "MÜLLER & söhne"}, ["PO-2026/0815"]),
        ({"text": "Mu\u0308ller"}, ["PO-2026/0815"]),
        ({"text": "Muller"}, []),
        ({"text": "strasse strasse"}, ["ＰＯ－４７１１"]),
        ({"text": "采购"}, ["采购-2026-001"]),
        ({"text": "海 钢"}, ["采购-2026-001"]),
        ({"text": "海\u3000钢"}, ["采购-2026-001"]),
        ({"text": "sup-á"}, ["100%_A"]),
        ({"text": "ÅNGSTRÖM"}, ["100%_A"]),
        ({"text": "%_"}, ["100%_A"]),
        ({"text": "0_1"}, []),
        ({"text": "/0"}, ["PO-2026/0815"]),
        ({"text": " \n "}, ["100%_A", "PO-2026/0815", "采购-2026-001", "ＰＯ－４７１１"]),
        ({"text": "0815\nsup"}, []),
        ({"number_part": "2026"}, ["PO-2026/0815", "采购-2026-001"]),
        ({"number_part": "sup"}, []),
        ({"party": "sup-"}, ["100%_A", "PO-2026/0815", "ＰＯ－４７１１"]),
        ({"party": "钢铁"}, ["采购-2026-001"]),
        ({"party": "2026"}, []),
        ({"party": "söhne", "number_part": "po", "currency": "EUR"}, ["PO-2026/0815"]),
    ],
)
def test_parts_are_found_alike_on_every_database(shelf: Ledger, what: Any, found: list[str]) -> None:
    assert sorted(numbers(shelf, **what)) == found


def test_what_is_newly_known_is_found_at_once(ledger: Ledger) -> None:
    ledger.documents.ensure([ref("PO-1")])
    assert numbers(ledger, text="müller") == []
    ledger.documents.upsert([DocumentEntry(ref("PO-1"), party_name="Müller")])
    assert numbers(ledger, text="müller") == ["PO-1"]


def test_a_text_that_grows_when_folded_is_kept_whole(ledger: Ledger) -> None:
    name = "\ufdfa" * 255
    ledger.documents.upsert([DocumentEntry(ref("PO-1"), party_id="1", party_name=name)])
    assert len(folded(name)) > 4000 and numbers(ledger, party=name[-3:]) == ["PO-1"]


# ---- pages


@pytest.fixture
def crowd(ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Twelve documents where only ten are counted."""
    monkeypatch.setattr(search, "COUNTED", 10)
    for number in range(12):
        amount = None if number % 4 == 3 else Decimal(number % 3)
        clock.forward(1)
        ledger.documents.upsert([DocumentEntry(ref(f"N{number:02d}"), amount=amount, currency="EUR")])
    return ledger


@pytest.mark.parametrize("sort", search.SORTS)
def test_pages_hold_each_document_once_in_whatever_order(
    crowd: Ledger, monkeypatch: pytest.MonkeyPatch, sort: search.Sort
) -> None:
    def walk() -> list[str]:
        found: list[str] = []
        offset = 0
        while True:
            page = crowd.documents.page(Search(), sort=sort, offset=offset, limit=5)
            found += [one.key for one in page.documents]
            offset += 5
            if not page.more:
                assert (page.total, page.total_is_exact) == (12, True)
                return found
            assert page.total >= 10

    many = walk()
    monkeypatch.setattr(search, "COUNTED", 100)
    assert walk() == many, "few and many are sorted alike"
    assert len(set(many)) == 12


def test_more_than_is_counted_is_told_as_more(crowd: Ledger) -> None:
    page = crowd.documents.page(Search(), limit=5)
    assert (page.total, page.total_is_exact, page.more) == (10, False, True)
    behind = crowd.documents.page(Search(), offset=50, limit=5)
    assert (behind.documents, behind.more) == ([], False)
    ordered = crowd.documents.page(Search(), sort="-amount", limit=12).documents
    amounts = [one.entry.amount for one in ordered]
    assert amounts[-3:] == [None] * 3, "what is not known comes last"
    with pytest.raises(InvalidDocument, match="no such order"):
        crowd.documents.page(Search(), sort="party_id")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"amount_from": Decimal(0), "amount_to": Decimal(5)},
        {"instance": ERP, "document_type": "purchase_order"},
        {"state": {"lifecycle": "unknown"}, "text": "n"},
    ],
)
def test_a_page_of_many_walks_through_the_index_of_its_order(
    sqlite_ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch, what: Any
) -> None:
    monkeypatch.setattr(search, "COUNTED", 1)
    for number in range(4):
        clock.forward(1)
        sqlite_ledger.documents.upsert([DocumentEntry(ref(f"N{number}"), amount=Decimal(number))])
    touch(sqlite_ledger, "a", *(f"N{number}" for number in range(4)))
    said: list[tuple[str, Any]] = []
    engine = sqlite_ledger.database.engine
    event.listen(engine, "before_cursor_execute", lambda *heard: said.append((heard[2], heard[3])))
    found = sqlite_ledger.documents.page(Search(dag_ids=["a"], **what), limit=2)
    assert [one.entry.ref.number for one in found.documents] == ["N3", "N2"]
    (walk,) = [one for one in said if "ORDER BY" in one[0]]
    with sqlite_ledger.transaction() as connection:
        plan = [str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {walk[0]}", walk[1])]
    assert "USING INDEX ix_docflow_document_updated_at_ref_key_audience" in plan[0].replace("COVERING ", "")
    assert not any("TEMP B-TREE" in step or "docflow_touch" in step for step in plan)
    assert not any("dag_id=?" in step for step in plan), "a set is read as a whole"


# ---- who may see what


def test_a_document_is_seen_through_every_dag_that_touched_it(ledger: Ledger) -> None:
    touch(ledger, "a", "PO-1", "PO-2")
    touch(ledger, "b", "PO-2", "PO-3")
    touch(ledger, "a", "PO-1", run_id="again")
    ledger.documents.ensure([ref("PO-4")])
    assert numbers(ledger, dag_ids=["a"]) == ["PO-1", "PO-2"]
    assert numbers(ledger, dag_ids=["b"]) == ["PO-2", "PO-3"]
    assert numbers(ledger, dag_ids=["b", "a", "nothing"]) == ["PO-1", "PO-2", "PO-3"]
    assert numbers(ledger, dag_ids=["nothing"]) == numbers(ledger, dag_ids=[]) == []
    assert numbers(ledger) == ["PO-1", "PO-2", "PO-3", "PO-4"]
    assert numbers(ledger, touched_by=TouchedBy("a", "again")) == ["PO-1"]
    assert numbers(ledger, touched_by=TouchedBy("b"), dag_ids=["a"]) == []


def test_two_dags_at_the_same_moment_both_see_it(ledger: Ledger) -> None:
    names = [f"dag_{number}" for number in range(6)]
    orders = [f"PO-{number}" for number in range(20)]
    together = threading.Barrier(len(names))
    failed: list[Exception] = []

    def go(name: str) -> None:
        try:
            together.wait()
            touch(ledger, name, *orders)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=go, args=(name,)) for name in names]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failed == []
    for name in names:
        assert len(numbers(ledger, dag_ids=[name])) == len(orders)


def test_incidents_of_a_held_write_belong_to_its_source(ledger: Ledger, clock: Clock) -> None:
    """Also those that an earlier version opened, which name the write alone."""
    source = ref("PR-1", "purchase_requisition", OA)
    touch(ledger, "a", refs=[source])
    (one,) = reserve(ledger, wanted("PR-1"))
    number = ledger.incidents.open(NewIncident("data", "x", "why", intent_id=one.intent_id))
    seen = SeenIncidents(ledger)
    (mine,), total = seen.page(Sight(["a"]))
    assert (mine.row["id"], mine.reason, total, mine.group_size) == (number, "why", 1, 1)
    for sight in (Sight(["b"]), Sight([]), Sight([], systems=True)):
        assert seen.page(sight) == ([], 0)
    assert seen.page(Sight(["a"]), touched_by=TouchedBy("a", "r"))[1] == 1
    assert seen.page(Sight(["a"]), offset=5) == ([], 1)
    assert seen.page(Sight(["a"]), text="WH")[1] == 0, "reasons are not searched"


def test_the_migration_gives_old_documents_what_new_ones_have(database_url: str, clock: Clock) -> None:
    database = Database(database_url)
    touched = {"PO-1": ["a"], "PO-2": ["b", "a", "a"], "PO-3": []}
    with database.transaction() as connection:
        _upgrade_to(connection, "0002")
        for number, dag_ids in touched.items():
            _insert_old(connection, number, dag_ids, clock)
    database.close()
    upgrade(database_url)
    ledger = Ledger.open(database_url, keys=[KEY], clock=clock)
    assert numbers(ledger, dag_ids=["a"]) == ["PO-1", "PO-2"]
    assert numbers(ledger, dag_ids=["b"]) == ["PO-2"]
    assert numbers(ledger, text="müller & söhne", number_part="po-3") == ["PO-3"]
    before = _audiences(ledger)
    touch(ledger, "a", "PO-1", "PO-2")
    touch(ledger, "b", "PO-2")
    assert _audiences(ledger) == before, "the names are those that the code gives"
    ledger.documents.upsert([DocumentEntry(ref("PO-3"))])
    assert numbers(ledger, text="müller & söhne", number_part="po-3") == ["PO-3"]
    ledger.close()


def touch(ledger: Ledger, dag_id: str, *names: str, refs: Any = None, run_id: str = "r") -> None:
    chosen = refs or [ref(name) for name in names]
    ledger.documents.touch(chosen, dag_id=dag_id, run_id=run_id, task_id="t")


def _audiences(ledger: Ledger) -> set[tuple[str, str]]:
    with ledger.transaction() as connection:
        return {(row.audience, row.dag_id) for row in connection.execute(select(audience))}


def _upgrade_to(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def _insert_old(connection: Connection, number: str, dag_ids: list[str], clock: Clock) -> None:
    one = ref(number)
    row = {**one.to_json(), "ref_key": ref_key(one), "party_id": "SUP-1", "party_name": "Müller  & Söhne"}
    row |= {"currency": "", "raw": {}, "created_at": clock.now, "updated_at": clock.now}
    row |= dict.fromkeys(search.AXES, "unknown")
    connection.execute(insert(document).values(row))
    for serial, dag_id in enumerate(dag_ids):
        told = {"dag_id": dag_id, "run_id": f"r{serial}", "task_id": "t", "map_index": -1, "try_number": 1}
        name = f"{number}{serial}".ljust(64, "0")
        connection.execute(insert(touched_by).values(digest=name, ref_key=ref_key(one), at=clock.now, **told))
