"""A restart with many leases: from the start of the program to the first OFFER, and what it holds.

python -m fastdhcp_bench.restart [--leases N] [--times N]

Fills a new state directory by real exchanges, stops the server, and starts it again a few times,
each time asking for an offer every few milliseconds from the moment of the start. Then it sums up
the pages that all shared segments have touched, and the processes' private memory beside them.
"""

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
from fastdhcp_bench.network import (
    RELAY_ADDRESS,
    SERVER_ADDRESS,
    SUBNET,
    Namespace,
    bench_network,
)

POOL = "10.128.1.0-10.143.67.255"  # 1,000,192 addresses in 3,907 blocks
ASK_EVERY_S = 0.005
GIVE_UP_S = 20
STOP_S = 30
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
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            namespace.argv(command), stdout=log, stderr=log, start_new_session=True
        )


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


def group_processes(session: int) -> list[Path]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[3]) == session:
            found.append(stat.parent)
    return found


def shared_bytes(processes: list[Path]) -> dict[str, int]:
    """Pages touched of each memfd of the processes, by name, each counted once."""
    segments: dict[tuple[str, int], int] = {}
    for process in processes:
        for fd in (process / "fd").iterdir():
            try:
                name = str(fd.readlink())
                found = fd.stat()
            except OSError:
                continue
            if name.startswith("/memfd:"):
                segments[name, found.st_ino] = found.st_blocks * 512
    sums: dict[str, int] = {}
    for (name, _), size in segments.items():
        name = name.removeprefix("/memfd:").removesuffix(" (deleted)")
        sums[name] = sums.get(name, 0) + size
    return sums


def private_bytes(process: Path) -> int:
    rollup = (process / "smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in rollup if line.startswith("Private_Dirty"))


def print_memory(session: int, leases: int) -> None:
    processes = group_processes(session)
    shared = shared_bytes(processes)
    for name, size in sorted(shared.items(), key=lambda item: -item[1]):
        click.echo(f"  {name:<24}{size / 2**20:9.1f} MiB")
    total = sum(shared.values())
    each = f"{total / leases:.0f} bytes a lease"
    click.echo(f"shared memory touched: {total / 2**20:.1f} MiB, {each}")
    for process in processes:
        words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        click.echo(f"  private {private_bytes(process) / 2**20:6.1f} MiB  {words[:60]}")


def measure(leases: int, times: int, directory: Path) -> None:
    with bench_network() as network:
        its, ours = network.server, network.generator
        server = start(its, directory, "async")
        if first_offer(ours).wait():
            raise click.ClickException((directory / "log").read_text())
        fill(ours, leases)
        stop(server)
        took = []
        for _ in range(times):
            asking = first_offer(ours)
            time.sleep(0.5)  # it asks already when the server starts
            began = time.monotonic()
            server = start(its, directory, "commit")
            took.append(float(asking.communicate()[0]) - began)
            click.echo(f"first OFFER after {took[-1]:.3f} s")
            if len(took) < times:
                stop(server)
        click.echo(f"median of {times}: {statistics.median(took):.3f} s, {leases} leases")
        print_memory(server.pid, leases)
        stop(server)


@click.command()
@click.option("--leases", default=1_000_000, show_default=True)
@click.option("--times", default=5, show_default=True)
@click.option("--directory", metavar="DIR", help="Where the state directory is made.")
@click.option("--ask", is_flag=True, hidden=True)
def main(leases: int, times: int, directory: str | None, ask: bool) -> None:
    """Measure restarts with many leases, and memory."""
    if ask:
        click.echo(repr(ask_until_offered()))
        return
    with tempfile.TemporaryDirectory(prefix="fastdhcp-restart-", dir=directory) as folder:
        measure(leases, times, Path(folder))


if __name__ == "__main__":
    main()
