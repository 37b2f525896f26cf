from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.fields import Kind
from airflow_provider_docflow.core.profile import Probe, Reading, WriteItem, Written
from airflow_provider_docflow.core.rest import Call, Field, IdempotencyKey, MarkAt, RestDocument
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.rest import example
from tests.systems.rest.conftest import KIND, TYPE, document, profile, site_at
from tests.systems.rest.server import Api


def create(site: Site, items: list[WriteItem]) -> list[Any]:
    with Door(site) as door:
        return list(door.run(site.profile.write(TYPE, "create").run(site, items)))


def test_created_document_says_what_was_written(api: Callable[..., Api]) -> None:
    there = api()
    site = site_at(there, profile())
    (written,) = create(site, [WriteItem(mark="MARK1", reference="PR-2026-1", document=document("1234.50"))])
    assert written == Written(ref=DocumentRef("tenant-1", "C1", TYPE, "0", "D-0"))
    body = json.loads(there.calls()[0].body)
    assert body == {
        "company": "C1",
        "cur": "EUR",
        "total": "1234.50",
        "vendor": "SUP-1",
        "note": "PR-2026-1 [MARK1]",
    }


def test_mark_stays_whole_in_a_short_field() -> None:
    at = MarkAt(native="note", text="{reference} [{mark}]", length=30)
    item = WriteItem(mark="ABCDEFGH12345678", reference="REQ-2026-000000000000000017")
    assert at.value(item) == "REQ-2026-00 [ABCDEFGH12345678]" and len(at.value(item)) == 30
    with pytest.raises(exc.Misconfigured, match="no room"):
        MarkAt(native="note", length=10).value(item)


def test_probe_believes_only_documents_that_carry_the_mark(api: Callable[..., Api]) -> None:
    there = api(lenient=True)
    site = site_at(there, profile())
    items = [WriteItem(mark=f"MARK{n}", reference="PR-1", document=document()) for n in range(3)]
    create(site, items[:2])
    create(site, [items[1]])
    find = site.profile.write(TYPE, "create").find
    assert find is not None
    with Door(site) as door:
        findings = door.run(find(site, items))
    assert [len(finding.marked) for finding in findings] == [1, 2, 0]


@pytest.mark.parametrize(
    ("kind", "amount", "sent"),
    [
        (fields.DECIMAL, "1234.50", '"1234.50"'),
        (fields.NUMBER, "1234.50", "1234.5"),
        (fields.NUMBER, "99999999999.99", "99999999999.99"),
        (fields.NUMBER, "7.00", "7"),
        (fields.scaled(2), "1234.50", "123450"),
    ],
)
def test_amounts_are_sent_exactly_and_read_back(
    kind: Kind, amount: str, sent: str, api: Callable[..., Api]
) -> None:
    there = api()
    mapped = tuple(
        Field("payable_amount", "total", kind) if f.canonical == "payable_amount" else f for f in KIND.fields
    )
    site = site_at(there, profile(replace(KIND, fields=mapped)))
    (written,) = create(site, [WriteItem(mark="M", document=document(amount))])
    assert f'"total":{sent},' in there.calls()[0].body
    with Door(site) as door:
        (reading,) = door.run(site.profile.of(TYPE).read(site, [written.ref]))
    assert reading.total == Decimal(amount)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [(fields.NUMBER, "99999999999999999.99"), (fields.scaled(0), "10.50"), (fields.INTEGER, "10.50")],
)
def test_an_amount_that_the_api_cannot_hold_is_refused_unsent(
    kind: Kind, amount: str, api: Callable[..., Api]
) -> None:
    there = api()
    mapped = tuple(
        Field("payable_amount", "total", kind) if f.canonical == "payable_amount" else f for f in KIND.fields
    )
    (refused,) = create(
        site_at(there, profile(replace(KIND, fields=mapped))),
        [WriteItem(mark="M", document=document(amount))],
    )
    assert isinstance(refused, exc.InvalidDocument) and refused.field == "payable_amount"
    assert there.seen == []


def test_dates_and_fixed_values(api: Callable[..., Api]) -> None:
    there = api()
    more = (
        *KIND.fields,
        Field("issue_date", "dates.issued", fields.COMPACT_DATE),
        Field("due_date", "dates.due"),
    )
    site = site_at(there, profile(replace(KIND, fields=more, fixed={"head.kind": "PO"})))
    create(site, [WriteItem(mark="M", document=document(due_date=date(2026, 12, 31)))])
    body = json.loads(there.calls()[0].body)
    assert body["dates"] == {"issued": "20260331", "due": "2026-12-31"} and body["head"] == {"kind": "PO"}


def test_assumed_values_refuse_others(api: Callable[..., Api]) -> None:
    there = api()
    kept = tuple(f for f in KIND.fields if f.canonical != "document_currency_code")
    site = site_at(there, profile(replace(KIND, fields=kept, assume={"document_currency_code": "CNY"})))
    (refused,) = create(site, [WriteItem(mark="M", reference="PR-1", document=document())])
    assert isinstance(refused, exc.InvalidDocument) and refused.field == "document_currency_code"
    assert there.seen == []


def test_an_answer_without_the_id_is_an_unknown_outcome(api: Callable[..., Api]) -> None:
    there = api(reply_without_id=True)
    (unknown,) = create(
        site_at(there, profile()), [WriteItem(mark="M", reference="PR-1", document=document())]
    )
    assert isinstance(unknown, exc.UnknownOutcome) and unknown.document == "PR-1"


def test_one_bad_item_does_not_stop_the_others(api: Callable[..., Api]) -> None:
    there = api()
    results = create(
        site_at(there, profile()),
        [
            WriteItem(mark="A", document=document()),
            WriteItem(mark="B"),
            WriteItem(mark="C", document=document()),
        ],
    )
    assert [type(result) for result in results] == [Written, exc.InvalidDocument, Written]


def test_read_names_each_missing_document(api: Callable[..., Api]) -> None:
    there = api()
    there.fill(2)
    site = site_at(there, profile())
    refs = [DocumentRef("tenant-1", "C1", TYPE, wanted) for wanted in ("1", "77", "0")]
    with Door(site) as door:
        found = door.run(site.profile.of(TYPE).read(site, refs))
    assert [type(entry) for entry in found] == [Reading, exc.NotFound, Reading]
    assert (found[1].http_status, found[1].code, found[1].system) == (404, "NONE", "small_conn")
    assert "77" in found[1].document


def test_another_document_than_the_one_asked_for_is_refused(api: Callable[..., Api]) -> None:
    there = api()
    there.fill(2)
    site = site_at(there, profile(replace(KIND, read=Call(method="GET", path="/docs/0"))))
    with Door(site) as door:
        (refused,) = door.run(site.profile.of(TYPE).read(site, [DocumentRef("tenant-1", "C1", TYPE, "1")]))
    assert isinstance(refused, exc.Rejected) and "another document" in refused.message


def test_ids_are_quoted_into_paths(api: Callable[..., Api]) -> None:
    there = api()
    site = site_at(there, profile())
    with Door(site) as door:
        door.run(site.profile.of(TYPE).read(site, [DocumentRef("tenant-1", "C1", TYPE, "../admin?x=1#y")]))
    assert there.seen[0].path == "/docs/..%2Fadmin%3Fx%3D1%23y"


def test_amend_is_accounted_for_by_what_the_document_says(erp: Site) -> None:
    with Door(erp) as door:
        run = erp.profile.write(TYPE, "create").run
        (written,) = door.run(run(erp, [WriteItem(mark="M", reference="R", document=document())]))
        amend = erp.profile.write(TYPE, "amend")
        item = WriteItem(mark="A", ref=written.ref, document=document("77.70"))
        assert amend.find is not None
        assert [finding.marked for finding in door.run(amend.find(erp, [item]))] == [()]
        door.run(amend.run(erp, [item]))
        (finding,) = door.run(amend.find(erp, [item]))
        assert [reading.total for reading in finding.marked] == [Decimal("77.70")]
        (reading,) = door.run(erp.profile.of(TYPE).read(erp, [written.ref]))
        assert reading.raw["reference"] == "R [M]", "amending leaves the mark of the creation alone"


def test_actions_and_what_shows_that_they_landed(erp: Site) -> None:
    with Door(erp) as door:
        (written,) = door.run(
            erp.profile.write(TYPE, "create").run(
                erp, [WriteItem(mark="M", reference="R", document=document())]
            )
        )
        kind, item = erp.profile.of(TYPE), WriteItem(mark="A", ref=written.ref)
        for name, word in (("submit", "submitted"), ("confirm", "active"), ("post", "closed")):
            action = kind.actions[name]
            assert action.landed is not None
            assert not action.landed(door.run(kind.read(erp, [written.ref]))[0], item)
            door.run(action.run(erp, [item]))
            (reading,) = door.run(kind.read(erp, [written.ref]))
            assert action.landed(reading, item) and reading.state.lifecycle == word
        (refused,) = door.run(kind.actions["cancel"].run(erp, [item]))
        assert isinstance(refused, exc.Rejected) and refused.code == "invalid_status" and refused.document


def test_closed_period_is_held(erp: Site, sandbox: Sandbox) -> None:
    sandbox.call("PUT", "erp/settings", {"closed_periods": ["2026-03"]})
    (held,) = create(
        erp, [WriteItem(mark="M", reference="R", document=document(posting_date=date(2026, 3, 31)))]
    )
    assert isinstance(held, exc.PeriodClosed) and held.http_status == 422


def test_idempotency_key_with_other_content_is_a_duplicate(erp: Site) -> None:
    site = replace(erp, profile=example.PROFILE)
    first = create(site, [WriteItem(mark="M", reference="R", document=document())])
    assert create(site, [WriteItem(mark="M", reference="R", document=document())]) == first
    (refused,) = create(site, [WriteItem(mark="M", reference="R", document=document("11.00"))])
    assert isinstance(refused, exc.Duplicate) and refused.code == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("change", "quality"),
    [
        ({}, "unique"),
        ({"idempotency": IdempotencyKey()}, "unique"),
        ({"idempotency": IdempotencyKey(for_good=True)}, "native"),
        ({"find": None}, "none"),
        ({"find": None, "idempotency": IdempotencyKey()}, "none"),
    ],
)
def test_only_what_is_proven_is_promised(change: dict[str, Any], quality: str) -> None:
    kind = replace(KIND, **change)
    assert kind.probe.quality == quality
    assert profile(kind).write(TYPE, "create").probe == kind.probe
    assert (kind.probe.guarantee == "guarantee.exactly_once") is (quality != "none")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fields": (Field("price", "x"),)}, "no field of a document"),
        ({"line_fields": (Field("payable_amount", "x"),), "lines_at": "lines"}, "no field of a line"),
        ({"line_fields": (Field("line_id", "x"),)}, "lines_at"),
        ({"mark": None}, "only if the mark is written"),
        ({"assume": {"colour": "red"}}, "no field of a document"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(change: dict[str, Any], words: str) -> None:
    with pytest.raises(exc.Misconfigured, match=words):
        replace(KIND, **change)


def test_any_slot_may_be_a_function(api: Callable[..., Api]) -> None:
    there = api()

    def body(site: Site, item: WriteItem) -> Any:
        assert item.document is not None
        return {"xml": f"<total>{item.document.payable_amount}</total>", "no": "own"}

    def reading(site: Site, raw: Any) -> Reading:
        return replace(_reading(site), ref=DocumentRef(site.instance, "", TYPE, str(raw["id"]), "f"))

    own = {"body": body, "reading": reading, "number_at": "no"}
    kind = RestDocument(read=KIND.read, create=KIND.create, fields=KIND.fields, **own)
    site = site_at(there, profile(kind))
    (written,) = create(site, [WriteItem(mark="M", document=document())])
    assert json.loads(there.calls()[0].body)["xml"] == "<total>10.50</total>"
    with Door(site) as door:
        (found,) = door.run(site.profile.of(TYPE).read(site, [written.ref]))
    assert found.ref.number == "f"


def _reading(site: Site) -> Reading:
    from datetime import UTC, datetime

    from airflow_provider_docflow.document import DocumentState

    return Reading(
        ref=DocumentRef(site.instance, "", TYPE, "0"), state=DocumentState(read_at=datetime.now(UTC))
    )


def test_unsupported_is_said() -> None:
    chosen = profile(RestDocument(read=KIND.read, fields=KIND.fields))
    for purpose in ("create", "amend", "approve"):
        with pytest.raises(exc.Unsupported):
            chosen.write(TYPE, purpose)
    kind = chosen.of(TYPE)
    assert (kind.search, kind.changes, kind.link) == (None, None, None)
    assert Probe(quality="none") == RestDocument(read=KIND.read, fields=KIND.fields).probe
