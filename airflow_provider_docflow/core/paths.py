"""The ways into a document that a mapping may name, checked against the document's own fields."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, get_args

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import Document

Step = tuple[str, str | None]
"""A field's name, and which of its members: a position, ``*`` for all, None for the field itself."""

_STEP = re.compile(r"([A-Za-z_]\w*)(?:\[(\d+|\*)\])?")
_OWN = re.compile(r"(?:(lines)\[(\d+|\*)\]\.)?extensions\.(.+)")


def steps_of(path: str, instance: str = "") -> tuple[Step, ...]:
    """Return the steps of a path such as ``lines[*].price_amount`` or ``extensions.<name>``.

    :param instance: whose tenant fields are meant; a path may name it too, before the field's name.
    :raises Misconfigured: it leads to no field of a document.
    """
    if own := _OWN.fullmatch(path):
        line: tuple[Step, ...] = ((own[1], own[2]),) if own[1] else ()
        return (*line, ("extensions", None), *_tenant(own[3], instance))
    steps = tuple(_step(part, path) for part in path.split("."))
    _check(steps, path)
    return steps


def _tenant(name: str, instance: str) -> tuple[Step, ...]:
    if not instance:
        owner, _, inner = name.rpartition(".")
        return ((owner, None), (inner, None)) if owner else (("", None), (name, None))
    return ((instance, None), (name.removeprefix(f"{instance}."), None))


def _step(part: str, path: str) -> Step:
    found = _STEP.fullmatch(part)
    if not found:
        raise _wrong(path, f"{path!r} is no field path.")
    return found[1], found[2]


def _check(steps: tuple[Step, ...], path: str) -> None:
    here: Any = Document
    for place, (name, index) in enumerate(steps):
        known = _fields(here) if here is not None else {}
        if name not in known:
            others = f"; there are {', '.join(sorted(known))}" if known else ""
            raise _wrong(path, f"{path!r} names no field of a document: there is no {name!r}{others}.")
        here, many = known[name]
        last = place == len(steps) - 1
        if index is not None and not many:
            raise _wrong(path, f"{path!r}: {name} is one value and has no members.")
        if many and index is None and not last:
            raise _wrong(path, f"{path!r}: say which of the {name} is meant, such as {name}[*].")


@lru_cache(maxsize=32)
def _fields(model: Any) -> dict[str, tuple[Any, bool]]:
    """Return the fields of a part: the class of what each holds, if it is a part itself, and whether many."""
    found = {}
    for name, field in model.model_fields.items():
        if name != "extensions":
            found[name] = (_part(field.annotation), "tuple" in str(field.annotation))
    return found


def _part(annotation: Any) -> Any:
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((part for one in get_args(annotation) if (part := _part(one)) is not None), None)


def _wrong(path: str, why: str) -> exc.Misconfigured:
    return exc.Misconfigured(
        why,
        field=path,
        remedy="Write paths as payable_amount, lines[0].price_amount, lines[*].item_id or extensions.<name>.",
    )
