"""A filled form into a document, and the tenant's own fields into a form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_docflow.core.oa.forms import Control, Form, FormStyle
from airflow_provider_docflow.document import Document, Line, document_from_json
from airflow_provider_docflow.exceptions import InvalidDocument


def document_in(
    style: FormStyle, form: Form, data: dict[str, Any], *, requester: str, number: str
) -> Document:
    """Return the document of a filled form's values. Its arithmetic is not checked here.

    :param data: the values by canonical fields.
    :param requester: who filled the form in; stands unless a control names somebody.
    :param number: the document that errors name.
    :raises InvalidDocument: names the control and the field that are empty or wrong.
    """
    for name, field in style.missing_values(form, data):
        raise style.refused(form, name, field, "is empty", document=number)
    if requester and "requester" not in data:
        data["requester"] = {"id": requester}
    try:
        return document_from_json(data)
    except InvalidDocument as error:
        name, what = form.control_named(error.field), f"does not fit: {error.message}"
        raise style.refused(form, name, error.field, what, document=number) from None


def tenant_fields(
    controls: Sequence[Control], part: Document | Line, instance: str
) -> Iterator[tuple[str, Any]]:
    """Yield name and value of tenant fields that are controls without a map."""
    mapped = {path for control in controls for path in control.paths}
    for name, value in part.extensions.get(instance, {}).items():
        if f"extensions.{name}" not in mapped:
            yield name, value
