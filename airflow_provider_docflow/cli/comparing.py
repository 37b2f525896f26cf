"""Two documents side by side, by canonical paths, with the names that both systems have for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.document import Document

NOTHING, TENANT, CHANGED = "-", "extensions.", "changed by the split"
_INDEX = re.compile(r"^lines\[\d+\]")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One field on its way."""

    source_field: str
    source_value: str
    canonical: str
    target_field: str
    target_value: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A field that the target wants and would not get."""

    field: str
    canonical: str
    why: str


def flat(document: Document | None) -> dict[str, str]:
    """Return the values of a document by canonical path; amounts as exact text, defaults left out."""
    if document is None:
        return {}
    data = document.model_dump(mode="json", exclude_defaults=True)
    own = data.pop("extensions", {})
    del data["document_type"]
    for line in data["lines"]:
        line.pop("extensions", None)
    values = dict(_leaves(data, ""))
    tenant = {f"{TENANT}{name}": str(value) for fields in own.values() for name, value in fields.items()}
    return {**values, **tenant}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{position}]" if path == "lines" else f"{path}.{position}")
    elif value not in (None, ""):
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def overridden(shown: Document | None, counts: Document | None) -> frozenset[str]:
    """Return the paths in which the document that counts differs from the one that the system shows."""
    before, after = flat(shown), flat(counts)
    return frozenset(path for path in {*before, *after} if before.get(path) != after.get(path))


def names_by_path(fields: Sequence[LiveField]) -> dict[str, str]:
    """Return canonical path → the system's name of the field."""
    found: dict[str, str] = {}
    for field in fields:
        for path in filter(None, field.canonical.split(", ")):
            found.setdefault(path, field.name)
    return found


def native(names: Mapping[str, str], path: str) -> str:
    """Return a system's name for a canonical path; a field may hold a whole branch (``payee_account``)."""
    steps = _INDEX.sub("lines[*]", path)
    while steps and steps != "lines[*]":
        if steps in names:
            return names[steps]
        steps = steps.rpartition(".")[0]
    return NOTHING


def rows_of(
    source: Document | None,
    target: Document | None,
    mapping: Mapping[str, str],
    there: Sequence[LiveField],
    here: Sequence[LiveField],
    people: frozenset[str] = frozenset(),
) -> list[Row]:
    """Return every field that either document has, in the order of the canonical document.

    :param people: paths in whose place people have put something else.
    """
    before, after = flat(source), flat(target)
    from_names, to_names = names_by_path(there), names_by_path(here)
    filled_in = {field.name for field in here if not field.written}
    own = {path for path in before if path.startswith(TENANT)}
    rows = []
    for path in dict.fromkeys([*before, *after]):
        name = native(to_names, path)
        taken = not here or (name != NOTHING and name not in filled_in)
        how = _how(path, before, after, mapping) if target else ""
        if path in people and how == CHANGED:
            how = "overridden by a person"
        if path in after and not taken:
            how = "the target fills it in itself" if name in filled_in else "has no place there"
        rows.append(
            Row(
                source_field=native(from_names, path) if path not in own else path.removeprefix(TENANT),
                source_value=before.get(path, ""),
                canonical=path,
                target_field=name,
                target_value=after.get(path, "") if taken else "",
                how=how,
            )
        )
    return rows


def _how(path: str, before: Mapping[str, str], after: Mapping[str, str], mapping: Mapping[str, str]) -> str:
    expression = mapped_by(path, mapping)
    if expression:
        return f"mapping: {expression}"
    if path not in after:
        return "stays behind"
    if path not in before:
        return "computed"
    return "as it is" if before[path] == after[path] else CHANGED


def mapped_by(path: str, mapping: Mapping[str, str]) -> str:
    """Return the expression of a mapping that sets a path or a branch above it."""
    for target, expression in mapping.items():
        wanted = re.escape(target).replace(r"\[\*\]", r"\[\d+\]")
        if re.match(rf"{wanted}($|[.\[])", path):
            return expression
    return ""


def fields_missing(document: Document, fields: Sequence[LiveField]) -> list[Missing]:
    """Name what the target requires and the document does not give."""
    given = {_INDEX.sub("lines[*]", path) for path in flat(document)}
    missing = []
    for field in fields:
        if not field.required:
            continue
        paths = [path for path in field.canonical.split(", ") if path]
        if not paths:
            why = "the target requires it and docflow has no value for it"
        elif not any(_has(given, path) for path in paths):
            why = "the source gives no value; fill it in there, or give it by the mapping"
        else:
            why = _lines_without(document, paths)
        if why:
            missing.append(Missing(field=field.name, canonical=field.canonical, why=why))
    return missing


def _has(given: set[str], path: str) -> bool:
    return any(one == path or one.startswith(f"{path}.") or one.startswith(f"{path}[") for one in given)


def _lines_without(document: Document, paths: Sequence[str]) -> str:
    """Name the lines that lack a value which others have."""
    if not paths[0].startswith("lines[*]."):
        return ""
    have = flat(document)
    without = [
        line.line_id
        for position, line in enumerate(document.lines)
        if not any(_has(set(have), path.replace("[*]", f"[{position}]")) for path in paths)
    ]
    return f"line {', '.join(without)} gives no value" if without else ""
