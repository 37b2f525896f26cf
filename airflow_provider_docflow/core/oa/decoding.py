"""A filled form into a document: the walk over its controls, which is the same for every product."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.filling import MOST_DECIMALS
from airflow_provider_docflow.core.oa.forms import Control, Form, FormStyle
from airflow_provider_docflow.document import Document, document_from_json
from airflow_provider_docflow.document.money import exact_decimal
from airflow_provider_docflow.exceptions import InvalidDocument

Item = Mapping[str, Any]
"""The value of one control, as the product shows it."""

_WRONG = (ValueError, KeyError, TypeError)


class FormDecoder(ABC):
    """Reads the values of one form; a product says how it shows them.

    A value belongs to one control. What no control takes is the tenant's own and kept, so that it survives a
    round trip; only what stands in the control for docflow's mark is not.

    :param instance: whose tenant fields the controls without a map are.
    """

    style: ClassVar[FormStyle]

    def __init__(self, form: Form, instance: str) -> None:
        self.form, self.instance = form, instance

    @abstractmethod
    def item_of(self, items: Sequence[Item], control: Control) -> Item:
        """Return the value of a control among those of a form or a row; empty where it is not shown.

        :raises ValueError: nobody can tell which one is meant.
        """

    @abstractmethod
    def names(self, item: Item) -> Sequence[str]:
        """Return what the control of a value is called, the name to keep it under first."""

    @abstractmethod
    def rows(self, item: Item) -> Sequence[Sequence[Item]]:
        """Return the values of each row of the table.

        :raises ValueError: it is no table.
        """

    @abstractmethod
    def files(self, item: Item) -> Sequence[Mapping[str, Any]]:
        """Return attachments as the canonical document names them.

        :raises ValueError: they are no files.
        """

    @abstractmethod
    def values(self, control: Control, item: Item) -> Sequence[Any]:
        """Return what a control holds, one value per canonical field; none where it was left empty.

        :raises ValueError: it is not what such a control holds.
        """

    @abstractmethod
    def own(self, item: Item) -> Any:
        """Return what is kept of a control without a map; None for nothing.

        :raises ValueError: it is not what such a control holds.
        """

    def read(self, path: str, value: Any) -> Any:
        """Return one value as the JSON form of the document has it.

        :raises ValueError: the field cannot have it.
        """
        if fields.sort_of(path) == "decimal":
            # Only 1234.50 as people write it: what else a decimal parser takes was not typed as a number.
            exact_decimal(value, decimals=MOST_DECIMALS)
        return fields.kind_of(path).read(value)

    def keep(self, kept: dict[str, Any], name: str, value: Any) -> None:
        """Put a control without a map among the tenant's own fields."""
        kept[name] = value

    def document(self, items: Sequence[Item], *, requester: str, number: str) -> Document:
        """Return the document that the values make. Its arithmetic is not checked here.

        :param requester: who filled the form in; stands unless a control names somebody.
        :param number: the document's, as the form or the product shows it.
        :raises InvalidDocument: names the control and the field that are empty or wrong.
        """
        form = self.form
        data: dict[str, Any] = {"document_type": form.document_type, "id": "", "lines": []}
        if form.numbers_itself:
            data["id"] = number
        for path, constant in form.constants.items():
            fields.put(data, path, constant, self.instance)
        left = list(items)
        for control in form.controls:
            try:
                item = self.item_of(left, control)
                self._take(control, item, data)
            except _WRONG as error:
                raise self._refused(control.name, control.path, f"is wrong: {error}", number) from None
            left = [other for other in left if other is not item]
        for item in left:
            names = self.names(item)
            try:
                if form.mark_control not in names:
                    self._keep(item, data)
            except _WRONG as error:
                field = f"extensions.{names[0]}"
                raise self._refused(names[0], field, f"is wrong: {error}", number) from None
        return self._made_of(data, requester, number)

    def _take(self, control: Control, item: Item, data: dict[str, Any]) -> None:
        if control.is_table:
            data["lines"] = [self._line(control, row) for row in self.rows(item)]
        elif control.path == "attachments":
            data["attachments"] = self.files(item)
        else:
            self._set(control, item, data)

    def _line(self, table: Control, row: Sequence[Item]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        left = list(row)
        for column in table.columns:
            try:
                item = self.item_of(left, column)
                self._set(column, item, data)
            except _WRONG as error:
                raise ValueError(f"column {column.name!r}: {error}") from None
            left = [other for other in left if other is not item]
        for item in left:
            self._keep(item, data)
        return data

    def _set(self, control: Control, item: Item, data: dict[str, Any]) -> None:
        found, room = self.values(control, item), len(control.paths)
        if len(found) > room:
            raise ValueError(f"holds {len(found)} values, the document has room for {room}")
        for path, value in zip(control.paths, found, strict=False):
            if value not in (None, "", []):
                fields.put(data, path, self.read(path, value), self.instance)

    def _keep(self, item: Item, data: dict[str, Any]) -> None:
        names = self.names(item)
        value = self.own(item) if names else None
        if value is not None:
            self.keep(data.setdefault("extensions", {}).setdefault(self.instance, {}), names[0], value)

    def _made_of(self, data: dict[str, Any], requester: str, number: str) -> Document:
        for name, field in self.style.missing_values(self.form, data):
            raise self._refused(name, field, "is empty", number)
        if requester and "requester" not in data:
            data["requester"] = {"id": requester}
        try:
            return document_from_json(data)
        except InvalidDocument as error:
            name, what = self.form.control_named(error.field), f"does not fit: {error.message}"
            raise self._refused(name, error.field, what, number) from None

    def _refused(self, control: str, field: str, what: str, number: str) -> InvalidDocument:
        return self.style.refused(self.form, control, field, what, document=number)
