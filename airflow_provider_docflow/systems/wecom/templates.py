"""
A template as it is in WeCom now: the ids of its controls change whenever somebody edits it.

Page 91982 (``oa/gettemplatedetail``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom.forms import form_of
from airflow_provider_docflow.systems.wecom.values import words
from airflow_provider_docflow.systems.wecom.wire import api


@dataclass(frozen=True)
class Part:
    """One control of a template."""

    id: str
    kind: str
    title: tuple[Mapping[str, Any], ...]
    required: bool
    config: Mapping[str, Any]
    columns: tuple[Part, ...] = ()

    @property
    def name(self) -> str:
        """Its name, in the template's first language."""
        return next(iter(words(self.title)), self.id)

    def is_(self, name: str) -> bool:
        """Tell whether it is called so in any language."""
        return name in words(self.title)


def read(site: Site, form: Form) -> Exchange[tuple[Part, ...]]:
    """Return the controls of a form's template.

    :raises Misconfigured: there is no such template.
    """
    answer = yield from api(site, "oa/gettemplatedetail", {"template_id": form.code})
    controls = dig(answer, "template_content.controls")
    if not isinstance(controls, list):
        raise exc.TransientError("WeCom shows a template without controls.", system=site.conn_id)
    return tuple(_part(control) for control in controls)


def _part(control: Mapping[str, Any]) -> Part:
    own = control.get("property") or {}
    config = control.get("config") or {}
    title = own.get("title") or ()
    return Part(
        id=str(own.get("id") or ""),
        kind=str(own.get("control") or ""),
        title=(title,) if isinstance(title, Mapping) else tuple(title),
        required=str(own.get("require", 0)) == "1",
        config=config,
        columns=tuple(_part(child) for child in (config.get("table") or {}).get("children") or ()),
    )


def part_of(parts: Sequence[Part], name: str) -> Part | None:
    """Return the control of a name.

    :raises ValueError: several controls are called so.
    """
    found = [part for part in parts if part.is_(name)]
    if len(found) > 1:
        raise ValueError(f"the template has {len(found)} controls of that name")
    return found[0] if found else None


def describer(document_type: str) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the controls of a type's template."""

    def describe(site: Site) -> Exchange[list[LiveField]]:
        form = form_of(site, document_type)
        return list(_live(form, (yield from read(site, form))))

    return describe


def _live(form: Form, parts: Sequence[Part]) -> Iterator[LiveField]:
    for part in parts:
        control = _mapped(form.controls, part)
        yield _field(form, part, control)
        for column in part.columns:
            inner = _mapped(control.columns if control else (), column)
            yield _field(form, column, inner, name=f"{part.name}.{column.name}", prefix="lines[*].")


def _mapped(controls: Sequence[Control], part: Part) -> Control | None:
    return next((control for control in controls if part.is_(control.name)), None)


def _field(form: Form, part: Part, control: Control | None, *, name: str = "", prefix: str = "") -> LiveField:
    marks = not name and part.is_(form.mark_control)
    options = [
        word
        for one in (part.config.get("selector") or {}).get("options") or ()
        for word in words(one.get("value"))
    ]
    return LiveField(
        name=name or part.name,
        label="docflow's mark" if marks else "",
        type=f"{part.kind}: one of {', '.join(options)}" if options else part.kind,
        canonical=f"{prefix}{control.path}" if control else "",
        required=part.required,
        custom=control is None and not marks,
        written=control is not None or marks,
    )
