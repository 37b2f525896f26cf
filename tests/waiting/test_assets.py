from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import (
    LONGEST_KEY,
    checked_uri,
    document_asset,
    keys_to_handles,
    parse_partition_key,
    partition_key,
)
from airflow_provider_docflow.document import DocumentRef, DocumentType
from tests.waiting import oa as oas

PR = DocumentType.PURCHASE_REQUISITION
_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=120).map(str.strip)


def _is_name(text: str) -> bool:
    try:
        DocumentRef("i", text, PR, text or "1", text)
    except exc.InvalidDocument:
        return False
    except ValueError:
        return False
    return True


names = _NAMES.filter(_is_name)
refs = st.builds(
    DocumentRef,
    instance=st.just("oa-1"),
    company_code=names,
    document_type=st.just(PR),
    internal_id=names.filter(bool),
    number=names,
    fiscal_year=st.none() | st.integers(1900, 9999),
)


def key_of(ref: DocumentRef, revision: str) -> str | None:
    try:
        return partition_key(ref, revision)
    except exc.InvalidDocument:
        return None


@given(refs, st.text("0123456789abcdef", max_size=64))
def test_a_key_leads_back_to_its_document(ref: DocumentRef, revision: str) -> None:
    key = key_of(ref, revision)
    if key is None:
        return
    assert len(key) <= LONGEST_KEY
    assert key.strip()
    read = parse_partition_key(key)
    assert read is not None
    assert read.ref(ref.instance, PR).identity == ref.identity
    assert read.number in (ref.number, "")
    assert read.revision == revision[:12]


@given(refs, refs, st.text("0123456789abcdef", max_size=12))
def test_two_documents_never_share_a_key(one: DocumentRef, other: DocumentRef, revision: str) -> None:
    keys = key_of(one, revision), key_of(other, revision)
    if one.identity != other.identity and None not in keys:
        assert keys[0] != keys[1]


def test_a_key_begins_with_the_number_that_people_know() -> None:
    ref = DocumentRef("oa-1", "1000", PR, "77", "采购-2026/0001", 2026)
    assert (
        partition_key(ref, "0123456789abcdef")
        == "采购-2026/0001;company=1000;year=2026;id=77;rev=0123456789ab"
    )


def test_a_long_number_is_cut_and_the_document_still_found() -> None:
    ref = DocumentRef("oa-1", "", PR, "77", "N" * 240)
    key = partition_key(ref, "0123456789ab")
    assert len(key) == LONGEST_KEY
    read = parse_partition_key(key)
    assert read is not None
    assert (read.internal_id, read.number) == ("77", "")


@pytest.mark.parametrize(
    "text", ["PR-1", "", "PR;1", "PR-1;id", "PR-1;rev=1", "a;rev=1;id=2", "a;id=1;year=x"]
)
def test_a_number_is_no_key(text: str) -> None:
    assert parse_partition_key(text) is None


def test_keys_among_other_documents_become_references() -> None:
    ref = oas.ref("PR-1")
    other: dict[str, Any] = {"batch": "b"}
    found = keys_to_handles([partition_key(ref), "PR-2", other], "oa", ref.instance, oas.TYPE)
    assert DocumentRef.from_json(found[0]["ref"]) == ref
    assert found[1:] == ["PR-2", other]
    assert keys_to_handles(None, "oa", ref.instance, oas.TYPE) is None


def test_an_assets_address_is_stable_and_checked() -> None:
    assert document_asset("oa", oas.TYPE).uri == "docflow://oa/purchase_requisition"
    approved = document_asset("oa", oas.TYPE, "approved")
    assert approved.uri == "docflow://oa/purchase_requisition/approved"
    assert document_asset("corp:1/测试", oas.TYPE) == document_asset("corp:1/测试", oas.TYPE)
    for good in (document_asset("oa", oas.TYPE), approved, document_asset("corp:1/测试", oas.TYPE)):
        assert checked_uri(urlsplit(good.uri)) == urlsplit(good.uri)
    for bad in (
        "docflow:///purchase_requisition",
        "docflow://oa/shopping_list",
        "docflow://oa/payment/aproved",
    ):
        with pytest.raises(ValueError, match="docflow://owner"):
            checked_uri(urlsplit(bad))
