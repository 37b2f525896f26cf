"""The controls of a form as they are in DingTalk now.

Vendor page: "获取表单schema" (``GET /v1.0/workflow/forms/schemas/processCodes``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.systems.dingtalk.forms import form_of, is_of
from airflow_provider_docflow.systems.dingtalk.wire import api

_PATH = "/v1.0/workflow/forms/schemas/processCodes"


def describer(document_type: str) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the controls of a type's form."""

    def describe(site: Site) -> Exchange[list[LiveField]]:
        form = form_of(site, document_type)
        return list(_live(form, (yield from _items(site, form))))

    return describe


def _items(site: Site, form: Form) -> Exchange[Sequence[Mapping[str, Any]]]:
    answer = yield from api(site, "GET", _PATH, params={"processCode": form.code})
    content = dig(answer, "result.schemaContent")
    # The vendor's page shows an object, its client a text of it.
    content = json.loads(content) if isinstance(content, str) else content
    found: Sequence[Mapping[str, Any]] = dig(content, "items") or []
    return found


def check_own(site: Site, form: Form, document: Document) -> Exchange[None]:
    """Refuse tenant fields that are no control of the form; of a document without any nothing is asked.

    :raises InvalidDocument: names the field.
    """
    parts: list[tuple[str, Document | Line]] = [("", document)]
    parts += [(f"lines[{place}].", line) for place, line in enumerate(document.lines)]
    own = [
        (at, name)
        for at, part in parts
        for name in part.extensions.get(site.known_instance, {})
        if f"extensions.{name}" not in _mapped(form.table.columns if at else form.controls)
    ]
    if not own:
        return
    items = yield from _items(site, form)
    cells = {_label(child) for item in items for child in item.get("children") or ()}
    heads = cells | {_label(item) for item in items}
    for at, name in own:
        if name not in (cells if at else heads):
            raise InvalidDocument(
                f"the form {form.code} has no control {name!r}.",
                document=document.id,
                field=f"{at}extensions.{name}",
                remedy="Name the control as the form does, or add it there.",
            )


def _mapped(controls: Sequence[Control]) -> set[str]:
    return {path for control in controls for path in control.paths}


def _live(form: Form, items: Sequence[Mapping[str, Any]]) -> Iterator[LiveField]:
    for item in items:
        control = _control(form.controls, item)
        yield _field(form, item, control)
        columns = control.columns if control else ()
        for child in item.get("children") or ():
            name = f"{_label(item)}.{_label(child)}"
            yield _field(form, child, _control(columns, child), name=name, prefix="lines[*].")


def _field(
    form: Form, item: Mapping[str, Any], control: Control | None, *, name: str = "", prefix: str = ""
) -> LiveField:
    props = item.get("props") or {}
    marks = _label(item) == form.mark_control
    return LiveField(
        name=name or _label(item),
        label="docflow's mark" if marks else str(props.get("bizAlias") or ""),
        type=_type(item),
        canonical=", ".join(f"{prefix}{path}" for path in control.paths) if control else "",
        required=bool(props.get("required")),
        custom=control is None and not marks,
        written=control is not None or marks,
    )


def _label(item: Mapping[str, Any]) -> str:
    label = (item.get("props") or {}).get("label", "")
    return json.dumps(label, ensure_ascii=False) if isinstance(label, list) else str(label)


def _control(controls: Sequence[Control], item: Mapping[str, Any]) -> Control | None:
    props = item.get("props") or {}
    named = {"name": _label(item), "id": props.get("id"), "bizAlias": props.get("bizAlias")}
    return next((control for control in controls if is_of(named, control)), None)


def _type(item: Mapping[str, Any]) -> str:
    kind = str(item.get("componentName") or "")
    options = (item.get("props") or {}).get("options") or []
    chosen = [_option(option) for option in options]
    return f"{kind}: one of {', '.join(chosen)}" if chosen else kind


def _option(option: Any) -> str:
    try:
        found = json.loads(option) if isinstance(option, str) else option
    except ValueError:
        found = option
    return str(found.get("value", "")) if isinstance(found, dict) else str(found)
