"""``python -m benchmarks`` runs what ends within minutes, ``python -m benchmarks NAME ...`` one of them.

``--list`` tells the names. Each prints ratios from one run; what misses its goal says so.
"""

from __future__ import annotations

import importlib
import sys

QUICK = ("imports", "create", "waits", "limits", "reconcile")
"""What ``make bench`` runs, in this order."""

LONG = ("pages", "growth", "events")


def told(name: str) -> str:
    """Return the first line of what a benchmark says of itself."""
    lines = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").strip().splitlines()
    return lines[0]


def main(arguments: list[str]) -> None:
    if arguments == ["--list"]:
        for name in (*QUICK, *LONG):
            print(f"{name:<12}{told(name)}")
        return
    if arguments and arguments[0] not in (*QUICK, *LONG):
        raise SystemExit(f"{arguments[0]} is none of {', '.join((*QUICK, *LONG))}")
    for name in arguments[:1] or QUICK:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}: {told(name)}", flush=True)
        module.main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
