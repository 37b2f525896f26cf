"""What a document would become elsewhere: every field, what is missing, and nothing is sent."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.operators.read import ReadDocumentOperator
from tests.firsthour.conftest import CORP, Place, Said, Shell
from tests.flow.conftest import form, row
from tests.rigs.runner import Runner, dag, runner

__all__ = ["runner"]

OA, ERP, FINANCE = "oa:purchase_requisition", "erp:purchase_order", "finance:payment_request"


def by_path(part: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {one["canonical"]: one for one in part["fields"]}


def parts(said: Said) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(said.out)["parts"]
    return found


def test_every_field_is_shown_with_both_names_and_values(place: Place, shell: Shell) -> None:
    place.requisition("PR-1")

    said = shell("map", OA, ERP, "PR-1", "--json")

    (part,) = parts(said)
    assert (said.code, part["missing"], part["problem"]) == (0, [], None)
    price = by_path(part)["lines[0].price_amount"]
    assert (price["source_field"], price["source_value"]) == ("明细.单价", "50.25")
    assert (price["target_field"], price["target_value"], price["how"]) == (
        "lines.price",
        "50.25",
        "as it is",
    )
    assert by_path(part)["id"]["how"] == "the target fills it in itself"
    assert by_path(part)["requester.id"]["how"] == "has no place there"
    assert by_path(part)["payable_amount"]["target_value"] == "100.50"
    shown = shell("map", OA, ERP, "PR-1").out
    assert "明细.单价" in shown and shown.endswith("Nothing was sent.\n")
    assert [one for one in place.writes() if "/processInstances" in one or "/erp/" in one] == []


def test_what_the_target_requires_and_would_not_get_is_named(place: Place, shell: Shell) -> None:
    """The suppliers stand on the lines; a payment wants one for the whole."""
    place.requisition("PR-1")

    said = shell("map", OA, FINANCE, "PR-1", "--json")

    (part,) = parts(said)
    assert said.code == 1
    assert [(one["field"], one["canonical"]) for one in part["missing"]] == [
        ("supplier", "seller_supplier_party.id")
    ]
    mended = shell("map", OA, FINANCE, "PR-1", "--split-by", "seller_supplier_party", "--json")
    assert (mended.code, parts(mended)[0]["missing"]) == (0, [])


def test_a_mapping_and_a_split_are_shown_as_the_flow_would_do_them(
    place: Place, shell: Shell, tmp_path: Path
) -> None:
    place.submit(form("PR-1", [row(1), row(2, supplier="SUP-2", price="0.05")]))
    mapping = tmp_path / "flow.mapping.json"
    mapping.write_text(json.dumps({"lines[*].price_amount": "line.price_amount * 2"}), encoding="utf-8")

    said = shell(
        "map", OA, ERP, "PR-1", "--split-by", "seller_supplier_party", "--mapping", mapping, "--json"
    )

    first, second = parts(said)
    assert [part["part"] for part in (first, second)] == ["SUP-1", "SUP-2"]
    price = by_path(first)["lines[0].price_amount"]
    assert price["target_value"] == "100.50"
    assert price["how"] == "mapping: line.price_amount * 2"
    assert by_path(second)["payable_amount"]["target_value"] == "0.20"


def test_an_amount_of_eighteen_digits_keeps_every_one(place: Place, shell: Shell) -> None:
    place.submit(form("PR-1", [row(1, quantity="1", price="1234567890123456.78")]))
    (part,) = parts(shell("map", OA, ERP, "PR-1", "--json"))
    assert by_path(part)["lines[0].price_amount"]["target_value"] == "1234567890123456.78"


def test_a_document_that_cannot_become_one_says_why_and_still_shows_itself(
    place: Place, shell: Shell
) -> None:
    place.requisition("PR-1")

    said = shell("map", OA, ERP, "PR-1", "--mapping", '{"due_date": "source.nowhere"}', "--json")

    (part,) = parts(said)
    assert said.code == 1
    assert part["problem"]["field"] == "due_date"
    assert by_path(part)["payable_amount"]["source_value"] == "100.50"
    assert (
        "cannot be mapped: due_date"
        in shell("map", OA, ERP, "PR-1", "--mapping", '{"due_date": "source.nowhere"}').out
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((OA, ERP, "PR-404"), "PR-404"),
        (("oa", ERP, "PR-1"), "CONN:TYPE"),
        ((OA, "erp:delivery", "PR-1"), "has no document type delivery"),
        ((OA, ERP, "PR-1", "--mapping", "{"), "is no JSON"),
        ((OA, ERP, "PR-1", "--mapping", '{"due_date": "{{ x"}'), "is no expression"),
        ((OA, ERP, "PR-1", "--mapping", "/nowhere.json"), "is no JSON"),
    ],
)
def test_what_cannot_be_shown_is_one_clear_line(
    place: Place, shell: Shell, words: tuple[str, ...], said: str
) -> None:
    place.requisition("PR-1")
    told = shell("map", *words)
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert said in told.err


def test_what_a_person_put_in_its_place_is_what_counts(
    place: Place, shell: Shell, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setenv("AIRFLOW__DOCFLOW__PEOPLE", json.dumps({"me": {"command line": [me], CORP: ["me"]}}))
    place.requisition("PR-1")
    with dag("reads") as flow:
        read = ReadDocumentOperator(
            task_id="read", docflow_conn_id="oa", document_type="purchase_requisition", number="PR-1"
        )
    assert runner.run(read).state == "success", flow
    field = ("--field", "lines[0].price_amount", "--value", "40.00")
    said = shell("override", "PR-1", *field, "--reason", "a better offer")
    assert said.code == 0, said.err

    (part,) = parts(shell("map", OA, ERP, "PR-1", "--json"))

    price = by_path(part)["lines[0].price_amount"]
    assert (price["source_value"], price["target_value"]) == ("50.25", "40")
    assert price["how"] == "overridden by a person"
    assert by_path(part)["payable_amount"]["target_value"] == "80.00"
