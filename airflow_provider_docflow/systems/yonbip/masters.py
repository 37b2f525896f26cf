"""Vendors by code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.yonbip.wire import api


def vendor_ids(site: Site, codes: Sequence[str]) -> Exchange[dict[str, Any]]:
    """Return code → id of vendors; unknown codes are left out.

    A vendor shows once per organisation that uses it, always with the same id.

    :raises InvalidDocument: several vendors answer to a code.
    """
    found: dict[str, Any] = {}
    for code in dict.fromkeys(codes):
        body = {"pageIndex": 1, "pageSize": 100, "code": code}
        answer = yield from api(site, "POST", str(site.setting("vendor_path")), body=body)
        rows = dig(answer, "data.recordList") or []
        ids = {str(row["id"]) for row in rows if str(row.get("code")) == code and row.get("id")}
        if len(ids) > 1:
            raise exc.InvalidDocument(
                f"{len(ids)} vendors answer to the code {code}.", system=site.conn_id, field="vendor"
            )
        if ids:
            found[code] = ids.pop()
    return found
