"""What approval tasks keep in the ledger between runs: the documents that are still undecided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.handles import Handle

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.flow import Flow

TRIES = 20
LONGEST_NAME = 200

Delivered = Callable[[Sequence[str]], set[str]]
"""Tells which of some runs have handed on what they took."""


@dataclass(frozen=True)
class Case:
    """A document in its approval.

    :param form: what the approval system decides on.
    :param subject: what the decision is about, where the form only speaks of it.
    """

    form: Handle
    subject: Handle | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the case as JSON primitives."""
        subject = self.subject.to_json() if self.subject else None
        return {"form": self.form.to_json(), "subject": subject}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Case:
        """Read what :meth:`to_json` wrote."""
        subject = data["subject"]
        return cls(Handle.from_json(data["form"]), Handle.from_json(subject) if subject else None)


class KeptCases:
    """Undecided documents that wait for a later run; nobody takes one away before it was handed on.

    A document that goes on stays kept, marked with the run that took it, until that run has succeeded.

    :param name: of the list; whoever uses the same name shares it.
    """

    def __init__(self, ledger: Any, name: str) -> None:
        self.ledger, self.name = ledger, bounded(name)

    def take(self, run_id: str, delivered: Delivered) -> list[Case]:
        """Return what this run has to look at: what nobody has handed on."""
        entries = self._entries()[0]
        others = sorted({entry["run"] for entry in entries} - {"", run_id})
        done = delivered(others) if others else set()
        return [Case.from_json(entry) for entry in entries if entry["run"] not in done]

    def settle(
        self,
        run_id: str,
        *,
        pending: Iterable[Case] = (),
        going_on: Iterable[Case] = (),
        over: Iterable[Case] = (),
        delivered: Delivered,
    ) -> None:
        """Keep what is pending, mark what this run hands on, forget what is over or was handed on.

        :raises Conflict: other runs changed the list again and again; a retry helps.
        """
        waiting = {case.form.ref.identity: {**case.to_json(), "run": ""} for case in pending}
        taken = {case.form.ref.identity for case in going_on}
        ended = {case.form.ref.identity for case in over}
        for _ in range(TRIES):
            entries, cursor = self._entries()
            others = sorted({entry["run"] for entry in entries} - {"", run_id})
            done = delivered(others) if others else set()
            kept = {}
            for entry in entries:
                identity = Case.from_json(entry).form.ref.identity
                if identity in taken:
                    kept[identity] = {**entry, "run": run_id}
                elif entry["run"] not in done and identity not in ended:
                    kept[identity] = entry
            kept |= waiting
            if self.ledger.cursors.set(self.name, list(kept.values()), expected=cursor):
                return
        raise exc.Conflict(
            f"other runs keep changing the list {self.name}.", remedy="Nothing: the next try goes on."
        )

    def _entries(self) -> tuple[list[dict[str, Any]], Any]:
        cursor = self.ledger.cursors.get(self.name)
        return list(cursor.value or ()), cursor


def handed_over(flow: Flow, conn_id: str, document_type: str) -> KeptCases:
    """Return the list of documents of one type that flows have handed over."""
    instance = flow.system_of(conn_id).site.instance
    return KeptCases(flow.ledger, f"handover:{document_type}:{instance}")


def bounded(name: str) -> str:
    """Return a name that fits into the ledger; a long one is told apart by its hash."""
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 17]}~{sha256(name.encode()).hexdigest()[:16]}"
