"""Reconciling two files with 120 planted breaks: docflow, a bare DuckDB join, polars, datacompy, pandas.

Each lane is a process of its own; imports do not count. ``--rows 10000000`` runs docflow and the join
within 4 GB; the others are left out unless they are named.
"""

from __future__ import annotations

import argparse
import configparser
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import reconcile_data
from benchmarks.measuring import ROOT, Spent, aim, elsewhere, goals

HERE, GROUPS = ("docflow", "duckdb"), ("docflow_groups", "duckdb_groups")
PEERS = ("polars", "datacompy_polars", "datacompy_pandas", "pandas")
LARGE, LIMIT = 5_000_000, "2500MB"


def peers_python() -> str:
    """Return a Python that has the others: datacompy wants another pandas than the tests."""
    where = ROOT / ".cache" / "bench"
    python = where / "bin" / "python"
    if not (where / "made").exists():
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg")
        wanted = config["options.extras_require"]["bench"].split()
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(where)], check=True)
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*install, *wanted], check=True)
        (where / "made").touch()
    return str(python)


def lane(name: str, folder: Path, rows: int, *, memory: str, times: int, python: str) -> Spent:
    """Run a lane and hold its breaks against those that were planted."""
    spent = elsewhere(["benchmarks.reconcile_lanes", name, str(folder), memory], python=python, times=times)
    found = {(kind, order) for kind, order in spent.told}
    wanted = (reconcile_data.expected_batches if name in GROUPS else reconcile_data.expected)(rows)
    verdict = "all found, none invented"
    if found != wanted:
        verdict = f"{len(wanted - found)} not found, {len(found - wanted)} invented"
    print(
        f"  {name:<20}{spent.wall:8.2f} s{spent.cpu:8.2f} s CPU{spent.peak:8.0f} MB   {verdict}", flush=True
    )
    if found != wanted and name.startswith("docflow"):
        raise SystemExit(f"{name} is wrong: {sorted(found ^ wanted)[:5]}")
    return spent


def judge(spent: dict[str, Spent]) -> None:
    """Print the ratios beside what is aimed at."""
    ours = spent["docflow"]
    with goals() as missed:
        if "duckdb" in spent:
            aim(missed, "wall, docflow / bare DuckDB join", ours.wall / spent["duckdb"].wall, most=1.5)
            aim(missed, "CPU, docflow / bare DuckDB join", ours.cpu / spent["duckdb"].cpu, most=1.5)
        if other := spent.get("datacompy_polars"):
            aim(missed, "wall, datacompy (polars) / docflow", other.wall / ours.wall, least=3)
            aim(missed, "CPU, datacompy (polars) / docflow", other.cpu / ours.cpu, least=3)
            aim(missed, "memory, docflow / datacompy (polars)", ours.peak / other.peak, most=0.5)
        if grouped := spent.get("docflow_groups"):
            aim(missed, "CPU, many-to-one / one-to-one", grouped.cpu / ours.cpu, most=10)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reconcile", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--lanes", nargs="+", choices=(*HERE, *PEERS, *GROUPS))
    parser.add_argument("--memory", default="", help="limit of DuckDB in both of its lanes")
    parser.add_argument("--peers", default="", help="a Python with the bench extra; else one is made")
    args = parser.parse_args(arguments)
    large = args.rows > LARGE
    lanes = args.lanes or (HERE if large else (*HERE, *PEERS, *GROUPS))
    memory = args.memory or (LIMIT if large else "")
    python = (args.peers or peers_python()) if set(lanes) & set(PEERS) else ""
    with tempfile.TemporaryDirectory(prefix="docflow-bench-") as home:
        reconcile_data.write(Path(home), args.rows)
        limit = f", DuckDB limited to {memory}" if memory else ""
        print(f"{args.rows} x {args.rows} orders, {reconcile_data.BREAKS} planted breaks{limit}")
        spent = {
            name: lane(
                name,
                Path(home),
                args.rows,
                memory=memory,
                times=args.times,
                python=python if name in PEERS else sys.executable,
            )
            for name in lanes
        }
    if "docflow" in spent:
        judge(spent)
    if large and max(one.peak for one in spent.values()) > 4096:
        raise SystemExit("more than 4 GB of memory")


if __name__ == "__main__":
    main()
