from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, PROFILE, ddl, layouts
from airflow_provider_docflow.systems.sql.layout import _ENTRIES
from tests.systems.sql.conftest import Finance, item

PAGE = Path(__file__).parents[3] / "docs" / "systems" / "sql.md"


def test_the_page_explains_a_setting_that_is_one_and_every_entry_of_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition("```json\n")[2].partition("```")[0]
    assert list(layouts(shown)) == ["payment_request"]
    explained = set(re.findall(r"`(\w+)`", page.partition("| entry |")[2].partition("\n\n")[0]))
    assert set(_ENTRIES) - {"number"} <= explained


def broken(change: Callable[[dict[str, Any]], object], kind: str = "payment") -> dict[str, Any]:
    tables = copy.deepcopy({kind: DEFAULT_TABLES[kind]})
    change(tables[kind])
    return tables


WRONG: dict[str, tuple[Any, str]] = {
    "no json": ("{", "is no JSON"),
    "no object": ("[]", "no JSON object"),
    "unknown type": ({"cheque": {}}, "none of"),
    "no columns": (broken(lambda t: t.pop("columns")), "columns"),
    "unknown entry": (broken(lambda t: t.update(colour="red")), "unknown; known are"),
    "no mark": (broken(lambda t: t.pop("mark")), "mark"),
    "no amount": (broken(lambda t: t["columns"].pop("amount")), "payable_amount"),
    "no currency": (broken(lambda t: t["columns"].pop("currency")), "document_currency_code"),
    "no party": (broken(lambda t: t["columns"].pop("party")), "seller_supplier_party.id"),
    "no number": (broken(lambda t: t["columns"].pop("number")), "number"),
    "unknown field": (broken(lambda t: t["columns"].update(x="price")), "'price' is no field"),
    "unknown line field": (broken(lambda t: t["lines"]["columns"].update(x="payable_amount")), "of a line"),
    "injection": (
        broken(lambda t: t["columns"].update({"a; DROP TABLE b": "notes.0"})),
        "no name of a column",
    ),
    "injection in the table": (broken(lambda t: t.update(header="payment--")), "no name of a table"),
    "three names": (broken(lambda t: t.update(header="a.b.c")), "no name of a table"),
    "unknown type of column": (
        broken(lambda t: t["columns"].update(x={"field": "notes.0", "type": "blob"})),
        "blob",
    ),
    "key without column": (broken(lambda t: t.update(key=["nix"])), "nix"),
    "unknown axis": (broken(lambda t: t["states"].update(mood={"column": "state", "words": {}})), "none of"),
    "unknown word": (broken(lambda t: t["states"]["lifecycle"]["words"].update(x="happy")), "happy"),
    "unknown stage": (broken(lambda t: t.update(stages={"saved": ["fly"]})), "fly"),
    "float type": (broken(lambda t: t["changed"].update(type="float")), "float"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_settings_are_named(case: str) -> None:
    tables, words = WRONG[case]
    with pytest.raises(exc.Misconfigured, match=words):
        PROFILE.configured({"tables": tables if isinstance(tables, str) else json.dumps(tables)})


def test_settings_decide_what_there_is() -> None:
    only = PROFILE.configured({"tables": json.dumps({"contract": DEFAULT_TABLES["payment"]})})
    assert sorted(only.documents) == ["contract"]
    assert only.of("contract").stages == {
        "saved": (),
        "submitted": ("submit",),
        "confirmed": ("submit", "confirm"),
    }
    with pytest.raises(exc.Unsupported, match="payment"):
        only.of("payment")
    assert {"payment", "payment_request", "purchase_order", "supplier_invoice"} == set(PROFILE.documents)


def test_without_states_that_allow_it_there_is_no_amending() -> None:
    fixed = PROFILE.configured({"tables": json.dumps(broken(lambda t: t.pop("amend")))})
    with pytest.raises(exc.Unsupported, match="cannot amend"):
        fixed.write("payment", "amend")
    unfollowed = PROFILE.configured({"tables": json.dumps(broken(lambda t: t.pop("changed")))})
    assert unfollowed.of("payment").changes is None


def test_awkward_names_of_tables_and_columns(database_url: str, opened: Callable[..., Finance]) -> None:
    payment = copy.deepcopy(DEFAULT_TABLES["payment"])
    columns = {
        "select": "id",
        "order": "reference",
        "公司": "company_code",
        "Lieferant": "seller_supplier_party.id",
    }
    columns |= {"currency": "document_currency_code", "Amount": "payable_amount", "issue_date": "issue_date"}
    payment.update(header="group", columns=columns, changed=None)
    payment["lines"].update(table="Order_Lines", parent={"group": "id"})
    there = opened(database_url, {"payment": payment})
    (ref,) = there.written([item(1)])
    found = there.read_one(ref)
    assert (found.company_code, found.party, found.ref.number) == ("C1", "SUP-1", "N-1")


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql"])
def test_ddl_for_the_database_administrator(dialect: str) -> None:
    statements = ddl(dialect)
    assert [word for text in statements for word in ("docflow_instance", "docflow_receipt") if word in text]
    assert len(statements) == 2 and all(text.startswith("CREATE TABLE") for text in statements)
    assert len(ddl(dialect, DEFAULT_TABLES)) == 2 + 2 * len(DEFAULT_TABLES)
    assert ("FLOAT" in " ".join(ddl(dialect, DEFAULT_TABLES))) is False


def test_ddl_of_an_unknown_dialect() -> None:
    with pytest.raises(exc.Misconfigured, match="oracel"):
        ddl("oracel")


def test_every_type_can_be_declared() -> None:
    tables = {str(kind): DEFAULT_TABLES["payment"] for kind in DocumentType}
    assert set(layouts(tables)) == set(DocumentType)
