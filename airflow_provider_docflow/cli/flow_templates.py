"""The files that ``airflow docflow new flow`` writes."""

from __future__ import annotations

from string import Template

DAG = Template('''"""$title

Trigger it with ``{"numbers": ["$sample"]}``. Run it as often as you like: what exists is found again.
$decided
"""

from __future__ import annotations

import json
from pathlib import Path

from airflow.sdk import Param, dag, task

from airflow_provider_docflow.operators.$room import $operator
from airflow_provider_docflow.operators.create import CreateDocumentOperator

# Field of the target → expression over the source; every other field carries over as it is.
MAPPING = json.loads(Path(__file__).with_suffix(".mapping.json").read_text(encoding="utf-8"))


@dag(
    schedule=None,
    tags=["docflow"],
    params={"numbers": Param([], type="array", items={"type": "string"}, title="Document numbers")},
    doc_md=__doc__,
)
def $name() -> None:
    @task
    def numbers(params: dict[str, list[str]]) -> list[str]:
        return params["numbers"]

    $taken = $operator(
        task_id="$taken",
        docflow_conn_id="$source_conn",
        document_type="$source_type",
        number=numbers(),
    )
    CreateDocumentOperator(
        task_id="created",
        docflow_conn_id="$target_conn",
        document_type="$target_type",
        source=$taken.output,
        mapping=MAPPING,
$options    )


$name()
''')

TEST = Template('''"""The flow $name from end to end: real tasks, the sandbox's stand-ins as systems."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["airflow_provider_docflow.testing"]

FLOW = Path(__file__).parents[1] / "dags" / "$name.py"


@pytest.fixture
def source(docflow_stand_in):
    return docflow_stand_in("$source_conn", "$source_type", "$source_product")


@pytest.fixture
def target(docflow_stand_in):
    return docflow_stand_in("$target_conn", "$target_type", "$target_product")


def test_a_document_arrives_once_however_often_it_runs(source, target, docflow_run):
    number = source.enter("$sample"$suppliers)
$approve
    first = docflow_run(FLOW, numbers=[number])
    again = docflow_run(FLOW, numbers=[number])

    assert (first.state, again.state) == ("success", "success"), f"{first}\\n{again}"
    assert len(target.documents()) == $parts
    assert target.total() == source.total()
$undecided''')

UNDECIDED = Template("""

def test_what_nobody_has_approved_creates_nothing(source, target, docflow_run):
    number = source.enter("$sample"$suppliers)

    run = docflow_run(FLOW, numbers=[number])

    assert run.state == "deferred", str(run)
    assert target.documents() == []


def test_what_was_refused_creates_nothing(source, target, docflow_run):
    number = source.enter("$sample"$suppliers)
    source.refuse(number)

    run = docflow_run(FLOW, numbers=[number])

    assert run.state == "failed", str(run)
    assert target.documents() == []
""")
