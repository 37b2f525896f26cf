"""The verbs of a flow in shadow: they read, map, check and probe, and report what would have been written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from hashlib import sha256
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import Document, DocumentRef, document_to_json
from airflow_provider_docflow.hooks.creating import Creation
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle, Outcome, error_of
from airflow_provider_docflow.hooks.modes import shadow_everywhere
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.wording import Wording
from airflow_provider_docflow.ledger.cursors import Cursor
from airflow_provider_docflow.ledger.shadows import APPROVAL, Place, ShadowEntry, shadow_id

LONGEST_NAME = 240


class ShadowFlow(Flow):
    """A flow that writes nothing to any system and moves nothing in the ledger but its own report.

    :param place: the task whose report it is.
    """

    in_shadow = True

    def __init__(self, ledger: Any, system_of: Callable[[str], System], *, actor: str, place: Place) -> None:
        super().__init__(ledger, system_of, actor=actor)
        self.place = place
        self.entries: list[ShadowEntry] = []

    @property
    def emits(self) -> bool:  # type: ignore[override]
        """Whether documents may start the runs of other flows: only where those run in shadow too."""
        return shadow_everywhere()

    def creator(self, target_conn_id: str, creation: Creation) -> Any:
        """Return what tells what would be created; see :class:`ShadowCreator`."""
        from airflow_provider_docflow.hooks.shadow_create import ShadowCreator

        return ShadowCreator(self, self.system_of(target_conn_id), creation)

    def actor_on(self) -> Any:
        """Return what tells which actions would be carried out; see :class:`ShadowActor`."""
        from airflow_provider_docflow.hooks.shadow_act import ShadowActor

        return ShadowActor(self)

    def approver(self) -> Any:
        """Return what reads decisions and records none; see :class:`ShadowApprover`."""
        from airflow_provider_docflow.hooks.shadow_act import ShadowApprover

        return ShadowApprover(self)

    def notify(
        self,
        outcomes: Sequence[Outcome],
        wording: Wording,
        channels: Sequence[Callable[[], Any]],
        *,
        node: str = "",
    ) -> list[Outcome]:
        """Report what people would be told; nothing is sent."""
        from airflow_provider_docflow.hooks.shadow_act import notices

        return notices(self, outcomes, wording, channels, node=node)

    def cursor(self, name: str) -> Cursor:
        """Return where shadow runs stand; where live runs stand as long as there was none."""
        own = self.ledger.cursors.get(_own(name))
        if own.version:
            return Cursor(own.value, own.version)
        return Cursor(self.ledger.cursors.get(name).value, 0)

    def move_cursor(self, name: str, value: Any, *, version: int) -> bool:
        """Move the cursor of shadow runs; that of live runs stays."""
        moved: bool = self.ledger.cursors.set(_own(name), value, expected=Cursor(None, version))
        return moved

    def observed(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Report how approvals stand; the undecided go on, so that the rest of the flow is shown."""
        return [self._observed(one) for one in outcomes]

    def _observed(self, one: Outcome) -> Outcome:
        if one.handle is None or one.status == "failed":
            return one
        verdict = {"approved": "approved", "pending": "wait"}.get(one.status, "refuse")
        ref, seen = one.handle.ref, one.handle.material_hash
        self.tell((APPROVAL, *ref.identity), APPROVAL, verdict, source=ref, content=seen, error=one.error)
        return one if verdict == "refuse" else replace(one, status="shadow", verdict=verdict)

    def waited(
        self, outcomes: Sequence[Outcome], pending: Set[Any], verdict: str, error: exc.DocflowError | None
    ) -> list[Outcome]:
        """Report what would be waited for; everything goes on."""
        told = []
        for one in outcomes:
            assert one.handle is not None
            ref = one.handle.ref
            word = verdict if ref.is_shadow or ref.identity in pending else "reached"
            self.tell(("wait", *ref.identity), "wait", word, source=ref, error=told_error(error))
            told.append(replace(one, status="shadow", verdict=word))
        return told

    def tell(
        self,
        name: Sequence[Any],
        action: str,
        verdict: str,
        *,
        source: DocumentRef | None = None,
        source_number: str = "",
        content: str = "",
        **body: Any,
    ) -> None:
        """Add a line to the report; empty parts of the body are left out."""
        told = {key: value for key, value in body.items() if value not in (None, "", [], {}, ())}
        if source is not None:
            told["source"] = source.to_json()
            source_number = source_number or source.number or source.internal_id
        entry = ShadowEntry(
            name=tuple(name),
            action=action,
            verdict=verdict,
            source=source,
            source_number=source_number,
            content=content,
            body=told,
        )
        self.entries.append(entry)

    def shadow_ref(self, name: Sequence[Any], target: System, document: Document, number: str) -> DocumentRef:
        """Return the reference under which the flow goes on with what would have been written."""
        return DocumentRef(
            target.site.instance,
            document.company_code,
            document.document_type,
            shadow_id(self.place, tuple(name)),
            f"shadow:{number}"[:255].rstrip(),
        )

    def keep_report(self, outcomes: Sequence[Outcome]) -> dict[str, int]:
        """Keep the report of this task in the ledger, in place of what it said before; return the counts."""
        told = {entry.source_number for entry in self.entries}
        for one in outcomes:
            if one.status == "failed" and one.source not in told:
                name, verdict = ("failed", one.source, one.part), verdict_of(error_of(one))
                self.tell(name, "read", verdict, source_number=one.source, error=dict(one.error))
        self.ledger.shadows.put(self.place, self.entries)
        return dict(sorted(Counter(entry.verdict for entry in self.entries).items()))


def verdict_of(error: exc.DocflowError) -> str:
    """Return what the report says of an error: a refusal, or that nobody could look."""
    return "refuse" if isinstance(error, exc.PermanentError) else "unread"


def fields_of(document: Document) -> dict[str, Any]:
    """Return the fields that would be written, path to value; amounts are strings."""
    return flat(document_to_json(document))


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return nested JSON as paths, such as ``lines[0].quantity``, without what is empty."""
    if isinstance(value, Mapping):
        inner = [(f"{path}.{name}" if path else str(name), one) for name, one in value.items()]
    elif isinstance(value, list | tuple):
        inner = [(f"{path}[{position}]", one) for position, one in enumerate(value)]
    else:
        return {} if value in (None, "") else {path: value}
    return {key: leaf for name, one in inner for key, leaf in flat(one, name).items()}


def told_error(error: exc.DocflowError | None) -> dict[str, Any]:
    """Return an error as JSON primitives."""
    if error is None:
        return {}
    return {"type": type(error).__name__, "message": error.message, **error.attrs()}


def shadow_outcome(
    source: str, verdict: str, handle: Handle, *, part: str = "", url: str = "", error: Any = None
) -> Outcome:
    """Return the outcome of a document with which the flow goes on in shadow."""
    told = told_error(error)
    return Outcome(
        status="shadow", source=source, part=part, handle=handle, url=url, verdict=verdict, error=told
    )


def _own(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return f"shadow:{name}"
    return f"shadow:{name[:200]}~{sha256(name.encode()).hexdigest()[:16]}"
