"""Makes docs/operators.md from the operators themselves: ``python -m scripts.operator_pages``."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "operators.md"
ROOMS = (
    ("Reading", "operators.read", "ReadDocumentOperator"),
    ("Reading", "operators.listing", "ListDocumentsOperator"),
    ("Reading", "operators.listing", "AdvanceCursorOperator"),
    ("Approval", "operators.approval", "ApprovalOperator"),
    ("Approval", "operators.rechecking", "RecheckApprovalsOperator"),
    ("Approval", "sensors.document", "ApprovalSensor"),
    ("Approval", "sensors.document", "DocumentStateSensor"),
    ("Writing", "operators.create", "CreateDocumentOperator"),
    ("Writing", "operators.action", "DocumentActionOperator"),
    ("Writing", "operators.action", "WriteBackOperator"),
    ("Telling", "operators.notify", "NotifyOperator"),
    ("One run per document", "operators.intake", "IntakeOperator"),
    ("One run per document", "operators.intake", "ClaimOperator"),
    ("Reconciliation", "operators.reconcile", "ReconcileOperator"),
    ("Reconciliation", "operators.repair", "RepairBreaksOperator"),
)
HEAD = """# Operators and sensors

Made from the operators themselves by `python -m scripts.operator_pages`; a test sees to it that it is
current.

Every operator carries one document or a list. One document leaves its outcome in XCom, a list the id of a
batch in the ledger. `fail_on` (any, all, never) says what a partial failure means. Operators bring
`retries=3` and a retry policy that decides by the type of the error; work that has to wait is parked without
using up retries.
"""
_FIELD = re.compile(r"^:(param|raises|returns) ?([\w.]*): ?(.*)$")


def page() -> str:
    """Return the page."""
    parts, room = [HEAD], ""
    for title, module, name in ROOMS:
        if title != room:
            parts.append(f"\n## {title}\n")
            room = title
        parts.append(section(getattr(import_module(f"airflow_provider_docflow.{module}"), name), module))
    return "\n".join(parts)


def section(operator: Any, module: str) -> str:
    """Return one operator: what it does, its arguments, its templated fields."""
    text, fields = parsed(inspect.getdoc(operator) or "")
    lines = [
        f"### {operator.__name__}\n",
        f"`from airflow_provider_docflow.{module} import {operator.__name__}`\n",
    ]
    lines.append(markdown(text) + "\n")
    defaults = inspect.signature(operator.__init__).parameters
    arguments = [(name, said) for kind, name, said in fields if kind == "param"]
    if arguments:
        lines += ["| argument | default | |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {default(defaults.get(name))} | {markdown(said)} |" for name, said in arguments
        ]
    templated = ", ".join(f"`{name}`" for name in operator.template_fields)
    lines.append(f"\nTemplated: {templated}.\n")
    return "\n".join(lines)


def default(parameter: inspect.Parameter | None) -> str:
    """Return a default as the page shows it."""
    if parameter is None or parameter.default is inspect.Parameter.empty:
        return "required" if parameter is not None else ""
    return f"`{parameter.default!r}`".replace("|", "\\|")


def parsed(doc: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Split a docstring into its text and its fields."""
    text: list[str] = []
    fields: list[list[str]] = []
    for line in doc.splitlines():
        found = _FIELD.match(line.strip())
        if found:
            fields.append(list(found.groups()))
        elif fields and line.strip():
            fields[-1][2] += " " + line.strip()
        elif not fields:
            text.append(line)
    return "\n".join(text).strip(), [(kind, name, said) for kind, name, said in fields]


def markdown(text: str) -> str:
    """Turn the roles and double back quotes of a docstring into markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", lambda found: f"`{found[1].rsplit('.', 1)[-1]}`", text)
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
