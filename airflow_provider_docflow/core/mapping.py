"""
From one document to another: the canonical document carries over, bare Jinja expressions override.

Expressions are compiled in a sandbox with StrictUndefined and return native values, so a Decimal
stays a Decimal: ``"source.payable_amount * 100"``. A field of the target's own tenant is
``extensions.<name>``, in a line ``lines[*].extensions.<name>``, under the very name that it has there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.expressions import compile_expression, evaluate
from airflow_provider_docflow.core.paths import Step, steps_of
from airflow_provider_docflow.document import Document, DocumentType, document_from_json


def chosen(source: Document, condition: str) -> bool:
    """Tell whether ``condition`` holds for a document.

    :raises InvalidDocument: it fails, or answers neither true nor false.
    """
    answer = evaluate(condition, "where", source=source)
    if not isinstance(answer, bool):
        raise exc.InvalidDocument(
            f"the condition {condition!r} answers {answer!r:.40}, neither true nor false.",
            document=source.id,
            field="where",
            remedy="Write a comparison, such as source.payable_amount > 1000.",
        )
    return answer


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Compile every expression and check every target path before anything is read or sent.

    :raises Misconfigured: an expression is none, or a path leads to no field of a document.
    """
    for path, expression in mapping.items():
        steps_of(path)
        compile_expression(expression)


def _assign(
    target: Any, steps: Sequence[Step], value: Callable[[Any], Any], path: str, line: Any = None
) -> None:
    (name, index), rest = steps[0], steps[1:]
    if index is None:
        if rest:
            child = target.get(name)
            target[name] = child = child if isinstance(child, dict) else {}
            _assign(child, rest, value, path, line)
        else:
            target[name] = _plain(value(target if line is None else line))
        return
    members = target.get(name) or []
    chosen = range(len(members)) if index == "*" else [int(index)]
    for position in chosen:
        if position >= len(members):
            raise exc.InvalidDocument(f"there is no {name}[{position}].", field=path)
        member = members[position]
        if rest:
            _assign(member, rest, value, path, member if name == "lines" else line)
        else:
            members[position] = _plain(value(member if line is None else line))


def _plain(value: Any) -> Any:
    return value.model_dump() if hasattr(value, "model_dump") else value


def derive(
    source: Document,
    document_type: str,
    mapping: Mapping[str, str] | None = None,
    *,
    names: Mapping[str, Any] | None = None,
    instance: str = "",
) -> Document:
    """Return the document of ``document_type`` that follows from ``source``.

    The canonical fields carry over. What belongs to the source alone (its notes, its tenant fields,
    its posting date) does not.

    :param mapping: target path → expression over ``source``, ``line`` (in ``lines[*]`` paths) and ``names``.
    :param instance: whose tenant fields ``extensions.<name>`` means: the target's.
    :raises InvalidDocument: a mapping fails, or the result contradicts itself.
    """
    data = source.model_dump()
    data.update(document_type=DocumentType(document_type), notes=(), extensions={}, posting_date=None)
    target = _mutable(data)
    for line in target["lines"]:
        line["extensions"] = {}
    for path, expression in (mapping or {}).items():

        def value(here: Any, expression: str = expression, path: str = path) -> Any:
            return evaluate(expression, path, source=source, line=here, **(names or {}))

        _assign(target, steps_of(path, instance), value, path)
    if mapping:
        target = _without_stale_totals(target, mapping)
    return document_from_json(target).totalled()


def _mutable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _mutable(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_mutable(inner) for inner in value]
    return value


def _without_stale_totals(target: dict[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """Drop totals that a mapping of their parts has outdated, so that they are computed again."""
    parts = ("quantity", "price_amount", "base_quantity", "tax_percent", "price_includes_tax")
    if not any(path.startswith("lines") and path.rsplit(".", 1)[-1] in parts for path in mapping):
        return target
    given = set(mapping)
    for line in target["lines"]:
        if not given & {"lines[*].line_extension_amount"}:
            line["line_extension_amount"] = None
        if not given & {"lines[*].tax_amount"}:
            line["tax_amount"] = None
    if "payable_amount" not in given:
        target["payable_amount"] = None
    if "tax_amount" not in given:
        target["tax_amount"] = None
    return target
