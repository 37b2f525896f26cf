"""Compares what stands in the systems with what the documents of the demo should have become. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from scripts.demo_cases import Form
from scripts.demo_oa import Entered
from scripts.demo_truth import Order, Truth, standing, total_of

PREPAID, IN_PARTS = frozenset({"SUP-7", "SUP-8"}), frozenset({"SUP-5", "SUP-6", "SUP-8"})
"""Payment terms, as ``dags/requisitions_in_volume.py`` has them."""

PLANTED = {
    "unknown_supplier": "seller_supplier_party.id",
    "zero_quantity": "lines[0].quantity",
    "changed_after_approval": "lines[0].quantity",
    "order_deleted": "lifecycle",
}
"""Cases that are incidents, and the field that each names."""

NOT_ORDERED = frozenset({"unknown_supplier", "zero_quantity", "order_deleted", "withdrawn_after_approval"})


def planted_field(form: Form) -> str:
    """Return the field of the incident that a form is to become; empty for none."""
    twice = form.case == "number_twice" and form.turn == 1
    return "lines[0].quantity" if twice else PLANTED.get(form.case, "")


def is_ordered(form: Form, state: str) -> bool:
    """Tell whether orders come of a form that stands so in the OA."""
    twice = form.case == "number_twice" and form.turn == 1
    return state == "approved" and form.case not in NOT_ORDERED and not twice


@dataclass
class Judgement:
    """What was found wrong, each as a sentence; and the figures of the report."""

    duplicates: list[str]
    lost: list[str]
    wrong: list[str]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.duplicates or self.lost or self.wrong)


class Judge:
    """Holds the truth against the forms.

    :param companies: codes of the two companies.
    :param incidents: open incidents of the ledger: document, field, reason.
    """

    def __init__(
        self,
        entered: Sequence[Entered],
        truth: Truth,
        incidents: Sequence[Mapping[str, str]],
        companies: Sequence[str],
    ) -> None:
        self.entered, self.truth, self.incidents, self.companies = entered, truth, incidents, companies
        self.found = Judgement([], [], [])

    def judge(self) -> Judgement:
        """Compare everything."""
        self._orders()
        self._invoices()
        self._payments()
        self._incidents()
        self._totals()
        return self.found

    def ordered(self) -> Iterable[tuple[Entered, str]]:
        """Yield the forms of which orders come, each with the code of its company."""
        for one in self.entered:
            if is_ordered(one.form, standing(self.truth.forms[one.instance_id])):
                yield one, self.companies[one.form.company]

    def _orders(self) -> None:
        wanted: dict[tuple[str, ...], Decimal] = {}
        for one, company in self.ordered():
            for supplier in one.form.suppliers:
                wanted[one.form.number, company, supplier] = one.form.amount_for(supplier)
        there = Counter((o.requisition, o.company, o.supplier) for o in self.truth.orders)
        self._count("order", Counter(wanted.keys()), there)
        for o in self.truth.orders:
            expected = wanted.get((o.requisition, o.company, o.supplier))
            if expected is not None and o.total != expected:
                self.found.wrong.append(f"order {o.number} of {o.requisition} is {o.total}, not {expected}")

    def _volume_orders(self) -> list[Order]:
        numbers = {(one.form.number, company) for one, company in self.ordered() if one.form.lane == "volume"}
        return [o for o in self.truth.orders if (o.requisition, o.company) in numbers]

    def _invoices(self) -> None:
        wanted = {(o.number, o.company, o.supplier): o.total for o in self._volume_orders()}
        there = Counter((i.order, i.company, i.supplier) for i in self.truth.invoices)
        self._count("invoice", Counter(wanted.keys()), there)
        for i in self.truth.invoices:
            if wanted.get((i.order, i.company, i.supplier), i.total) != i.total:
                self.found.wrong.append(f"invoice {i.number} of order {i.order} is {i.total}")

    def _payments(self) -> None:
        count: Counter[tuple[str, ...]] = Counter()
        sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for source, company, supplier, currency, total, parts in self._payable():
            count[source, company, supplier] += parts
            sums[source, company, supplier, currency] += total
        there = Counter((p.source, p.company, p.supplier) for p in self.truth.payments)
        self._count("payment of", count, there)
        for p in self.truth.payments:
            sums[p.source, p.company, p.supplier, p.currency] -= p.amount
        self.found.wrong += [
            f"payments of {' '.join(key)} are off by {-rest}" for key, rest in sums.items() if rest
        ]

    def _payable(self) -> Iterable[tuple[str, str, str, str, Decimal, int]]:
        """Yield what is to be paid: number, company, supplier, currency, total and in how many parts."""
        volume = set(self._volume_orders())
        for o in self.truth.orders:
            if o in volume and o.supplier in PREPAID:
                yield o.number, o.company, o.supplier, o.currency, o.total, 1 + (o.supplier in IN_PARTS)
            elif o not in volume and o.requisition.startswith("HV-"):
                yield o.number, o.company, o.supplier, o.currency, o.total, 1
        for i in self.truth.invoices:
            if i.supplier not in PREPAID:
                yield i.number, i.company, i.supplier, i.currency, i.total, 1 + (i.supplier in IN_PARTS)

    def _count(self, what: str, wanted: Counter[Any], there: Counter[Any]) -> None:
        for key in wanted - there:
            self.found.lost.append(f"no {what} {' '.join(key)}: {there[key]} of {wanted[key]}")
        for key in there - wanted:
            self.found.duplicates.append(f"{what} {' '.join(key)}: {there[key]} instead of {wanted[key]}")

    def _incidents(self) -> None:
        wanted: Counter[tuple[str, str]] = Counter()
        for one in self.entered:
            if field := planted_field(one.form):
                wanted[one.form.number, field] += 1
        there = Counter((one["document"], one["field"]) for one in self.incidents)
        self.found.wrong += [f"no incident for {number}, {field}" for number, field in wanted - there]
        self.found.wrong += [
            f"an incident for {number}, {field} was not planted" for number, field in there - wanted
        ]

    def totals(self) -> dict[str, dict[str, str]]:
        """Return, per currency, what the requisitions without an incident come to in each system."""
        sums = {name: defaultdict(Decimal) for name in ("oa", "erp", "finance")}
        numbers: set[tuple[str, str]] = set()
        troubled = {(one.form.number, one.form.company) for one in self.entered if planted_field(one.form)}
        for one, company in self.ordered():
            if (one.form.number, one.form.company) not in troubled:
                currency, total = total_of(self.truth.forms[one.instance_id])
                sums["oa"][currency] += total
                numbers.add((one.form.number, company))
        orders = [o for o in self.truth.orders if (o.requisition, o.company) in numbers]
        by_number = {(o.number, o.company) for o in orders}
        invoices = {(i.number, i.company) for i in self.truth.invoices if (i.order, i.company) in by_number}
        for o in orders:
            sums["erp"][o.currency] += o.total
        advance = {(o.number, o.company, o.supplier) for o in orders if self._is_paid_from_order(o)}
        for p in self.truth.payments:
            key = (p.source, p.company)
            from_order = (*key, p.supplier) in advance
            if from_order or (key in invoices and p.supplier not in PREPAID):
                sums["finance"][p.currency] += p.amount
        return {name: {c: f"{v:f}" for c, v in sorted(found.items())} for name, found in sums.items()}

    @staticmethod
    def _is_paid_from_order(order: Order) -> bool:
        return order.supplier in PREPAID or order.requisition.startswith("HV-")

    def _totals(self) -> None:
        found = self.totals()
        if not found["oa"] == found["erp"] == found["finance"]:
            self.found.wrong.append(f"the totals differ: {found}")
