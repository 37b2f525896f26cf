"""docker-compose.yaml as Docker reads it: merged, and with the variables of ``.env`` filled in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Z_]+)(?::(?P<how>[-?])(?P<text>[^}]*))?\})")
AIRFLOW = frozenset(
    {
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "worker-1",
        "worker-2",
        "init",
        "webhooks",
        "sandbox",
    }
)


class Missing(LookupError):
    """A variable that has to be set is not."""


@cache
def written() -> dict[str, Any]:
    """The file as it stands, anchors resolved, variables not."""
    found: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
    return found


def example() -> dict[str, str]:
    """Names and values of ``.env.example``."""
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def filled_in() -> dict[str, str]:
    """``.env`` as somebody might fill it in."""
    secrets = {name: f"{name.lower().replace('_', '')}0" for name, value in example().items() if not value}
    return {**example(), **secrets, "FERNET_KEY": "ZG9jZmxvdy10ZXN0cy1vbmx5LW5vdC1hLXNlY3JldCE="}


def fill(value: Any, env: Mapping[str, str]) -> Any:
    """Put the variables in, in all of a value."""
    if isinstance(value, dict):
        return {name: fill(one, env) for name, one in value.items()}
    if isinstance(value, list):
        return [fill(one, env) for one in value]
    return VARIABLE.sub(lambda match: _one(match, env), value) if isinstance(value, str) else value


def _one(match: re.Match[str], env: Mapping[str, str]) -> str:
    name, how, text = match["name"], match["how"], match["text"]
    if name is None:
        return "$"
    given = env.get(name, "")
    if given or how is None:
        return given
    if how == "?":
        raise Missing(text)
    return str(text)


def services(env: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """Every service by name."""
    found: dict[str, dict[str, Any]] = fill(written()["services"], filled_in() if env is None else env)
    return found


def variables() -> set[str]:
    """Names of all variables that the file takes from ``.env``."""
    text = (CHECKOUT / "docker-compose.yaml").read_text()
    return {match["name"] for match in VARIABLE.finditer(text) if match["name"]}


def commands(service: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield what a service runs and what its health check runs, shells looked into."""
    check = list((service.get("healthcheck") or {}).get("test") or [])
    if check[:1] == ["CMD-SHELL"]:
        yield from _in_shell(check[1])
    elif check:
        yield check[1:]
    yield from _of(list(service.get("command") or []))


def _of(command: list[str]) -> Iterator[list[str]]:
    if command[:2] in (["bash", "-c"], ["sh", "-c"]):
        yield from _in_shell(command[2])
    elif command:
        yield command


def _in_shell(text: str) -> Iterator[list[str]]:
    for part in re.split(r"&&|\|\||[;|]", text):
        yield shlex.split(part)
