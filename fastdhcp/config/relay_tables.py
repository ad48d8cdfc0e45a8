"""Rows of the policy image for relay agents and VRFs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fastdhcp.config import tables
from fastdhcp.config.model import Agent, Configuration, Relays, Vrf
from fastdhcp.config.tables import NOWHERE, Blob

# RelayRule (_image.pxd).
LISTED, ONLY_KNOWN, UNTRUSTED, CLIENTS_SELECT = 1, 2, 4, 8


def relay_rules(relays: Relays) -> int:
    """What a worker has to look at; 0: nothing."""
    return (
        LISTED * bool(relays.agents)
        | ONLY_KNOWN * relays.only_known
        | UNTRUSTED * bool(relays.untrusted_interfaces)
        | CLIENTS_SELECT * relays.client_selections
    )


def agent_rows(
    config: Configuration, vrfs: Mapping[str, int], indexes: Sequence[int], blob: Blob
) -> list[bytes]:
    """By address, apart; `indexes`: those of the subnets in the image, by their place."""
    rows = []
    for agent in disjoint(config.relays.agents):
        name = (agent.name or "").encode()
        rows.append(
            tables.AGENT.pack(
                first=agent.first,
                last=agent.last,
                vrf=NOWHERE if agent.vrf is None else vrfs[agent.vrf],
                network=NOWHERE if agent.network is None else agent.network,
                subnet=NOWHERE if agent.subnet is None else indexes[agent.subnet],
                name_at=blob.place(name),
                name_len=len(name),
            )
        )
    return rows


def vpn_rows(known: Sequence[Vrf], vrfs: Mapping[str, int], blob: Blob) -> list[bytes]:
    """In the order of a search by what packets say."""
    rows = []
    for vrf in sorted(known, key=lambda vrf: (len(vrf.vss), vrf.vss)):
        name = vrf.name.encode()
        rows.append(
            tables.VPN.pack(
                vrf=vrfs[vrf.name],
                name_at=blob.place(name),
                name_len=len(name),
                vss_at=blob.place(vrf.vss),
                vss_len=len(vrf.vss),
            )
        )
    return rows


def disjoint(agents: Sequence[Agent]) -> list[Agent]:
    """The same by address, each address once: a prefix within another one cuts it."""
    found: list[Agent] = []
    around: list[Agent] = []  # the innermost last
    at = 0

    def close(agent: Agent, before: int) -> None:
        """What of it is not told yet, up to an address."""
        nonlocal at
        first = max(at, agent.first)
        if first < before:
            found.append(replace(agent, first=first, last=before - 1))
        at = max(at, before)

    for agent in sorted(agents, key=lambda agent: (agent.first, -agent.last)):
        while around and around[-1].last < agent.first:
            outer = around.pop()
            close(outer, outer.last + 1)
        if around:
            close(around[-1], agent.first)
        around.append(agent)
    while around:
        outer = around.pop()
        close(outer, outer.last + 1)
    return found
