"""What is asked of a comparison: the same for all contenders."""

import msgspec

from fastdhcp_bench.network import RELAY_ADDRESS, SERVER_ADDRESS
from fastdhcp_bench.policy import MESSAGES


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Of all rounds. ``rate`` is the exchanges to start a second, 0 for what the window lets.

    ``renewals`` is their part of the starts. What has no answer after ``once`` seconds has failed
    and is not asked again, so that the load is what it is said to be; 0: it is asked again.
    """

    rounds: int
    seconds: float
    warmup: float
    clients: int
    window: int
    workers: int
    mode: str
    directory: str | None
    nic: bool = False
    server_gro: bool = False
    policy: str | None = None
    relays: int = 1
    burst: int = 1
    broadcast: bool = False
    frames: bool = False
    rate: float = 0
    renewals: float = 0
    once: float = 0
    storm: bool = False

    @property
    def on_link(self) -> bool:
        """The clients are on the server's link, with no relay agent between."""
        return self.broadcast or self.frames

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the generator, also where it only asks whether a server is ready."""
        messages = MESSAGES if self.policy else ()
        if self.on_link:
            return ("--interface", "gen0", *(["--frames"] if self.frames else []), *messages)
        at = "--server", SERVER_ADDRESS, "--relay", RELAY_ADDRESS
        return (*at, "--relays", str(self.relays), "--burst", str(self.burst), *messages)

    @property
    def clients_text(self) -> str:
        """Who they are, in words."""
        if self.on_link:
            how = "frames" if self.frames else "broadcast"
            return f"{self.clients} clients on the link, answered by {how}"
        if self.relays == 1:
            return f"{self.clients} clients behind a relay agent"
        turns = f"in bursts of {self.burst}" if self.burst > 1 else "interleaved"
        return f"{self.clients} clients behind {self.relays} relay agents {turns}"

    @property
    def load(self) -> tuple[str, ...]:
        """Arguments of the generator when it measures."""
        clients = "--clients", str(self.clients), *self.arguments
        if self.storm:
            return ("--storm", *clients)
        if self.renewals:
            clients = *clients, "--renewals", str(self.renewals)
        if self.once:
            clients = *clients, "--timeout", str(self.once), "--tries", "1"
        return (
            "--mode", self.mode, "--window", str(self.window), "--rate", str(self.rate),
            "--seconds", str(self.seconds), "--warmup", str(self.warmup), *clients,
        )  # fmt: skip

    @property
    def load_text(self) -> str:
        """How they come, in words."""
        link = "ends of the link like a NIC's" if self.nic else "plain ends of the link"
        if self.storm:
            return f"all at once; {self.rounds} rounds, {link}"
        rate = f"at most {self.rate:g} starts a second, " if self.rate else ""
        rounds = f"{self.rounds} rounds of {self.seconds:g} s"
        return f"window {self.window}, {self.mode}, {rate}{rounds}, {link}"
