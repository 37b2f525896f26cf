"""What crosses XCom, ``defer()`` and trigger arguments: references as JSON primitives, never a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentRef

Status = Literal[
    "read",
    "approved",
    "pending",
    "refused",
    "written",
    "found",
    "existing",
    "amended",
    "superseded",
    "notified",
    "shadow",
    "failed",
]
GOOD: frozenset[str] = frozenset(
    {"read", "approved", "written", "found", "existing", "amended", "superseded", "notified", "shadow"}
)


@dataclass(frozen=True, kw_only=True)
class Handle:
    """Points to one document: through which connection, which one, and as which content.

    :param material_hash: of the content that whoever passes this on has seen.
    """

    conn_id: str
    ref: DocumentRef
    material_hash: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the handle as JSON primitives."""
        return {
            "docflow_conn_id": self.conn_id,
            "ref": self.ref.to_json(),
            "material_hash": self.material_hash,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Handle:
        """Read what :meth:`to_json` wrote; other keys are left alone.

        :raises Misconfigured: it is no handle.
        """
        try:
            return cls(
                conn_id=data["docflow_conn_id"],
                ref=DocumentRef.from_json(data["ref"]),
                material_hash=data.get("material_hash", ""),
            )
        except (KeyError, TypeError) as error:
            raise exc.Misconfigured(
                f"this is no reference to a document: {str(data)[:200]}.",
                field="source",
                remedy="Pass the output of a docflow operator, or a document number.",
            ) from error


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one document in one task.

    :param source: number of the document that was asked for.
    :param part: which part of it, where it was split.
    :param url: page of the document in its system, if it has one.
    :param error: attributes of the error that ended it, or would have.
    :param verdict: in shadow, what would have been done.
    """

    status: Status
    source: str
    handle: Handle | None = None
    part: str = ""
    url: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = ""

    @property
    def good(self) -> bool:
        """Whether the flow goes on with this document."""
        return self.status in GOOD

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON primitives."""
        data: dict[str, Any] = {"status": self.status, "source": self.source, "part": self.part}
        if self.handle:
            data.update(self.handle.to_json(), number=self.handle.ref.number)
        if self.url:
            data["url"] = self.url
        if self.error:
            data["error"] = dict(self.error)
        if self.verdict:
            data["verdict"] = self.verdict
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """Read what :meth:`to_json` wrote."""
        return cls(
            status=data["status"],
            source=data["source"],
            handle=Handle.from_json(data) if "ref" in data else None,
            part=data.get("part", ""),
            url=data.get("url", ""),
            error=data.get("error", {}),
            verdict=data.get("verdict", ""),
        )


def failed(source: str, error: exc.DocflowError, *, handle: Handle | None = None, part: str = "") -> Outcome:
    """Return the outcome of a document that an error ended."""
    told = {"type": type(error).__name__, "message": error.message, **error.attrs()}
    return Outcome(status="failed", source=source, handle=handle, part=part, error=told)


def error_of(outcome: Outcome) -> exc.DocflowError:
    """Return the typed error of a failed outcome."""
    told = dict(outcome.error)
    kind = getattr(exc, str(told.pop("type", "")), exc.DocflowError)
    error: exc.DocflowError = kind(str(told.pop("message", "failed")), **told)
    return error


def summary(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return how many documents ended how."""
    return dict(sorted(Counter(outcome.status for outcome in outcomes).items()))
