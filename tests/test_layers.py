"""The rooms of the house: which may import which, and which must work where Airflow is not installed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "airflow_provider_docflow"
PACKAGE = Path(__file__).resolve().parents[1] / NAME
FLOORS = {
    "exceptions": 0,
    "document": 1,
    "core": 2,
    "retry": 2,
    "locale": 2,
    "systems": 3,
    "ledger": 3,
    "sandbox": 3,
    "approvals": 4,
    "hooks": 5,
    "assets": 6,
    "reconcile": 6,
    "links": 6,
    "notifications": 6,
    "triggers": 6,
    "operators": 7,
    "sensors": 8,
    "testing": 8,
    "get_provider_info": 8,
    "webhooks": 8,
    "plugin": 9,
    "connection_types": 9,
    "cli": 10,
}
PURE = ("core", "document", "exceptions", "systems")
# Airflow parses DAG files in every process again and again; what these cost, it pays each time.
PARSED = (
    "hooks",
    "links",
    "notifications",
    "operators",
    "plugin",
    "reconcile",
    "sensors",
    "triggers",
    "get_provider_info",
)
NEVER_IN_PURE = ("airflow", "alembic", "duckdb", "lxml", "numpy", "openpyxl", "pandas", "sqlalchemy", "zeep")
NEVER_WHEN_PARSED = ("duckdb", "lxml", "openpyxl", "pandas", "pyspark", "zeep")
_IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _modules(package: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if "migrations" not in parts and parts != ("__init__",):
            yield ".".join(part for part in (NAME, *parts) if part != "__init__"), path


def _imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == NAME:
            yield from ((node.lineno, f"{NAME}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def climbs(package: Path) -> list[str]:
    """Every import, however late it happens, that does not lead to a lower floor."""
    found = []
    for _, path in _modules(package):
        here = path.relative_to(package).with_suffix("").parts[0]
        for line, name in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            parts = name.split(".")
            if parts[0] != NAME or len(parts) == 1 or parts[1] in {here, "__version__"}:
                continue
            if FLOORS[parts[1]] >= FLOORS[here]:
                found.append(f"{path.relative_to(package)}:{line}: {here} imports {name}")
    return found


def _loaded_by(names: list[str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, json.dumps(names)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_every_room_has_a_floor():
    rooms = {name.split(".")[1] for name, _ in _modules(PACKAGE)}
    assert rooms <= set(FLOORS), "a new room: say in FLOORS what it may import"


def test_imports_run_downwards_only():
    assert climbs(PACKAGE) == []


@pytest.mark.parametrize(
    "source",
    [
        f"import {NAME}.hooks.system",
        f"from {NAME} import ledger",
        f"def late():\n    from {NAME}.operators.create import X",
    ],
)
def test_a_climbing_import_is_found(tmp_path, source):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "calls.py").write_text(source)
    assert len(climbs(tmp_path)) == 1


@pytest.mark.parametrize("room", PURE)
def test_the_pure_rooms_work_where_airflow_is_not_installed(room):
    names = [name for name, _ in _modules(PACKAGE) if name.split(".")[1] == room]
    assert names
    assert _loaded_by(names).isdisjoint(NEVER_IN_PURE)


def test_what_a_dag_file_imports_loads_nothing_heavy():
    names = [name for name, _ in _modules(PACKAGE) if name.split(".")[1] in PARSED]
    loaded = _loaded_by(names)
    assert "airflow" in loaded
    assert loaded.isdisjoint(NEVER_WHEN_PARSED)
