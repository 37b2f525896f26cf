"""Write the tables of docs/incidents.md anew: ``python -m tests.incidents.table``."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_docflow.ledger.incidents_closing import ENDS, How
from airflow_provider_docflow.ledger.incidents_rules import DEFAULTS
from airflow_provider_docflow.locale import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "incidents.md"
_ENDS: dict[How, str] = {
    "written": "the document is read and written",
    "approved": "a valid decision covers what is written",
    "same again": "source and written document say the same again, both alive",
    "stands again": "the document that it was made of is approved again",
    "readable": "the document can be read and judged",
    "fits": "the override fits what the system shows, or is withdrawn",
    "answers": "the system answers, as the instance it was, and calls pass",
    "command": "`airflow docflow unblock`",
    "person": "a person retries it, adopts the document or recreates it",
}
_HELPS = {
    "data": "the document itself: a field is missing, contradicts another, or no longer fits",
    "master data": "what the document refers to: a supplier, an item, an account is not there",
    "business rule": "the target's rules say no, or more is used than was approved",
    "permission": "a login or a right is refused",
    "quota": "the calls of a day or month are used up, or nearly so",
    "technical": "a connection, a mapping, a system that does not answer",
    "control": "an approval, an outcome that nobody knows, something changed by hand",
}


def categories() -> str:
    """Return the categories with their owners and hours in Markdown."""
    rows = [("Category", "What is wrong", "Owner role", "Hours"), ("---",) * 4]
    rows += [(name, _HELPS[name], role, f"{hours:g}") for name, (role, hours) in DEFAULTS.items()]
    return _markdown(rows)


def codes() -> str:
    """Return the codes with their texts and their ends in Markdown."""
    english, chinese = catalogue("en"), catalogue("zh")
    rows = [("Code", "Meaning", "含义", "Closes when"), ("---",) * 4]
    rows += [(f"`{code}`", english[code], chinese[code], _ENDS[how]) for code, how in ENDS.items()]
    return _markdown(rows)


TABLES = {"categories": categories, "codes": codes}


def written(name: str) -> str:
    """Return a table as the page holds it."""
    return PAGE.read_text(encoding="utf-8").partition(_begin(name))[2].partition(_end(name))[0].strip()


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"


def _markdown(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _main() -> None:
    for name, table in TABLES.items():
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(_begin(name))
        after = rest.partition(_end(name))[2]
        text = f"{before}{_begin(name)}\n\n{table()}\n\n{_end(name)}{after}"
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _main()
