"""Replacing values of a document as a person decided: which may be, and what follows from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_docflow.document import totals
from airflow_provider_docflow.document.check import label
from airflow_provider_docflow.document.material import differences
from airflow_provider_docflow.document.model import Document, document_from_json, document_to_json
from airflow_provider_docflow.document.money import canonical
from airflow_provider_docflow.exceptions import InvalidDocument

#: Who gets what from whom in which currency is not here: that is corrected in the system itself.
_ALLOWED = re.compile(
    r"due_date|exchange_rate|payable_amount"
    r"|payment_terms\[\d{1,4}\]\.(due_date|days|percent)"
    r"|lines\[\d{1,6}\]\.(item_id|description|quantity|unit_code|price_amount|base_quantity|tax_percent"
    r"|accounting\[\d{1,4}\]\.(cost_centre|project|account|share))"
)
_STEP = re.compile(r"([a-z_]+)(?:\[(\d+)\])?")
_NUMBERS = frozenset(
    {"exchange_rate", "payable_amount", "percent", "quantity", "price_amount", "base_quantity"}
    | {"tax_percent", "share"}
)
_ARITHMETIC = frozenset({"quantity", "price_amount", "base_quantity", "tax_percent"})
TOTAL = "payable_amount"
STALE = "override.stale"


@dataclass(frozen=True)
class Replacement:
    """One value in place of another.

    :param field: path such as ``lines[0].quantity``.
    :param line_id: the line that the path led to; empty for fields of the document.
    :param old: the value that the system shows, as :func:`value_of` gives it.
    :param new: the value that counts.
    """

    field: str
    line_id: str
    old: Any
    new: Any
    reason: str


def check_field(field: str, document: str = "") -> None:
    """Refuse a field that nobody may override.

    :raises InvalidDocument: it is not one of the few.
    """
    if _ALLOWED.fullmatch(field):
        return
    raise InvalidDocument(
        "this field cannot be overridden.",
        document=document,
        field=field[:100],
        remedy="Correct it in the system itself. Overridden can be: due_date, exchange_rate, payable_amount, "
        "the terms of payment, and of a line its item, text, quantity, unit, price, tax rate and accounting.",
    )


def line_of(document: Document, field: str) -> str:
    """Return the id of the line that a path leads to; empty for a field of the document.

    :raises InvalidDocument: there is no such line.
    """
    steps = _steps(field)
    if steps[0] != "lines":
        return ""
    position = int(steps[1])
    if position >= len(document.lines):
        raise InvalidDocument(
            f"there is no line at this position, only {len(document.lines)} lines.",
            document=label(document),
            field=field,
            remedy="Count from 0, as in lines[0].quantity.",
        )
    return document.lines[position].line_id


def value_of(document: Document, field: str, line_id: str = "") -> Any:
    """Return what stands in a field, as JSON primitives that compare equal for equal values.

    :param line_id: where the line may have moved; empty takes the position in the path.
    :raises InvalidDocument: there is no such line, term or share any more.
    """
    return _found(_json_of(totals.filled(document)), field, line_id, label(document))


def is_met(document: Document, one: Replacement) -> bool:
    """Tell whether the system itself shows the new value by now."""
    try:
        return bool(value_of(document, one.field, one.line_id) == plain_value(one.field, one.new))
    except InvalidDocument:
        return False


def plain_value(field: str, value: Any) -> Any:
    """Return a value as :func:`value_of` would.

    :raises InvalidDocument: it is no number where one is needed.
    """
    name = _steps(field)[-1]
    try:
        if value is None or value == "":
            return None if name != "description" else ""
        if name == "days":
            return int(str(value))
        if name in _NUMBERS:
            if isinstance(value, float):
                raise ValueError
            return canonical(Decimal(str(value)))
    except (ValueError, InvalidOperation):
        raise InvalidDocument(
            f"{value!r:.40} is no exact number.", field=field, remedy="Write it as text, such as 100.00."
        ) from None
    return value


def replaced(document: Document, replacements: Sequence[Replacement]) -> Document:
    """Return the document with other values in it, its totals computed anew and checked.

    What another total leaves unexplained stands in ``allowance_charge`` with the reason of its override.

    :raises InvalidDocument: the system shows another old value (code ``override.stale``), or the document
        would contradict itself.
    """
    data = _json_of(document)
    filled = totals.filled(document)
    for one in replacements:
        if value_of(filled, one.field, one.line_id) != plain_value(one.field, one.old):
            raise _stale(document, one, value_of(filled, one.field, one.line_id))
        if one.field != TOTAL:
            _replace(data, one, label(document))
    total = next((one for one in replacements if one.field == TOTAL), None)
    if total is not None:
        _explain(data, total)
    return document_from_json(data).totalled()


def check_material(before: Document, after: Document, field: str) -> None:
    """Refuse an override that changes nothing of what an approval covers.

    :raises InvalidDocument: nothing material differs.
    """
    if not differences(before, after):
        raise InvalidDocument(
            "it says that already.", document=label(before), field=field, remedy="Give another value."
        )


def _json_of(document: Document) -> dict[str, Any]:
    return document_to_json(document)


def _steps(field: str) -> list[str]:
    steps: list[str] = []
    for name, position in _STEP.findall(field):
        steps += [name, position] if position else [name]
    return steps or [field]


def _holder(data: dict[str, Any], field: str, line_id: str, document: str) -> tuple[dict[str, Any], str]:
    """Return what holds the field, and the field's name in it."""
    steps = _steps(field)
    here: Any = data
    if line_id:
        here = next((line for line in data["lines"] if line["line_id"] == line_id), None)
        steps = steps[2:]
    for step in steps[:-1]:
        if isinstance(here, list):
            here = here[int(step)] if int(step) < len(here) else None
        elif isinstance(here, dict):
            here = here.get(step)
    if not isinstance(here, dict):
        raise InvalidDocument(
            "there is no such part in the document.",
            document=document,
            field=field,
            code=STALE,
            remedy="Withdraw the override, or correct the document in its system.",
        )
    return here, steps[-1]


def _found(data: dict[str, Any], field: str, line_id: str, document: str) -> Any:
    here, name = _holder(data, field, line_id, document)
    return plain_value(field, here.get(name))


def _replace(data: dict[str, Any], one: Replacement, document: str) -> None:
    here, name = _holder(data, one.field, one.line_id, document)
    here[name] = plain_value(one.field, one.new)
    if name not in _ARITHMETIC or not one.line_id:
        return
    if here.get("tax_percent") is None and here.get("tax_amount") is not None:
        raise InvalidDocument(
            f"the tax of line {one.line_id} is given as an amount, which would no longer fit.",
            document=document,
            field=one.field,
            remedy="Correct the line in the system itself, or override its tax_percent first.",
        )
    here |= {"line_extension_amount": None, "tax_amount": None}
    data[TOTAL] = None
    if any(line.get("tax_percent") is not None for line in data["lines"]):
        data["tax_amount"] = None


def _explain(data: dict[str, Any], one: Replacement) -> None:
    data[TOTAL] = None
    computed = totals.filled(document_from_json(data)).payable_amount
    wanted = Decimal(str(plain_value(TOTAL, one.new)))
    difference = wanted - (computed or Decimal(0))
    if difference:
        reason = {"charge": difference > 0, "amount": format(abs(difference), "f"), "reason": one.reason}
        data["allowance_charge"] = [*data["allowance_charge"], reason]


def _stale(document: Document, one: Replacement, shown: Any) -> InvalidDocument:
    return InvalidDocument(
        f"it was overridden from {one.old} to {one.new}, but the system shows {shown} now.",
        document=label(document),
        field=one.field,
        code=STALE,
        remedy="Withdraw the override, or override the new value.",
    )
