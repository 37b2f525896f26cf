"""Turn what arrives as JSON into a document's parts, and pydantic's complaints into words for a person."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from airflow_provider_docflow.exceptions import InvalidDocument

T = TypeVar("T")

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of a document; tenant fields belong under extensions.<instance>",
}


def validated(kind: type[T], data: Any, *, document: str = "") -> T:
    """Build one of the document's classes from JSON primitives.

    :param kind: the class to build.
    :param data: a mapping of its fields.
    :param document: number to name in the error.
    :raises InvalidDocument: every wrong field is named in the message, the first one in ``field``.
    """
    try:
        return cast("TypeAdapter[T]", _adapter(cast(Any, kind))).validate_python(data)
    except ValidationError as error:
        wrong = [(path(item["loc"]), _words(item["type"], item["msg"])) for item in error.errors()]
    first, others = wrong[0], wrong[1:]
    raise InvalidDocument(
        (first[1] if first[0] else f"this is no {kind.__name__}: {first[1]}")
        + "".join(f"; {field}: {words}" for field, words in others),
        document=document,
        field=first[0],
        remedy="Correct the source document or the field map that fills "
        + ("this field." if len(wrong) == 1 else f"these {len(wrong)} fields."),
    )


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def path(parts: tuple[int | str, ...]) -> str:
    """Write the way to a field as people and templates do: ``lines[2].quantity``.

    :param parts: names and positions, outermost first.
    """
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _words(kind: str, message: str) -> str:
    if kind in _WORDS:
        return _WORDS[kind]
    words = message.removeprefix("Value error, ")
    return words[:1].lower() + words[1:]
