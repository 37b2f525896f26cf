"""The people of the ERP: before docflow came they ordered by hand, and one deletes what he should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from scripts.demo_cases import Form
from scripts.tryton_rpc import TrytonRpc

ORDERS = "purchase.purchase"
CHUNK = 25


class Erp:
    """The ERP as its people use it.

    :param keys: ids by code, as the seed wrote them.
    """

    def __init__(self, rpc: TrytonRpc, keys: Mapping[str, Any]) -> None:
        self.rpc, self.keys = rpc, keys

    def companies(self) -> list[str]:
        """Return the codes of the companies, in the seed's order."""
        found = self.rpc.find("company.company", [], ["party.code"])
        codes = {row["id"]: row["party."]["code"] for row in found}
        return [codes[company] for company in self.keys["companies"]]

    def number_by_kind(self) -> None:
        """Let the numbers of orders and invoices begin with PO- and INV-."""
        kinds = {"ir.sequence": ("Purchase", "PO-"), "ir.sequence.strict": ("Invoice", "INV-")}
        for model, (kind, prefix) in kinds.items():
            found = self.rpc.find(model, [["sequence_type.name", "=", kind]], ["prefix"])
            ids = [row["id"] for row in found if row["prefix"] != prefix]
            if ids:
                self.rpc(f"model.{model}.write", ids, {"prefix": prefix})

    def order_by_hand(self, forms: Sequence[Form], tell: Any = None) -> None:
        """Order what is not ordered yet; half of it is confirmed too, the rest left as a draft."""
        known = {row["reference"]: row for row in self._by_reference([form.number for form in forms])}
        missing = [form for form in forms if form.number not in known]
        for n, part in enumerate(_chunks(missing, CHUNK)):
            self.rpc.create(ORDERS, *(self._order(form) for form in part))
            if tell:
                tell(len(forms) - len(missing) + min((n + 1) * CHUNK, len(missing)))
        chosen = {form.number for form in forms[::2] if form.case != "order_deleted"}
        rows = [row for row in self._by_reference(sorted(chosen)) if row["state"] == "draft"]
        for part in _chunks([row["id"] for row in rows], CHUNK):
            self.rpc(f"model.{ORDERS}.quote", part)
            self.rpc(f"model.{ORDERS}.confirm", part)

    def _order(self, form: Form) -> dict[str, Any]:
        supplier = form.suppliers[0]
        return {
            "party": self.keys["suppliers"][supplier],
            "invoice_address": self.keys["addresses"][supplier],
            "company": self.keys["companies"][form.company],
            "currency": self.keys["currencies"][form.currency],
            "reference": form.number,
            "purchase_date": form.issued,
            "invoice_method": "manual",
            "lines": [["create", [self._line(item) for item in form.items]]],
        }

    def _line(self, item: Any) -> dict[str, Any]:
        return {
            "type": "line",
            "product": self.keys["products"][item.product],
            "unit": self.keys["units"]["Unit"],
            "quantity": float(item.quantity),
            "unit_price": item.price.quantize(Decimal("0.0001")),
            "description": item.name,
        }

    def delete(self, forms: Sequence[Form]) -> None:
        """Cancel and delete the orders of these forms, as Tryton wants it done."""
        rows = self._by_reference([form.number for form in forms])
        drafts = [row["id"] for row in rows if row["state"] in ("draft", "quotation")]
        if drafts:
            self.rpc(f"model.{ORDERS}.cancel", drafts)
        if rows:
            self.rpc(f"model.{ORDERS}.delete", [row["id"] for row in rows])

    def _by_reference(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        return self.rpc.find(ORDERS, [["reference", "in", list(numbers)]], ["reference", "state"])


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
