"""Who owns an incident and until when: rules by company, document type and category."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.ledger.calendars import WorkingCalendar, calendars_from
from airflow_provider_docflow.ledger.incidents_kinds import CATEGORIES

#: Category → owner role and hours, where no rule says otherwise.
DEFAULTS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "data": ("document owner", 24.0),
        "master data": ("master data steward", 24.0),
        "business rule": ("process owner", 24.0),
        "permission": ("system administrator", 8.0),
        "quota": ("integration administrator", 8.0),
        "technical": ("integration administrator", 4.0),
        "control": ("controller", 8.0),
    }
)
_CONDITIONS = ("company_code", "document_type", "category")
_LONGEST_ROLE = 120
_LONGEST_HOURS = 24.0 * 366


@dataclass(frozen=True)
class Rule:
    """One rule; an empty condition holds for everything.

    :param owner_role: who has to act; empty leaves that to the next rule.
    :param hours: from opening to the due time; None leaves that to the next rule.
    :param calendar: by which working calendar the hours run; empty for day and night, None leaves that to the
        next rule.
    """

    company_code: str = ""
    document_type: str = ""
    category: str = ""
    owner_role: str = ""
    hours: float | None = None
    calendar: str | None = None

    def holds(self, category: str, company_code: str, document_type: str) -> bool:
        """Tell whether the rule is about such an incident."""
        pairs = (
            (self.category, category),
            (self.company_code, company_code),
            (self.document_type, document_type),
        )
        return all(wanted in ("", found) for wanted, found in pairs)


class IncidentRules:
    """The rules in their order: the first that holds and says something decides it, then the defaults."""

    def __init__(
        self, rules: Iterable[Rule] = (), calendars: Mapping[str, WorkingCalendar] | None = None
    ) -> None:
        self.rules, self.calendars = tuple(rules), dict(calendars or {})

    @classmethod
    def from_json(cls, text: str, calendars: str = "") -> IncidentRules:
        """Read the option ``[docflow] incident_rules``: a JSON list of objects.

        :param calendars: the option ``[docflow] incident_calendars``.
        :raises Misconfigured: it is no such list, or a rule names something that does not exist.
        """
        known = calendars_from(calendars)
        if not text.strip():
            return cls(calendars=known)
        try:
            found = json.loads(text)
        except ValueError as error:
            raise _wrong(f"it is no JSON: {error}") from None
        if not isinstance(found, list):
            raise _wrong("it is no list of rules")
        return cls((_rule(one, number, known) for number, one in enumerate(found, 1)), known)

    def owner_role(self, category: str, company_code: str = "", document_type: str = "") -> str:
        """Return who has to act."""
        holding = (rule for rule in self.rules if rule.holds(category, company_code, document_type))
        return next((rule.owner_role for rule in holding if rule.owner_role), DEFAULTS[category][0])

    def due(
        self, category: str, opened_at: datetime, company_code: str = "", document_type: str = ""
    ) -> datetime:
        """Return until when somebody should have acted; without a calendar the hours run day and night."""
        holding = [rule for rule in self.rules if rule.holds(category, company_code, document_type)]
        hours = next((rule.hours for rule in holding if rule.hours is not None), DEFAULTS[category][1])
        calendar = next((rule.calendar for rule in holding if rule.calendar is not None), "")
        if calendar:
            return self.calendars[calendar].after(opened_at, hours)
        return opened_at + timedelta(hours=hours)


def _rule(data: Any, number: int, calendars: Mapping[str, WorkingCalendar]) -> Rule:
    where = f"rule {number}"
    if not isinstance(data, Mapping):
        raise _wrong(f"{where} is no object")
    unknown = sorted(set(data) - {*_CONDITIONS, "owner_role", "hours", "calendar"})
    if unknown:
        raise _wrong(f"{where} has an unknown key {unknown[0]!r}")
    texts = {name: data.get(name, "") for name in (*_CONDITIONS, "owner_role")}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > _LONGEST_ROLE:
            raise _wrong(f"{name} of {where} is no short text")
    if texts["category"] not in ("", *CATEGORIES):
        raise _wrong(f"{where} names no category: {texts['category']!r}")
    if texts["document_type"] not in ("", *DocumentType):
        raise _wrong(f"{where} names no document type: {texts['document_type']!r}")
    hours = _hours(data.get("hours"), where)
    calendar = data.get("calendar")
    if calendar not in (None, "", *calendars):
        raise _wrong(f"{where} names no calendar: {calendar!r}")
    if not texts["owner_role"] and hours is None and calendar is None:
        raise _wrong(f"{where} gives neither owner_role nor hours nor calendar")
    return Rule(**texts, hours=hours, calendar=calendar)


def _hours(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_HOURS:
        raise _wrong(f"hours of {where} is no positive number: {value!r}")
    return float(value)


def _wrong(why: str) -> Misconfigured:
    return Misconfigured(
        f"[docflow] incident_rules: {why}.",
        field="incident_rules",
        remedy="Write a JSON list such as "
        '[{"company_code": "1000", "category": "data", "owner_role": "accounts payable", "hours": 8}].',
    )
