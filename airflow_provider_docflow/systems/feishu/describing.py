"""The definition of an approval as it is in Feishu now: its controls and its nodes.

Ids of controls belong to a definition and may change when somebody edits it, so it is read before every send.
Page: "View a specified approval definition".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.feishu import controls
from airflow_provider_docflow.systems.feishu.controls import Item
from airflow_provider_docflow.systems.feishu.forms import form_of, is_of
from airflow_provider_docflow.systems.feishu.wire import api

APPROVAL = "/open-apis/approval/v4/approvals/{code}"
_FILLED_BY_FEISHU = ("serialNumber", "text")


@dataclass(frozen=True)
class Definition:
    """A definition's controls and nodes, each as Feishu has them."""

    widgets: Sequence[Item]
    nodes: Sequence[Mapping[str, Any]]


def definition(site: Site, form: Form) -> Exchange[Definition]:
    """Return the definition of a form.

    :raises Misconfigured: there is none of that code.
    """
    data = yield from api(site, "GET", APPROVAL, kind="definition", code=form.code)
    raw = data.get("form")
    try:
        found = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        raise exc.TransientError("Feishu shows a definition that is no JSON.", system=site.conn_id) from None
    widgets = [dict(one) for one in found or () if isinstance(one, Mapping)]
    return Definition(widgets, list(data.get("node_list") or ()))


def widgets(site: Site, form: Form) -> Exchange[Sequence[Item]]:
    """Return the controls of a form, those of its tables under ``children``."""
    found = yield from definition(site, form)
    return found.widgets


def describer(document_type: str) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the controls of a type's form."""

    def describe(site: Site) -> Exchange[list[LiveField]]:
        form = form_of(site, document_type)
        found = yield from widgets(site, form)
        return list(_live(form, found))

    return describe


def _live(form: Form, found: Sequence[Item]) -> Iterator[LiveField]:
    for widget in found:
        control = _control(form.controls, widget)
        yield _field(widget, control)
        columns = control.columns if control else ()
        for child in widget.get("children") or ():
            name = f"{_name(widget)}.{_name(child)}"
            yield _field(child, _control(columns, child), name=name, prefix="lines[*].")


def _field(widget: Item, control: Control | None, *, name: str = "", prefix: str = "") -> LiveField:
    return LiveField(
        name=name or _name(widget),
        label=str(widget.get("custom_id") or widget.get("id") or ""),
        type=_type(widget),
        canonical=", ".join(f"{prefix}{path}" for path in control.paths) if control else "",
        required=bool(widget.get("required")) and widget.get("type") not in _FILLED_BY_FEISHU,
        custom=control is None,
        written=control is not None and widget.get("type") not in _FILLED_BY_FEISHU,
    )


def _name(widget: Item) -> str:
    return str(widget.get("name") or widget.get("id") or "")


def _control(declared: Sequence[Control], widget: Item) -> Control | None:
    return next((control for control in declared if is_of(widget, control)), None)


def _type(widget: Item) -> str:
    kind = str(widget.get("type") or "")
    chosen = controls.options(widget) if kind in (*controls.CHOICES, "checkbox", "checkboxV2") else {}
    return f"{kind}: one of {', '.join(chosen)}" if chosen else kind
