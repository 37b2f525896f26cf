"""``make demo``: start everything, run the main job over N documents, print the result, leave the pages up.

Everything lies in ``.demo/``; ``make demo-stop`` ends the processes, and removing the folder begins anew. A
start that is killed is gone on with by the next one. ``DOCFLOW_DB=postgresql://...`` puts Airflow's own data
and the ledger into that database in place of SQLite.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
if str(CHECKOUT) not in sys.path:
    sys.path.insert(0, str(CHECKOUT))

from scripts.demo_cases import LEFT_UNDECIDED, forms, scaled  # noqa: E402
from scripts.demo_home import Home  # noqa: E402
from scripts.demo_job import VALUE, VOLUME, Job  # noqa: E402
from scripts.demo_progress import Progress  # noqa: E402
from scripts.demo_report import Judge  # noqa: E402
from scripts.demo_servers import USER, Servers  # noqa: E402
from scripts.demo_truth import read_truth  # noqa: E402


def run(servers: Servers, documents: int, conf: dict[str, Any] | None = None) -> dict[str, Any]:
    """Start what does not run, do what is not done, and return the report.

    :param conf: of the last run of the volume lane, such as ``{"cursor": "all"}``.
    """
    began, progress, home = time.monotonic(), Progress(), servers.home
    documents = int(home.choose("documents", documents))
    today = dt.date.fromisoformat(home.choose("today", dt.date.today().isoformat()))
    with progress.stage("servers: Tryton, OA, finance", 3) as tell:
        airflow = servers.start_airflow()
        servers.tryton()
        tell(1)
        servers.sandbox()
    job = Job(servers, forms(documents, today), progress, left_undecided=scaled(LEFT_UNDECIDED, documents))
    job.prepare()
    with progress.stage("Airflow", 1):
        servers.airflow_answers(airflow)
        job.connect(airflow)
    job.adopt()
    job.run_lanes(airflow, conf)
    return _report(job, servers, progress, time.monotonic() - began)


def _report(job: Job, servers: Servers, progress: Progress, seconds: float) -> dict[str, Any]:
    with progress.stage("read back from the systems", len(job.entered)):
        truth = read_truth(job.erp.rpc, servers.finance, job.sandbox, job.entered)
    incidents = job.incidents()
    judge = Judge(job.entered, truth, incidents, job.oa.companies)
    found = judge.judge()
    report = {
        **truth.states(),
        "messages": truth.messages,
        "written_back": truth.written_back,
        "totals": judge.totals(),
        "duplicates": len(found.duplicates),
        "lost": len(found.lost),
        "wrong": [*found.duplicates, *found.lost, *found.wrong],
        "incidents": incidents,
        "stages": progress.taken,
        "seconds": round(seconds, 1),
        "ui": servers.ui,
    }
    job.home.keep_report(report)
    return report


def show(report: dict[str, Any], servers: Servers) -> None:
    """Print what was counted."""
    progress = Progress()
    stages = [(one["name"], one["documents"], one["seconds"]) for one in report["stages"]]
    progress.table("Stages", ("stage", "documents", "seconds"), stages)
    kinds = ("requisitions", "orders", "invoices", "payments")
    rows = [(kind, sum(report[kind].values()), _counts(report[kind])) for kind in kinds]
    progress.table("In the systems", ("documents", "count", "by state"), rows)
    totals = report["totals"]
    money = [
        (c, *(totals[name].get(c, "-") for name in totals)) for c in sorted({*totals["oa"], *totals["erp"]})
    ]
    progress.table("Totals without those that are incidents", ("currency", *totals), money)
    told = [(one["document"], one["field"], one["reason"][:90]) for one in report["incidents"]]
    progress.table(f"Incidents: {len(told)}", ("document", "field", "reason"), told[:12])
    progress.say(
        f"duplicates {report['duplicates']}, lost {report['lost']}, incidents {len(told)}"
        f" ({'exactly the planted ones' if not report['wrong'] else 'NOT as planted'}),"
        f" {report['messages']} messages, {report['seconds']:.0f} s"
    )
    for sentence in report["wrong"][:20]:
        progress.say(f"WRONG: {sentence}")
    progress.say(f"\nReport: {servers.home.path / 'report.json'}")


def show_pages(report: dict[str, Any], servers: Servers) -> None:
    """Print where the pages are."""
    progress = Progress()
    progress.say(f"Airflow: {report['ui']}  user {USER}, password {servers.password}")
    progress.say(f"         {report['ui']}/dags/{VOLUME} and {report['ui']}/dags/{VALUE}")
    progress.say("make demo-stop ends everything.")


def _counts(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=1000, help="how many requisitions, 40 or more")
    parser.add_argument("--home", type=Path, default=CHECKOUT / ".demo")
    parser.add_argument("--everything", action="store_true", help="look through all of the OA once more")
    parser.add_argument("--stop", action="store_true", help="end what runs")
    chosen = parser.parse_args()
    if chosen.stop and not chosen.home.exists():
        print("nothing was running")
        return 0
    home = Home(chosen.home)
    servers = Servers(home, os.environ.get("DOCFLOW_DB", ""))
    if chosen.stop:
        ended = servers.stop()
        print(f"stopped {', '.join(ended)}" if ended else "nothing was running")
        return 0
    conf = {"cursor": f"everything-{int(time.time())}"} if chosen.everything else None
    with home.alone():
        report = run(servers, chosen.documents, conf)
    show(report, servers)
    show_pages(report, servers)
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
