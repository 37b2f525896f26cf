"""The same table of cases on Spark, in a local master of its own.

Spark takes seconds for what the others do in a tenth of one: cases of one plan run together, told apart by
the documents' numbers.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_docflow.reconcile.engines.spark import SparkEngine
from tests.reconcile import test_rates as rates
from tests.reconcile.cases import BY_ID, CASES, CUT_OFF, Case
from tests.reconcile.planted import PAIRED, PAIRS, PLAN, STRUCTURES, population
from tests.reconcile.rig import Document, Result, doc, reconcile
from tests.reconcile.test_planted import SEED, by_kind

# pyspark imports the testing helpers of pandas, which warn of their own future.
pytestmark = [
    pytest.mark.system,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
ALONE = (
    "references in a text",
    "several combinations",
    "a partial settlement",
    "a bank fee",
    "a group is of one currency, though nobody says so",
    "references in another currency",
    "both limits exactly hit",
    "one limit just missed",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    if shutil.which("java") is None:
        # A new machine may have none; .ci/run installs it.
        assert not os.environ.get("CI"), "Spark needs a Java runtime, and there is none"
        pytest.skip("Spark needs a Java runtime, and there is none")
    settings = {
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    made = SparkEngine("local[1]", **settings)
    yield made
    made.close()


def named(case: Case, value: Any) -> Any:
    return value if value is None else f"{CASES.index(case):02d}-{value}"


def together() -> list[Case]:
    """Return the cases of one key; documents without a number cannot be told apart."""
    return [
        case for case in CASES if case.plan == BY_ID and all(one["id"] for one in (*case.left, *case.right))
    ]


def test_the_cases_of_one_key(engine: SparkEngine) -> None:
    cases = together()
    assert len(cases) >= 15
    sides: dict[str, list[Document]] = {"left": [], "right": []}
    told = []
    for case in cases:
        for side, documents in (("left", case.left), ("right", case.right)):
            sides[side] += [{**one, "id": named(case, one["id"])} for one in documents]
        told += [
            (word, kind, [named(case, one) for one in left], [named(case, one) for one in right])
            for word, kind, left, right in case.told
        ]
    check(reconcile(engine, BY_ID, sides["left"], sides["right"], cut_off=CUT_OFF), told)


@pytest.mark.parametrize("case", [one for one in CASES if one.name in ALONE], ids=lambda case: case.name)
def test_case(engine: SparkEngine, case: Case) -> None:
    check(reconcile(engine, case.plan, case.left, case.right, cut_off=CUT_OFF), case.told)


def check(result: Result, told: Any) -> None:
    assert [
        (word, kind, stripped(left), stripped(right)) for word, kind, left, right in result.told()
    ] == sorted((word, kind, stripped(left), stripped(right)) for word, kind, left, right in told)
    assert all(total.adds_up for total in result.totals), result.totals


def stripped(ids: list[Any]) -> list[Any]:
    return [one and one.strip() for one in ids]


def test_several_currencies(engine: SparkEngine) -> None:
    left = [doc("A", "100.00", currency="USD"), doc("B", "12345678901234567.89", currency="USD")]
    right = [doc("A", "720.00"), doc("B", "87654320198765432.02")]
    assert rates.run(engine, rates.in_yuan(), left, right).told() == [
        ("break", "value_difference", ["A"], ["A"])
    ]


@pytest.mark.parametrize("what", [(PAIRED, PAIRS), (PLAN, STRUCTURES)], ids=["pairs", "groups"])
def test_everything_planted_is_told_as_elsewhere(engine: SparkEngine, what: Any) -> None:
    by, kinds = what
    left, right, told = population(0, SEED, kinds)
    result = reconcile(engine, by, left, right, cut_off=CUT_OFF, date="day")
    assert by_kind(result.told()) == by_kind(told)
    assert all(total.adds_up for total in result.totals)
