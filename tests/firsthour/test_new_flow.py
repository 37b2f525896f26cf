"""``new flow``: what it writes runs and passes where nothing else is, and it never overwrites."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_docflow.testing.flows import dag_in
from tests.firsthour.conftest import Place, Said, Shell

OA, ERP, FINANCE = (
    ("oa", "purchase_requisition"),
    ("erp", "purchase_order"),
    ("finance", "payment_request"),
)
SPLIT = ("--split-by", "seller_supplier_party", "--until", "confirmed")


def new(shell: Shell, folder: Path, name: str, source: object, target: object, *more: str) -> Said:
    return shell("new", "flow", name, "--from", *source, "--to", *target, "--folder", folder, *more)  # type: ignore[misc]


def run_its_tests(folder: Path, home: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as a user would: another folder, an empty AIRFLOW_HOME, no connections, no settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    home.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", *more],
        cwd=folder,
        env={**kept, "AIRFLOW_HOME": str(home), "HOME": str(home), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tests_of_new_flows_pass_in_a_bare_folder(place: Place, shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for name, source, target, more in (
        ("requisition_to_order", OA, ERP, SPLIT),
        ("requisition_to_payment", OA, FINANCE, ()),
        ("order_to_payment", ERP, FINANCE, ("--without-approval",)),
    ):
        said = new(shell, folder, name, source, target, *more)
        assert said.code == 0, said.err
        assert sorted(said.out.split()[1:6:2]) == sorted(
            str(folder / part)
            for part in (f"dags/{name}.mapping.json", f"dags/{name}.py", f"tests/test_{name}.py")
        )

    done = run_its_tests(folder, tmp_path / "home")

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "7 passed" in done.stdout
    dag = dag_in(folder / "dags" / "requisition_to_order.py")
    assert list(dag.task_dict) == ["numbers", "approved", "created"]
    assert (dag.task_dict["created"].split_by, dag.task_dict["created"].until) == (SPLIT[1], SPLIT[3])
    assert dag_in(folder / "dags" / "order_to_payment.py").task_dict["created"].requires_approval is False


def test_a_generated_test_fails_when_its_flow_is_wrong(place: Place, shell: Shell, tmp_path: Path) -> None:
    """A test that cannot fail proves nothing: the mapping is spoilt, and the approval left out."""
    folder = tmp_path / "project"
    assert new(shell, folder, "spoilt", OA, ERP).code == 0
    mapping = folder / "dags" / "spoilt.mapping.json"
    mapping.write_text('{"lines[*].price_amount": "line.price_amount * 2"}', encoding="utf-8")
    assert new(shell, folder, "unasked", OA, ERP).code == 0
    dag = folder / "dags" / "unasked.py"
    text = dag.read_text(encoding="utf-8")
    text = text.replace(
        "operators.approval import ApprovalOperator", "operators.read import ReadDocumentOperator"
    )
    text = text.replace("ApprovalOperator(", "ReadDocumentOperator(")
    dag.write_text(
        text.replace("mapping=MAPPING,", "mapping=MAPPING, requires_approval=False,"), encoding="utf-8"
    )

    # The others pass, as they do above.
    chosen = "(spoilt and once) or (unasked and nothing)"
    done = run_its_tests(folder, tmp_path / "home", "-k", chosen)

    failed = {line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if "FAILED" in line}
    assert failed == {
        "test_a_document_arrives_once_however_often_it_runs",
        "test_what_nobody_has_approved_creates_nothing",
        "test_what_was_refused_creates_nothing",
    }, done.stdout[-3000:]


def test_nothing_is_overwritten(place: Place, shell: Shell, tmp_path: Path) -> None:
    assert new(shell, tmp_path, "mine", OA, ERP).code == 0
    for part in ("dags/mine.py", "dags/mine.mapping.json"):
        (tmp_path / part).unlink()
    (tmp_path / "tests" / "test_mine.py").write_text("my own", encoding="utf-8")
    said = new(shell, tmp_path, "mine", OA, ERP)
    assert (said.code, "test_mine.py exists already" in said.err) == (1, True)
    assert not (tmp_path / "dags" / "mine.py").exists()
    assert (tmp_path / "tests" / "test_mine.py").read_text(encoding="utf-8") == "my own"


@pytest.mark.parametrize(
    ("name", "source", "target", "more", "said"),
    [
        ("Flow!", OA, ERP, (), "is no name of a flow"),
        ("class", OA, ERP, (), "is no name of a flow"),
        ("f", ("nowhere", "payment"), ERP, (), "nowhere"),
        ("f", OA, ("erp", "delivery"), (), "has no document type delivery"),
        ("f", OA, ERP, ("--until", "approved"), "is no stage"),
        ("f", ERP, FINANCE, (), "carries no decisions"),
        ("f", ERP, ERP, ("--without-approval",), "would end where it begins"),
    ],
)
def test_a_flow_that_could_not_run_is_refused(
    place: Place,
    shell: Shell,
    tmp_path: Path,
    name: str,
    source: tuple[str, str],
    target: tuple[str, str],
    more: tuple[str, ...],
    said: str,
) -> None:
    told = new(shell, tmp_path / "none", name, source, target, *more)
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert said in told.err
    assert not (tmp_path / "none").exists()
