"""
Which form of the tenant a document type is, and which of its fields hold what.

The setting ``forms`` changes the defaults of :mod:`~airflow_provider_docflow.systems.kingdee.catalogue`, or
adds a type that has none::

    {"purchase_order": {"form_id": "PUR_PurchaseOrder",
                        "fields": {"extensions.project": "F_ABC_Project", "exchange_rate": null},
                        "line_fields": {"accounting.0.cost_centre": "F_ABC_Dept.FNumber"},
                        "fixed": {"FBusinessType": "CG"}, "omit": ["payment_terms"]}}

A field is the key under which it is queried (``FSupplierId.FNumber``), which is also where it is written;
where the two differ it is ``{"query": ..., "write": ...}``, one with a ``query`` alone is only read, and
what is null is not mapped any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from airflow_provider_docflow.core.fields import check_paths
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.exceptions import Misconfigured

AMOUNT = "amount"
"""Path of a line's amount with tax, in forms that know no quantities and prices."""


@dataclass(frozen=True)
class Field:
    """One field of a form.

    :param path: of the canonical document or line; ``document:<path>`` in a line means the document's.
    :param query: key by which it is asked for; empty: it is not read.
    :param write: where it goes in the model, each a dotted path; None: where it is asked for.
    """

    path: str
    query: str = ""
    write: tuple[str, ...] | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """Where it is written; empty: Kingdee computes it, or it is master data."""
        return ((self.query,) if self.query else ()) if self.write is None else self.write


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form as one tenant has it.

    :param entry: name of the entries in the model; ``entry_id`` is the key by which their id is asked for.
    :param mark_field: a text field for docflow's mark, where the number cannot be given.
    :param reference_field: a text field for the source's number, for people.
    :param joined_field: the entries' quantity that was pushed on; without it a push cannot be seen.
    :param operations: action → ``opNumber``.
    :param omit: canonical fields that the form need not hold.
    """

    document_type: str
    form_id: str = ""
    fields: tuple[Field, ...] = ()
    entry: str = ""
    entry_id: str = ""
    line_fields: tuple[Field, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    line_fixed: Mapping[str, Any] = field(default_factory=dict)
    number_field: str = "FBillNo"
    status_field: str = "FDocumentStatus"
    cancel_field: str = "FCancelStatus"
    close_field: str = ""
    terminate_field: str = ""
    modified_field: str = "FModifyDate"
    approved_field: str = "FApproveDate"
    joined_field: str = ""
    mark_field: str = ""
    reference_field: str = ""
    operations: Mapping[str, str] = field(default_factory=dict)
    omit: tuple[str, ...] = ("requester", "attachments")

    def key_of(self, path: str) -> str:
        """Return the key by which a canonical path of the head is asked for; empty if it is not mapped."""
        return next((one.query for one in self.fields if one.path == path), "")

    @property
    def issued(self) -> str:
        """The key of the business date."""
        return self.key_of("issue_date")

    @property
    def party(self) -> str:
        """The key of the party's number."""
        return self.key_of("seller_supplier_party.id") or self.key_of("buyer_customer_party.id")

    @property
    def amounts_only(self) -> bool:
        """Whether its entries have an amount and nothing else."""
        return any(one.path == AMOUNT for one in self.line_fields)


_TEXTS = tuple(
    one.name for one in fields(Form) if one.type == "str" and one.name not in ("document_type", "form_id")
)
_MAPPINGS = ("fixed", "line_fixed", "operations")
_KNOWN = frozenset({"form_id", "fields", "line_fields", "omit", *_TEXTS, *_MAPPINGS})


def forms_of(setting: Any, defaults: Mapping[str, Form]) -> dict[str, Form]:
    """Return every form of a connection by its document type.

    :param setting: JSON text or the object itself; empty for the defaults alone.
    :raises Misconfigured: it names a type or a field that does not exist.
    """
    try:
        given = json.loads(setting) if isinstance(setting, str) and setting else setting or {}
    except ValueError:
        raise _wrong("forms", "it is no JSON") from None
    if not isinstance(given, Mapping):
        raise _wrong("forms", "it is no JSON object")
    found = dict(defaults)
    for name, changes in given.items():
        if name not in {one.value for one in DocumentType} or not isinstance(changes, Mapping):
            raise _wrong(f"forms.{name}", "it is no form of a document type")
        found[name] = _changed(found.get(name) or Form(document_type=name), name, changes)
    return found


def _changed(form: Form, name: str, changes: Mapping[str, Any]) -> Form:
    at = f"forms.{name}"
    if unknown := set(changes) - _KNOWN:
        raise _wrong(f"{at}.{sorted(unknown)[0]}", "there is nothing of that name in a form")
    new: dict[str, Any] = {key: str(changes[key] or "") for key in ("form_id", *_TEXTS) if key in changes}
    for key in _MAPPINGS:
        if key in changes:
            merged = {**getattr(form, key), **_object(f"{at}.{key}", changes[key])}
            new[key] = {item: value for item, value in merged.items() if value is not None}
    for key in ("fields", "line_fields"):
        if key in changes:
            new[key] = _mapped(getattr(form, key), f"{at}.{key}", changes[key], lines=key == "line_fields")
    if "omit" in changes:
        new["omit"] = tuple(str(path) for path in changes["omit"] or ())
    made = replace(form, **new)
    if not (made.form_id and made.entry and made.entry_id and made.issued):
        raise _wrong(at, "it needs form_id, entry, entry_id and a field for issue_date")
    return made


def _object(at: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(at, "it is no JSON object")
    return value


def _mapped(known: tuple[Field, ...], at: str, changes: Any, *, lines: bool) -> tuple[Field, ...]:
    found = {one.path: one for one in known}
    for path, spec in _object(at, changes).items():
        plain = path.removeprefix("document:")
        if plain != AMOUNT:
            check_paths([plain], lines=lines and plain == path)
        if spec is None:
            found.pop(path, None)
        else:
            found[path] = _field(path, f"{at}.{path}", spec)
    return tuple(found.values())


def _field(path: str, at: str, spec: Any) -> Field:
    if isinstance(spec, str) and spec:
        return Field(path, spec)
    if not isinstance(spec, Mapping) or set(spec) - {"query", "write"}:
        raise _wrong(at, 'a field is a key, or {"query": ..., "write": ...}')
    write = spec.get("write")
    targets = (write,) if isinstance(write, str) and write else tuple(write or ())
    return Field(path, str(spec.get("query") or ""), targets if "write" in spec else ())


def _wrong(field: str, why: str) -> Misconfigured:
    return Misconfigured(
        f"the forms of the connection cannot be used: {why}.",
        system="kingdee",
        field=field,
        remedy='Write them as {"purchase_order": {"fields": {"extensions.project": "F_ABC_Project"}}}.',
    )
