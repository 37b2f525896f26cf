"""Write the table of docs/failures.md anew: ``python -m tests.proof.table``."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.proof.cases import CASES, FailureCase

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "failures.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
_HEAD = ("Case", "What the test does", "Expected outcome", "What it shows", "Test")


def modules() -> list[str]:
    """Return the test modules of this folder."""
    return sorted(f"tests.proof.{path.stem}" for path in FOLDER.glob("test_*.py"))


def cases() -> list[FailureCase]:
    """Return every case, in the order of the modules and within them."""
    for name in modules():
        importlib.import_module(name)
    found = {case.test: case for case in CASES}
    return sorted(found.values(), key=lambda case: case.test.rpartition(".")[0])


def table() -> str:
    """Return the table in Markdown."""
    rows = [_HEAD, tuple("---" for _ in _HEAD)]
    for case in cases():
        module, _, name = case.test.rpartition(".")
        where = f"`{module.rpartition('.')[2]}.py::{name}`"
        rows.append((case.case, case.does, case.expected, case.shows, where))
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


def written() -> str:
    """Return the table that the page holds."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def _main() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    _main()
