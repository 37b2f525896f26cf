"""Which files of tests take long: they begin first, so that no worker is left alone with one at the end.

pytest-xdist gives a worker whole files (``--dist loadfile``). By itself it begins with those of many tests,
which are not those that take long: ``make`` tells it to leave the order as it is here.
"""

from __future__ import annotations

from collections.abc import Mapping

#: About the seconds that a file takes alone; the others take a second or so for ten tests.
SECONDS: Mapping[str, float] = {
    "tests/system/test_distributed.py": 210,
    "tests/system/test_demo.py": 150,
    "tests/firsthour/test_walk.py": 100,
    "tests/contract/test_contract.py": 70,
    "tests/notifications/test_notify.py": 70,
    "tests/browser/test_pages.py": 60,
    "tests/reconcile/test_spark.py": 60,
    "tests/ledger/test_races.py": 50,
    "tests/outages/test_storm.py": 35,
    "tests/limits/test_processes.py": 30,
    "tests/proof/test_kill.py": 25,
    "tests/proof/test_properties.py": 20,
    "tests/proof/test_kill_changes.py": 20,
    "tests/waiting/test_dags.py": 20,
    "tests/waiting/test_shared_poll.py": 20,
    "tests/compose/test_home.py": 15,
    "tests/flow/test_any_to_any.py": 15,
    "tests/operators/test_parse.py": 15,
    "tests/contract/test_writer.py": 15,
    "tests/reconcile/test_agreement.py": 15,
    "tests/reconcile/test_kill.py": 15,
    "tests/sandbox/test_server.py": 15,
    "tests/cli/test_sandbox_start.py": 10,
    "tests/limits/test_gate.py": 10,
    "tests/operators/test_create.py": 10,
    "tests/reconcile/test_repair.py": 10,
    "tests/waiting/test_through_airflow.py": 10,
}
_A_TEST = 0.1


def longest_first(files: list[str]) -> list[str]:
    """Sort the files of tests, each named once for each of its tests."""
    counted: dict[str, int] = {}
    for file in files:
        counted[file] = counted.get(file, 0) + 1
    return sorted(counted, key=lambda file: (-SECONDS.get(file, _A_TEST * counted[file]), file))
