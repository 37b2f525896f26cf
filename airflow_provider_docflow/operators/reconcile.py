"""Reconciles two sides; its breaks live in the ledger until a later run no longer finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID
from airflow_provider_docflow.operators.base import actor_of
from airflow_provider_docflow.retry import DEFAULT_RETRIES, POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.reconcile.comparisons import Comparison
    from airflow_provider_docflow.reconcile.rates import Rates
    from airflow_provider_docflow.reconcile.rules import Expected, InTransit, Rule
    from airflow_provider_docflow.reconcile.run import Running
    from airflow_provider_docflow.reconcile.sources import Source


class ReconcileOperator(BaseOperator):
    """Compares the documents of two sides and keeps every break.

    :param left: source of the left side.
    :param right: source of the right side.
    :param match: rules that say which documents belong together, tried in this order.
    :param compare: how matched documents have to agree, by field.
    :param name: under which breaks are known from run to run; DAG and task if empty.
    :param identity: fields by which a document is known; those of the first exact key if empty.
    :param amount: amount that is totalled.
    :param currency: field of its currency.
    :param expected: differences that come up and where they are posted.
    :param in_transit: what may be missing because it is under way.
    :param show: further fields for the report.
    :param aged_from: fields of the date from which a break ages.
    :param rates: adds amounts in one currency, such as ``payable_amount_in_cny``, for rules and comparisons.
    :param carry_forward: keep open items as candidates until they are cleared.
    :param fail_when: ``breaks > 0.1%``, ``missing_left > 0 or suggested > 10``, or ``never``.
    :param report: folder of the report, as an ObjectStoragePath; empty for none.
    :param sensitive: fields that report, log and XCom mask; sums of a sensitive amount are masked, too.
    :param language: of the report, ``en`` or ``zh``.
    :param engine: ``auto``: PostgreSQL where both sides are queries on one such database, else ``duckdb``; or
        ``postgresql``, or ``spark``.
    :param memory_limit: of DuckDB, such as ``2GB``; beyond it, it writes to disk.
    :param spark: address of Spark: ``sc://host:15002`` for Spark Connect, or a master such as ``local[2]``.
    :param ledger_conn_id: connection of the ledger.
    """

    template_fields: Sequence[str] = (
        "left",
        "right",
        "rates",
        "name",
        "fail_when",
        "report",
        "language",
        "engine",
        "memory_limit",
        "spark",
        "ledger_conn_id",
    )
    ui_color = "#f2f7ec"

    def __init__(
        self,
        *,
        left: Source,
        right: Source,
        match: Sequence[Rule],
        compare: Mapping[str, Comparison],
        name: str = "",
        identity: Sequence[str] = (),
        amount: str = "payable_amount",
        currency: str = "currency",
        expected: Sequence[Expected] = (),
        in_transit: Sequence[InTransit] = (),
        show: Sequence[str] = (),
        aged_from: Sequence[str] = (),
        rates: Rates | None = None,
        carry_forward: bool = False,
        fail_when: str = "breaks > 0",
        report: str = "",
        sensitive: Sequence[str] = (),
        language: str = "en",
        engine: str = "auto",
        memory_limit: str = "",
        spark: str = "",
        ledger_conn_id: str = DEFAULT_CONN_ID,
        retries: int | None = DEFAULT_RETRIES,
        retry_policy: Any = POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(retries=retries, retry_policy=retry_policy, **kwargs)
        self.left, self.right = left, right
        self.match, self.compare = match, compare
        self.name, self.identity = name, identity
        self.amount, self.currency, self.rates = amount, currency, rates
        self.expected, self.in_transit, self.carry_forward = expected, in_transit, carry_forward
        self.show, self.aged_from, self.fail_when = show, aged_from, fail_when
        self.report, self.sensitive, self.language = report, sensitive, language
        self.engine, self.memory_limit, self.spark = engine, memory_limit, spark
        self.ledger_conn_id = ledger_conn_id
        self._figures: dict[str, Any] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Reconcile and return the figures.

        :raises Rejected: there are more breaks than ``fail_when`` accepts; the ledger has them all the same.
        """
        from airflow_provider_docflow.reconcile.failing import is_too_much

        is_too_much(self.fail_when, {}, 1)
        with self._running(context) as running:
            outcome = running.run()
            plan = running.what.plan
            figures = self._figures = outcome.to_json(plan.hides(plan.hidden(plan.sensitive)))
            if self.report:
                from airflow_provider_docflow.reconcile.report import write_report

                figures["report"] = write_report(
                    running, outcome, self.report, sensitive=self.sensitive, language=self.language
                )
        self.log.info("%s: %s", outcome.name, figures["counts"])
        if is_too_much(self.fail_when, outcome.counts, max(outcome.documents.values())):
            context["ti"].xcom_push(key="return_value", value=figures)
            raise exc.Rejected(
                f"{outcome.counts['breaks']} breaks: {_in_words(outcome.counts)}.",
                system=f"{self.left.title()} and {self.right.title()}",
                code="reconciliation.breaks",
                remedy=f"See: airflow docflow breaks --name {outcome.name!r}.",
            )
        return figures

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Tell Airflow's OpenLineage provider what was compared and what was found; also for a task that
        fails because of it.
        """
        from airflow_provider_docflow.reconcile.lineage import lineage

        return lineage({"left": self.left, "right": self.right}, self._figures)

    def _running(self, context: Context) -> Running:
        from airflow_provider_docflow.hooks.ledger import ledger_of
        from airflow_provider_docflow.reconcile.engines import choose
        from airflow_provider_docflow.reconcile.plan.run import Plan
        from airflow_provider_docflow.reconcile.run import Reconciliation, Running

        ti = context["ti"]
        plan = Plan(
            match=self.match,
            compare=self.compare,
            identity=tuple(self.identity),
            amount=self.amount,
            currency=self.currency,
            expected=self.expected,
            in_transit=self.in_transit,
            show=tuple(self.show),
            aged_from=tuple(self.aged_from),
            rates=self.rates,
            sensitive=tuple(self.sensitive),
        )
        what = Reconciliation(
            name=self.name or f"{ti.dag_id}.{ti.task_id}",
            left=self.left,
            right=self.right,
            plan=plan,
            carry_forward=self.carry_forward,
        )
        return Running(
            what,
            choose(self.engine, self.left, self.right, memory_limit=self.memory_limit, spark=self.spark),
            ledger=ledger_of(self.ledger_conn_id),
            key=f"{ti.run_id}|{-1 if ti.map_index is None else ti.map_index}",
            actor=actor_of(context),
            ledger_conn_id=self.ledger_conn_id,
            progress=self._tell,
        )

    def _tell(self, step: str, counts: Mapping[str, int]) -> None:
        self.log.info("%s: %s", step, ", ".join(f"{name} {count:,}" for name, count in counts.items()))


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {name}" for name, count in sorted(counts.items()) if name != "breaks" and count
    )
