from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.incidents import CATEGORIES, NewIncident
from airflow_provider_docflow.ledger.incidents_rules import DEFAULTS, IncidentRules
from airflow_provider_docflow.ledger.persons import People, Person
from tests.operators.world import World

NOW = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
RULES = [
    {"company_code": "C1", "document_type": "supplier_invoice", "category": "data", "owner_role": "AP C1"},
    {"company_code": "C1", "owner_role": "back office C1", "hours": 2},
    {"category": "data", "hours": 48.5},
]


def test_every_category_has_an_owner_and_a_due_time() -> None:
    assert set(DEFAULTS) == set(CATEGORIES)
    for category, (role, hours) in DEFAULTS.items():
        rules = IncidentRules()
        assert rules.owner_role(category, "C9", "payment") == role
        assert rules.due(category, NOW) == NOW + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("category", "company", "kind", "role", "hours"),
    [
        ("data", "C1", "supplier_invoice", "AP C1", 2),
        ("data", "C1", "payment", "back office C1", 2),
        ("control", "C1", "", "back office C1", 2),
        ("data", "C2", "supplier_invoice", "document owner", 48.5),
        ("quota", "C2", "", "integration administrator", 8),
    ],
)
def test_the_first_rule_that_holds_decides(
    category: str, company: str, kind: str, role: str, hours: float
) -> None:
    rules = IncidentRules.from_json(json.dumps(RULES))
    assert rules.owner_role(category, company, kind) == role
    assert rules.due(category, NOW, company, kind) == NOW + timedelta(hours=hours)


def test_an_incident_gets_owner_and_due_time_of_its_document(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.rules = IncidentRules.from_json(json.dumps(RULES))
    ref = DocumentRef("erp-1", "C1", "supplier_invoice", "17", "INV-17")  # type: ignore[arg-type]
    incidents = sqlite_ledger.incidents
    one = incidents.get(incidents.open(NewIncident("data", "x", "why", ref=ref)))
    assert (one.owner_role, one.due, one.assignee) == ("AP C1", one.opened_at + timedelta(hours=2), "")
    other = incidents.get(incidents.open(NewIncident("technical", "x", "why", instance_id="erp-1")))
    assert other.owner_role == "integration administrator"
    own = NewIncident("data", "y", "why", ref=ref, owner_role="me", due=NOW)
    assert (incidents.get(incidents.open(own)).owner_role, incidents.get(incidents.open(own)).due) == (
        "me",
        NOW,
    )
    assert [found.id for found in incidents.search(owner_role="AP C1")] == [one.id]


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("{", "no JSON"),
        ("{}", "no list"),
        ([1], "rule 1 is no object"),
        ([{"owner": "x"}], "unknown key 'owner'"),
        ([{"category": "datum", "owner_role": "x"}], "no category"),
        ([{"document_type": "invoice", "owner_role": "x"}], "no document type"),
        ([{"category": "data"}], "neither owner_role nor hours"),
        ([{"hours": 0}], "no positive number"),
        ([{"hours": True}], "no positive number"),
        ([{"owner_role": 7}], "no short text"),
    ],
)
def test_a_wrong_rule_is_named(rules: Any, told: str) -> None:
    text = rules if isinstance(rules, str) else json.dumps(rules)
    with pytest.raises(Misconfigured, match=told):
        IncidentRules.from_json(text)


def test_the_configuration_reaches_the_ledger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DOCFLOW__INCIDENT_RULES", '[{"owner_role": "somebody", "hours": 1}]')
    monkeypatch.setenv("AIRFLOW__DOCFLOW__PEOPLE", '{"alice": {"airflow": "alice"}}')
    ledger = ledger_of()
    assert ledger.rules.owner_role("data") == "somebody"
    assert ledger.people.name_of(Person("airflow", "alice")) == "alice"
    monkeypatch.setenv("AIRFLOW__DOCFLOW__PEOPLE", "[]")
    with pytest.raises(Misconfigured, match="no object of people"):
        ledger_of()


def test_people_are_told_apart_only_where_somebody_has_said_who_they_are() -> None:
    people = People.from_json('{"alice": {"airflow": ["alice", "17"], "oa": ["a.lice"], "sap": []}}')
    alice, bob = Person("airflow", "17"), Person("airflow", "bob")
    assert people.name_of(alice) == "alice"
    assert people.is_same(alice, "oa", "a.lice") is True
    assert people.is_same(alice, "oa", "boss") is False
    assert people.is_same(alice, "sap", "boss") is False
    assert people.is_same(alice, "erp", "boss") is None
    assert people.is_same(alice, "oa", "") is None
    assert people.is_same(bob, "oa", "boss") is None
    with pytest.raises(Misconfigured, match="is both"):
        People.from_json('{"alice": {"oa": ["x"]}, "bob": {"oa": ["x"]}}')
