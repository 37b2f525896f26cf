"""Wall clock, CPU and peak memory of work in a process of its own, and tables of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Spent:
    """What some work has taken, child processes included; ``told`` is what it came to.

    ``peak`` is the most memory that the process ever held, in MB.
    """

    wall: float
    cpu: float
    peak: float = 0.0
    told: Any = None


def peak_megabytes() -> float:
    """Return the most memory that this process has held; other than ``ru_maxrss`` it begins with exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def clocked(work: Callable[[], Any]) -> Spent:
    """Do some work here and return what it has taken."""
    started, before = time.perf_counter(), os.times()
    told = work()
    wall, after = time.perf_counter() - started, os.times()
    return Spent(wall, sum(after[:4]) - sum(before[:4]), peak_megabytes(), told)


def tell(spent: Spent) -> None:
    """Say in a process of its own what :func:`elsewhere` waits for."""
    print("\n" + json.dumps(asdict(spent)), flush=True)


def elsewhere(arguments: Sequence[str], *, python: str = sys.executable, times: int = 1) -> Spent:
    """Run a module in a process of its own, so many times; return the run that took the least CPU."""
    runs = []
    for _ in range(times):
        done = subprocess.run(
            [python, "-W", "ignore", "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        runs.append(Spent(**json.loads(done.stdout.splitlines()[-1])))
    return min(runs, key=lambda run: run.cpu)


@contextmanager
def goals() -> Any:
    """Collect what was aimed at and missed; say so at the end."""
    missed: list[str] = []
    yield missed
    for one in missed:
        print(f"  MISSED: {one}")


def aim(missed: list[str], name: str, reached: float, *, least: float = 0.0, most: float = 0.0) -> None:
    """Print a figure beside its goal."""
    good = reached >= least if least else reached <= most
    shown = f"at least {least:g}" if least else f"at most {most:g}"
    print(f"  {name:<58} {reached:8.2f}   goal: {shown}")
    if not good:
        missed.append(f"{name}: {reached:.2f}, goal {shown}")
