"""What a loaded worker asks of the kernel: only what moves packets and wakes the store."""

import re

import pytest

from tests.lab import Lab, LinkClient, RelayAgent, build
from tests.lab.packet import REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora, leases_of

from .conftest import lan

pytestmark = pytest.mark.net

ALLOWED = {"poll", "ppoll", "recvmmsg", "sendmmsg", "read", "write", "futex", "restart_syscall"}


def test_a_loaded_worker_makes_no_other_system_calls(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    """I9: local clients by broadcast and by frame, relayed ones, and renewals."""
    server = FastDHCP(lab, "server", lan(workers=2))
    dora(link.ask, mac(1))
    pids = server.pids("worker")
    assert len(pids) == 2
    attach = [word for pid in pids for word in ("-p", str(pid))]
    tracer = lab.start("server", ["strace", "-f", "-q", *attach])
    tracer.wait_for(r"poll|recvmmsg")
    for n in range(10, 20):
        lease = dora(link.ask, mac(n), flags=0x8000 * (n % 2))
        link.ask(build(REQUEST, mac(n), n, options={50: lease.yiaddr}))
    assert len(leases_of(relay, "10.77.0.2", [mac(n) for n in range(100, 300)])) == 200
    tracer.stop()
    calls = set(re.findall(r"^(?:\[pid +\d+\] )?(\w+)\(", tracer.text(), re.MULTILINE))
    assert {"recvmmsg", "sendmmsg"} <= calls
    assert calls <= ALLOWED, calls - ALLOWED
