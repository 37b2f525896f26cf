"""Lineage: which documents a task read and wrote, one asset per document type and instance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from airflow_provider_docflow.hooks.handles import Handle, Outcome

WROTE = frozenset({"written", "found", "existing", "amended", "superseded"})
NUMBERS_SHOWN = 100


def asset_uri(instance: str, document_type: str) -> str:
    """Return the address of a document type in one instance, as lineage tools see it."""
    return f"docflow://{quote(instance, safe='')}/{document_type}"


def collect_inputs(operator: Any, handles: Sequence[Handle]) -> None:
    """Tell Airflow's lineage collector what was read."""
    for uri, extra in _assets(handles):
        _collector().add_input_asset(operator, uri=uri, asset_extra=extra)


def collect_outputs(operator: Any, outcomes: Sequence[Outcome]) -> None:
    """Tell Airflow's lineage collector what is written now."""
    written = [outcome.handle for outcome in outcomes if outcome.status in WROTE and outcome.handle]
    for uri, extra in _assets(written):
        _collector().add_output_asset(operator, uri=uri, asset_extra=extra)


def _collector() -> Any:
    from airflow.sdk.lineage import get_hook_lineage_collector

    return get_hook_lineage_collector()


def _assets(handles: Iterable[Handle]) -> list[tuple[str, dict[str, Any]]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for handle in handles:
        ref = handle.ref
        groups.setdefault((ref.instance, str(ref.document_type)), []).append(ref.number or ref.internal_id)
    return [
        (asset_uri(*key), {"numbers": sorted(set(numbers))[:NUMBERS_SHOWN], "count": len(set(numbers))})
        for key, numbers in sorted(groups.items())
    ]
