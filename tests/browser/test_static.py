"""What the pages are made of: every word has its text in both languages, and nothing is written into HTML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.document.state import (
    ApprovalState,
    FulfilmentState,
    InvoicingState,
    LifecycleState,
    PaymentState,
)
from airflow_provider_docflow.ledger.decisions import WORDS as DECISIONS
from airflow_provider_docflow.ledger.incidents_kinds import CATEGORIES
from airflow_provider_docflow.ledger.incidents_rules import DEFAULTS
from airflow_provider_docflow.locale import LANGUAGES, catalogue
from airflow_provider_docflow.plugin import views

STATIC = Path(views.__file__).with_name("static")
MODULES = sorted(STATIC.glob("*.js"))
AXES = {
    "lifecycle": LifecycleState,
    "approval": ApprovalState,
    "fulfilment": FulfilmentState,
    "invoicing": InvoicingState,
    "payment": PaymentState,
}
VERBS = ("retry", "retry_group", "assign", "close", "override", "withdraw")
_KEY = re.compile(r'\bt\(\s*"([^"]+)"')
_OTHER_KEYS = re.compile(r'"(page\.[\w.-]+)"')
_MADE = {
    "axis": AXES,
    "type": [str(one.value) for one in DocumentType],
    "state": {str(word.value) for words in AXES.values() for word in words} | set(DECISIONS),
    "incident.category": CATEGORIES,
    "incident.status": ("open", "closed"),
    "incident.event": ("opened", "again", "assigned", "retried", "closed"),
    "role": [role for role, _ in DEFAULTS.values()],
    "page.tab": ("list", "incidents"),
    "page.act": [f"{verb}{end}" for verb in VERBS for end in ("", ".hint")],
    "page.done": VERBS,
    "page.error": ("401", "403", "404", "409", "422", "502", "503"),
    "page.outage": ("open", "half-open", "recovering", "window", "planned", "writes"),
    "page.event": (
        *("read", "writing", "written", "done", "decided"),
        *("incident_opened", "incident_closed", "action"),
    ),
}


def source(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in MODULES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_pages_has_its_text(language: str) -> None:
    text = everything()
    asked = {*_KEY.findall(text), *_OTHER_KEYS.findall(text)}
    asked |= {f"{kind}.{name}" for kind, names in _MADE.items() for name in names}
    filters = re.search(r"const FILTERS = \[(.*?)\]", source("list.js"), re.DOTALL)
    assert filters
    asked |= {f"page.filter.{name}" for name in re.findall(r'"(\w+)"', filters[1])}
    sorts = re.search(r"const SORTS = \[(.*?)\]", source("list.js"))
    assert sorts
    asked |= {f"page.sort.{name}" for name in re.findall(r'"([\w-]+)"', sorts[1])}

    assert len(asked) > 150
    assert sorted(asked - catalogue(language).keys()) == []


def test_both_catalogues_have_the_same_texts_with_the_same_names_in_them() -> None:
    english, chinese = catalogue("en"), catalogue("zh")

    assert english.keys() == chinese.keys()
    named = re.compile(r"\{(\w+)\}")
    differing = [
        code
        for code, text in english.items()
        if set(named.findall(text)) != set(named.findall(chinese[code]))
    ]
    assert differing == []


def test_the_words_of_last_resort_are_those_of_the_catalogues() -> None:
    for language in LANGUAGES:
        block = re.search(rf"\n  {language}: {{(.*?)\n  }}", source("texts.js"), re.DOTALL)
        assert block
        kept = dict(re.findall(r'"(page\.[\w.]+)": "([^"]+)"', block[1]))
        assert kept and kept == {code: catalogue(language)[code] for code in kept}


def test_the_words_to_choose_from_are_those_of_the_document() -> None:
    text = source("parts.js")
    for axis, words in AXES.items():
        listed = re.search(rf"  {axis}: \[(.*?)\]", text)
        assert listed
        assert set(re.findall(r'"(\w+)"', listed[1])) == {str(word.value) for word in words}
    types = re.search(r"export const TYPES = \[(.*?)\]", text, re.DOTALL)
    assert types
    assert set(re.findall(r'"(\w+)"', types[1])) == {str(one.value) for one in DocumentType}
    categories = re.search(r"export const CATEGORIES = \[(.*?)\]", text, re.DOTALL)
    assert categories
    assert set(re.findall(r'"([\w ]+)"', categories[1])) == set(CATEGORIES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_is_short_and_leaves_html_and_numbers_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 300
    assert not re.search(
        r"innerHTML|dangerously|document\.write|\beval\(|parseFloat|https?://(?!\?)[\w.]", text
    )
    for name in re.findall(r'from "\./([\w.]+)"', text):
        assert (STATIC / name).exists(), name


def test_what_airflow_is_told_exists_and_has_routes_of_its_own() -> None:
    for app in views.REACT_APPS:
        for field in ("bundle_url", "icon", "icon_dark_mode"):
            assert (STATIC / Path(app[field]).name).exists(), app[field]
        assert f"globalThis.{app['name']} = " in source("documents.js")
    routes = [app["url_route"] for app in views.REACT_APPS]
    assert len(set(routes)) == len(routes)
