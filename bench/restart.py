"""A restart with many leases: from the start of the program to the first OFFER, and what it holds.

python -m fastdhcp_bench.restart [--leases N] [--times N] [--floor]

Fills a new state directory by real exchanges, stops the server, and starts it again a few times,
each time asking for an offer every few milliseconds from the moment of the start. Before the first
stop and after the last start it sums up the pages that all shared segments have touched, and what
each process has for itself.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from fastdhcp._codec import decode, encode
from fastdhcp_bench.contenders import Contender
from fastdhcp_bench.memory import FIXED, PREFIX, names_of, own_of, session_processes, shared_bytes
from fastdhcp_bench.moments import OTHERS_CORES
from fastdhcp_bench.network import (
    RELAY_ADDRESS,
    SERVER_ADDRESS,
    SUBNET,
    Namespace,
    bench_network,
)
from fastdhcp_bench.usage import NOBODY, Parties, Usage

POOL = "10.128.1.0-10.143.67.255"  # 1,000,192 addresses in 3,907 blocks
ASK_EVERY_S = 0.005
ASKING_S = 0.5
"""After it the process that asks does so; only then the server is started."""
GIVE_UP_S = 20
STOP_S = 30
CONTROL_S = 3
"""The control process comes after the first OFFER; its memory counts."""
MB = 1e6
FLOOR = {"seconds": 0.6, "shared octets a lease": 320.0, "private MB": 100.0}
"""The most that is promised, with a million leases."""
CHADDR = bytes.fromhex("02aa00000001")

CONFIG = f"""\
[server]
interfaces = []
workers = 2
durability = "@"
state-directory = "{{directory}}/state"
runtime-directory = "{{directory}}/run"
max-addresses = 1000192

[defaults]
lease-time = "7d"

[[subnets]]
subnet = "{SUBNET}"
pools = ["{POOL}"]
"""


def ask_until_offered() -> float:
    """Sends DISCOVERs as a relay agent until an OFFER comes; CLOCK_MONOTONIC of its arrival."""
    discover = encode(xid=7, chaddr=CHADDR, giaddr=RELAY_ADDRESS, hops=1, message_type=1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((RELAY_ADDRESS, 67))
        sock.settimeout(ASK_EVERY_S)
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            try:
                sock.sendto(discover, (SERVER_ADDRESS, 67))
                answer = decode(sock.recv(2048))
            except (TimeoutError, ConnectionRefusedError):
                continue
            if answer.message_type == 2:
                return time.monotonic()
    raise click.ClickException(f"no OFFER within {GIVE_UP_S} s; see the server's log")


def start(namespace: Namespace, directory: Path, durability: str) -> subprocess.Popen[bytes]:
    """`serve` on the state directory, in a process group of its own."""
    contender = Contender(
        "serve",
        (sys.executable, "-P", "-m", "fastdhcp", "serve", "-c", "{directory}/fastdhcp.toml"),
        {"fastdhcp.toml": CONFIG.replace("@", durability)},
    )
    command = contender.prepare(directory, 2)
    # An installed server has its modules compiled: let the first start keep what it compiles.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            namespace.argv(command), stdout=log, stderr=log, env=environment,
            start_new_session=True,
        )  # fmt: skip


def first_offer(ours: Namespace) -> subprocess.Popen[str]:
    """A process beside the server's that asks from now on."""
    argv = [sys.executable, "-P", "-m", "fastdhcp_bench.restart", "--ask"]
    return subprocess.Popen(ours.argv(argv), stdout=subprocess.PIPE, text=True)


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait(STOP_S)


def fill(ours: Namespace, leases: int) -> None:
    argv = [sys.executable, "-P", "-m", "fastdhcp_bench.cli", "--server", SERVER_ADDRESS]
    argv += ["--relay", RELAY_ADDRESS, "--clients", str(leases), "--exchanges", str(leases)]
    argv += ["--client-id", "--hostname", "--timeout", "2", "--tries", "8"]
    subprocess.run(ours.argv(argv), check=True, stdout=subprocess.DEVNULL)


def print_memory(session: int, leases: int) -> dict[str, float]:
    """Says who holds what. Returns the two figures that are promised: octets of shared memory a
    lease, and private megabytes of all processes together."""
    found = session_processes(session)
    shared = shared_bytes(found)
    for name, size in sorted(shared.items(), key=lambda item: -item[1]):
        click.echo(f"  {name:<24}{size / MB:9.1f} MB{size / leases:9.1f} octets a lease")
    total = sum(size for name, size in shared.items() if name.removeprefix(PREFIX) not in FIXED)
    but = f"shared, but for {' '.join(FIXED)}"
    click.echo(f"{but}: {total / MB:.1f} MB, {total / leases:.0f} octets a lease")
    owns = []
    for process, name in names_of(found).items():
        own = own_of((process / "smaps").read_text())
        click.echo(f"  {name:<24}{own.memory / MB:9.1f} MB{own.files / MB:9.1f} MB of files")
        owns.append(own)
    private = sum(own.memory for own in owns)
    files = sum(own.files for own in owns)
    click.echo(f"private: {private / MB:.1f} MB; pages of files: {files / MB:.1f} MB")
    return {"shared octets a lease": total / leases, "private MB": private / MB}


def start_once(
    its: Namespace, ours: Namespace, directory: Path
) -> tuple[subprocess.Popen[bytes], float, float]:
    """A start: the server, seconds to its first OFFER, and cores that others used meanwhile."""
    asking = first_offer(ours)
    time.sleep(ASKING_S)
    before, began = Usage.take(Parties(NOBODY, asking.pid)), time.monotonic()
    server = start(its, directory, "commit")
    seconds = float(asking.communicate()[0]) - began
    used = Usage.take(Parties(server.pid, asking.pid)) - before
    return server, seconds, (used.others + used.stolen) / seconds


def measure(leases: int, times: int, directory: Path) -> dict[str, float]:
    """What of FLOOR was found, the seconds as the median."""
    with bench_network() as network:
        its, ours = network.server, network.generator
        server = start(its, directory, "async")
        if first_offer(ours).wait():
            raise click.ClickException((directory / "log").read_text())
        fill(ours, leases)
        click.echo("filled:")
        print_memory(server.pid, leases)
        stop(server)
        took = []
        for number in range(times):
            if number:
                stop(server)
            server, seconds, others = start_once(its, ours, directory)
            took.append((others > OTHERS_CORES, seconds))
            click.echo(f"first OFFER after {seconds:.3f} s; others used {others:.2f} cores")
        kept = [seconds for busy, seconds in took if not busy] or [seconds for _, seconds in took]
        median = statistics.median(kept)
        click.echo(f"median of the {len(kept)} that count: {median:.3f} s, {leases} leases")
        time.sleep(CONTROL_S)
        found = print_memory(server.pid, leases)
        stop(server)
    return {"seconds": median, **found}


def judge(found: dict[str, float]) -> bool:
    """Says of each promised figure whether it holds."""
    for what, most in FLOOR.items():
        held = "held  " if found[what] <= most else "MISSED"
        click.echo(f"{held} {what}: {found[what]:.3g}, at most {most:g}", err=True)
    return all(found[what] <= most for what, most in FLOOR.items())


@click.command()
@click.option("--leases", default=1_000_000, show_default=True)
@click.option("--times", default=5, show_default=True)
@click.option("--directory", metavar="DIR", help="Where the state directory is made.")
@click.option("--floor", is_flag=True, help="Exit 1 if a promised figure is missed.")
@click.option("--ask", is_flag=True, hidden=True)
def main(leases: int, times: int, directory: str | None, floor: bool, ask: bool) -> None:
    """Measure restarts with many leases, and memory."""
    if ask:
        click.echo(repr(ask_until_offered()))
        return
    with tempfile.TemporaryDirectory(prefix="fastdhcp-restart-", dir=directory) as folder:
        found = measure(leases, times, Path(folder))
    if floor and not judge(found):
        sys.exit(1)


if __name__ == "__main__":
    main()
