"""What the supervisor tells control: processes, alarms, warnings, interfaces, generation."""

import os
from typing import TYPE_CHECKING

from fastdhcp.channel import Message
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.children import Child

if TYPE_CHECKING:
    from fastdhcp.supervisor.serve import Supervisor


def status_message(supervisor: "Supervisor") -> Message:
    """Times are Unix seconds; ages are seconds."""
    policy = supervisor.policy
    return {
        "type": "status",
        "pid": os.getpid(),
        "started": supervisor.started,
        "config": str(supervisor.path),
        "generation": policy.generation.number,
        "processes": [_process(supervisor, child) for child in supervisor.children.values()],
        "alarms": supervisor.alarms.listed(),
        "warnings": [*supervisor.warnings, *policy.warnings],
        "interfaces": [_interface(interface) for interface in policy.generation.interfaces],
        "receive_buffer": supervisor.receive_buffer,
    }


def _process(supervisor: "Supervisor", child: Child) -> dict[str, object]:
    return {
        "role": child.role,
        "index": child.index,
        "pid": child.pid,
        "state": "serving" if child.begun and child.returncode is None else "starting",
        "restarts": supervisor.restarts.count(child.name),
        "since": child.since,
        "beat_age": round(supervisor.lookout.age_s(child), 1),
    }


def _interface(interface: Interface) -> dict[str, object]:
    return {
        "index": interface.index,
        "name": interface.name,
        "up": interface.up,
        "addresses": [str(address) for address in interface.addresses],
    }
