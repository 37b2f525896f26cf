from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.keys import NAME_FIELDS, IntentKey, Receipt, digest_of
from tests.ledger.samples import Clock, key, receipt, use

_LETTERS = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"])
_NAMES = st.text(_LETTERS, min_size=1, max_size=20) | st.sampled_from(
    ['","', "a", "b", "ab", "\\", "采购", "|"]
)
_KEYS = st.builds(
    IntentKey,
    *[_NAMES] * 5,
    company_code=_NAMES | st.just(""),
    part=_NAMES | st.just(""),
    purpose=_NAMES,
    generation=st.integers(0, 5),
)


@given(_KEYS, _KEYS)
@example(key("a", part="bc"), key("ab", part="c"))
@example(key("1", part="1", company_code=""), key("1", part="", company_code="1"))
def test_digests_are_equal_exactly_when_the_keys_are(one: IntentKey, other: IntentKey) -> None:
    assert (one.digest == other.digest) == (one == other)
    assert (one.token() == other.token()) == (one == other)
    same_business = replace(one, generation=0) == replace(other, generation=0)
    assert (one.business_digest == other.business_digest) == same_business


@given(st.lists(_NAMES, max_size=4), st.lists(_NAMES, max_size=4))
def test_where_one_field_ends_and_the_next_begins_is_part_of_the_digest(
    one: list[str], other: list[str]
) -> None:
    assert (digest_of("x", *one) == digest_of("x", *other)) == (one == other)
    assert digest_of("x", *one) != digest_of("y", *one)


@given(_KEYS, st.integers(10, 52))
def test_a_mark_is_a_prefix_of_the_longer_one_in_crockfords_letters(one: IntentKey, length: int) -> None:
    mark = one.token(length)
    assert len(mark) == length and one.token(52).startswith(mark)
    assert set(mark) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    known = {letter: value for value, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
    number = 0
    for letter in one.token(52):
        number = number * 32 + known[letter]
    assert f"{number >> 4:064x}" == one.digest, "the whole mark is the whole digest"


def test_the_digest_never_changes_between_versions() -> None:
    assert key().digest == "a34ecdd4007ee0883869f0677545c269bb86cb2b7f1d00cd5217299f676b04c3"
    assert key().token() == "MD7CVN00FVG8GE39"
    assert key(generation=1).digest != key().digest
    assert key(generation=1).business_digest == key().business_digest


def test_a_document_type_and_its_word_are_the_same_key() -> None:
    assert key(target_type=DocumentType.PURCHASE_ORDER).digest == key(target_type="purchase_order").digest


@pytest.mark.parametrize("length", [0, 9, 53])
def test_a_mark_that_is_too_short_or_too_long_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="10 to 52"):
        key().token(length)


@pytest.mark.parametrize("field", NAME_FIELDS)
@pytest.mark.parametrize(
    "value", [" PR-1", "PR-1\t", "PR\u200b-1", "PR\x00", "\ud800", "x" * 256, None, 1, "\u00a0x"]
)
def test_a_name_that_would_make_a_second_identity_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidDocument) as caught:
        key(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("field", sorted(set(NAME_FIELDS) - {"company_code", "part"}))
def test_an_empty_name_is_refused(field: str) -> None:
    with pytest.raises(InvalidDocument, match="is empty"):
        key(**{field: ""})


@pytest.mark.parametrize("generation", [-1, True, 1.0, "1"])
def test_a_generation_is_a_whole_number(generation: object) -> None:
    with pytest.raises(InvalidDocument, match="generation"):
        key(generation=generation)


@pytest.mark.parametrize("quantity", ["-1", 1.5, "NaN", "1e3", "0.00000000001", "1234567890123456789", True])
def test_a_use_is_an_exact_number_that_is_not_negative(quantity: object) -> None:
    with pytest.raises(InvalidDocument, match="use of a line"):
        replace(use(), quantity=quantity)
    with pytest.raises(InvalidDocument, match=r"lines\[1\]\.amount"):
        replace(use(), amount=quantity)


def test_a_use_has_one_of_five_kinds() -> None:
    with pytest.raises(InvalidDocument, match="fulfils, invoices"):
        use(kind="eats")
    assert use(quantity="12.5").quantity == Decimal("12.5")


def test_a_receipt_survives_json(clock: Clock) -> None:
    made = receipt(clock, lines={"1": "10"}, amount="99999999999999.99")
    assert Receipt.from_json(made.to_json()) == made


def test_the_number_is_no_part_of_a_documents_identity() -> None:
    draft = DocumentRef("erp", "1000", DocumentType.PURCHASE_ORDER, "7")
    assert ref_key(draft) == ref_key(replace(draft, number="PO-7"))
    others = [
        replace(draft, **change)
        for change in ({"instance": "e"}, {"company_code": ""}, {"fiscal_year": 2026})
    ]
    assert len({ref_key(one) for one in (draft, *others, replace(draft, internal_id="8"))}) == 5


def test_the_ledger_imports_without_airflow_and_its_keys_without_sqlalchemy() -> None:
    heavy = "('airflow', 'pandas', 'alembic')"
    code = (
        "import sys\n"
        "from airflow_provider_docflow.ledger import IntentKey, Receipt\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "from airflow_provider_docflow.ledger import Ledger\n"
        "import tempfile, os\n"
        f"assert not [name for name in {heavy} if name in sys.modules], 'imported'\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=str(__import__("pathlib").Path(__file__).parents[2])
    )
