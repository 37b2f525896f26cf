"""
Seeyon (致远): a workflow's form is read with the state of its flow. Experimental: after the vendor's pages on
REST (open.seeyon.com, "表单流程集成", "业务生成器服务管理") and other people's clients; never run against
the product.

*Login*: ``POST /seeyon/rest/token`` with the REST user and its password, and the login name of a person as
whom calls are made; calls carry the header ``token``.

*Form*: an export in the vendor's XML (``formExport``: definitions and values by the fields' shown names).
How an export holds the rows of repeated tables is not shown anywhere; the form's head is read, its rows are
not.

*State*: a number. 1 to 7 and 15 are the vendor's own list (ctp_affair.STATE); that 0 is the end of a flow
other people's clients say. Whether an ended flow was approved only the tenant knows: ``finished_means``.

*Nothing is written*: no page shows how the form of a flow under way is changed or commented on, unless the
connection's ``forms`` name a ``write_back`` of the tenant's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from xml.etree import ElementTree

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.conn_fields import text
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.rest import Scheme, rest_profile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.rest.templated import (
    TOLD,
    Form,
    Product,
    experimental,
    instance,
    meanings,
)

DEFAULTS: Mapping[str, Any] = {
    "read": {"method": "GET", "path": "/seeyon/rest/flow/data/{id}"},
    "state": {"method": "GET", "path": "/seeyon/rest/flow/state/{id}"},
}
TOKEN_SECONDS = 600.0
LIFECYCLE = {
    "0": "closed",
    "1": "draft",
    "2": "submitted",
    "3": "submitted",
    "4": "submitted",
    "5": "cancelled",
    "6": "submitted",
    "7": "draft",
    "15": "cancelled",
}
APPROVAL = {
    "1": "none",
    "2": "pending",
    "3": "pending",
    "4": "pending",
    "5": "withdrawn",
    "6": "returned",
    "7": "withdrawn",
    "15": "rejected",
}


def _login(site: Site) -> Exchange[Token]:
    body = {
        "userName": site.username,
        "password": site.password,
        "loginName": str(site.required("login_name")),
    }
    bare = site.anonymous()
    answer = yield from call(bare, bare.request("POST", str(site.setting("login_path")), json=body))
    token = dig(answer, "id")
    # Instead of a token an unknown user is answered -1.
    if not isinstance(token, str) or token in ("", "-1"):
        raise exc.Authentication(
            "the login brought no token.",
            system=site.conn_id,
            remedy="Check the REST user (login), its password and login_name of the connection.",
        )
    return Token(token, float(site.setting("login_seconds")))


def _sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    return with_headers(request, {"token": token or ""})


def _flatten(form: Form, ref: DocumentRef, body: Any) -> dict[str, Any] | None:
    text = body if isinstance(body, str) else ""
    try:
        # An export is XML, or a JSON string that holds it.
        root = ElementTree.fromstring(json.loads(text) if text.startswith('"') else text)
    except (ElementTree.ParseError, ValueError):
        return None
    export = root if root.tag == "formExport" else root.find("formExport")
    if export is None:
        return None
    cells = {
        str(column.get("name")): (column.findtext("value") or "").strip()
        for column in export.findall("values/column")
    }
    number = cells.get(form.names["number"], "")
    return {"id": ref.internal_id, "number": number, "fields": cells, "lines": [], TOLD: [*cells.values()]}


def _words(settings: Mapping[str, Any]) -> Mapping[str, Words]:
    ended = {"0": str(settings.get("finished_means") or "unknown")}
    approval = meanings(settings, "states", {**APPROVAL, **ended})
    return {
        "lifecycle": Words(at="state", words=LIFECYCLE),
        "approval": Words(
            at="state", words={word: told for word, told in approval.items() if told != "unknown"}
        ),
    }


PRODUCT = Product(
    defaults=DEFAULTS,
    flatten=_flatten,
    words=_words,
    state=lambda body: str(body).strip() if body is not None else None,
    want_json=False,
)


PROFILE = experimental(
    rest_profile(
        name="seeyon",
        title="Seeyon",
        docs_url="http://open.seeyon.com/book/ctp/restjie-kou/biao-dan-liu-cheng-ji-cheng.html",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=instance,
        login=Scheme(
            login=_login,
            sign=_sign,
            conn_fields={
                "login_name": text("Login name", "The person as whom the REST user acts."),
                "login_path": {
                    "label": "Token path",
                    "description": "",
                    "schema": {"type": "string", "default": "/seeyon/rest/token"},
                },
                "login_seconds": {
                    "label": "Token lifetime",
                    "description": "How long a token is used before another is asked for; not confirmed.",
                    "schema": {"type": "number", "default": TOKEN_SECONDS},
                },
                "forms": text(
                    "Forms",
                    "JSON: document type → fields (shown names); read, state, write_back.",
                    format="multiline",
                ),
                "finished_means": {
                    "label": "An ended flow is",
                    "description": "approved, where no ended flow of these forms was ever refused.",
                    "schema": {"type": "string", "enum": ["unknown", "approved"], "default": "unknown"},
                },
                "states": text("States", 'JSON: state of the flow → approval, {"15": "rejected"}.'),
            },
        ),
    ),
    PRODUCT,
    login_by=("login_name",),
)

__all__ = ["PRODUCT", "PROFILE"]
