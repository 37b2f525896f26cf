"""The system's own words for a document's state, given the canonical axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.document import DocumentState

AXES = ("lifecycle", "approval", "fulfilment", "invoicing", "payment")


@dataclass(frozen=True)
class Words:
    """Where one axis stands in the raw document, and what its words mean.

    ``at`` is a dotted path or a function of the raw document that returns the vendor's word. A word
    that is not listed is ``unknown``: it stops only decisions that need this axis.
    """

    at: str | Callable[[Mapping[str, Any]], Any]
    words: Mapping[str, str]

    def read(self, raw: Mapping[str, Any]) -> tuple[str, str]:
        """Return the vendor's word and the canonical one."""
        found = self.at(raw) if callable(self.at) else dig(raw, self.at)
        word = "" if found is None else str(found)
        return word, self.words.get(word, "unknown")


def state_of(raw: Mapping[str, Any], axes: Mapping[str, Words], read_at: datetime) -> DocumentState:
    """Return the state of a raw document; an axis that the profile does not declare is its ``none``."""
    words = {axis: declared.read(raw) for axis, declared in axes.items()}
    said: dict[str, Any] = {axis: "none" for axis in AXES if axis not in axes and axis != "lifecycle"}
    said |= {axis: canonical for axis, (_, canonical) in words.items()}
    return DocumentState(
        **said,
        raw={axis: word for axis, (word, _) in words.items()},
        read_at=read_at,
    )


def unknown_words(state: DocumentState) -> dict[str, str]:
    """Return the axes whose vendor word no profile maps, with that word."""
    return {axis: state.raw.get(axis, "") for axis in AXES if str(getattr(state, axis)) == "unknown"}
