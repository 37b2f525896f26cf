"""What every stand-in of the sandbox is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.routing import BaseRoute

from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.layer import App
from airflow_provider_docflow.sandbox.store import Store


@dataclass(frozen=True)
class Parts:
    """The shared parts of one sandbox.

    :param jobs: lane for the stand-ins' own work.
    :param outgoing: lane for what waits for other servers, such as events.
    """

    store: Store
    clock: Clock
    jobs: Jobs
    outgoing: Jobs
    faults: FaultBook


@dataclass(frozen=True)
class StandIn:
    """One system that the sandbox stands in for.

    :param name: short name; its control plane is under ``/_sandbox/<name>``.
    :param prefixes: path prefix to application; the application sees the path without the prefix.
    :param hosts: host name to application, for clients that cannot be given a prefix.
    :param control: routes of the control plane.
    """

    name: str
    prefixes: dict[str, App]
    hosts: dict[str, App] = field(default_factory=dict)
    control: Sequence[BaseRoute] = ()
