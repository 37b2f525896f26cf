"""The WeCom that plays a system in users' own tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.testing.stand_ins import STAND_INS


@pytest.mark.parametrize("document_type", ["purchase_requisition", "payment_request"])
def test_documents_are_entered_decided_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document_type: str
) -> None:
    def connect(name: str, connection: Mapping[str, Any]) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

    with Sandbox(tmp_path / "home") as sandbox:
        oa = STAND_INS["wecom"]("wecom_oa", document_type, sandbox, connect)
        assert [oa.enter("PR-1"), oa.enter("PR-2", suppliers=("SUP-1", "SUP-2"))] == ["PR-1", "PR-2"]
        oa.approve("PR-1")
        oa.refuse("PR-2")
        told = {one.ref.number: str(one.state.approval) for one in oa.documents()}
        assert told == {"PR-1": "approved", "PR-2": "rejected"}
        assert oa.total() == Decimal("50.25") * (1 + 2) + Decimal("50.25") * (1 + 2 + 3 + 4)
