"""
Which business objects of Cosmic hold which documents: the setting ``forms``.

.. code-block:: json

    {"sales_order": {},
     "purchase_order": {"app": "pm", "entity": "pm_purorderbill", "isv": "",
                        "fields": {"billno": {"path": "id", "write": false},
                                   "bizdate": "issue_date", "org_number": "company_code",
                                   "supplier_number": "seller_supplier_party.id",
                                   "totalallamount": {"path": "payable_amount", "write": false}},
                        "lines": "billentry",
                        "line_fields": {"seq": "line_id", "material_number": "item_id", "qty": "quantity"},
                        "filters": {"numbers": "billno", "changed_since": "start_modifytime"}}}

A field is ``"name": "path"``, or an object with ``path``, ``write`` (false: Cosmic fills it in itself) and
``type`` (text, number, integer, date, flag). ``extensions.<name>`` is a path of the tenant's own. Every
operation of Cosmic is published object by object, so the names of the operations (``operations``), of their
parameters (``filters``, ``ids``) and of the fields are the tenant's to know. Of ``sales_order`` the object
and its query are the vendor's standard; the names of its amounts and lines are not confirmed.

``number_kept``: true says that somebody has seen that the object keeps the ``billno`` that is sent and that a
query by it shows every committed bill. Only then is a creation promised exactly once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.rest.declare import Call, Field, MarkAt, RestDocument
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentType

NUMBER_ROOM = 30
STATUS = "billstatus"
OPERATIONS = {"query": "query", "save": "save", "submit": "submit", "audit": "audit"}
STATES = {
    "lifecycle": Words(at=STATUS, words={"A": "draft", "B": "submitted", "C": "active"}),
    "approval": Words(at=STATUS, words={"A": "none", "B": "pending", "C": "approved"}),
}
_ENTRIES = frozenset(
    {"app", "entity", "isv", "fields", "lines", "line_fields", "filters", "ids", "operations", "constants"}
    | {"reference_field", "number_kept"}
)
_KINDS = {
    "text": fields.TEXT,
    "number": fields.NUMBER,
    "integer": fields.INTEGER,
    "date": fields.DATE,
    "flag": fields.FLAG,
}
_RESTRICTIONS = frozenset({"numbers", "party", "company_code", "changed_since", "issued_from", "issued_to"})
SALES_ORDER: Mapping[str, Any] = {
    "app": "sm",
    "entity": "sm_salorder",
    "fields": {
        "billno": {"path": "id", "write": False},
        "org_number": "company_code",
        "bizdate": "issue_date",
        "customer_number": "buyer_customer_party.id",
        "customer_name": {"path": "buyer_customer_party.name", "write": False},
        "settlecurrency_number": "document_currency_code",
        "totaltaxamount": {"path": "tax_amount", "write": False},
        "totalallamount": {"path": "payable_amount", "write": False},
    },
    "lines": "billentry",
    "line_fields": {
        "seq": {"path": "line_id", "type": "integer"},
        "material_number": "item_id",
        "entrycomment": "description",
        "qty": "quantity",
        "unit_number": "unit_code",
        "price": "price_amount",
        "taxrate": "tax_percent",
        "taxamount": {"path": "tax_amount", "write": False},
        "amount": {"path": "line_extension_amount", "write": False},
    },
    "filters": {
        "numbers": "billno",
        "company_code": "org_number",
        "party": "customer_number",
        "changed_since": "start_modifytime",
        "issued_from": "start_bizdate",
        "issued_to": "end_bizdate",
    },
    "reference_field": "comment",
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType({"sales_order": SALES_ORDER})


@dataclass(frozen=True)
class Form:
    """One business object.

    :param ids: parameter of its query that takes internal ids; empty where it has none.
    :param filters: canonical restriction → parameter of its query.
    :param reference_field: text field that takes the source document's number; empty for none.
    """

    document_type: str
    path: str
    kind: RestDocument
    operations: Mapping[str, str]
    filters: Mapping[str, str]
    ids: str
    reference_field: str
    number_kept: bool

    def url(self, operation: str) -> str:
        """Return the path of an operation below the address of the OpenAPI."""
        return f"{self.path}/{self.operations[operation]}"


def forms_of(setting: Any) -> Mapping[str, Form]:
    """Return the business objects of a connection, given as JSON or as the text of it.

    :raises Misconfigured: names the entry and the field that are wrong.
    """
    if setting in (None, ""):
        setting = {"sales_order": {}}
    return _parsed(setting if isinstance(setting, str) else json.dumps(setting))


@lru_cache(maxsize=64)
def _parsed(text: str) -> Mapping[str, Form]:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise _wrong("forms", "it is no JSON object of objects")
    return MappingProxyType({name: _form(name, entry) for name, entry in given.items()})


def _form(name: str, given: Mapping[str, Any]) -> Form:
    if name not in set(DocumentType):
        raise _wrong(f"forms.{name}", f"{name!r} is no document type")
    if unknown := set(given) - _ENTRIES:
        raise _wrong(f"forms.{name}", f"{sorted(unknown)[0]!r} is none of {', '.join(sorted(_ENTRIES))}")
    entry = {**DEFAULTS.get(name, {}), **given}
    for needed in ("app", "entity", "fields"):
        if not entry.get(needed):
            raise _wrong(f"forms.{name}.{needed}", "it is missing; nobody but the tenant knows it")
    filters = dict(entry.get("filters") or {"numbers": "billno"})
    if unknown := set(filters) - _RESTRICTIONS:
        raise _wrong(f"forms.{name}.filters", f"{sorted(unknown)[0]!r} is no restriction")
    if "numbers" not in filters:
        raise _wrong(f"forms.{name}.filters", "without numbers a creation could not be looked for")
    return Form(
        document_type=name,
        path="/".join(str(part) for part in (entry.get("isv"), entry["app"], entry["entity"]) if part),
        kind=_kind(name, entry),
        operations={**OPERATIONS, **entry.get("operations", {})},
        filters=filters,
        ids=str(entry.get("ids", "id") or ""),
        reference_field=str(entry.get("reference_field") or ""),
        number_kept=entry.get("number_kept") is True,
    )


def _kind(name: str, entry: Mapping[str, Any]) -> RestDocument:
    heads = tuple(_field(name, *pair) for pair in entry["fields"].items())
    cells = tuple(_field(name, *pair) for pair in entry.get("line_fields", {}).items())
    try:
        return RestDocument(
            read=Call(method="POST", path=""),
            id_at="id",
            number_at="billno",
            fields=heads,
            lines_at=str(entry.get("lines") or ""),
            line_fields=cells,
            fixed=dict(entry.get("constants") or {}),
            mark=MarkAt(native="billno", length=NUMBER_ROOM),
            states=STATES,
            changed_at="modifytime",
        )
    except exc.Misconfigured as error:
        raise _wrong(f"forms.{name}", error.message) from None


def _field(name: str, native: str, given: Any) -> Field:
    spec = given if isinstance(given, Mapping) else {"path": given}
    path, kind = str(spec.get("path", "")), spec.get("type")
    if set(spec) - {"path", "write", "type"} or not path or (kind is not None and kind not in _KINDS):
        raise _wrong(f"forms.{name}.fields.{native}", "it has path, write and type, and a known type")
    default = {"decimal": "number", "date": "date", "flag": "flag"}.get(fields.sort_of(path), "text")
    return Field(path, native, _KINDS[kind or default], write=spec.get("write") is not False)


def _wrong(field: str, why: str) -> exc.Misconfigured:
    return exc.Misconfigured(
        f"the forms of the connection cannot be used: {why}.",
        system="cosmic",
        field=field,
        remedy="Write forms as the page of this product shows.",
    )
