"""The tests' ERP, as if nobody could say when its search shows what was written."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_docflow.core.profile import Probe
from tests.operators.profiles import PROFILE

_ORDER = PROFILE.documents["purchase_order"]
assert _ORDER.create is not None

PROFILE_BEST_EFFORT = replace(
    PROFILE,
    documents={
        **PROFILE.documents,
        "purchase_order": replace(
            _ORDER, create=replace(_ORDER.create, probe=Probe(quality="best_effort", settle_seconds=1.0))
        ),
    },
)
