"""The requisitions of the demo: seeded, so that a second start means the same documents. Pure."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

SEED = 20260701
SUPPLIERS = tuple(f"SUP-{number}" for number in range(1, 9))
CURRENCIES = ("CNY", "EUR", "USD")
UNKNOWN_SUPPLIER = "SUP-404"
SERVICES = (
    "活动扳手租赁，10 寸",
    "伺服电机维修 750 W",
    "轴承检测 6204-2RS",
    "厂房清洁（每次）",
    "Étalonnage de clé à molette",
    "Contrôle d'installation électrique",
    "Wartung Kühlanlage",
    "Prüfung Hebezeug, jährlich",
    "Señalización de área",
    "Location de tuyau flexible, ø 12 mm",
    "Motor guard test 6–10 A",
    "防护手套清洗（每打）",
)
DEPARTMENTS = ("生产部", "设备科", "Einkauf", "Entretien général")
SLOW = "海外办事处"
"""Department whose approvers take their time: the rules of the OA leave its forms undecided."""

OVER_BUDGET = "超预算"
"""Note on which the rules of the OA refuse a form."""

VALUE_LANE, SPLIT, BY_HAND, SLOW_FORMS, LEFT_UNDECIDED, REFUSED = 40, 200, 100, 40, 10, 15
"""How many of a thousand: see docs/demo.md."""

AWKWARD = {
    "unknown_supplier": 8,
    "zero_quantity": 8,
    "number_twice": 8,
    "two_companies": 8,
    "changed_after_approval": 8,
    "withdrawn_after_approval": 6,
    "resubmitted": 6,
    "long_number": 4,
    "order_deleted": 4,
}
_PAIRS = frozenset({"number_twice", "two_companies", "resubmitted"})
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Item:
    """One line of a form."""

    product: str
    name: str
    quantity: Decimal
    price: Decimal
    supplier: str

    @property
    def amount(self) -> Decimal:
        """Quantity times price at the currency's cents."""
        return (self.quantity * self.price).quantize(_CENT, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Form:
    """One form as somebody fills it in.

    :param case: what is special about it; empty for most.
    :param company: which of the two companies, 0 or 1.
    :param decision: what the rules of the OA make of it: agree, refuse, or slow (a person decides later).
    :param lane: volume (one task for all) or value (one DAG run each).
    :param by_hand: somebody has ordered it in the ERP already.
    :param turn: place among the forms of the same number: cause before consequence.
    """

    number: str
    items: tuple[Item, ...]
    currency: str
    issued: dt.date
    department: str
    case: str = ""
    note: str = ""
    company: int = 0
    decision: str = "agree"
    lane: str = "volume"
    by_hand: bool = False
    turn: int = 0

    @property
    def total(self) -> Decimal:
        """Sum of the lines."""
        return sum((item.amount for item in self.items), Decimal(0))

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Suppliers of the lines, each once."""
        return tuple(sorted({item.supplier for item in self.items}))

    def amount_for(self, supplier: str) -> Decimal:
        """Sum of a supplier's lines."""
        return sum((item.amount for item in self.items if item.supplier == supplier), Decimal(0))


def scaled(count: int, documents: int) -> int:
    """Scale a count per thousand; nothing disappears altogether."""
    return max(1, round(count * documents / 1000))


def forms(documents: int, today: dt.date) -> list[Form]:
    """Return the forms of a demo with so many documents, in the order in which they are filled in.

    :param documents: 40 or more, so that every case has room.
    """
    if documents < 40:
        raise ValueError("the demo needs 40 documents or more, so that every case occurs")
    maker = _Maker(documents, today)
    made = [*maker.awkward(), *maker.value_lane(), *maker.by_hand(), *maker.split()]
    plain = maker.plain(documents - len(made))
    maker.rng.shuffle(shuffled := [*made, *plain])
    return _in_turn(shuffled)


def _in_turn(made: Sequence[Form]) -> list[Form]:
    """Undo the shuffling among forms of one number, where one is the cause of the other."""
    places: dict[tuple[str, int], list[int]] = {}
    for position, form in enumerate(made):
        places.setdefault((form.number, form.company), []).append(position)
    ordered = list(made)
    for positions in places.values():
        again = sorted((made[n] for n in positions), key=lambda form: form.turn)
        for position, form in zip(positions, again, strict=True):
            ordered[position] = form
    return ordered


class _Maker:
    """Draws forms from one seeded source of chance."""

    def __init__(self, documents: int, today: dt.date) -> None:
        self.documents, self.today = documents, today
        self.rng = random.Random(SEED)
        self._next = 0

    def number(self, prefix: str = "PR") -> str:
        self._next += 1
        return f"{prefix}-{self.today:%Y}-{self._next:05d}"

    def form(self, suppliers: int = 1, lines: int = 0, prefix: str = "PR") -> Form:
        rng = self.rng
        chosen = rng.sample(SUPPLIERS, suppliers)
        count = max(lines or rng.choice((1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12)), suppliers)
        names = [chosen[n] if n < suppliers else rng.choice(chosen) for n in range(count)]
        return Form(
            number=self.number(prefix),
            items=tuple(self.item(name) for name in names),
            currency=rng.choice(CURRENCIES),
            issued=self.today - dt.timedelta(days=rng.randrange(21)),
            department=rng.choice(DEPARTMENTS),
        )

    def item(self, supplier: str) -> Item:
        rng = self.rng
        product = f"P-{rng.randrange(200, 210)}"
        while True:
            quantity = Decimal(rng.randrange(1, 48))
            price = Decimal(rng.randrange(7, 900_000)).scaleb(-rng.choice((2, 2, 3, 4)))
            # Half a cent is rounded to the even neighbour by one system and upwards by another.
            if (quantity * price * 100) % 1 != Decimal("0.5") and quantity * price >= _CENT:
                return Item(product, rng.choice(SERVICES), quantity, price, supplier)

    def value_lane(self) -> list[Form]:
        made = [replace(self.form(prefix="HV"), lane="value") for _ in range(self.count(VALUE_LANE))]
        slow = max(1, len(made) // 8)
        return [replace(form, department=SLOW, decision="slow") for form in made[:slow]] + made[slow:]

    def by_hand(self) -> list[Form]:
        return [replace(self.form(), by_hand=True) for _ in range(self.count(BY_HAND))]

    def split(self) -> list[Form]:
        return [self.form(suppliers=self.rng.choice((2, 2, 3))) for _ in range(self.count(SPLIT))]

    def plain(self, count: int) -> list[Form]:
        made = [self.form() for _ in range(count)]
        slow, refused = self.count(SLOW_FORMS), self.count(REFUSED)
        for n in range(min(slow, count)):
            made[n] = replace(made[n], department=SLOW, decision="slow")
        for n in range(slow, min(slow + refused, count)):
            made[n] = replace(made[n], note=f"{OVER_BUDGET} {made[n].total}", decision="refuse")
        return made

    def count(self, per_thousand: int) -> int:
        return scaled(per_thousand, self.documents)

    def awkward(self) -> Iterator[Form]:
        for case, count in AWKWARD.items():
            wanted = self.count(count)
            if case in _PAIRS:
                wanted = max(1, round(wanted / 2))
            for _ in range(wanted):
                yield from self._case(case)

    def _case(self, case: str) -> list[Form]:
        form = replace(self.form(), case=case)
        build = getattr(self, f"_{case}", None)
        return [form] if build is None else build(form)

    def _unknown_supplier(self, form: Form) -> list[Form]:
        items = tuple(replace(item, supplier=UNKNOWN_SUPPLIER) for item in form.items)
        return [replace(form, items=items)]

    def _zero_quantity(self, form: Form) -> list[Form]:
        return [replace(form, items=(replace(form.items[0], quantity=Decimal(0)), *form.items[1:]))]

    def _number_twice(self, form: Form) -> list[Form]:
        more = replace(form.items[0], quantity=form.items[0].quantity + 1)
        return [form, replace(form, turn=1, items=(more, *form.items[1:]))]

    def _two_companies(self, form: Form) -> list[Form]:
        return [form, replace(form, company=1, items=tuple(self.item(i.supplier) for i in form.items))]

    def _resubmitted(self, form: Form) -> list[Form]:
        refused = replace(form, note=f"{OVER_BUDGET} {form.total}", decision="refuse")
        less = replace(form.items[0], quantity=Decimal(1))
        return [refused, replace(form, turn=1, items=(less, *form.items[1:]))]

    def _long_number(self, form: Form) -> list[Form]:
        head = f"{form.number}/项目-Année/"
        return [replace(form, number=head + "x" * (60 - len(head)))]

    def _order_deleted(self, form: Form) -> list[Form]:
        return [replace(form, by_hand=True)]
