"""What Airflow learns about the package, asked through Airflow itself; and the texts that people read."""

from __future__ import annotations

import ast
import importlib
import json
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import airflow as airflow_package
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import BaseNotifier, BaseOperator, BaseSensorOperator
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
from airflow.triggers.base import BaseTrigger

from airflow_provider_docflow import connection_types, locale
from airflow_provider_docflow.cli.definition import get_docflow_cli_commands
from airflow_provider_docflow.document.state import (
    ApprovalState,
    FulfilmentState,
    InvoicingState,
    LifecycleState,
    PaymentState,
)
from airflow_provider_docflow.get_provider_info import TABLE, get_provider_info
from airflow_provider_docflow.hooks.handles import Status
from airflow_provider_docflow.links import EXTRA_LINKS
from airflow_provider_docflow.operators.base import DocflowOperator
from airflow_provider_docflow.systems import names, profile_of

NAME = "airflow-provider-docflow"
PACKAGE = Path(connection_types.__file__).parent
INFO = get_provider_info()
SCHEMA = Path(airflow_package.__path__[0]) / "provider_info.schema.json"
CODE = re.compile(r"^(approval|guarantee|notice|receiver|source|state|status|target|write)\.[a-z_]+$")
_LIGHT = """
import json, sys
from airflow_provider_docflow.get_provider_info import get_provider_info
get_provider_info()
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def manager() -> ProvidersManager:
    return ProvidersManager()


def test_it_fits_airflows_schema() -> None:
    jsonschema.validate(INFO, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_airflow_finds_the_provider_by_its_entry_point(manager: ProvidersManager) -> None:
    found = manager.providers[NAME]
    assert found.data["package-name"] == NAME
    assert found.version == importlib.import_module("airflow_provider_docflow").__version__


def test_airflow_offers_every_product_as_a_connection() -> None:
    hooks = ProvidersManagerTaskRuntime().hooks
    assert {name for name in hooks if name.startswith("docflow_")} == {f"docflow_{name}" for name in names()}
    for name in names():
        hook = hooks[f"docflow_{name}"]
        assert hook is not None, name
        assert hook.connection_id_attribute_name == "docflow_conn_id"
        assert hook.hook_class_name == connection_types.HOOK


def test_the_forms_reach_the_interface(manager: ProvidersManager, airflow_db: None) -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    shown = {form.connection_type: form for form in HookMetaService.hook_meta_data()}
    for name in names():
        form, profile = shown[f"docflow_{name}"], profile_of(name)
        assert form.hook_name == f"docflow: {profile.title}"
        assert set(form.extra_fields or {}) == set(profile.conn_fields)
        hidden = profile.ui_field_behaviour.get("hidden_fields", [])
        for field in hidden:
            if field in ("host", "port", "login", "password", "description"):
                assert getattr(form.standard_fields, field).hidden, (name, field)


def test_the_table_is_what_the_profiles_say() -> None:
    made = connection_types.table()
    assert TABLE.read_text(encoding="utf-8") == made, (
        "run: python -m airflow_provider_docflow.connection_types"
    )


def test_secrets_are_password_fields() -> None:
    from airflow_provider_docflow.core.redact import is_secret_name

    for kind in INFO["connection-types"]:
        for name, field in kind["conn-fields"].items():
            if is_secret_name(name) and field["schema"].get("type") != "boolean":
                assert field["schema"].get("format") == "password", (kind["connection-type"], name)


def test_airflow_knows_notifier_links_assets_triggers_settings_and_command(manager: ProvidersManager) -> None:
    notifier = "airflow_provider_docflow.notifications.docflow.DocflowNotifier"
    assert notifier in str(manager.notification)
    assert set(EXTRA_LINKS) <= set(manager.extra_links_class_names)
    assert "docflow" in ProvidersManagerTaskRuntime().asset_uri_handlers
    assert "airflow_provider_docflow.triggers.document" in str(manager.trigger)
    assert "docflow" in dict(manager.provider_configs)[NAME]
    assert get_docflow_cli_commands in manager.cli_command_functions


def test_the_links_listed_are_the_links_there_are() -> None:
    assert INFO["extra-links"] == EXTRA_LINKS
    used = {
        f"{type(link).__module__}.{type(link).__qualname__}" for link in DocflowOperator.operator_extra_links
    }
    assert used == set(EXTRA_LINKS)


@pytest.mark.parametrize(
    ("room", "base"),
    [("operators", BaseOperator), ("sensors", BaseSensorOperator), ("triggers", BaseTrigger)],
)
def test_the_modules_listed_are_the_modules_there_are(room: str, base: type) -> None:
    listed = {name for group in INFO[room] for name in group["python-modules"]}
    assert listed == {name for name in _modules(room) if _public(name, base)}


def _modules(room: str) -> Iterator[str]:
    for path in (PACKAGE / room).glob("*.py"):
        if path.stem != "__init__":
            yield f"airflow_provider_docflow.{room}.{path.stem}"


def _public(module: str, base: type) -> list[str]:
    """Return the classes that an author may use: those a module defines itself, but a common base."""
    found = importlib.import_module(module)
    return [
        name
        for name, value in vars(found).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module
        and not name.startswith("_")
        and value is not DocflowOperator
    ]


def test_the_notifier_is_one() -> None:
    (path,) = INFO["notifications"]
    module, _, name = path.rpartition(".")
    assert issubclass(getattr(importlib.import_module(module), name), BaseNotifier)


def test_asking_costs_little() -> None:
    done = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    ours = [name for name in loaded if name.startswith("airflow_provider_docflow")]
    assert ours == ["airflow_provider_docflow", "airflow_provider_docflow.get_provider_info"]
    assert not {"airflow", "pydantic", "sqlalchemy", "httpx2", "jinja2"} & set(loaded)


def test_settings_are_read_by_the_name_that_is_declared() -> None:
    declared = set(INFO["config"]["docflow"]["options"])
    pattern = re.compile(r"conf\.get\w*\(\s*\"docflow\",\s*\"(\w+)\"")
    read = {name for path in PACKAGE.rglob("*.py") for name in pattern.findall(path.read_text("utf-8"))}
    assert read == declared


@pytest.mark.parametrize("language", locale.LANGUAGES)
def test_every_text_is_there_and_takes_the_same_names(language: str) -> None:
    english, found = locale.catalogue("en"), locale.catalogue(language)
    assert set(found) == set(english)
    for code, told in found.items():
        assert told.strip(), code
        assert _fields(told) == _fields(english[code]), code


def _fields(told: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(told) if name is not None}


def test_every_code_in_the_code_has_its_text() -> None:
    missing = sorted((code, where) for code, where in _codes() if code not in locale.catalogue("en"))
    assert missing == []


def _codes() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "sandbox" in path.parts or "testing" in path.parts:
            continue
        where = str(path.relative_to(PACKAGE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value):
                yield node.value, where
            if isinstance(node, ast.Call):
                yield from ((code, where) for code in _incident_codes(node))


def _incident_codes(call: ast.Call) -> Iterator[str]:
    """Yield the codes of incidents that the ledger opens itself."""
    if not (isinstance(call.func, ast.Name) and call.func.id == "NewIncident"):
        return
    given: list[ast.expr] = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "code")]
    for value in given:
        if isinstance(value, ast.Constant):
            yield str(value.value)


def test_words_that_are_put_together_have_their_texts() -> None:
    known = set(locale.catalogue("zh"))
    assert {f"status.{word}" for word in get_args(Status)} <= known
    axes = (LifecycleState, ApprovalState, FulfilmentState, InvoicingState, PaymentState)
    assert {f"state.{word.value}" for axis in axes for word in axis} <= known
    dead = {word.value for word in LifecycleState} - {"draft", "submitted", "active", "closed"}
    assert {f"target.{word}" for word in (*dead, "deleted")} <= known


def test_a_text_without_an_entry_shows_its_code() -> None:
    assert locale.text("no.such.code", "zh") == "no.such.code"
    assert locale.text("state.draft", "tlh") == "draft"
