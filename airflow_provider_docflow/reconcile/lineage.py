"""A reconciliation as OpenLineage tells it: what was compared, and how good it was found to be.

Facets: ``dataQualityMetrics`` and ``dataQualityAssertions`` of each side, and ``docflow_reconciliation`` of
the run, with the figures that XCom has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    RunFacet,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
)

if TYPE_CHECKING:
    from airflow_provider_docflow.reconcile.sources import Source

BOTH = ("value_difference", "ambiguous", "partial")
OF = {
    "left": ("missing_right", "duplicate_left", *BOTH),
    "right": ("missing_left", "duplicate_right", *BOTH),
}
"""Which kinds of breaks are a fault found in which side's documents."""


@attr.define
class ReconciliationRunFacet(RunFacet):
    """The figures of a reconciliation.

    :param figures: what :meth:`~airflow_provider_docflow.reconcile.outcome.Outcome.to_json` gives, as JSON.
    """

    reconciliation: str
    breaks: int
    figures: str


def lineage(sides: Mapping[str, Source], figures: Mapping[str, Any] | None) -> OperatorLineage[Any, Any]:
    """Return what a task's run tells.

    :param sides: ``left`` and ``right``.
    :param figures: of the outcome; None if there is none.
    """
    inputs = [_dataset(source, _facets(side, figures)) for side, source in sides.items()]
    if figures is None:
        return OperatorLineage(inputs=inputs)
    facet = ReconciliationRunFacet(
        reconciliation=str(figures["reconciliation"]),
        breaks=int(figures["counts"].get("breaks", 0)),
        figures=json.dumps(figures, sort_keys=True),
    )
    return OperatorLineage(inputs=inputs, run_facets={"docflow_reconciliation": facet})


def _dataset(source: Source, facets: dict[str, InputDatasetFacet]) -> InputDataset:
    namespace, name = source.dataset()
    return InputDataset(namespace=namespace, name=name, inputFacets=facets)


def _facets(side: str, figures: Mapping[str, Any] | None) -> dict[str, InputDatasetFacet]:
    if figures is None:
        return {}
    metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        columnMetrics={}, rowCount=int(figures["documents"][side])
    )
    asserted = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
        assertions=_assertions(OF[side], figures["counts"])
    )
    return {"dataQualityMetrics": metrics, "dataQualityAssertions": asserted}


def _assertions(
    kinds: Sequence[str], counts: Mapping[str, int]
) -> list[data_quality_assertions_dataset.Assertion]:
    return [
        data_quality_assertions_dataset.Assertion(
            assertion=f"reconciliation.{kind}",
            success=not counts.get(kind),
            expected="0",
            actual=str(counts.get(kind, 0)),
        )
        for kind in kinds
    ]
