"""What the configuration says of the pair, as the machine needs it."""

import msgspec


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Both nodes must have the same. ``rho_ppm``: by how much the rates of clocks may differ."""

    mclt_ns: int
    hold_ns: int
    patience_ns: int
    rho_ppm: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """``node``: this node's name, None without [failover]. ``answers``: the active node in hot
    standby. ``identity``, ``config_hash``: as a HELLO says them. ``wire``: the versions of the
    protocol that this program speaks, lowest and highest. A session without a frame for
    ``silence_ns`` is over; who hears nobody is done with starting after ``startup_ns``."""

    node: str | None
    answers: bool
    times: Times
    longest_lease_ns: int
    reuse_grace_ns: int
    startup_ns: int
    silence_ns: int
    identity: str
    config_hash: str
    wire: tuple[int, int]


def slack_ns(settings: Settings, peer_longest_ns: int = 0) -> int:
    """What is waited for beyond an expiry: a reply on its way, and clocks that differ."""
    longest_ns = max(settings.longest_lease_ns, peer_longest_ns)
    drift_ns = longest_ns * settings.times.rho_ppm // 1_000_000
    return max(settings.reuse_grace_ns, settings.times.patience_ns) + drift_ns
