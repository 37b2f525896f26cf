from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import no_later_than
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.document import Line, PayeeAccount
from tests.contract.proxy import Proxy
from tests.systems.sql.conftest import Finance, document, item


def test_batch_lands_with_lines_and_receipts(finance: Finance) -> None:
    refs = finance.written([item(n, lines=3) for n in range(200)])
    assert len({ref.internal_id for ref in refs}) == 200
    assert [ref.number for ref in refs] == [f"N-{n}" for n in range(200)]
    assert (finance.count("payment"), finance.count("payment_line"), finance.count("docflow_receipt")) == (
        200,
        600,
        200,
    )


def test_receipt_says_what_was_written_where(finance: Finance) -> None:
    (ref,) = finance.written([item(1)])
    ((mark, content, kind, key),) = finance.truth(
        "SELECT mark, content_hash, document_type, document_key FROM docflow_receipt"
    )
    assert (mark, kind, key, len(content)) == (item(1).mark, "payment", ref.internal_id, 64)


def test_second_write_returns_the_first(finance: Finance) -> None:
    items = [item(n) for n in range(5)]
    first = finance.write(items)
    assert finance.write(items) == first
    assert finance.write([*items[3:], item(9)])[:2] == first[3:]
    assert finance.count("payment") == 6


def test_same_mark_with_other_content_is_refused(finance: Finance) -> None:
    finance.written([item(1)])
    (refused,) = finance.write([item(1, amount="11.00")])
    assert isinstance(refused, exc.Duplicate)
    assert refused.landed == "no"
    assert (refused.document, refused.system) == ("PO-1", "finance")
    assert finance.truth("SELECT amount FROM payment")[0][0] in ("10.50", Decimal("10.5"))


def test_document_written_once_and_deleted_since_is_not_written_again(finance: Finance) -> None:
    (ref,) = finance.written([item(1)])
    finance.truth("DELETE FROM payment_line")
    finance.truth("DELETE FROM payment")
    (refused,) = finance.write([item(1)])
    assert isinstance(refused, exc.Duplicate)
    assert ref.internal_id in refused.message and "deleted" in refused.message
    assert finance.count("payment") == 0


def test_lost_receipt_counts_only_where_the_document_agrees(finance: Finance) -> None:
    first = finance.write([item(1), item(2)])
    finance.truth("DELETE FROM docflow_receipt")
    finance.truth("UPDATE payment SET amount = :amount WHERE number = 'N-2'", amount="99.00")
    again = finance.write([item(1), item(2)])
    assert again[0] == first[0]
    assert isinstance(again[1], exc.Duplicate)


def test_a_living_document_under_the_same_business_key_is_refused(finance: Finance) -> None:
    kind = "supplier_invoice"
    (ref,) = finance.written([item(1, kind=kind)], kind)
    typed_again = replace(item(1, kind=kind), mark="ANOTHERMARK00000")
    (refused,) = finance.write([typed_again], kind)
    assert isinstance(refused, exc.Duplicate) and ref.number in refused.message
    finance.truth("UPDATE supplier_invoice SET state = 'cancelled'")
    assert isinstance(finance.write([typed_again], kind)[0], Written)


def test_twice_in_one_batch_is_refused_once(finance: Finance) -> None:
    kind = "supplier_invoice"
    items = [
        item(1, kind=kind),
        replace(item(1, kind=kind), mark="ANOTHERMARK00000"),
        item(2, kind=kind),
        item(2, kind=kind),
    ]
    results = finance.write(items, kind)
    assert [type(result) for result in results] == [Written, exc.Duplicate, Written, exc.Duplicate]


def test_bad_items_are_named_and_the_others_land(finance: Finance) -> None:
    finance.truth("ALTER TABLE payment ADD COLUMN approved_amount INTEGER CHECK (approved_amount > 0)")
    finance.truth("CREATE UNIQUE INDEX one_number ON payment (number)")
    finance.truth("INSERT INTO payment (id, business_key, state, number) VALUES (7, 'X', 'draft', 'N-3')")
    no_document = WriteItem(mark="NODOCUMENT000000", reference="PO-X")
    results = finance.write([*(item(n) for n in range(10)), no_document])
    bad = [n for n, result in enumerate(results) if not isinstance(result, Written)]
    assert bad == [3, 10]
    assert isinstance(results[3], exc.Rejected) and results[3].document == "PO-3" and results[3].code
    assert isinstance(results[10], exc.InvalidDocument) and results[10].document == "PO-X"
    assert finance.count("docflow_receipt") == 9


def test_amounts_keep_every_digit(finance: Finance) -> None:
    amounts = ["99999999999999.99", "123456789012345678.91", "0.01", "1000000000000000.10"]
    refs = finance.written([item(n, amount=amount) for n, amount in enumerate(amounts)])
    readings = finance.read(refs)
    assert [reading.total for reading in readings] == [Decimal(amount) for amount in amounts]
    assert all(reading.document == item(n, amounts[n]).document for n, reading in enumerate(readings))


def test_price_keeps_ten_decimals(finance: Finance) -> None:
    line = Line(line_id="1", quantity=Decimal("3.5"), price_amount=Decimal("1234.0000000001"))
    wide = document("N-1", lines=1).model_copy(
        update={"lines": (line,), "payable_amount": None, "tax_amount": None}
    )
    (ref,) = finance.written([WriteItem(mark="M1", document=wide.totalled())])
    found = finance.read_one(ref).document
    assert found is not None and found.lines[0].price_amount == Decimal("1234.0000000001")


def test_late_write_leaves_nothing(finance: Finance) -> None:
    write = finance.site.profile.write("payment", "create")
    (refused,) = finance.run(no_later_than(write.run(finance.site, [item(1)]), 0.0))
    assert isinstance(refused, exc.LeaseLost)
    assert finance.count("payment") == finance.count("docflow_receipt") == 0


def test_twenty_writers_of_one_document_write_one(finance: Finance) -> None:
    results: list[Any] = []
    start = threading.Barrier(8)

    def write() -> None:
        start.wait()
        results.append(finance.write([item(1), item(2), item(3)]))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert finance.count("payment") == finance.count("docflow_receipt") == 3
    settled = [finance.write([item(1), item(2), item(3)])] + [
        r for r in results if all(isinstance(x, Written) for x in r)
    ]
    assert all(result == settled[0] for result in settled)
    errors = [error for result in results for error in result if not isinstance(error, Written)]
    assert all(isinstance(error, exc.TransientError) and error.landed == "no" for error in errors)


def test_action_moves_the_state_once(finance: Finance) -> None:
    refs = finance.written([item(1), item(2)])
    submit = [WriteItem(mark="SUBMIT1", ref=refs[0]), WriteItem(mark="SUBMIT2", ref=refs[1])]
    finance.written(submit, purpose="submit")
    assert str(finance.read_one(refs[0]).state.lifecycle) == "submitted"
    finance.truth("UPDATE payment SET state = 'draft' WHERE number = 'N-1'")
    finance.written(submit, purpose="submit")
    assert str(finance.read_one(refs[0]).state.lifecycle) == "draft", (
        "the receipt says it was done; a person undid it"
    )


def test_action_out_of_an_unfit_state_is_refused(finance: Finance) -> None:
    (ref,) = finance.written([item(1)])
    (refused,) = finance.write([WriteItem(mark="PAY1", ref=ref)], purpose="pay")
    assert isinstance(refused, exc.Rejected)
    assert (refused.field, refused.code) == ("state", "state") and "confirmed" in refused.remedy
    missing = replace(ref, internal_id="4711")
    (gone,) = finance.write([WriteItem(mark="PAY2", ref=missing)], purpose="pay")
    assert isinstance(gone, exc.NotFound)
    assert finance.count("docflow_receipt") == 1


def test_landed_and_probe_of_an_action(finance: Finance) -> None:
    refs = finance.written([item(1), item(2)])
    action = finance.site.profile.write("payment", "submit")
    items = [WriteItem(mark="SUBMIT1", ref=refs[0]), WriteItem(mark="SUBMIT2", ref=refs[1])]
    finance.written(items[:1], purpose="submit")
    found = finance.run(action.find(finance.site, items))
    assert [len(finding.marked) for finding in found] == [1, 0]
    assert action.landed is not None
    assert [action.landed(reading, items[0]) for reading in finance.read(refs)] == [True, False]


def test_amend_replaces_header_and_lines(finance: Finance) -> None:
    (ref,) = finance.written([item(1, lines=3)])
    changed = document("N-1", "7.77", lines=2)
    finance.written([WriteItem(mark="AMEND1", ref=ref, document=changed)], purpose="amend")
    assert finance.read_one(ref).document == changed
    assert finance.count("payment_line") == 2
    finance.truth("UPDATE payment SET state = 'paid'")
    (refused,) = finance.write([WriteItem(mark="AMEND2", ref=ref, document=document("N-1"))], purpose="amend")
    assert isinstance(refused, exc.Rejected) and "paid" in refused.message
    assert finance.read_one(ref).total == Decimal("15.54")


def test_action_with_arguments(sqlite_url: str, opened: Callable[..., Finance]) -> None:
    from airflow_provider_docflow.systems.sql import DEFAULT_TABLES

    pay = {
        "from": {"state": ["draft"]},
        "to": {"state": "paid"},
        "arguments": {
            "paid_on": {"column": "paid_on", "type": "date"},
            "paid": {"column": "paid", "type": "decimal"},
        },
    }
    tables = {"payment": {**DEFAULT_TABLES["payment"], "actions": {"pay": pay}, "stages": {"saved": []}}}
    there = opened(sqlite_url, tables)
    (ref,) = there.written([item(1)])
    wrong = there.write([WriteItem(mark="P", ref=ref, arguments={"paid": 1.5})], purpose="pay")
    assert isinstance(wrong[0], exc.InvalidDocument) and wrong[0].field == "paid"
    unknown = there.write([WriteItem(mark="P", ref=ref, arguments={"when": "now"})], purpose="pay")
    assert isinstance(unknown[0], exc.InvalidDocument) and unknown[0].field == "when"
    done = WriteItem(mark="P", ref=ref, arguments={"paid_on": "2026-04-30", "paid": "10.50"})
    there.written([done], purpose="pay")
    assert there.truth("SELECT state, paid_on, paid FROM payment") == [("paid", "2026-04-30", "10.50")]
    other = there.write([replace(done, arguments={"paid": "9.00"})], purpose="pay")
    assert isinstance(other[0], exc.Duplicate)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_lost_commit(kind: str, request: pytest.FixtureRequest, opened: Callable[..., Finance]) -> None:
    url = str(request.getfixturevalue("postgres_url" if kind == "postgresql" else "mysql_url"))
    server = request.getfixturevalue("postgres_server" if kind == "postgresql" else "mysql_server")
    proxy = Proxy(server.port)
    try:
        there = opened(url.replace(f":{server.port}/", f":{proxy.port}/"))
        proxy.cut(b"COMMIT", "after")
        (unknown,) = there.write([item(1)])
        assert isinstance(unknown, exc.UnknownOutcome) and proxy.cuts == 1
        probe = there.site.profile.write("payment", "create")
        (finding,) = there.run(probe.find(there.site, [item(1)]))
        assert [reading.ref.number for reading in finding.marked] == ["N-1"]
        first = there.written([item(1)])
        proxy.cut(b"COMMIT", "before")
        (unknown,) = there.write([item(2)])
        assert isinstance(unknown, exc.UnknownOutcome) and proxy.cuts == 2
        (finding,) = there.run(probe.find(there.site, [item(2)]))
        assert finding.marked == ()
        there.written([item(2)])
        proxy.cut(b"INSERT INTO", "after")
        (broken,) = there.write([item(3)])
        assert type(broken) is exc.TransientError and broken.landed == "no" and proxy.cuts == 3
        assert there.written([item(1), item(3)])[0] == first[0]
        assert there.count("payment") == there.count("docflow_receipt") == 3
    finally:
        proxy.close()


def test_what_the_tables_cannot_hold_is_refused(local: Finance) -> None:
    from airflow_provider_docflow.document import CostObject

    shares = (
        CostObject(cost_centre="A", share=Decimal("0.5")),
        CostObject(cost_centre="B", share=Decimal("0.5")),
    )
    line = Line(line_id="1", quantity=Decimal(1), price_amount=Decimal(1), accounting=shares)
    split_cost = document("N-1").model_copy(
        update={"lines": (line,), "payable_amount": None, "tax_amount": None}
    )
    (refused,) = local.write([WriteItem(mark="M", reference="PO-1", document=split_cost)])
    assert isinstance(refused, exc.InvalidDocument) and refused.field == "accounting.0.cost_centre"


def test_assumed_currency_refuses_another(sqlite_url: str, opened: Callable[..., Finance]) -> None:
    from airflow_provider_docflow.systems.sql import DEFAULT_TABLES

    base = DEFAULT_TABLES["payment"]
    columns = {name: path for name, path in base["columns"].items() if name != "currency"}
    there = opened(
        sqlite_url, {"payment": {**base, "columns": columns, "assume": {"document_currency_code": "CNY"}}}
    )
    (ref,) = there.written([item(1)])
    assert there.read_one(ref).currency == "CNY"
    (refused,) = there.write([WriteItem(mark="M2", document=document("N-2", document_currency_code="EUR"))])
    assert isinstance(refused, exc.InvalidDocument) and refused.field == "document_currency_code"


def test_payee_account_is_iban_or_number(local: Finance) -> None:
    kind = "payment_request"
    accounts = [
        PayeeAccount(iban="DE89370400440532013000"),
        PayeeAccount(account_number="6222020200112233445", bank="ICBC"),
        None,
    ]
    items = [
        WriteItem(mark=f"M{n}", document=document(f"N-{n}", kind=kind, payee_account=a))
        for n, a in enumerate(accounts)
    ]
    local.written(items, kind)
    stored = local.truth("SELECT payee_account FROM payment_request ORDER BY id")
    assert [row[0] for row in stored] == ["DE89370400440532013000", "6222020200112233445", ""]
