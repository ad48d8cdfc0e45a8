"""A generator at its limit, and what of a run is measured: what is not to look like the server."""

import socket

import msgspec

from fastdhcp_bench._load import Load
from fastdhcp_bench.run import Generator
from fastdhcp_bench.sockets import relay_socket
from tests.lab.patience import PATIENCE_S
from tests.process.test_bench_load import IMPATIENT_S, PLAN, Answers, answerer

ANSWERS = 3000
STARTS_AT_ONCE = 1024
LOCALHOST = 0x7F000001


def test_all_that_has_come_is_taken_before_more_is_started() -> None:
    """Else answers grow old in its socket, or are dropped there, and count as not given."""
    with (
        relay_socket("127.0.0.1", 0) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
    ):
        server.bind(("127.0.0.1", 0))
        for _ in range(ANSWERS):
            server.sendto(b"no answer", sock.getsockname())
        load = Load(
            sock.fileno(), (LOCALHOST, server.getsockname()[1]), LOCALHOST,
            clients=1_000_000, window=1_000_000, train=1,
        )  # fmt: skip
        load.turn(0.2, 1_000_000)
        taken = load.report()["errors"]["malformed"]
    assert taken == ANSWERS or load.started == STARTS_AT_ONCE


def test_renewals_and_times_are_of_exchanges_that_began_while_it_was_measured() -> None:
    """What was started in the warm-up and is lost, is counted as lost, but tells of the warm-up."""
    mute = False

    def answers(request: bytes, good: bytes) -> Answers:
        return [] if mute else [good]

    with answerer(answers) as (port, _):
        plan = msgspec.structs.replace(
            PLAN, server_port=port, mode="renew", timeout=IMPATIENT_S, tries=1
        )
        with Generator(plan) as generator:
            generator.prime(PATIENCE_S)
            mute = True
            generator.load.turn(IMPATIENT_S / 4, generator.load.started + 4)  # 4 under way
            generator.clear()
            assert generator.drain(PATIENCE_S) == 0
            before = generator.report(hashed=False).counts
            mute = False
            generator.run(seconds=PATIENCE_S, exchanges=8)
            after = generator.report(hashed=False).counts
    assert before["failed"] == 4 and before["renewals"] == 0
    assert after["completed"] == after["renewals"] == after["renewed-at-once"] == 8
    assert after["latency"]["exchange"]["count"] == 8
