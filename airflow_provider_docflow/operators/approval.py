"""Waits for the decision on documents, and records it in the ledger, where writing operators look it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from airflow.sdk.exceptions import AirflowSkipException, TaskDeferralTimeout

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import emit, keys_to_handles
from airflow_provider_docflow.operators.base import DocflowOperator, Documents, handles_of, is_one, plain
from airflow_provider_docflow.operators.kept import Case, KeptCases, handed_over
from airflow_provider_docflow.operators.reading import read_again
from airflow_provider_docflow.operators.requesting import look_in_shadow, request
from airflow_provider_docflow.operators.settling import check_fail_on
from airflow_provider_docflow.operators.waiting import check_word, defer_until, delivered_by, text_of
from airflow_provider_docflow.triggers.words import DECIDED, GONE

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.approving import Approver
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome

Mode = Literal["observe", "request", "shadow"]
Wait = Literal["defer", "handover", "carry"]
OnRefused = Literal["fail", "skip"]


class ApprovalOperator(DocflowOperator):
    """Waits until documents are decided and hands on the approved ones.

    Whatever state this task is given in Airflow, nothing is created from a document without the decision that
    it records in the ledger.

    :param docflow_conn_id: the approval system.
    :param document_type: type of the documents there; with ``mode="request"`` type of the form.
    :param number: document numbers or partition keys, one or a list.
    :param source: outputs of docflow operators, in place of ``number``.
    :param mode: ``observe`` documents on which the approval system decides itself, or ``request`` the
        approval of others by a form in it; ``shadow`` observes in shadow.
    :param policy: who must have signed, see ``approvals.policy``; no template field.
    :param mapping: for a request, fields of the form as Jinja expressions; no template field.
    :param arguments: for a request, what the system takes beside the form, such as its approvers.
    :param wait: ``defer`` until all are decided; ``carry``: the decided ones go on, the others are looked at
        again by the next run of this task; ``handover``: they are left to a ``CollectDecisionsOperator``, and
        an approved document is emitted as a partition of the task's outlet.
    :param timeout: with ``defer``, how long to wait in all; None waits for ever.
    :param poll_interval: seconds between looks; ``[docflow] poll_interval`` if not given.
    :param on_refused: whether a refused document fails the task or is left out.
    :param company_code: company of the documents that numbers name.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "document_type",
        "number",
        "source",
        "company_code",
        "mode",
        "arguments",
        "wait",
        "on_refused",
    )
    serialized_beside: ClassVar[frozenset[str]] = frozenset({"policy_text", "mapping_text"})
    ui_color = "#fbe9d7"

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        number: Documents | None = None,
        source: Documents | None = None,
        mode: Mode = "observe",
        policy: Mapping[str, Any] | None = None,
        mapping: Mapping[str, str] | None = None,
        arguments: Mapping[str, Any] | None = None,
        wait: Wait = "defer",
        timeout: timedelta | float | None = None,
        poll_interval: float | None = None,
        on_refused: OnRefused = "fail",
        company_code: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.number = number
        self.source = source
        self.mode = mode
        self.policy = policy
        self.mapping = mapping
        self.arguments = arguments
        self.wait = wait
        self.timeout = timeout
        self.poll_interval = poll_interval
        self.on_refused = on_refused
        self.company_code = company_code

    asks = property(lambda self: "observe" if self.mode in ("live", "shadow") else self.mode)
    policy_text = property(lambda self: text_of(self.policy))
    mapping_text = property(lambda self: text_of(self.mapping))

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the documents; what is undecided is waited for.

        :raises Unsupported: the system cannot do what ``mode`` asks for.
        :raises NotApproved: a document was refused.
        """
        check_fail_on(self.fail_on)
        check_word("mode", self.asks, get_args(Mode))
        check_word("wait", self.wait, get_args(Wait))
        check_word("on_refused", self.on_refused, get_args(OnRefused))
        with self.working(context) as flow:
            return self._look(context, flow)

    def resume(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Look again: the trigger only says that there is something to see."""
        from airflow_provider_docflow.triggers.document import check_event

        check_event(event)
        return self.execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume; a wait that took too long is a decision that is missing."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            raise self._too_late() from error

    def _look(self, context: Context, flow: Flow) -> dict[str, Any]:
        approver = flow.approver()
        self._check(flow, approver)
        cases, failures = self._cases(context, flow, approver)
        if flow.in_shadow:
            seen = look_in_shadow(self, context, flow, approver, cases)
            return self.settle(context, flow, [*failures, *seen], single=is_one(self._documents()))
        kept = self._kept(context, flow, cases)
        cases = [*kept, *cases]
        outcomes = self._observed(approver, cases)
        if self.wait == "defer":
            self._defer(context, flow, cases, outcomes)
        else:
            outcomes = self._keep(context, flow, cases, outcomes, len(kept))
        if self.wait == "handover":
            emit(context, handles_of(outcomes))
        single = not kept and is_one(self._documents())
        if not outcomes and not failures:
            raise AirflowSkipException("Nothing is decided yet; a later run looks again.")
        return self.settle(context, flow, [*failures, *outcomes], single=single)

    def _check(self, flow: Flow, approver: Approver) -> None:
        """Refuse what the system cannot do, before anybody waits for it."""
        from airflow_provider_docflow.approvals.policy import Policy

        Policy.from_json(self.policy)
        approver.check_enforceable(self.docflow_conn_id, self.document_type)
        if self.asks == "request":
            flow.system_of(self.docflow_conn_id).site.profile.write(self.document_type, "create")

    def _documents(self) -> Any:
        if (self.number in (None, "")) == (self.source in (None, "")):
            raise exc.Misconfigured(
                "exactly one of number and source names the documents.",
                field="source",
                remedy="Pass document numbers, or the output of a docflow operator.",
            )
        return self.source if self.number in (None, "") else self.number

    def _cases(self, context: Context, flow: Flow, approver: Approver) -> tuple[list[Case], list[Outcome]]:
        documents = plain(self._documents(), "source")
        observing = self.asks == "observe"
        if observing:
            instance = flow.system_of(self.docflow_conn_id).site.instance
            documents = keys_to_handles(documents, self.docflow_conn_id, instance, self.document_type)
        found = self.find(
            context,
            flow,
            documents,
            conn_id=self.docflow_conn_id if observing else "",
            document_type=self.document_type if observing else "",
            company_code=self.company_code,
        )
        failures = [outcome for outcome in found if not outcome.good]
        if observing:
            return [Case(handle) for handle in handles_of(found)], failures
        read = read_again(flow, handles_of(found))
        cases, refused = request(
            flow,
            approver,
            handles_of(read),
            conn_id=self.docflow_conn_id,
            document_type=self.document_type,
            mapping=self.mapping,
            arguments=self.arguments,
        )
        return cases, [*failures, *(outcome for outcome in read if not outcome.good), *refused]

    def _observed(self, approver: Approver, cases: Sequence[Case]) -> list[Outcome]:
        if not cases:
            return []
        subjects: Any = [case.subject for case in cases]
        return approver.observe([case.form for case in cases], self.policy, subjects=subjects)

    def _defer(
        self, context: Context, flow: Flow, cases: Sequence[Case], outcomes: Sequence[Outcome]
    ) -> None:
        pending = [case.form for case, one in zip(cases, outcomes, strict=True) if one.status == "pending"]
        if not pending:
            return
        rest = self._remaining(context)
        self.log.info("%d of %d documents are undecided; waiting", len(pending), len(cases))
        defer_until(
            self,
            pending,
            until={"approval": [*DECIDED["approval"], "unknown"]},
            fail_on=GONE,
            ledger_id=flow.ledger.ledger_id,
            method_name="resume",
            timeout=rest,
            poll_interval=self.poll_interval,
        )

    def _remaining(self, context: Context) -> timedelta | None:
        """Return how long to wait still, counted from the task's first look."""
        if self.timeout is None:
            return None
        whole = self.timeout if isinstance(self.timeout, timedelta) else timedelta(seconds=self.timeout)
        rest = whole - (datetime.now(UTC) - context["ti"].start_date)
        if rest <= timedelta(0):
            raise self._too_late()
        return rest

    def _too_late(self) -> exc.NotApproved:
        return exc.NotApproved(
            f"nobody has decided within {self.timeout}.",
            system=self.docflow_conn_id,
            code="approval.timeout",
            field="approval",
            remedy="Remind the approvers; then clear this task, which begins to wait anew.",
        )

    def _list(self, context: Context, flow: Flow) -> KeptCases:
        if self.wait == "carry":
            ti = context["ti"]
            return KeptCases(flow.ledger, f"carry:{ti.dag_id}.{ti.task_id}")
        return handed_over(flow, self.docflow_conn_id, self.document_type)

    def _kept(self, context: Context, flow: Flow, cases: Sequence[Case]) -> list[Case]:
        """Return the documents that earlier runs left undecided; they come first."""
        if self.wait != "carry":
            return []
        own = {case.form.ref.identity for case in cases}
        taken = self._list(context, flow).take(context["ti"].run_id, delivered_by(context))
        return [case for case in taken if case.form.ref.identity not in own]

    def _keep(
        self,
        context: Context,
        flow: Flow,
        cases: Sequence[Case],
        outcomes: Sequence[Outcome],
        kept: int,
    ) -> list[Outcome]:
        """Keep the undecided; return what this run goes on with."""
        sorted_out: dict[str, list[Case]] = {"pending": [], "going_on": [], "over": []}
        shown: list[Outcome] = []
        for position, (case, one) in enumerate(zip(cases, outcomes, strict=True)):
            if one.status == "failed" and position < kept and one.error.get("type") != "NotFound":
                # A document of an earlier run that cannot be read just now holds nobody up.
                self.log.error("%s stays kept: %s", one.source, one.error.get("message"))
            elif one.status == "pending":
                sorted_out["pending"].append(case)
            else:
                shown.append(one)
                sorted_out["going_on" if one.good else "over"].append(case)
        kept_now = len(sorted_out["pending"])
        self.log.info("%d documents are undecided and kept for a later run", kept_now)
        self._list(context, flow).settle(context["ti"].run_id, delivered=delivered_by(context), **sorted_out)
        return shown

    def settle(
        self, context: Context, flow: Flow, outcomes: Sequence[Outcome], *, single: bool
    ) -> dict[str, Any]:
        """Account for the outcomes; with ``on_refused="skip"`` the refused ones are left out.

        :raises AirflowSkipException: nothing but refused documents is left.
        """
        if self.on_refused == "skip" and not flow.in_shadow:
            rest = [one for one in outcomes if one.status != "refused"]
            for one in outcomes:
                if one.status == "refused":
                    self.log.warning("%s was refused: %s", one.source, one.error.get("message", ""))
            if outcomes and not rest:
                raise AirflowSkipException(f"{len(outcomes)} documents were refused.")
            outcomes = rest
        return super().settle(context, flow, outcomes, single=single)
