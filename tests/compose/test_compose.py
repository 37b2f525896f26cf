"""Everything that docker-compose.yaml names exists: commands, settings, variables, ports, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_docflow.exceptions import LedgerUnavailable
from tests.compose import reading
from tests.compose.reading import AIRFLOW, CHECKOUT, services

NAMES = sorted(reading.written()["services"])
SETTING = re.compile(r"AIRFLOW__(?P<section>[A-Z0-9_.]+?)__(?P<option>[A-Z0-9_]+)$")
SECRETS = {
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW_CONN_DOCFLOW_LEDGER",
}


@pytest.fixture(scope="module")
def options() -> dict[str, dict[str, Any]]:
    """Every option that Airflow and the installed providers describe, by section."""
    from airflow.configuration import retrieve_configuration_description

    described = retrieve_configuration_description(include_airflow=True, include_providers=True)
    return {section: found["options"] for section, found in described.items()}


def _settings() -> Iterator[tuple[str, str, str, str]]:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if match := SETTING.match(variable):
                yield name, match["section"].lower(), match["option"].lower(), str(value)


def test_the_services_are_those_of_a_distributed_airflow() -> None:
    assert set(NAMES) == {*AIRFLOW, "postgres", "redis"}
    assert [name for name, one in services().items() if "profiles" in one] == [
        "webhooks",
        "sandbox",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_one(name: str) -> None:
    seen = list(reading.commands(services()[name]))
    assert seen
    for command in seen:
        _check(command)


def _check(command: list[str]) -> None:
    program, *arguments = command
    if program == "airflow":
        from airflow.cli.cli_parser import get_parser

        assert callable(get_parser().parse_args(arguments).func)
    elif program == "celery":
        _check_celery(arguments)
    else:
        assert program in {"curl", "grep", "pg_isready", "redis-cli", "redis-server", "exec", "umask", "echo"}


def _check_celery(arguments: list[str]) -> None:
    from importlib import import_module

    from celery import Celery
    from celery.bin.celery import celery

    assert arguments[0] == "--app"
    module, _, attribute = arguments[1].rpartition(".")
    assert isinstance(getattr(import_module(module), attribute), Celery)
    sub = celery.commands[arguments[2]]
    context = sub.make_context(arguments[2], arguments[3:])
    assert context.params["command"] == "ping" and context.params["destination"] == ["celery@${HOSTNAME}"]


def test_a_command_that_is_none_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        ["airflow", "schedulr"],
        ["airflow", "docflow", "db", "upgarde"],
        ["airflow", "api-server", "-q"],
    ):
        with pytest.raises(SystemExit):
            _check(wrong)
    assert "invalid choice" in capsys.readouterr().err


def test_every_setting_is_described(options: dict[str, dict[str, Any]]) -> None:
    found = {(section, option) for _, section, option, _ in _settings()}
    assert [f"{s}.{o}" for s, o in sorted(found) if o not in options.get(s, {})] == []
    assert {section for section, _ in found} >= {"core", "api", "celery", "database", "scheduler", "docflow"}


@pytest.mark.parametrize("name", sorted(AIRFLOW))
def test_every_part_of_airflow_has_the_same_secrets_and_stores(name: str) -> None:
    every = services()
    mine, scheduler = every[name]["environment"], every["scheduler"]["environment"]
    assert set(mine) >= SECRETS
    assert {key: mine[key] for key in SECRETS} == {key: scheduler[key] for key in SECRETS}
    assert mine["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert mine["AIRFLOW__CELERY__RESULT_BACKEND"] == "db+" + mine["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


def test_the_settings_are_those_that_were_tried(tmp_path: Path) -> None:
    """``make distributed`` proves a distributed Airflow; what only a container needs is named here."""
    from scripts.demo_home import Home
    from scripts.distributed_servers import ALL_PORTS, Cluster

    tried = set(Cluster(Home(tmp_path / "home", ALL_PORTS)).airflow_env())
    here = {name for service in services().values() for name in service.get("environment", {})}
    only_here = {name for name in here - tried if name.startswith("AIRFLOW")}
    assert only_here == {
        "AIRFLOW__CORE__AUTH_MANAGER",
        "AIRFLOW__TRIGGERER__CAPACITY",
        "AIRFLOW__DOCFLOW__LANGUAGE",
        "AIRFLOW__DOCFLOW__WEBHOOK_CONNECTIONS",
    }


def test_every_variable_is_in_the_example_and_every_one_there_is_used() -> None:
    assert reading.variables() == set(reading.example())


@pytest.mark.parametrize("name", [name for name, value in reading.example().items() if not value])
def test_a_secret_has_no_value_of_its_own(name: str) -> None:
    without = {**reading.filled_in(), name: ""}
    with pytest.raises(reading.Missing, match=rf"set {name} in \.env"):
        services(without)


def test_the_ledger_is_a_database_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_docflow.hooks.ledger import ledger_address

    env = services()["worker-1"]["environment"]
    for name in ("AIRFLOW_CONN_DOCFLOW_LEDGER", "AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__FERNET_KEY"):
        monkeypatch.setenv(name, env[name])
    url, keys = ledger_address()
    assert url == "postgresql+psycopg://docflow:ledgerpassword0@postgres:5432/ledger"
    assert keys == [env["AIRFLOW__CORE__FERNET_KEY"]]
    assert not env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith("/ledger")


@pytest.mark.parametrize("connection", [None, "sqlite:////tmp/ledger.sqlite"])
def test_a_ledger_in_sqlite_is_refused_with_workers_elsewhere(
    monkeypatch: pytest.MonkeyPatch, connection: str | None
) -> None:
    from airflow_provider_docflow.hooks.ledger import ledger_of

    monkeypatch.setenv(
        "AIRFLOW__CORE__EXECUTOR", services()["worker-1"]["environment"]["AIRFLOW__CORE__EXECUTOR"]
    )
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", connection)
    with pytest.raises(LedgerUnavailable, match="SQLite cannot serve CeleryExecutor") as caught:
        ledger_of()
    assert "docflow_ledger" in caught.value.remedy and "docflow db upgrade" in caught.value.remedy


def _listening(options: dict[str, dict[str, Any]]) -> dict[str, set[int]]:
    """Return the ports on which each service listens, by its own command and settings."""
    every = services()
    assert every["scheduler"]["environment"]["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "True"
    assert not [one for one in _settings() if one[2] == "scheduler_health_check_server_port"]
    health = int(options["scheduler"]["scheduler_health_check_server_port"]["default"])
    told = {name: _port_argument(" ".join(one.get("command") or [])) for name, one in every.items()}
    return {**told, "scheduler": {health}, "postgres": {5432}}


def _port_argument(command: str) -> set[int]:
    return {int(port) for port in re.findall(r"--port (\d+)", command)}


def test_every_port_is_one_on_which_somebody_listens(options: dict[str, dict[str, Any]]) -> None:
    listening = _listening(options)
    asked = 0
    for name, service in services().items():
        for command in reading.commands({**service, "command": []}):
            text = " ".join(command)
            ports = {int(p) for p in re.findall(r"localhost:(\d+)|(?:--port|-p) (\d+)", text) for p in p if p}
            assert ports <= listening[name], (name, text)
            asked += bool(ports)
        for published in service.get("ports", []):
            assert int(published.rsplit(":", 1)[1]) in listening[name]
    assert asked == 6


def test_every_address_leads_to_a_service_that_listens(options: dict[str, dict[str, Any]]) -> None:
    listening, seen = _listening(options), set()
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            parts = urlsplit(str(value).removeprefix("db+"))
            if parts.hostname and variable != "AIRFLOW__API__BASE_URL":
                assert parts.port in listening[parts.hostname], (name, variable)
                seen.add(parts.hostname)
    assert seen == {"api-server", "postgres", "redis"}


def test_the_execution_api_is_where_the_api_server_serves_it() -> None:
    from airflow.api_fastapi.app import RESERVED_URL_PREFIXES

    url = urlsplit(services()["worker-1"]["environment"]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"])
    assert url.path.rstrip("/") in RESERVED_URL_PREFIXES


@pytest.mark.parametrize("name", NAMES)
def test_what_a_service_waits_for_can_come(name: str) -> None:
    every = services()
    for other, how in every[name].get("depends_on", {}).items():
        needed = {
            "service_healthy": "healthcheck" in every[other],
            "service_completed_successfully": every[other].get("restart") == "no",
        }
        assert needed[how["condition"]], other
        assert "profiles" not in every[other]


def test_nothing_starts_before_both_databases_are_migrated() -> None:
    every = services()
    (migrations,) = every["init"]["command"][2:]
    assert migrations.split(" && ") == ["airflow db migrate", "airflow docflow db upgrade"]
    assert set(every["init"]["depends_on"]) >= {"postgres"}
    for name in AIRFLOW - {"init", "sandbox"}:
        assert every[name]["depends_on"]["init"]["condition"] == "service_completed_successfully", name


@pytest.mark.parametrize("name", NAMES)
def test_every_service_is_watched_restarted_and_not_root(name: str) -> None:
    service = services()[name]
    assert service["user"].split(":")[0] not in ("0", "root", "")
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"] == ("no" if name == "init" else "unless-stopped")
    assert ("healthcheck" in service) == (name != "init")


def test_every_volume_exists_and_is_used() -> None:
    used: set[str] = set()
    for service in services().values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (CHECKOUT / source).is_dir(), source
            else:
                used.add(source)
    assert used == set(reading.written()["volumes"])


def test_two_workers_have_names_of_their_own() -> None:
    from airflow.cli.cli_parser import get_parser

    every = services()
    for name in ("worker-1", "worker-2"):
        asked = get_parser().parse_args(every[name]["command"][1:])
        # The health check asks for celery@$HOSTNAME.
        assert asked.celery_hostname == every[name]["hostname"] == name
