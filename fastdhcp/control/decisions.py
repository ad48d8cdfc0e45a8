"""Decisions of the trace as people and programs outside read them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastdhcp import words
from fastdhcp._memory import boot_time_ns
from fastdhcp._stats import drop_names
from fastdhcp._trace import Outcome
from fastdhcp.control.messages import Decision

Row = Mapping[str, Any]
"""An entry, as Memory.trace() has it."""
SENT = {None: None, False: "broadcast", True: "unicast"}
OUTCOMES = {o: o.name.removeprefix("OUTCOME_").lower().replace("_", "-") for o in Outcome}


@dataclass(frozen=True, slots=True)
class Names:
    """What numbers in an entry stand for: subnets by id, interfaces by index, VRFs by number, relay
    agents by giaddr, classes by their bit and reservations by their cell in the policy of
    `generation`."""

    subnets: Mapping[int, str]
    interfaces: Mapping[int, str]
    vrfs: Mapping[int, str]
    relay: Callable[[int], str | None]
    classes: Sequence[str] = ()
    reservation: Callable[[int], str | None] = lambda cell: None
    generation: int = 0


def decisions(rows: Iterable[tuple[int, Row]], names: Names) -> list[Decision]:
    """Of entries, each with its worker."""
    boot_s = time.time() - boot_time_ns() / 1e9
    return [_decision(row, worker, boot_s, names) for worker, row in rows]


def _decision(row: Row, worker: int, boot_s: float, names: Names) -> Decision:
    """`boot_s`: Unix time of the kernel's boot."""
    outcome = Outcome(row["outcome"])
    sent = outcome is Outcome.OUTCOME_SENT
    return Decision(
        time=round(boot_s + row["time_ns"] / 1e9, 6),
        worker=worker,
        message=words.message_name(row["message_type"]),
        reply=words.message_name(row["reply_type"]) if row["reply_type"] else None,
        outcome=OUTCOMES[outcome],
        reason=drop_names()[row["reason"]] if row["reason"] else None,
        answer_us=row["answer_us"] if sent else None,
        xid=f"{row['xid']:08x}",
        secs=row["secs"],
        vrf=row["vrf"],
        vrf_name=names.vrfs.get(row["vrf"]),
        hw_address=words.hardware_text(row["chaddr"]),
        address=_address(row["yiaddr"] or row["requested"] or row["ciaddr"]),
        giaddr=words.address_text(row["giaddr"]),
        relay=names.relay(row["giaddr"]),
        client_sent=SENT[row["relay_unicast"]],
        ciaddr=words.address_text(row["ciaddr"]),
        requested=words.address_text(row["requested"]),
        yiaddr=words.address_text(row["yiaddr"]),
        server_id=_address(row["server_id"]),
        ifindex=row["ifindex"],
        interface=names.interfaces.get(row["ifindex"]),
        subnet=names.subnets.get(row["subnet_id"]),
        known=row["known"],
        circuit_id=words.identifier_text(row["circuit_id"]),
        circuit_id_length=row["circuit_id_len"],
        parameters=f"{row['parameters_hash']:08x}" if row["parameters_hash"] else None,
        classes=_classes(row, names),
        reservation=_reservation(row, names),
        generation=row["generation"],
    )


def _classes(row: Row, names: Names) -> list[str] | None:
    """Which bit is whose is told by the policy of the entry alone."""
    if row["classes"] is None or row["generation"] != names.generation:
        return None
    return [names.classes[number] for number in row["classes"]]


def _reservation(row: Row, names: Names) -> str | None:
    if row["reservation"] is None or row["generation"] != names.generation:
        return None
    return names.reservation(row["reservation"])


def _address(address: int) -> str | None:
    return words.address_text(address) if address else None
