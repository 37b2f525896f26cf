from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Changes, Query
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton import PROFILE, feeds
from tests.systems.tryton.conftest import TODAY, Talk, item_of, new_number

pytestmark = pytest.mark.system
Make = Callable[..., Document]
ORDERS = PROFILE.of("purchase_order")


def follow(talk: Talk, cursor: str, document_type: str = "purchase_order") -> tuple[set[str], str]:
    """Read the feed to its end."""
    seen: set[str] = set()
    while True:
        changes: Changes = talk.run(PROFILE.of(document_type).changes(talk.site, cursor))  # type: ignore[misc]
        seen |= {ref.internal_id for ref in changes.refs}
        cursor = changes.cursor
        if not changes.more:
            return seen, cursor


def test_a_listing_gives_every_page_once(
    talk: Talk, make: Make, monkeypatch: pytest.MonkeyPatch, companies: list[dict[str, Any]]
) -> None:
    refs = [talk.create(make(seller_supplier_party={"id": "SUP-6"})).ref for _ in range(5)]
    monkeypatch.setattr(feeds, "PAGE_SIZE", 2)
    query = Query(party="SUP-6", company_code=companies[0]["code"], issued_from=TODAY, issued_to=TODAY)
    found = [reading.ref for reading in talk.run(search_all(talk.site, ORDERS, query))]
    assert len(found) == len(set(found))
    assert set(refs) <= set(found)
    raw = Query(raw={"domain": [["id", "in", [int(refs[0].internal_id)]]]})
    assert [reading.ref for reading in talk.run(search_all(talk.site, ORDERS, raw))] == [refs[0]]


def test_a_listing_by_number_and_by_change(clerk: Talk, make: Make) -> None:
    ref = clerk.create(make()).ref
    number = clerk.press(ref, "submit").ref.number
    found = clerk.run(search_all(clerk.site, ORDERS, Query(numbers=(number, "no such number"))))
    assert [reading.ref.internal_id for reading in found if reading.ref.company_code == ref.company_code] == [
        ref.internal_id
    ]
    recent = Query(changed_since=datetime.now(UTC) - timedelta(seconds=30))
    assert ref.internal_id in {
        reading.ref.internal_id for reading in clerk.run(search_all(clerk.site, ORDERS, recent))
    }
    future = Query(changed_since=datetime.now(UTC) + timedelta(hours=1))
    assert clerk.run(search_all(clerk.site, ORDERS, future)) == []


def test_the_feed_tells_creations_actions_and_lines_changed_alone(
    talk: Talk, make: Make, tryton: Any, monkeypatch: pytest.MonkeyPatch, site_of: Callable[..., Any]
) -> None:
    talk = Talk(site_of("clerk", rest="api_key" in talk.site.settings, overlap_seconds=2), talk.kind)
    _, cursor = follow(talk, "")
    monkeypatch.setattr(feeds, "CHANGES_PAGE", 7)
    written = [talk.create(make()) for _ in range(8)]
    ids = {its.ref.internal_id for its in written}
    seen, cursor = follow(talk, cursor)
    assert ids <= seen
    talk.press(written[0].ref, "submit")
    seen, cursor = follow(talk, cursor)
    assert written[0].ref.internal_id in seen
    (line, *_) = written[1].detail["lines"].values()
    tryton.rpc("model.purchase.line.write", [line], {"note": "by hand"})
    seen, cursor = follow(talk, cursor)
    assert written[1].ref.internal_id in seen


def test_a_record_committed_late_behind_the_cursor_is_seen(
    clerk: Talk, make: Make, tryton: Any, site_of: Callable[..., Any]
) -> None:
    """Set the cursor as it is when a younger record was seen while an older one was not committed yet."""
    older, younger = clerk.create(make()).ref, clerk.create(make()).ref
    (row,) = tryton.rpc("model.purchase.purchase.read", [int(younger.internal_id)], ["last_modified_at"])
    newest = row["last_modified_at"].replace(tzinfo=UTC)
    mark = {
        "at": (newest - timedelta(seconds=120)).isoformat(),
        "id": 0,
        "newest": newest.isoformat(),
        "newest_id": int(younger.internal_id),
        "seen": datetime.now(UTC).isoformat(),
    }
    seen, _ = follow(clerk, json.dumps({"documents": mark, "lines": mark}))
    assert older.internal_id in seen


def test_the_feed_repeats_nothing_once_the_longest_transaction_is_over(
    site_of: Callable[..., Any], make: Make
) -> None:
    quick = Talk(site_of("clerk", overlap_seconds=0.2))
    ref = quick.create(make()).ref
    seen, cursor = follow(quick, "")
    assert ref.internal_id in seen
    for _ in range(2):
        time.sleep(0.3)
        seen, cursor = follow(quick, cursor)
    assert seen == set()
    later = quick.create(make()).ref
    assert follow(quick, cursor)[0] == {later.internal_id}


@pytest.mark.parametrize("document_type", ["purchase_requisition", "supplier_invoice"])
def test_the_other_types_have_a_feed_and_a_listing(clerk: Talk, make: Make, document_type: str) -> None:
    _, cursor = follow(clerk, "", document_type)
    ref = clerk.create(make(document_type)).ref
    assert ref.internal_id in follow(clerk, cursor, document_type)[0]
    query = Query(changed_since=datetime.now(UTC) - timedelta(seconds=30))
    found = clerk.run(search_all(clerk.site, PROFILE.of(document_type), query))
    assert ref.internal_id in {reading.ref.internal_id for reading in found}


def test_both_doors_send_the_same_requests(site_of: Callable[..., Any], make: Make) -> None:
    for rest in (False, True):
        talks = [Talk(site_of("clerk", rest=rest), kind) for kind in ("sync", "async")]
        documents = [make(id="same") for _ in range(3)]
        mark = "0" * 15
        for talk in talks:
            refs = [talk.create(document, mark + str(n)).ref for n, document in enumerate(documents)]
            talk.find("purchase_order", *(item_of(document, new_number()[:16]) for document in documents))
            talk.run(ORDERS.read(talk.site, refs))
            talk.press(refs[0], "submit", "confirm")
        first, second = (
            [entry for its in t.log if (entry := _what(*its))[2] != "common.db.login"] for t in talks
        )
        assert first == second
        assert any(method == "GET" for method, _, _ in first) is rest


def _what(method: str, path: str, body: str) -> tuple[str, str, str]:
    return method, path.partition("?")[0], json.loads(body)["method"] if body else ""
