"""What the operators do, without Airflow: find the sources, read, create, act, and pack the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import DocumentRef, material_hash
from airflow_provider_docflow.hooks.acting import Actor
from airflow_provider_docflow.hooks.creating import Creation, Creator, OnChange, link_of
from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed, summary
from airflow_provider_docflow.hooks.overriding import with_overrides
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.cursors import Cursor

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.approving import Approver
    from airflow_provider_docflow.hooks.messengers import Messenger
    from airflow_provider_docflow.hooks.wording import Wording


class Flow:
    """The verbs of a flow over one ledger.

    :param system_of: gives the connected system of a connection id.
    :param actor: who acts, as text for the audit: DAG, run and task, or a person.
    :ivar in_hand: documents that the work is about, as far as they are known.
    """

    in_shadow = False
    emits = True
    """Whether documents may start the runs of other flows."""

    def __init__(self, ledger: Any, system_of: Callable[[str], System], *, actor: str) -> None:
        self.ledger, self.system_of, self.actor = ledger, system_of, actor
        self.in_hand: list[DocumentRef] = []

    def sources(
        self, source: Any, *, conn_id: str = "", document_type: str = "", company_code: str = ""
    ) -> list[Outcome]:
        """Return what ``source`` points to: numbers, outputs of other operators, batches, or lists of these.

        Documents that came to nothing upstream are left out; numbers that cannot be found are failures.

        :raises Misconfigured: it is none of these.
        """
        if source is None or source == "":
            return []
        if isinstance(source, str):
            return self._numbers([source], conn_id, document_type, company_code)
        if isinstance(source, Mapping):
            return self._mapping(source)
        if isinstance(source, list | tuple):
            numbers = [item for item in source if isinstance(item, str)]
            found = self._numbers(numbers, conn_id, document_type, company_code) if numbers else []
            others = (self.sources(item) for item in source if not isinstance(item, str))
            return [*found, *(outcome for some in others for outcome in some)]
        raise exc.Misconfigured(
            f"a {type(source).__name__} is no document.",
            field="source",
            remedy="Pass a document number or the output of a docflow operator.",
        )

    def _mapping(self, source: Mapping[str, Any]) -> list[Outcome]:
        return [outcome for outcome in self.told(source) if outcome.good and outcome.handle is not None]

    def told(self, output: Mapping[str, Any]) -> list[Outcome]:
        """Return every outcome in an operator's output, of documents that came to nothing too.

        :raises ShadowReference: it comes from a shadow run, and this one is live.
        """
        if "batch" in output:
            found = self.unpack(str(output["batch"]))
        elif "status" in output:
            found = [Outcome.from_json(output)]
        else:
            handle = Handle.from_json(output)
            found = [Outcome(status="read", source=handle.ref.number, handle=handle)]
        if not self.in_shadow:
            for one in found:
                _refuse_shadow(one)
        return found

    def _numbers(
        self, numbers: Sequence[str], conn_id: str, document_type: str, company_code: str
    ) -> list[Outcome]:
        if not conn_id or not document_type:
            raise exc.Misconfigured(
                f"document number {numbers[0]!r} needs a connection and a document type.", field="source"
            )
        system = self.system_of(conn_id)
        shown = system.resolve(document_type, numbers, company_code)
        self._remember(shown)
        found = with_overrides(self.ledger, shown, actor=self.actor, records=not self.in_shadow)
        return [
            self._read_outcome(system, number, reading)
            for number, reading in zip(numbers, found, strict=True)
        ]

    def _remember(self, readings: Sequence[Any]) -> None:
        Coverage(self.ledger).remember([one for one in readings if isinstance(one, Reading)])

    def read(self, handles: Sequence[Handle]) -> list[Outcome]:
        """Read documents and keep what was read in the index."""
        outcomes: dict[int, Outcome] = {}
        groups: dict[tuple[str, str], list[int]] = {}
        for position, handle in enumerate(handles):
            groups.setdefault((handle.conn_id, str(handle.ref.document_type)), []).append(position)
        for (conn_id, _), positions in groups.items():
            system = self.system_of(conn_id)
            readings = system.read([handles[position].ref for position in positions])
            self._remember(readings)
            readings = with_overrides(self.ledger, readings, actor=self.actor, records=not self.in_shadow)
            for position, reading in zip(positions, readings, strict=True):
                ref = handles[position].ref
                outcomes[position] = self._read_outcome(system, ref.number or ref.internal_id, reading)
        return [outcomes[position] for position in range(len(handles))]

    def _read_outcome(self, system: System, name: str, reading: Any) -> Outcome:
        if isinstance(reading, exc.DocflowError):
            return failed(name, reading)
        seen = material_hash(reading.document) if reading.document else ""
        handle = Handle(conn_id=system.conn_id, ref=reading.ref, material_hash=seen)
        return Outcome(status="read", source=name, handle=handle, url=link_of(system, reading.ref))

    def create(
        self,
        sources: Sequence[Handle],
        *,
        target_conn_id: str,
        document_type: str,
        mapping: Mapping[str, str] | None = None,
        split_by: str | None = None,
        where: str = "",
        until: str = "saved",
        on_change: OnChange = "incident",
        requires_approval: bool = True,
        arguments: Mapping[str, Any] | None = None,
    ) -> list[Outcome]:
        """Create what the sources become in the target; see :class:`Creator`."""
        creation = Creation(
            document_type=document_type,
            mapping=mapping or {},
            split_by=split_by,
            where=where,
            until=until,
            on_change=on_change,
            requires_approval=requires_approval,
            arguments=dict(arguments or {}),
        )
        return self.creator(target_conn_id, creation).create(sources)

    def creator(self, target_conn_id: str, creation: Creation) -> Creator:
        """Return what creates documents in a target."""
        target = self.system_of(target_conn_id)
        return Creator(self.ledger, self.system_of, target, creation, actor=self.actor)

    def act(
        self,
        handles: Sequence[Handle],
        *,
        action: str,
        arguments: Mapping[str, Any] | None = None,
        requires_approval: bool = False,
    ) -> list[Outcome]:
        """Carry out one action on every document, once; see :class:`Actor`."""
        return self.actor_on().act(handles, action, arguments, requires_approval=requires_approval)

    def write_back(self, documents: Sequence[Handle], links: Sequence[Handle]) -> list[Outcome]:
        """Write the numbers of the descendants onto the documents; see :class:`Actor`."""
        return self.actor_on().write_back(documents, links)

    def actor_on(self) -> Actor:
        """Return what acts on documents that exist."""
        return Actor(self.ledger, self.system_of, actor=self.actor)

    def approver(self) -> Approver:
        """Return what judges documents of approval systems and requests approvals."""
        from airflow_provider_docflow.hooks.approving import Approver

        return Approver(self.ledger, self.system_of, actor=self.actor)

    def notify(
        self,
        outcomes: Sequence[Outcome],
        wording: Wording,
        channels: Sequence[Callable[[], Messenger]],
        *,
        node: str = "",
    ) -> list[Outcome]:
        """Tell people about documents, each once; see :class:`Notifying`."""
        from airflow_provider_docflow.hooks.notifying import Notifying

        return Notifying(self.ledger, wording, actor=self.actor).notify(outcomes, channels, node=node)

    def left_behind(self, ref: DocumentRef, error: exc.DocflowError) -> int:
        """Open an incident about a document without which the flow goes on; return its number."""
        from airflow_provider_docflow.ledger.troubles import came_to_nothing

        return came_to_nothing(self.ledger, ref, error, self.actor)

    def cursor(self, name: str) -> Cursor:
        """Return a cursor."""
        found: Cursor = self.ledger.cursors.get(name)
        return found

    def move_cursor(self, name: str, value: Any, *, version: int) -> bool:
        """Move a cursor, if it still stands at ``version``; return whether it was moved."""
        moved: bool = self.ledger.cursors.set(name, value, expected=Cursor(None, version))
        return moved

    def pack(self, outcomes: Sequence[Outcome], *, single: bool) -> dict[str, Any]:
        """Return what crosses XCom: the outcome itself, or a reference to the batch in the ledger.

        :param single: the author asked for one document; a split may still have made several of it.
        """
        if single and len(outcomes) == 1:
            return outcomes[0].to_json()
        types = {str(outcome.handle.ref.document_type) for outcome in outcomes if outcome.handle}
        told = [outcome.to_json() for outcome in outcomes]
        with self.ledger.transaction() as tx:
            names = [{"source": item["source"], "part": item["part"]} for item in told]
            batch = self.ledger.batches.create(names, actor=self.actor, tx=tx)
            self.ledger.batches.set_outcomes(batch, dict(enumerate(told)), tx=tx)
        return {
            "batch": batch,
            "count": len(outcomes),
            "statuses": summary(outcomes),
            "document_type": types.pop() if len(types) == 1 else "",
        }

    def unpack(self, batch: str) -> list[Outcome]:
        """Return every outcome of a batch, in order.

        :raises NotFound: the ledger has no such batch.
        """
        outcomes: list[Outcome] = []
        after = -1
        while items := self.ledger.batches.items(batch, after=after):
            outcomes.extend(Outcome.from_json(item.outcome) for item in items if item.outcome)
            after = items[-1].position
        return outcomes


def _refuse_shadow(one: Outcome) -> None:
    if one.status != "shadow" and (one.handle is None or not one.handle.ref.is_shadow):
        return
    raise exc.ShadowReference(
        "it comes from a shadow run, in which nothing was written, and this task is live.",
        document=one.source,
        field="source",
        remedy="Clear the task upstream so that it runs live, or let this one run in shadow too.",
    )
