"""The list of failures that are proved: every row of the table in docs/failures.md is one test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class FailureCase:
    """One row of the table.

    :param case: what goes wrong.
    :param does: what the test does.
    :param expected: the one outcome that passes.
    :param shows: which promise that is.
    """

    case: str
    does: str
    expected: str
    shows: str
    test: str


CASES: list[FailureCase] = []


def failure_case(case: str, *, does: str, expected: str, shows: str) -> Callable[[Any], Any]:
    """Enter a test into the table."""

    def mark(test: Any) -> Any:
        CASES.append(FailureCase(case, does, expected, shows, f"{test.__module__}.{test.__name__}"))
        return pytest.mark.failure_case(case)(test)

    return mark
