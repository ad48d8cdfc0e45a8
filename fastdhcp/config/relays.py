"""Relay agents and VRFs: who is listed, by which names packets know a VRF, and what link an agent
speaks for."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import UNSET, UnsetType

from fastdhcp.config import schema, values
from fastdhcp.config.model import DEFAULT_VRF, Agent, Relays, Vrf
from fastdhcp.config.report import Report, Where, unknown_name
from fastdhcp.config.server import read_keys
from fastdhcp.config.subnets import DEFAULT_VRF_NAME, Draft
from fastdhcp.options import hex_bytes, shown

VSS_TEXT, VSS_VPN_ID = b"\x00", b"\x01"  # RFC 6607 3.5
VPN_ID_SIZE = 7  # RFC 2685: an OUI and an index


# ---- VRFs

def vrfs(
    report: Report, tables: Iterable[tuple[Where, schema.Vrf]], drafts: Sequence[Draft]
) -> tuple[Vrf, ...]:
    """Every VRF that subnets are in or that has a table, by name. Without a table a VRF is known
    to packets by its name."""
    found: dict[str, tuple[Where, Vrf]] = {}
    for where, table in tables:
        vrf = _vrf(report, where, table)
        if vrf is None:
            continue
        other = found.setdefault(vrf.name, (where, vrf))
        if other[1] is not vrf:
            words = f"{shown(table.name)} stands at {other[0]} already; write one table of a name"
            report.error(where.at("name"), words)
    for draft in drafts:
        if draft.vrf != DEFAULT_VRF:
            here = draft.where.at("vrf")
            found.setdefault(draft.vrf, (here, Vrf(draft.vrf, VSS_TEXT + draft.vrf.encode())))
    _check_vss(report, found)
    _warn_of_empty(report, found, {draft.vrf for draft in drafts})
    return tuple(vrf for _, vrf in sorted(found.values(), key=lambda row: row[1].name))


def _vrf(report: Report, where: Where, table: schema.Vrf) -> Vrf | None:
    try:
        name = values.plain_name(table.name)
    except ValueError as error:
        report.error(where.at("name"), error)
        return None
    if table.vpn_id is UNSET:
        vss = VSS_TEXT + name.encode()
        return Vrf(DEFAULT_VRF, b"") if name == DEFAULT_VRF_NAME else Vrf(name, vss)
    try:
        vss = _vss(table.vpn_id)
    except ValueError as error:
        report.error(where.at("vpn-id"), error)
        return None
    return Vrf(DEFAULT_VRF if name == DEFAULT_VRF_NAME else name, vss)


def _vss(written: str | UnsetType) -> bytes:
    """RFC 6607 3.5: type and identifier. Raises ValueError."""
    text = str(written)
    if not text.startswith("hex:"):
        return VSS_TEXT + values.plain_name(text).encode()
    octets = hex_bytes(text)
    if len(octets) != VPN_ID_SIZE:
        raise ValueError(
            f"{shown(text)} has {len(octets)} octets, and a VPN-ID {VPN_ID_SIZE} (RFC 2685); write "
            '"hex:" and 14 digits, or the name that packets carry'
        )
    return VSS_VPN_ID + octets


def _check_vss(report: Report, found: Mapping[str, tuple[Where, Vrf]]) -> None:
    """What a packet says names one VRF."""
    owners: dict[bytes, tuple[Where, Vrf]] = {}
    for where, vrf in found.values():
        other = owners.setdefault(vrf.vss, (where, vrf)) if vrf.vss else (where, vrf)
        if other[1] is not vrf:
            report.error(
                where, f"packets know it by the same vpn-id as the VRF at {other[0]}; give it "
                "another",
            )  # fmt: skip


def _warn_of_empty(
    report: Report, found: Mapping[str, tuple[Where, Vrf]], used: set[str]
) -> None:
    if report.failed:
        return  # what is refused may be the subnet
    for name, (where, _) in found.items():
        if name not in used and name != DEFAULT_VRF:
            report.warn(where.at("name"), f"no subnet has vrf = {shown(name)}: nobody is served")


# ---- relay agents

@dataclass(frozen=True, slots=True)
class Links:
    """What a `link` may name: places of networks by (VRF, shared?, name), and the subnets."""

    networks: Mapping[tuple[str, bool, str], int]
    drafts: Sequence[Draft]
    vrfs: Sequence[str]
    whole: bool = True
    """Whether no subnet was refused: else what is missing here may be one of those."""

    def network_of(self, draft: Draft) -> int:
        return self.networks[draft.network_key]

    def named(self, vrf: str, name: str) -> tuple[int, int | None] | None:
        """Network and subnet (None: any of the link) of a shared network or prefix in a VRF."""
        shared = self.networks.get((vrf, True, name))
        if shared is not None:
            return shared, None
        for place, draft in enumerate(self.drafts):
            if (draft.vrf, draft.name) == (vrf, name):
                return self.network_of(draft), place
        return None

    def at(self, vrf: str, first: int, last: int) -> Draft | None:
        """A subnet with any address of a range. `drafts` are sorted by VRF and address."""
        key = bisect_right(self.drafts, (vrf, last), key=lambda draft: (draft.vrf, draft.first))
        found = self.drafts[key - 1] if key else None
        return found if found and found.vrf == vrf and first <= found.last else None

    def interface_of(self, network: int) -> str | None:
        """The interface that a network is written to be on."""
        return next(
            (
                draft.interface
                for draft in self.drafts
                if draft.interface is not None and self.network_of(draft) == network
            ),
            None,
        )


def relay_settings(
    report: Report, where: Where, written: schema.Relays, links: Links
) -> Relays:
    """[relays] resolved."""
    links = replace(links, whole=not report.failed)
    settings = Relays(**read_keys(report, where, written, Relays))
    agents: dict[tuple[int, int], tuple[Where, Agent]] = {}
    for i, table in enumerate(written.agents):
        here = where.at("agents", i)
        agent = None if table is None else _agent(report, here, table, links)
        if agent is None:
            continue
        other = agents.setdefault((agent.first, agent.last), (here, agent))
        if other[1] is not agent:
            words = f"{shown(table.address)} stands at {other[0]} already; write each once"
            report.error(here.at("address"), words)
    if settings.only_known and not written.agents:
        words = "there are no agents: nobody who comes through a relay agent is answered"
        report.warn(where.at("only-known"), words)
    return replace(settings, agents=tuple(agent for _, agent in agents.values()))


def _agent(report: Report, where: Where, table: schema.RelayAgent, links: Links) -> Agent | None:
    try:
        first, last = _addresses(table.address)
    except ValueError as error:
        report.error(where.at("address"), error)
        return None
    name = None
    if table.name is not UNSET:
        try:
            name = values.plain_name(str(table.name))
        except ValueError as error:
            report.error(where.at("name"), error)
    vrf = _vrf_of(report, where, table, links)
    network, subnet = _link(report, where, table, vrf or DEFAULT_VRF, links)
    agent = Agent(name=name, first=first, last=last, vrf=vrf, network=network, subnet=subnet)
    _check_link(report, where, table, agent, links)
    if links.whole and not report.failed:
        _warn_of_nowhere(report, where, table, agent, links)
        _warn_of_two_vrfs(report, where, table, agent, links)
    return agent


def _addresses(text: str) -> tuple[int, int]:
    """A giaddr, or the giaddrs of a prefix. Raises ValueError."""
    if "/" in text:
        first, length = values.prefix(text)
        last = first | (0xFFFFFFFF >> length)
    else:
        first = last = values.address(text)
    if first >> 24 in (0, 127) or last >> 24 >= 224:
        raise ValueError(
            f"{shown(text)} is no address that a relay agent can have; write its giaddr, or a "
            "prefix of giaddrs"
        )
    return first, last


def _vrf_of(report: Report, where: Where, table: schema.RelayAgent, links: Links) -> str | None:
    if table.vrf is UNSET:
        return None
    if table.vrf == DEFAULT_VRF_NAME:
        return DEFAULT_VRF
    if table.vrf not in links.vrfs and not links.whole:
        return None
    if table.vrf not in links.vrfs:
        words = unknown_name("a VRF", str(table.vrf), links.vrfs)
        report.error(where.at("vrf"), f"{shown(table.vrf)} {words}")
        return None
    return str(table.vrf)


def _link(
    report: Report, where: Where, table: schema.RelayAgent, vrf: str, links: Links
) -> tuple[int | None, int | None]:
    if table.link is UNSET:
        return None, None
    name = str(table.link)
    found = links.named(vrf, name)
    if found is not None:
        return found
    elsewhere = [other for other in links.vrfs if links.named(other, name)]
    if elsewhere:
        cure = f"is of another VRF; write vrf = {shown(elsewhere[0])} too"
    elif not links.whole:
        return None, None
    else:
        known = [key[2] for key in links.networks if key[0] == vrf]
        known += [draft.name for draft in links.drafts if draft.vrf == vrf]
        cure = unknown_name("a shared network or subnet", name, known)
    report.error(where.at("link"), f"{shown(name)} {cure}")
    return None, None


def _check_link(
    report: Report, where: Where, table: schema.RelayAgent, agent: Agent, links: Links
) -> None:
    """A giaddr within a subnet is on that subnet's link."""
    if agent.network is None or agent.first != agent.last:
        return
    holder = links.at(agent.vrf or DEFAULT_VRF, agent.first, agent.last)
    if holder is not None and links.network_of(holder) != agent.network:
        report.error(
            where.at("link"),
            f"{table.address} is in {holder.name} (at {holder.where}), and on that link; leave "
            "`link` out",
        )


def _warn_of_nowhere(
    report: Report, where: Where, table: schema.RelayAgent, agent: Agent, links: Links
) -> None:
    vrf = agent.vrf or DEFAULT_VRF
    if agent.network is not None or links.at(vrf, agent.first, agent.last) is not None:
        return
    of = f" of VRF {vrf}" if vrf else ""
    report.warn(
        where.at("address"),
        f"{table.address} lies in no subnet{of}: only packets that select a link are served "
        "(82.5, 118); write link",
    )


def _warn_of_two_vrfs(
    report: Report, where: Where, table: schema.RelayAgent, agent: Agent, links: Links
) -> None:
    """A row counts whatever interface a packet comes by."""
    if agent.vrf is None:
        return
    for other in (DEFAULT_VRF, *links.vrfs):
        holder = links.at(other, agent.first, agent.last) if other != agent.vrf else None
        if holder is None or (name := links.interface_of(links.network_of(holder))) is None:
            continue
        report.warn(
            where.at("vrf"),
            f"{table.address} lies in {holder.name} of VRF {other or DEFAULT_VRF_NAME} too, which "
            f"is on {name}: a row counts on every interface, so packets of that giaddr are taken "
            f"to VRF {table.vrf} there as well; give one of the two relay agents another giaddr",
        )
