"""What is waited for: words on the axes of a document's state, as JSON that crosses ``defer()``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import (
    ApprovalState,
    DocumentState,
    FulfilmentState,
    InvoicingState,
    LifecycleState,
    PaymentState,
)

Words = Mapping[str, str]
"""Axis to word."""

Wanted = Mapping[str, Sequence[str]]
"""Axis to the words of which one is wanted."""

_AXES: Mapping[str, frozenset[str]] = {
    "lifecycle": frozenset(LifecycleState),
    "approval": frozenset(ApprovalState),
    "fulfilment": frozenset(FulfilmentState),
    "invoicing": frozenset(InvoicingState),
    "payment": frozenset(PaymentState),
}

DECIDED: dict[str, list[str]] = {"approval": ["approved", "rejected", "returned", "withdrawn", "revoked"]}
"""The words under which nobody is asked any more."""

GONE: dict[str, list[str]] = {"lifecycle": ["cancelled", "reversed"]}
"""The words of a document that nobody will decide on, whatever its approval says."""


def words_of(state: DocumentState) -> dict[str, str]:
    """Return the words of a state."""
    return {axis: str(getattr(state, axis)) for axis in _AXES}


def wanted_of(value: Any, field: str) -> dict[str, list[str]]:
    """Return what an author wrote, one word or a list per axis, as lists.

    :raises Misconfigured: there is no such axis or word; it would be waited for for ever.
    """
    if not isinstance(value, Mapping):
        raise exc.Misconfigured(
            f"{value!r} is no state.", field=field, remedy='Write it as {"approval": ["approved"]}.'
        )
    wanted: dict[str, list[str]] = {}
    for axis, words in value.items():
        if axis not in _AXES:
            raise exc.Misconfigured(
                f"a document has no axis {axis!r}.", field=field, remedy=f"Use one of: {', '.join(_AXES)}."
            )
        wanted[axis] = [words] if isinstance(words, str) else list(words)
        if strange := sorted(set(map(str, wanted[axis])) - _AXES[axis]) or not wanted[axis]:
            raise exc.Misconfigured(
                f"{strange or 'nothing'} is no word of the axis {axis}.",
                field=f"{field}.{axis}",
                remedy=f"Use words of: {', '.join(sorted(_AXES[axis]))}.",
            )
    return wanted


def all_reached(words: Words, wanted: Wanted) -> bool:
    """Tell whether every axis stands on one of its words."""
    return all(words.get(axis) in some for axis, some in wanted.items())


def any_reached(words: Words, wanted: Wanted) -> bool:
    """Tell whether some axis stands on one of its words."""
    return any(words.get(axis) in some for axis, some in wanted.items())


def unreadable(words: Words, *wanted: Wanted) -> list[str]:
    """Return the axes that are waited for and of which nobody knows what the system says.

    An axis on which ``unknown`` itself is waited for is not among them.
    """
    named = {axis: set(some) for each in wanted for axis, some in each.items()}
    return sorted(
        axis for axis, some in named.items() if words.get(axis) == "unknown" and "unknown" not in some
    )
