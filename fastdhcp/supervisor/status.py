"""What the supervisor tells control: processes, alarms, warnings, interfaces, generation."""

import os
import time
from collections.abc import Sequence

from fastdhcp.channel import Message
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.children import Child
from fastdhcp.supervisor.server import Server

WARNINGS_MAX = 20
"""Of the configuration in force that the log and status show."""


def push_status(server: Server) -> None:
    """What control shows; lost if it does not read, the next comes in a second."""
    control = server.children.get("control")
    if control is not None and control.begun:
        control.try_send(status_message(server))


def status_message(server: Server) -> Message:
    """Times are Unix seconds; ages are seconds."""
    generation = server.generation
    return {
        "type": "status",
        "pid": os.getpid(),
        "started": server.started,
        "generation": generation.number,
        "processes": [_process(server, child) for child in server.children.values()],
        "alarms": server.alarms.listed(),
        "warnings": some([*server.warnings, *generation.warnings]),
        "interfaces": [_interface(interface) for interface in generation.interfaces],
        "receive_buffer": server.receive_buffer,
        "kernel_drops_before": server.kernel_drops_before,
    }


def some(warnings: Sequence[str]) -> list[str]:
    """Not more than fit on a screen."""
    more = len(warnings) - WARNINGS_MAX
    if more <= 0:
        return list(warnings)
    return [*warnings[:WARNINGS_MAX], f"and {more} more: fastdhcp check"]


def _process(server: Server, child: Child) -> dict[str, object]:
    return {
        "role": child.role,
        "index": child.index,
        "pid": child.pid,
        "state": "serving" if child.begun and child.returncode is None else "starting",
        "restarts": server.restarts.count(child.name),
        "since": child.since,
        "beat_age": round(server.heartbeats.age(child.name, time.monotonic()), 1),
    }


def _interface(interface: Interface) -> dict[str, object]:
    return {
        "index": interface.index,
        "name": interface.name,
        "up": interface.up,
        "carrier": interface.carrier,
        "addresses": [str(address) for address in interface.addresses],
    }
