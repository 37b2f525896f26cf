from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from scripts.ports import _ports, free_port, free_ports
from tests.rigs.locks import CHECKOUT

KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")
ALL = _ports()
_ASK = """
import json, sys
from pathlib import Path
from scripts.ports import free_ports
print(json.dumps([port for _ in range(40) for port in free_ports(5, Path(sys.argv[1]))]))
"""


def test_processes_that_ask_at_once_are_given_different_ports(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _ASK, str(tmp_path / "given")]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    asking = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    given = [port for one in asking for port in json.loads(one.communicate()[0])]
    assert [one.returncode for one in asking] == [0, 0, 0]
    assert len(set(given)) == len(given) == 600


def test_the_kernel_gives_none_of_them_by_itself(tmp_path: Path) -> None:
    lowest, highest = map(int, KERNELS.read_text().split())
    assert not [port for port in free_ports(50, tmp_path / "given") if lowest <= port <= highest]


def test_a_port_that_is_taken_is_passed_over(tmp_path: Path) -> None:
    given, port = tmp_path / "given", free_port()
    with socket.create_server(("127.0.0.1", port)):
        given.write_text(str(ALL.index(port) - 1))
        assert port not in free_ports(3, given)


def test_after_the_last_one_it_begins_anew(tmp_path: Path) -> None:
    given = tmp_path / "given"
    for told in (str(len(ALL) - 2), "", "nonsense"):
        given.write_text(told)
        assert ALL[0] <= free_ports(3, given)[-1] < ALL[100]
