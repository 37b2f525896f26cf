"""What the doctor says: one finding per check, each with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check.

    :param check: what was looked at.
    :param remedy: what a person should do; empty where all is well.
    """

    level: Level
    check: str
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as JSON primitives."""
        return asdict(self)


def ok(check: str, found: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(level="ok", check=check, found=found)


def warn(check: str, found: str, remedy: str) -> Finding:
    """Return a finding that works and should not stay."""
    return Finding(level="warn", check=check, found=found, remedy=remedy)


def fail(check: str, found: str, remedy: str) -> Finding:
    """Return a finding that stops documents."""
    return Finding(level="fail", check=check, found=found, remedy=remedy)


def failed(check: str, error: Exception) -> Finding:
    """Return the finding of a check that an error ended."""
    if isinstance(error, exc.DocflowError):
        where = f"{error.field}: " if error.field else ""
        return fail(check, f"{where}{error.message}", error.remedy or "See the message.")
    return fail(check, str(error).splitlines()[0] if str(error) else type(error).__name__, "See the message.")


def tried(check: str, look: Callable[[], Iterable[Finding] | Finding]) -> Iterator[Finding]:
    """Yield what a check finds; an error of a system or the ledger is a finding, and the others go on."""
    from airflow.sdk.exceptions import AirflowException

    try:
        found = look()
        yield from [found] if isinstance(found, Finding) else found
    except (exc.DocflowError, AirflowException) as error:
        yield failed(check, error)


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among findings."""
    levels: set[Any] = {finding.level for finding in findings}
    return "fail" if "fail" in levels else "warn" if "warn" in levels else "ok"
