"""The table of docs/failures.md says what the tests do."""

from __future__ import annotations

import importlib
import inspect

from tests.proof import table


def test_the_page_holds_the_table_that_the_tests_give() -> None:
    assert table.written() == table.table(), "run: python -m tests.proof.table"


def test_every_proof_is_in_the_table() -> None:
    listed = {case.test for case in table.cases()}
    proofs = {
        f"{name}.{test}"
        for name in table.modules()
        if name != __name__ and not name.endswith(".test_table")
        for test, _ in inspect.getmembers(importlib.import_module(name), inspect.isfunction)
        if test.startswith("test_")
    }

    assert proofs == listed


def test_no_case_stands_twice() -> None:
    names = [case.case for case in table.cases()]

    assert len(set(names)) == len(names)
