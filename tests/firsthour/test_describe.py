"""The live fields of a document type, from the system itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, ddl
from tests.firsthour.conftest import Place, Shell


def fields(shell: Shell, conn_id: str, document_type: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in shell("describe", conn_id, document_type, "--json").data}


def test_a_form_shows_its_controls_and_what_docflow_makes_of_them(place: Place, shell: Shell) -> None:
    place.code = place.sandbox.template(
        "again",
        [
            {"componentType": "TextField", "props": {"label": "单号", "required": True}},
            {
                "componentType": "DDSelectField",
                "props": {"label": "紧急", "required": True, "options": ["高", "低"]},
            },
            {"componentType": "TextField", "props": {"label": "docflow"}},
            {
                "componentType": "TableField",
                "props": {"label": "明细"},
                "children": [
                    {"componentType": "NumberField", "props": {"label": "数量", "required": True}},
                    {"componentType": "TextField", "props": {"label": "颜色"}},
                ],
            },
        ],
    )
    place.oa()

    found = fields(shell, "oa", "purchase_requisition")

    assert list(found) == ["单号", "紧急", "docflow", "明细", "明细.数量", "明细.颜色"]
    assert (found["单号"]["canonical"], found["单号"]["required"]) == ("id", True)
    assert (found["紧急"]["canonical"], found["紧急"]["custom"]) == ("", True)
    assert found["紧急"]["type"] == "DDSelectField: one of 高, 低"
    assert (found["docflow"]["custom"], found["docflow"]["label"]) == (False, "docflow's mark")
    assert (found["明细.数量"]["canonical"], found["明细.数量"]["required"]) == ("lines[*].quantity", True)
    assert found["明细.颜色"]["custom"] is True
    assert place.writes() == []
    shown = shell("describe", "oa", "purchase_requisition").out
    assert "Required fields without a field of docflow's" in shown


def test_tables_show_their_columns_on_every_database(place: Place, shell: Shell, database_url: str) -> None:
    tables = {"payment_request": DEFAULT_TABLES["payment_request"]}
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        for statement in ddl(engine.dialect.name, tables):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("ALTER TABLE payment_request ADD COLUMN branch VARCHAR(20)")
        connection.exec_driver_sql("ALTER TABLE payment_request ADD COLUMN grade INTEGER DEFAULT 3 NOT NULL")
        connection.exec_driver_sql("CREATE TABLE must (id INTEGER PRIMARY KEY, why VARCHAR(9) NOT NULL)")
    engine.dispose()
    place.finance(sql_conn_id=database_url, tables=json.dumps(tables))

    found = fields(shell, "finance", "payment_request")

    assert found["amount"]["canonical"] == "payable_amount"
    assert found["business_key"]["label"] == "filled in by docflow"
    assert [name for name, one in found.items() if one["custom"]] == ["branch", "grade"]
    # docflow fills in the key and the first status; a default is the database's own affair.
    assert [name for name, one in found.items() if one["required"]] == []
    assert found["payment_request_line.amount"]["canonical"] == "lines[*].line_extension_amount"
    header = {**tables["payment_request"], "header": "must", "lines": None}
    place.finance(sql_conn_id=database_url, tables=json.dumps({"payment_request": header}))
    assert fields(shell, "finance", "payment_request")["why"]["required"] is True
    nowhere = {"payment_request": {**header, "header": "nowhere"}}
    place.finance(sql_conn_id=database_url, tables=json.dumps(nowhere))
    said = shell("describe", "finance", "payment_request")
    assert (said.code, "has no table nowhere" in said.err) == (1, True)


def test_an_api_shows_what_is_declared_and_what_its_documents_have_besides(
    place: Place, shell: Shell
) -> None:
    assert fields(shell, "erp", "purchase_order")["company"]["required"] is True
    body = {"company": "1000", "warehouse": "W1", "lines": [{"line": "1", "colour": "red"}]}
    place.post_order(body)

    found = fields(shell, "erp", "purchase_order")

    assert (found["number"]["written"], found["number"]["canonical"]) == (False, "id")
    assert found["lines.price"]["canonical"] == "lines[*].price_amount"
    custom = [name for name, one in found.items() if one["custom"]]
    assert {"warehouse", "lines.colour"} <= set(custom)
    assert not {"company", "lines.line", "reference", "status"} & set(custom)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("erp", "delivery"), "has no document type delivery"),
        (("nowhere", "delivery"), "nowhere"),
        (("docflow_ledger", "delivery"), "is no document system"),
    ],
)
def test_what_cannot_be_described_is_one_clear_line(
    place: Place, shell: Shell, words: tuple[str, str], said: str
) -> None:
    told = shell("describe", *words)
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert said in told.err
