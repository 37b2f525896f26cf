"""Work that several pytest-xdist workers want done once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache"


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock that the kernel drops when the holder dies.

    :param path: file to lock; made when missing, never removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def missing(what: str) -> None:
    """Skip the test, or fail it where nothing may be missing.

    :param what: the server that cannot be started, and why.
    """
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{what} (CI is set, so this is a failure and not a skip)", pytrace=False)
    pytest.skip(what)
