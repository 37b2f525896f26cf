"""What importing all operators and sensors adds to ``import airflow.sdk``, in fresh processes."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.measuring import ROOT, aim, goals

SDK = "from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, task"
CODE = """
import time
{first}
wall, cpu = time.perf_counter(), time.process_time()
{second}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""
EVERY = """
import importlib, pkgutil
import airflow_provider_docflow.operators as operators, airflow_provider_docflow.sensors as sensors
for folder in (operators, sensors):
    for one in pkgutil.iter_modules(folder.__path__, folder.__name__ + "."):
        importlib.import_module(one.name)
"""


def milliseconds(first: str, second: str, times: int) -> tuple[float, float]:
    """Return the least wall and CPU milliseconds of the second after the first."""
    runs = []
    for _ in range(times):
        code = CODE.format(first=first, second=second)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        wall, cpu = done.stdout.split()[-2:]
        runs.append((float(wall) * 1000, float(cpu) * 1000))
    return min(wall for wall, _ in runs), min(cpu for _, cpu in runs)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks imports", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args(arguments).times
    # Once, so that nothing is compiled while the clock runs.
    milliseconds(SDK, EVERY, 1)
    alone, added = milliseconds("", SDK, times), milliseconds(SDK, EVERY, times)
    one = milliseconds(
        SDK, "from airflow_provider_docflow.operators.create import CreateDocumentOperator", times
    )
    for name, (wall, cpu) in {
        "airflow.sdk, as a DAG file imports it": alone,
        "then one operator": one,
        "then all operators and sensors": added,
    }.items():
        print(f"  {name:<44}{wall:8.0f} ms{cpu:8.0f} ms CPU")
    with goals() as missed:
        aim(missed, "all operators over airflow.sdk, ms", added[0], most=150)


if __name__ == "__main__":
    main()
