"""
Puts the capability table into the README, docs/systems.md and one page per product, from the profiles.

``python -m scripts.capability_pages``; what stands outside the marks is written by hand and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_docflow.cli import capability_table as table
from airflow_provider_docflow.core.capabilities import capabilities
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.locale import text

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- capabilities -->", "<!-- /capabilities -->"
OVERVIEW = ROOT / "docs" / "systems.md"
HEAD = """# Systems

What each product can do, and what is guaranteed, as its profile declares it.

"""


def pages() -> dict[Path, str]:
    """Return every page with its current content."""
    found = {
        ROOT / "README.md": _put(ROOT / "README.md", overview("en", "docs/systems/")),
        ROOT / "README.zh-CN.md": _put(ROOT / "README.zh-CN.md", overview("zh", "docs/systems/")),
        OVERVIEW: _put(OVERVIEW, overview("en", "systems/"), HEAD),
    }
    for profile in table.profiles():
        path = page_of(profile.name)
        found[path] = _put(path, product_page(profile), f"# {profile.title}\n\n")
    return found


def page_of(system: str) -> Path:
    """Return where the page of a product is."""
    return ROOT / "docs" / "systems" / f"{system.removeprefix('rest: ')}.md"


def _put(path: Path, made: str, head: str = "") -> str:
    before = path.read_text(encoding="utf-8") if path.exists() else f"{head}{BEGIN}\n"
    if BEGIN not in before:
        raise SystemExit(f"{path} has no line {BEGIN}")
    start, _, rest = before.partition(BEGIN)
    _, closed, after = rest.partition(END)
    return f"{start}{BEGIN}\n{made}\n{END}{after if closed else rest or chr(10)}"


def overview(language: str, folder: str) -> str:
    """Return the table of all products, one row each."""
    lines = [[table.heading("system", language), *(table.heading(name, language) for name in table.COLUMNS)]]
    for profile, (name, cells) in zip(table.profiles(), table.summaries(language), strict=True):
        link = f"[{name}]({folder}{page_of(profile.name).name})"
        lines.append([link, *cells.values()])
    return "\n".join(_markdown(lines))


def product_page(profile: SystemProfile) -> str:
    """Return what is made of a profile: its table, its connection's fields, where its facts are from."""
    groups = table.alike(capabilities(profile))
    lines = [["", *(table.types(names) for _, names in groups)]]
    told = [table.cells(row) for row, _ in groups]
    lines += [[table.heading(column), *(cells[column] for cells in told)] for column in table.COLUMNS]
    actions = [", ".join(row.actions) or table.DASH for row, _ in groups]
    lines.append([text("capability.actions"), *actions])
    parts = [*_markdown(lines), "", *_fields(profile), ""]
    parts.append(f"Checked on {profile.checked_on} against <{profile.docs_url}>.")
    if profile.experimental:
        parts.append("Experimental: written after documents alone, never run against the product.")
    return "\n".join(parts)


def _fields(profile: SystemProfile) -> Iterator[str]:
    if not profile.conn_fields:
        return
    lines = [["field of the connection", "default", ""]]
    for name, field in profile.conn_fields.items():
        default: Any = field.get("schema", {}).get("default")
        shown = "" if default is None else f"`{default}`"
        said = str(field.get("description") or field.get("label") or "")
        lines.append([f"`{name}`", shown, said])
    yield from _markdown(lines)


def _markdown(lines: Sequence[Sequence[str]]) -> list[str]:
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return [rows[0], "|" + "---|" * len(lines[0]), *rows[1:]]


if __name__ == "__main__":
    for path, content in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
