"""What the supervisor tells control: processes, alarms, warnings, interfaces, generation."""

import os
import time

from fastdhcp.channel import Message
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.children import Child
from fastdhcp.supervisor.server import Server


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
        "warnings": [*server.warnings, *generation.warnings],
        "interfaces": [_interface(interface) for interface in generation.interfaces],
        "receive_buffer": server.receive_buffer,
    }


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
        "addresses": [str(address) for address in interface.addresses],
    }
